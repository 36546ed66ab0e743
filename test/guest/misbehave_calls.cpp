// SPDX-License-Identifier: GPL-2.0
#include "misbehave_calls.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "process.hpp"

namespace guest::misbehave {
namespace {

constexpr std::size_t vectors_max = 60;

Fd epoll_on(int fd, std::uint32_t events) {
    Fd epoll(check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create"));
    epoll_event event{events, {}};
    check(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    return epoll;
}

} // namespace

Waiter::Waiter(int fd, bool out, bool polls_only)
    : fd_(fd)
    , events_(out ? POLLOUT : POLLIN | POLLRDHUP)
    , polls_only_(polls_only) {
    if (!polls_only_) {
        const auto events = static_cast<std::uint32_t>(events_);
        level_ = epoll_on(fd, events);
        edge_ = epoll_on(fd, events | static_cast<std::uint32_t>(EPOLLET));
    }
}

void Waiter::wait(Dice& dice) {
    const auto way = polls_only_ ? 0 : dice.between(0, 2);
    int ready = 0;
    if (way == 0) {
        pollfd one{fd_, events_, 0};
        ready = await({&one, 1}, hang) ? 1 : 0;
    } else {
        epoll_event event{};
        const int set = way == 1 ? level_.get() : edge_.get();
        ready = check(uninterrupted([&] {
                          return ::epoll_wait(
                              set, &event, 1,
                              static_cast<int>(std::chrono::milliseconds(hang).count()));
                      }),
                      "epoll_wait");
    }
    if (ready == 0) {
        throw Wrong(fmt::format("{} never says that it can be {}",
                                way == 0   ? "poll"
                                : way == 1 ? "epoll"
                                           : "edge-triggered epoll",
                                events_ == POLLOUT ? "written" : "read"));
    }
}

NonBlocking::NonBlocking(int fd)
    : fd_(fd)
    , flags_(check(::fcntl(fd, F_GETFL), "F_GETFL")) {
    check(::fcntl(fd_, F_SETFL, flags_ | O_NONBLOCK), "F_SETFL");
}

NonBlocking::~NonBlocking() {
    ::fcntl(fd_, F_SETFL, flags_);
}

ReadTimeout::ReadTimeout(int fd, std::chrono::seconds most)
    : fd_(fd) {
    socklen_t size = sizeof(before_);
    check(::getsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &before_, &size), "SO_RCVTIMEO");
    const timeval now{most.count(), 0};
    check(::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &now, sizeof(now)), "SO_RCVTIMEO");
}

ReadTimeout::~ReadTimeout() {
    const int error = errno;
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &before_, sizeof(before_));
    errno = error;
}

void fail(const char* call) {
    const int error = errno;
    if (error == ECONNRESET || error == EPIPE || error == ECONNABORTED) {
        throw Broken(std::strerror(error));
    }
    throw Wrong(fmt::format("{}: {}", call, std::strerror(error)));
}

std::vector<iovec> shred(const std::vector<iovec>& spans, Dice& dice) {
    std::vector<iovec> pieces;
    for (const iovec& span : spans) {
        auto* at = static_cast<std::byte*>(span.iov_base);
        std::size_t left = span.iov_len;
        while (left != 0 && pieces.size() + spans.size() < vectors_max) {
            if (dice.between(1, 8) == 1) {
                pieces.push_back({at, 0});
            }
            const std::size_t take = std::min<std::size_t>(
                left, dice.between(1, 3) == 1 ? dice.between(1, 40) : dice.between(1, 40'000));
            pieces.push_back({at, take});
            at += take;
            left -= take;
        }
        if (left != 0) {
            pieces.push_back({at, left});
        }
    }
    return pieces;
}

std::size_t length_of(const std::vector<iovec>& spans) {
    std::size_t sum = 0;
    for (const iovec& span : spans) {
        sum += span.iov_len;
    }
    return sum;
}

} // namespace guest::misbehave
