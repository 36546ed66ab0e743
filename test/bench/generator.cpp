// SPDX-License-Identifier: GPL-2.0
#include "generator.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>

#include "process.hpp"

namespace bench {

using guest::check;
using guest::Fd;
using std::chrono::nanoseconds;

double Outcome::percentile(double part) const {
    if (latencies.empty()) {
        return 0;
    }
    const auto rank = std::ceil(part * static_cast<double>(latencies.size()));
    const auto index = static_cast<std::size_t>(std::max(1.0, rank)) - 1;
    return std::chrono::duration<double, std::micro>(latencies[index]).count();
}

Generator::Generator(std::vector<Fd> connections, std::uint64_t body_bytes)
    : epoll_(check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"))
    , timer_(check(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), "timerfd_create"))
    , request_(fmt::format("GET /files/{} HTTP/1.1\r\nHost: libra.bench\r\n\r\n", body_bytes))
    , body_bytes_(body_bytes)
    , connections_(connections.size()) {
    const auto watch = [this](int fd, Connection* whose) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = whose;
        check(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    };
    watch(timer_.get(), nullptr);
    for (std::size_t i = 0; i < connections.size(); ++i) {
        connections_[i].socket = std::move(connections[i]);
        watch(connections_[i].socket.get(), &connections_[i]);
        idle_.push_back(&connections_[i]);
    }
}

Outcome Generator::run(const Pace& pace) {
    pace_ = pace;
    asked_ = 0;
    outcome_ = {};
    counting_ = true;
    start_ = Clock::now();
    end_ = start_ + pace.time;
    for (auto now = start_; !over(now); now = Clock::now()) {
        ask_what_is_due(now);
        arm(now);
        wait();
    }
    end_ = std::min(end_, Clock::now());
    outcome_.time = end_ - start_;
    count_the_late();
    counting_ = false;
    while (idle_.size() < connections_.size()) {
        wait();
    }
    std::sort(outcome_.latencies.begin(), outcome_.latencies.end());
    return std::move(outcome_);
}

bool Generator::over(Clock::time_point now) const {
    return now >= end_ || outcome_.done >= pace_.requests;
}

Clock::time_point Generator::due(std::uint64_t request) const {
    return start_ + nanoseconds(std::llround(static_cast<double>(request) * 1e9 / pace_.rate));
}

void Generator::ask_what_is_due(Clock::time_point now) {
    while (!idle_.empty() && asked_ < pace_.requests) {
        const auto when = pace_.rate == 0 ? now : due(asked_);
        if (when > now) {
            return;
        }
        Connection& connection = *idle_.front();
        idle_.pop_front();
        ask(connection, when);
        ++asked_;
    }
}

void Generator::ask(Connection& connection, Clock::time_point due) {
    connection.due = due;
    connection.busy = true;
    const auto put = check(::send(connection.socket.get(), request_.data(), request_.size(),
                                  MSG_NOSIGNAL | MSG_DONTWAIT),
                           "send");
    if (static_cast<std::size_t>(put) != request_.size()) {
        throw std::runtime_error("a request does not fit into an idle connection");
    }
}

/// The next look at the time: when something is due and there is a connection for it, or at the
/// end.
void Generator::arm(Clock::time_point now) {
    auto next = end_;
    if (!idle_.empty() && pace_.rate != 0 && asked_ < pace_.requests) {
        next = std::min(next, due(asked_));
    }
    next = std::max(next, now + nanoseconds(1));
    if (next == armed_) {
        return;
    }
    armed_ = next;
    const auto at = next.time_since_epoch();
    itimerspec when{};
    when.it_value.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(at).count();
    when.it_value.tv_nsec = (at % std::chrono::seconds(1)).count();
    check(::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr), "timerfd_settime");
}

void Generator::wait() {
    std::array<epoll_event, 64> events{};
    const auto guard = std::chrono::milliseconds(guest::hang_guard).count();
    const int count =
        check(::epoll_wait(epoll_.get(), events.data(), events.size(), static_cast<int>(guard)),
              "epoll_wait");
    if (count == 0) {
        throw std::runtime_error("an answer does not come");
    }
    for (int i = 0; i < count; ++i) {
        auto* connection =
            static_cast<Connection*>(events.at(static_cast<std::size_t>(i)).data.ptr);
        if (connection != nullptr) {
            receive(*connection);
            continue;
        }
        std::uint64_t ticks = 0;
        check(::read(timer_.get(), &ticks, sizeof(ticks)), "timer");
        armed_ = {};
    }
}

void Generator::receive(Connection& connection) {
    if (!connection.busy) {
        throw std::runtime_error("the proxy ends a connection, or says what nobody asked for");
    }
    if (!connection.in_body) {
        receive_head(connection);
    } else {
        // thrown away by the kernel, without a copy
        const auto got = check(
            ::recv(connection.socket.get(), nullptr, connection.left, MSG_TRUNC | MSG_DONTWAIT),
            "recv");
        if (got == 0) {
            throw std::runtime_error("the connection ends inside a body");
        }
        connection.left -= static_cast<std::uint64_t>(got);
    }
    if (connection.in_body && connection.left == 0) {
        finish(connection);
    }
}

void Generator::receive_head(Connection& connection) {
    constexpr std::string_view right = "HTTP/1.1 200 ";
    std::array<char, 1024> buffer{};
    const auto got =
        check(::recv(connection.socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT), "recv");
    std::string& head = connection.head;
    head.append(buffer.data(), static_cast<std::size_t>(got));
    const auto end = head.find("\r\n\r\n");
    if (got == 0 || head.compare(0, right.size(), right, 0, head.size()) != 0) {
        throw std::runtime_error(fmt::format("not what was asked for: {}", head.substr(0, 200)));
    }
    if (end == std::string::npos) {
        return;
    }
    // the lane has compared what comes with each size
    const auto more = std::min<std::uint64_t>(body_bytes_, head.size() - (end + 4));
    connection.left = body_bytes_ - more;
    connection.in_body = true;
    head.clear();
}

void Generator::finish(Connection& connection) {
    if (counting_) {
        const auto now = Clock::now();
        outcome_.done += now <= end_ ? 1 : 0;
        outcome_.latencies.push_back(std::min(now, end_) - connection.due);
    }
    connection.in_body = false;
    connection.busy = false;
    idle_.push_back(&connection);
}

/// What was due before the end, whether or not it was asked for.
void Generator::count_the_late() {
    if (pace_.rate == 0) {
        return;
    }
    for (const Connection& connection : connections_) {
        if (connection.busy) {
            outcome_.latencies.push_back(end_ - connection.due);
        }
    }
    for (; asked_ < pace_.requests && due(asked_) < end_; ++asked_) {
        outcome_.latencies.push_back(end_ - due(asked_));
    }
}

} // namespace bench
