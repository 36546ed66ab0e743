// SPDX-License-Identifier: GPL-2.0
// How long clients wait that ask at a constant rate: copying and with Libra, at the same rates.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "lane.hpp"

namespace bench {

struct LatencyPlan {
    std::string cpu;                  ///< what the rows call the processor
    std::vector<std::uint64_t> sizes; ///< of bodies
    std::vector<double> loads;        ///< parts of what the copying path can do
    std::chrono::nanoseconds time = std::chrono::seconds(30); ///< of the guest, for each row
    int connections = 64;
};

struct LatencyRow {
    std::string proxy;
    std::string path; ///< copy or libra
    std::string cpu;
    std::uint64_t body_bytes = 0;
    int connections = 0;
    double load = 0;       ///< rate by what the copying path did in a closed loop
    double rate = 0;       ///< requests that were due in a second
    double throughput = 0; ///< requests that were answered in a second
    double p50_us = 0;     ///< from when a request was due
    double p99_us = 0;
    double p999_us = 0;
};

/// All rows of one proxy, which must have the paths copy and libra.
std::vector<LatencyRow> latencies(const Contender& who, const LatencyPlan& plan);

std::string to_json(const std::vector<LatencyRow>& rows);
/// A line for each size and load, the paths side by side.
std::string table(const std::vector<LatencyRow>& rows);

} // namespace bench
