// SPDX-License-Identifier: GPL-2.0
// The results: a list of rows as JSON, and tables for people.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lane.hpp"

namespace bench {

/// One cell. Instructions are medians over the runs; all else is counted once.
struct Row {
    std::string proxy;
    std::string path; ///< copy, libra or splice
    std::string cpu;  ///< cheap-copy or dear-copy
    std::string method;
    int connections = 1;
    std::uint64_t body_bytes = 0;
    std::uint64_t proxy_instructions = 0; ///< of a request
    std::uint64_t guest_instructions = 0; ///< of a request
    std::uint64_t copied_bytes = 0;       ///< of a request, in and out
    double syscalls = 0;                  ///< of a request, the proxy's
    double context_switches = 0;          ///< of a request, the proxy's
    std::uint64_t retained_peak = 0;      ///< bytes that Libra pinned at most for the proxy
    double spread = 0;                    ///< of proxy_instructions: (largest - smallest) / median
    int runs = 0;

    void set(const Counts& counts);
};

/// The medians and the spread of `samples`, which must not be empty.
void summarise(std::vector<Sample> samples, Row& row);

std::string to_json(const std::vector<Row>& rows);
/// Throws std::runtime_error when the text is not such a list. Older ones lack what was counted.
std::vector<Row> from_json(const std::string& text);

/// What became of a cell that was kept.
struct Verdict {
    bool right = false;
    std::string text;
};

/// For each row of `kept` with Libra: does it cost at most 5 % more than it did, measured by the
/// copying path of its time? So a proxy or a kernel that became dearer for both does not count.
/// A row that was not measured is wrong.
std::vector<Verdict> judge(const std::vector<Row>& kept, const std::vector<Row>& rows);

/// Two tables for each cpu, what was measured and what was counted: a line a proxy and size, the
/// paths side by side.
std::string table(const std::vector<Row>& rows);

} // namespace bench
