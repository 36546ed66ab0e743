// SPDX-License-Identifier: GPL-2.0
// Which locks are waited for, as the kernel counts it (CONFIG_LOCK_STAT), while a proxy with a
// worker on each processor forwards: copying and with Libra.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lane.hpp"

namespace bench {

struct LockRow {
    std::string proxy;
    std::string path; ///< copy or libra
    int processors = 0;
    std::uint64_t body_bytes = 0;
    int connections = 0;
    std::string lock;        ///< the class's name in /proc/lock_stat
    bool libra = false;      ///< Libra's code waited for it, or had others wait
    double acquisitions = 0; ///< of a request
    double contentions = 0;  ///< of a request: how often somebody had to wait
};

/// Those of one proxy that were waited for at all, and those whose name says that they are
/// Libra's. Throws std::runtime_error when this kernel does not count.
std::vector<LockRow> locks(const Contender& who, std::uint64_t body_bytes, int requests);

std::string to_json(const std::vector<LockRow>& rows);
/// A line for each lock that was waited for, the paths side by side.
std::string table(const std::vector<LockRow>& rows);

} // namespace bench
