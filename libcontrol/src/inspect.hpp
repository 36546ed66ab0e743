// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_SRC_INSPECT_HPP
#define LIBRA_SRC_INSPECT_HPP

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <libra/inspect.hpp>
#include <libra/process.hpp>

namespace libra::detail {

/// What the open sockets of processes that belong together speak of. Pure.
/// @param pids the processes
/// @param unknown those of them whose configuration is not understood: for them
///        ports have to do as evidence of TLS
std::vector<Finding> inspect_sockets(const std::vector<HeldSocket>& sockets,
                                     const std::vector<std::uint32_t>& pids,
                                     const std::vector<std::uint32_t>& unknown);

/// Name of the first TLS library in the text of /proc/PID/maps; empty: none.
std::string mapped_tls_library(std::string_view maps);

/// True for unix sockets of the system's own services: logs, bus, name lookup.
bool is_system_service(std::string_view path);

/// "nginx" or "haproxy" by the executable's path, empty for any other program.
std::string known_program(std::string_view exe);

} // namespace libra::detail

#endif
