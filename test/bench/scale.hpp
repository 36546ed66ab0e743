// SPDX-License-Identifier: GPL-2.0
// What a request costs when much else is there: connections that are idle, policies that do not
// match, payload that nobody sends; and the memory of a socket that is idle.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rows.hpp"

namespace bench {

struct ScalePlan {
    std::string cpu;          ///< what the rows call the processor
    int most_connections = 0; ///< 1, 64, 1,000 and 10,000, up to so many
    int most_payloads = 0;    ///< 1, 100, 10,000 and 100,000, up to so many
    std::vector<int> policies = {1, 100};
    int runs = 5;
};

struct ScaleRow {
    std::string proxy;
    std::string path; ///< copy or libra
    std::string cpu;
    std::string against;     ///< what there are `count` of
    std::uint64_t count = 0; ///< those that were asked over among them
    std::uint64_t body_bytes = 0;
    std::uint64_t proxy_instructions = 0; ///< of a request, the median
    std::uint64_t guest_instructions = 0; ///< of a request, the median
    double spread = 0;                    ///< of proxy_instructions: (largest - smallest) / median
    int runs = 0;
    double slab_bytes = 0; ///< of the kernel's, for each connection, both of its ends
};

std::vector<ScaleRow> scale(const ScalePlan& plan);

std::string to_json(const std::vector<ScaleRow>& rows);
/// A line for each thing that was counted and number of it, the paths side by side.
std::string table(const std::vector<ScaleRow>& rows);

} // namespace bench
