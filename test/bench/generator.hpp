// SPDX-License-Identifier: GPL-2.0
// Many connections, one thread: requests that are due at a constant rate whether or not those
// before are answered (an open loop), or each as soon as the one before is (a closed loop).
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "fd.hpp"

namespace bench {

/// Of the guest: under icount it counts instructions.
using Clock = std::chrono::steady_clock;

/// How a run goes on, and when it ends: what comes first.
struct Pace {
    double rate = 0; ///< requests that are due in a second; 0: a closed loop
    std::chrono::nanoseconds time = std::chrono::hours(24);
    std::uint64_t requests = UINT64_MAX;
};

struct Outcome {
    std::chrono::nanoseconds time{0};
    std::uint64_t done = 0; ///< answered whole, in time
    /// From when a request was due, in ascending order. Those that were due and not answered at the
    /// end are among them with the time that they had waited by then.
    std::vector<std::chrono::nanoseconds> latencies;

    double throughput() const { return static_cast<double>(done) / seconds(); }
    double seconds() const { return std::chrono::duration<double>(time).count(); }
    /// Of the latencies, in microseconds; `part` is 0.5 for the median. 0 when there are none.
    double percentile(double part) const;
};

class Generator {
public:
    /// Asks for files of the origin with so many bytes over these connections.
    Generator(std::vector<guest::Fd> connections, std::uint64_t body_bytes);

    /// Returns when all that was asked for has come, though what comes behind the end is not
    /// counted. Throws std::runtime_error when an answer is another one, or none comes.
    Outcome run(const Pace& pace);

private:
    struct Connection {
        guest::Fd socket;
        Clock::time_point due;
        std::string head;       ///< of the answer, as far as it has come
        std::uint64_t left = 0; ///< of the body, behind the head
        bool busy = false;
        bool in_body = false;
    };

    Clock::time_point due(std::uint64_t request) const;
    bool over(Clock::time_point now) const;
    void ask_what_is_due(Clock::time_point now);
    void ask(Connection& connection, Clock::time_point due);
    void arm(Clock::time_point now);
    /// Reads what has come, waits until something does.
    void wait();
    void receive(Connection& connection);
    void receive_head(Connection& connection);
    void finish(Connection& connection);
    void count_the_late();

    guest::Fd epoll_;
    guest::Fd timer_;
    std::string request_;
    std::uint64_t body_bytes_;
    std::vector<Connection> connections_;
    std::deque<Connection*> idle_;

    Pace pace_;
    Clock::time_point start_;
    Clock::time_point end_;
    Clock::time_point armed_;
    std::uint64_t asked_ = 0;
    bool counting_ = false;
    Outcome outcome_;
};

} // namespace bench
