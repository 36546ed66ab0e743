// SPDX-License-Identifier: GPL-2.0
// A client that costs little: it asks, and throws away what comes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "net.hpp"
#include "tls_session.hpp"

namespace bench {

class Requester {
public:
    /// Connects from `ns`; the connection is kept. `tls`: encrypted. Throws std::system_error.
    Requester(const guest::Namespace& ns, const std::string& address, std::uint16_t port,
              std::optional<guest::TlsRole> tls = std::nullopt);

    /// Over a connection that there is.
    explicit Requester(guest::Fd socket)
        : socket_(std::move(socket)) {}

    /// Asks for a file of the origin with this many bytes. Throws std::runtime_error when the
    /// answer is another one or not whole.
    void get(std::uint64_t bytes);
    /// Sends a body of this many bytes, and waits for the answer. Throws as get() does.
    void post(std::uint64_t bytes);

private:
    void send(std::string_view bytes, int flags = 0);
    /// Some bytes, at least one; throws at the end.
    std::size_t receive(std::span<std::byte> to);
    /// Throws some away.
    std::uint64_t discard(std::uint64_t most);
    /// The head of an answer, and what came behind it; throws unless it has `length` bytes of body.
    std::uint64_t receive_head(std::uint64_t length);

    guest::Fd socket_;
    std::unique_ptr<guest::TlsSession> tls_;
};

} // namespace bench
