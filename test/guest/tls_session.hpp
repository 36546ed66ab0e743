// SPDX-License-Identifier: GPL-2.0
// TLS on one end of a connection, in user space but for the role that says otherwise. Two threads
// may use it at once, one of them to read.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

struct ssl_st;

namespace guest {

/// ktls_client: of TLS 1.2, as far as the kernel takes it over.
enum class TlsRole { client, server, ktls_client };

class TlsSession {
public:
    /// The handshake, on a connected socket that stays another's; Cut when the peer gives up.
    TlsSession(int fd, TlsRole role);

    /// Up to `to.size()` bytes; 0 behind close_notify. Cut at any other end.
    std::size_t read(std::span<std::byte> to);
    /// At least one byte. Cut when the connection is gone.
    std::size_t write(std::span<const std::byte> bytes);
    /// Bytes that can be read now, at least; 0: none.
    std::size_t ready();
    /// Until there are some or an end, however long that takes.
    void idle();
    /// close_notify, if there is room for it.
    void end();
    /// Records of application data that have come.
    std::uint64_t records() const { return records_; }

private:
    struct Free {
        void operator()(ssl_st* ssl) const;
    };

    template <typename Call>
    std::size_t until_done(const char* what, std::chrono::milliseconds guard, Call&& call);

    int fd_;
    std::mutex lock_; ///< ssl_; never held while waiting
    std::unique_ptr<ssl_st, Free> ssl_;
    std::uint64_t records_ = 0; ///< counted with the lock held
};

} // namespace guest
