// SPDX-License-Identifier: GPL-2.0
#include "misbehave_ends.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <vector>

#include "process.hpp"

namespace guest::misbehave {
namespace {

constexpr std::size_t block = 131'072;

} // namespace

Ends::Ends(const Plan& plan, std::array<Fd, line_count> sockets)
    : plan_(plan)
    , sockets_(std::move(sockets))
    , dice_(plan.seed ^ 0x5eed) {
    for (std::size_t i = 0; i < sockets_.size(); ++i) {
        const int size = plan.lines.at(i).far_rcvbuf;
        if (sockets_.at(i) && size != 0) {
            ::setsockopt(sockets_.at(i).get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
        }
    }
}

bool Ends::over(std::size_t i) const {
    return !sockets_.at(i);
}

/// The messages are sent in their order, each when its time has come.
bool Ends::may_send(std::size_t i) const {
    const Line& line = plan_.lines.at(i);
    for (const Incoming& message : line.messages) {
        if (sent_.at(i) < message.end) {
            return message.after_line < 0 ||
                   seen(message.after_line).received >= message.after_bytes;
        }
    }
    return false;
}

void Ends::leave(std::size_t i) {
    if (dice_.between(0, 1) == 0) {
        const linger now{1, 0};
        ::setsockopt(sockets_.at(i).get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    seen_.at(i).left = true;
    sockets_.at(i).reset();
}

void Ends::receive(std::size_t i) {
    std::vector<std::byte> bytes(dice_.between(0, 3) == 0 ? dice_.between(1, 3000) : block);
    Seen& seen = seen_.at(i);
    const Line& line = plan_.lines.at(i);
    const ssize_t got = ::recv(sockets_.at(i).get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got < 0 && errno == EBADMSG) {
        seen.wrong = std::min(seen.wrong, seen.received); // no record of the proxy's
    }
    if (got <= 0) {
        (got == 0 ? seen.ended : seen.reset) = true;
        sockets_.at(i).reset();
        return;
    }
    const auto count = static_cast<std::size_t>(got);
    if (const auto bad = line.out.mismatch(seen.received, std::span(bytes).first(count))) {
        seen.wrong = std::min(seen.wrong, *bad);
    }
    seen.received += count;
    if (seen.received >= line.leave_after) {
        leave(i);
    }
}

void Ends::send(std::size_t i) {
    const Line& line = plan_.lines.at(i);
    std::uint64_t& sent = sent_.at(i);
    std::uint64_t end = 0;
    for (const Incoming& message : line.messages) {
        end = message.end;
        if (sent < end) {
            break;
        }
    }
    std::vector<std::byte> bytes(
        std::min({static_cast<std::uint64_t>(block), end - sent, line.stop_after - sent,
                  dice_.between(0, 3) == 0 ? dice_.between(1, 5000) : UINT64_MAX}));
    line.in.fill(sent, bytes);
    const ssize_t got =
        ::send(sockets_.at(i).get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (got > 0) {
        sent += static_cast<std::uint64_t>(got);
    }
    // what went wrong a read will say
    if (sent >= line.stop_after) {
        leave(i);
    } else if (got > 0 && line.stops && sent == line.in.size()) {
        ::shutdown(sockets_.at(i).get(), SHUT_WR);
    }
}

bool Ends::run() {
    // before the proxy's own calls give up, so that what they wait for can be seen
    const auto guard = std::chrono::milliseconds(hang_guard) / 2;
    for (std::size_t i = 0; i < sockets_.size(); ++i) {
        if (!over(i) && (plan_.lines.at(i).stop_after == 0 || plan_.lines.at(i).leave_after == 0)) {
            leave(i);
        }
    }
    for (;;) {
        std::array<pollfd, line_count> polled{};
        bool any = false;
        for (std::size_t i = 0; i < sockets_.size(); ++i) {
            polled.at(i) = {sockets_.at(i).get(), POLLIN, 0};
            if (!over(i)) {
                any = true;
                polled.at(i).events = may_send(i) ? POLLIN | POLLOUT : POLLIN;
            }
        }
        if (!any) {
            return true;
        }
        if (!await(polled, guard)) {
            return false;
        }
        for (std::size_t i = 0; i < sockets_.size(); ++i) {
            if (!over(i) && (polled.at(i).revents & POLLOUT) != 0 && may_send(i)) {
                send(i);
            }
            if (!over(i) && (polled.at(i).revents & (POLLIN | POLLERR | POLLHUP)) != 0) {
                receive(i);
            }
        }
    }
}

} // namespace guest::misbehave
