// SPDX-License-Identifier: GPL-2.0
// What ran for whom. Under icount (scripts/vm --icount) a nanosecond of guest time is an
// instruction.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <vector>

namespace bench {

/// Something that is counted for each thread.
using PerThread = std::map<pid_t, std::uint64_t>;

/// In all threads together. One that began meanwhile counts from its beginning, one that ended
/// does not count.
std::uint64_t growth(const PerThread& later, const PerThread& earlier);

/// All since boot, in nanoseconds of guest time.
struct Work {
    PerThread threads;       ///< of the proxy
    std::uint64_t guest = 0; ///< in all threads
};

/// What was done between two looks.
struct Spent {
    std::uint64_t proxy =
        0; ///< in the proxy's threads: its code, its calls, softirqs that interrupt them
    std::uint64_t guest = 0; ///< in all threads
};

Spent operator-(const Work& later, const Work& earlier);

/// The work so far of these processes, and of the whole guest. Source: schedstat of /proc, which
/// counts a thread when it goes to sleep: the processes must be idle. Throws when a file is
/// missing.
Work work_of(const std::vector<pid_t>& processes);

/// How often their threads gave the processor away, of their own will or not.
PerThread switches_of(const std::vector<pid_t>& processes);

std::vector<pid_t> threads_of(const std::vector<pid_t>& processes);

/// The kernel's threads that do the work which was put off to them, anyone's.
std::vector<pid_t> kworkers();

} // namespace bench
