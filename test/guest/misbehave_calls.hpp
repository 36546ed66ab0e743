// SPDX-License-Identifier: GPL-2.0
// What reading and writing in the misbehaving proxy share: waiting, and the end of a connection.
#pragma once

#include <sys/time.h>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <sys/uio.h>
#include <vector>

#include "fd.hpp"
#include "pattern.hpp"

namespace guest::misbehave {

/// A connection is over, by its peer or by Libra: so is the seed.
struct Broken : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Something that plain TCP does not do.
struct Wrong : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// No call may take longer; nothing else depends on it.
inline constexpr std::chrono::seconds hang(20);

/// Waits until a socket is ready, in one of the ways that there are.
class Waiter {
public:
    Waiter(int fd, bool out, bool polls_only);
    /// After EAGAIN or a short count only: an edge may be waited for.
    void wait(Dice& dice);

private:
    int fd_;
    short events_;
    bool polls_only_; ///< an epoll set is not shared with children
    Fd level_;
    Fd edge_;
};

/// O_NONBLOCK for as long as this lives.
class NonBlocking {
public:
    explicit NonBlocking(int fd);
    NonBlocking(const NonBlocking&) = delete;
    NonBlocking& operator=(const NonBlocking&) = delete;
    ~NonBlocking();

private:
    int fd_;
    int flags_;
};

/// While it lives, reads wait no longer than this.
class ReadTimeout {
public:
    ReadTimeout(int fd, std::chrono::seconds most);
    ReadTimeout(const ReadTimeout&) = delete;
    ReadTimeout& operator=(const ReadTimeout&) = delete;
    ~ReadTimeout();

private:
    int fd_;
    timeval before_{};
};

/// Throws what errno says of a call on a socket.
[[noreturn]] void fail(const char* call);

/// The same memory in other vectors, empty ones among them.
std::vector<iovec> shred(const std::vector<iovec>& spans, Dice& dice);
std::size_t length_of(const std::vector<iovec>& spans);

} // namespace guest::misbehave
