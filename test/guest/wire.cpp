// SPDX-License-Identifier: GPL-2.0
#include "wire.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "hang.hpp"
#include "process.hpp"

namespace guest {
namespace {

constexpr std::size_t buffer_size = 16 << 10;
constexpr std::size_t line_limit = 16 << 10;

[[noreturn]] void fail(const char* call) {
    const int error = errno;
    if (error == EAGAIN) {
        throw std::runtime_error(describe_hang(call));
    }
    throw Cut(fmt::format("{}: {}", call, std::strerror(error)), true);
}

/// `call`, once more if it gave up only because the clock leapt, see await().
template <typename Call>
std::size_t insist(int fd, short events, const char* name, Call&& call) {
    ssize_t done = call();
    pollfd one{fd, events, 0};
    if (done < 0 && errno == EAGAIN && await({&one, 1})) {
        done = call();
    }
    if (done < 0) {
        fail(name);
    }
    return static_cast<std::size_t>(done);
}

} // namespace

Wire::Wire(Fd socket, ReadStyle style)
    : socket_(std::move(socket))
    , style_(style)
    , buffer_(buffer_size) {}

std::size_t Wire::receive(std::span<std::byte> to) {
    if (style_.pause != 0) {
        ::usleep(style_.pause);
    }
    to = to.first(std::min(to.size(), style_.step));
    if (tls_) {
        return tls_->read(to);
    }
    return insist(socket_.get(), POLLIN, "recv",
                  [&] { return ::recv(socket_.get(), to.data(), to.size(), 0); });
}

bool Wire::refill() {
    begin_ = 0;
    end_ = receive(buffer_);
    return end_ > 0;
}

std::size_t Wire::read(std::span<std::byte> to) {
    if (begin_ < end_) {
        const std::size_t take = std::min(to.size(), end_ - begin_);
        std::memcpy(to.data(), buffer_.data() + begin_, take);
        begin_ += take;
        return take;
    }
    return receive(to);
}

std::string Wire::line() {
    std::string text;
    for (;;) {
        if (begin_ == end_ && !refill()) {
            throw Cut("the connection ended inside a line", false);
        }
        const char c = static_cast<char>(buffer_[begin_++]);
        if (c == '\n') {
            if (text.empty() || text.back() != '\r') {
                throw Malformed("a bare LF");
            }
            text.pop_back();
            return text;
        }
        text += c;
        if (text.size() > line_limit) {
            throw Malformed("a line without an end");
        }
    }
}

std::size_t Wire::unread() {
    if (tls_) {
        return end_ - begin_ + tls_->ready();
    }
    int queued = 0;
    check(::ioctl(socket_.get(), FIONREAD, &queued), "FIONREAD");
    return end_ - begin_ + static_cast<std::size_t>(queued);
}

bool Wire::at_end() {
    return begin_ == end_ && !refill();
}

void Wire::idle() {
    if (begin_ == end_ && tls_) {
        tls_->idle();
    } else if (begin_ == end_) {
        pollfd one{socket_.get(), POLLIN, 0};
        check(::poll(&one, 1, -1), "poll");
    }
}

void Wire::write(std::string_view text, bool more) {
    write(std::as_bytes(std::span(text)), more);
}

void Wire::write(std::span<const std::byte> bytes, bool more) {
    const int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);
    while (tls_ && !bytes.empty()) {
        bytes = bytes.subspan(tls_->write(bytes));
    }
    while (!bytes.empty()) {
        bytes = bytes.subspan(insist(socket_.get(), POLLOUT, "send", [&] {
            return ::send(socket_.get(), bytes.data(), bytes.size(), flags);
        }));
    }
}

void Wire::write_slowly(std::string_view text, const WriteStyle& style, bool more) {
    if (style.step == 0) {
        write(text, more);
        return;
    }
    while (!text.empty()) {
        const std::size_t take = std::min(style.step, text.size());
        write(text.substr(0, take));
        text.remove_prefix(take);
        if (style.pause != 0) {
            ::usleep(style.pause);
        }
    }
}

void Wire::end() {
    if (tls_) {
        tls_->end();
    }
    ::shutdown(socket_.get(), SHUT_WR);
}

void Wire::close() {
    if (tls_ && socket_) {
        tls_->end();
    }
    tls_.reset();
    socket_.reset();
}

void Wire::reset() {
    const linger now{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    tls_.reset();
    socket_.reset();
}

Fd listen_on(const Namespace& ns, std::uint16_t port, int backlog) {
    const Namespace::Inside inside(ns);
    Fd fd(check(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    const int on = 1;
    const int off = 0;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    any.sin6_port = htons(port);
    check(::bind(fd.get(), reinterpret_cast<sockaddr*>(&any), sizeof(any)), "bind");
    check(::listen(fd.get(), backlog), "listen");
    return fd;
}

Fd listen_unix(const std::string& path) {
    Fd fd(check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path.copy(name.sun_path, sizeof(name.sun_path) - 1);
    ::unlink(path.c_str());
    check(::bind(fd.get(), reinterpret_cast<sockaddr*>(&name), sizeof(name)), "bind " + path);
    check(::listen(fd.get(), 64), "listen");
    return fd;
}

void undelayed(int fd) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void tame(int fd) {
    const timeval guard{hang_guard.count(), 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &guard, sizeof(guard));
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &guard, sizeof(guard));
    undelayed(fd);
}

Fd connect_to(const Namespace& ns, const std::string& address, std::uint16_t port,
              const ConnectOptions& options) {
    sockaddr_storage where{};
    socklen_t size = 0;
    if (auto* v4 = reinterpret_cast<sockaddr_in*>(&where);
        ::inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        size = sizeof(*v4);
    } else {
        auto* v6 = reinterpret_cast<sockaddr_in6*>(&where);
        if (::inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) != 1) {
            throw std::invalid_argument("no address: " + address);
        }
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        size = sizeof(*v6);
    }

    const Namespace::Inside inside(ns);
    Fd fd(check(::socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC, options.protocol), "socket"));
    tame(fd.get());
    if (options.rcvbuf != 0) {
        ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &options.rcvbuf, sizeof(int));
    }
    if (options.sndbuf != 0) {
        ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &options.sndbuf, sizeof(int));
    }
    // said again, it waits for what goes on
    const auto* name = reinterpret_cast<const sockaddr*>(&where);
    check(uninterrupted([&] { return ::connect(fd.get(), name, size); }),
          "connect to " + endpoint(address, port));
    return fd;
}

} // namespace guest
