// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_ATTACH_HPP
#define LIBRA_ATTACH_HPP

#include <cstdint>
#include <string>
#include <vector>

#include <libra/client.hpp>
#include <libra/export.hpp>
#include <libra/inspect.hpp>

namespace libra {

struct AttachReport {
    std::uint32_t policy = 0;
    std::uint32_t processes = 0; ///< that run now and fall under the policy
    std::uint32_t listeners = 0; ///< attached; what they accept from now on is read from the start
    /// Attached late: copied until they close. In modes elide and auto their
    /// process elides nothing before that, since its payload could leave on them.
    std::uint32_t connections = 0;
    std::uint32_t already = 0;         ///< sockets that another policy holds, and goes on holding
    std::vector<std::string> failures; ///< sockets that could not be attached, with the reason
    std::vector<Finding> findings;     ///< modes elide and auto only
};

/// Installs a policy and attaches the sockets that its processes have open.
/// Modes elide and auto look at the processes first (inspect()) and, unless
/// spec.accept_risk is set, take the policy back when a socket cannot be
/// attached.
/// @throws UnsafeError when eliding is refused
/// @throws Error not_found: no such process or parser; what Client::add_policy()
///         throws
LIBRA_API AttachReport attach(Client& client, const PolicySpec& spec);

} // namespace libra

#endif
