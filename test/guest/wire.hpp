// SPDX-License-Identifier: GPL-2.0
// A connected stream socket with a buffer in front: lines, blocks, resets told from ends.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "fd.hpp"
#include "net.hpp"
#include "tls_session.hpp"

namespace guest {

/// The connection ended where the message was not over.
struct Cut : std::runtime_error {
    Cut(const std::string& what, bool was_reset)
        : std::runtime_error(what)
        , reset(was_reset) {}
    bool reset; ///< by RST; else by FIN
};

/// The peer broke the protocol.
struct Malformed : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct ReadStyle {
    std::size_t step = 256 * 1024; ///< bytes asked for by each recv
    useconds_t pause = 0;          ///< before each recv
};

struct WriteStyle {
    std::size_t step = 0; ///< bytes of framing (head, chunk lines) a send, 0: all at once
    useconds_t pause = 0; ///< between such sends
    std::size_t drip = 0; ///< bytes of payload a send, 0: large blocks
    useconds_t drip_pause = 0;
};

class Wire {
public:
    explicit Wire(Fd socket, ReadStyle style = {});

    /// The handshake; from here on all is encrypted.
    void secure(TlsRole role) { tls_ = std::make_unique<TlsSession>(socket_.get(), role); }
    /// TLS records of application data that have come.
    std::uint64_t records() const { return tls_ ? tls_->records() : 0; }

    int fd() const { return socket_.get(); }
    bool open() const { return static_cast<bool>(socket_); }
    void set_read_style(ReadStyle style) { style_ = style; }

    /// Up to `to.size()` bytes; 0 at a clean end. Throws Cut on a reset.
    std::size_t read(std::span<std::byte> to);
    /// Up to and without CRLF. Throws Malformed on a bare LF, Cut at an end.
    std::string line();
    /// Bytes that came, and were not asked for yet (also looks at the socket).
    std::size_t unread();
    /// True when the peer has ended cleanly and nothing is left.
    bool at_end();
    /// Until there is something to read or an end, however long that takes: between two messages.
    void idle();

    void write(std::string_view text, bool more = false);
    void write(std::span<const std::byte> bytes, bool more = false);
    /// In the steps of `style`, for framing.
    void write_slowly(std::string_view text, const WriteStyle& style, bool more = false);

    void end();   ///< close_notify, where there is TLS, and shutdown(SHUT_WR)
    void close(); ///< the same, and close
    void reset(); ///< close with RST

private:
    bool refill();
    std::size_t receive(std::span<std::byte> to);

    Fd socket_;
    std::unique_ptr<TlsSession> tls_;
    ReadStyle style_;
    std::vector<std::byte> buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

struct ConnectOptions {
    int rcvbuf = 0;
    int sndbuf = 0;
    int protocol = 0;
    ReadStyle read;
    std::optional<TlsRole> tls;
};

/// A listening socket on all addresses, both families.
Fd listen_on(const Namespace& ns, std::uint16_t port, int backlog = 512);
/// A listening unix socket.
Fd listen_unix(const std::string& path);

/// A connected TCP socket whose blocking calls give up after the hang guard.
Fd connect_to(const Namespace& ns, const std::string& address, std::uint16_t port,
              const ConnectOptions& options = {});

/// Blocking calls on this socket give up (EAGAIN) after the hang guard; small writes leave.
void tame(int fd);
/// Small writes leave; for toys, whose owner waits for them.
void undelayed(int fd);

} // namespace guest
