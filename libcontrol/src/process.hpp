// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_SRC_PROCESS_HPP
#define LIBRA_SRC_PROCESS_HPP

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace libra::detail {

struct ProcessStat {
    std::string comm;
    char state = 'R';
    std::uint32_t parent = 0;
};

/// Of the text of /proc/PID/stat; nothing when it has another form.
std::optional<ProcessStat> parse_stat(std::string_view text);

/// Nothing when there is no such process.
std::optional<ProcessStat> read_stat(std::uint32_t pid);

/// Of the bytes of /proc/PID/cmdline.
std::vector<std::string> parse_arguments(std::string_view cmdline);

/// Every process that /proc shows, ascending.
std::vector<std::uint32_t> all_processes();

} // namespace libra::detail

#endif
