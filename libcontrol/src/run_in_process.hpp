// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_RUN_IN_PROCESS_HPP
#define LIBRA_RUN_IN_PROCESS_HPP

#include <cstdint>
#include <string>
#include <vector>

namespace libra::detail {

struct RunResult {
    bool ok = false;    ///< ran and exited with 0
    std::string output; ///< standard output
    std::string error;  ///< why it is not ok: standard error, trimmed, or what failed here
};

/// Runs the executable of a process with other arguments, as that process could
/// have done itself: in its mount and network namespaces, root and working
/// directory, with its user, groups and at most its capabilities, no_new_privs
/// and a clean environment. Refused for a process of another user namespace.
/// Takes 10 seconds at most.
RunResult run_in_process(std::uint32_t pid, const std::vector<std::string>& arguments);

/// The ids and capabilities in the text of /proc/PID/status.
struct Credentials {
    std::uint32_t uid = 0; ///< effective
    std::uint32_t gid = 0; ///< effective
    std::vector<std::uint32_t> groups;
    std::uint64_t capabilities = 0; ///< permitted
};
Credentials parse_credentials(const std::string& status);

} // namespace libra::detail

#endif
