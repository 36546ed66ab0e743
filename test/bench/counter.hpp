// SPDX-License-Identifier: GPL-2.0
// perf's counters, of all threads of some processes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "fd.hpp"

namespace bench {

/// What is counted: `type` and `config` of perf_event_open(2).
struct Event {
    std::uint32_t type = 0;
    std::uint64_t config = 0;
};

/// Entries into system calls. Throws std::runtime_error where the kernel does not trace them.
Event system_calls();

class Counter {
public:
    /// Counts from now on, in the threads there are and in those that they start. Throws
    /// std::system_error where this cannot be counted.
    Counter(const Event& event, const std::vector<pid_t>& processes);

    std::uint64_t read() const;

private:
    std::vector<guest::Fd> threads_;
};

} // namespace bench
