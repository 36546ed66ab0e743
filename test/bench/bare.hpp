// SPDX-License-Identifier: GPL-2.0
// The same comparison on a real machine: by its clock, and by perf's counters where it has them.
// And what a second processor gains, in guests that have one and two.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lane.hpp"

namespace bench {

/// One cell; its figures are medians over the runs, of a request. What is the proxy's is of its
/// threads, with the softirqs that interrupt them.
struct BareRow {
    std::string proxy;
    std::string path; ///< copy, libra or splice
    std::string kernel;
    std::string method;
    int workers = 1; ///< processes or threads of the proxy
    int connections = 1;
    std::uint64_t body_bytes = 0;
    double wall_us = 0;
    double wall_spread = 0;               ///< (largest - smallest) / median
    double proxy_us = 0;                  ///< on a processor
    std::uint64_t proxy_instructions = 0; ///< 0: this machine does not count them
    std::uint64_t proxy_cycles = 0;       ///< 0: this machine does not count them
    double spread = 0;                    ///< of proxy_us: (largest - smallest) / median
    int runs = 0;
};

/// All paths of a contender in turns, each run as long as a second, or one round of requests.
std::vector<BareRow> bare(const Contender& who, const std::vector<Shape>& shapes, int runs);

std::string to_json(const std::vector<BareRow>& rows);
/// A line a row.
std::string table(const std::vector<BareRow>& rows);
/// How many requests a second with few workers, with many, and how many times as many.
std::string speedup_table(const std::vector<BareRow>& few, const std::vector<BareRow>& many);
std::vector<BareRow> bare_from_json(const std::string& text);

} // namespace bench
