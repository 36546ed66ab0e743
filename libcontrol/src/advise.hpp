// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_SRC_ADVISE_HPP
#define LIBRA_SRC_ADVISE_HPP

#include <cstdint>
#include <functional>
#include <set>
#include <vector>

#include <libra/advise.hpp>

namespace libra::detail {

/// Brings what was seen up to date with what is there now, of the processes
/// `pids`. What is there no more stays as it was seen last.
void merge(Evidence& seen, const std::vector<MessageClass>& classes,
           const std::vector<Domain>& domains, const std::set<std::uint32_t>& pids);

/// The policy that is in force for some of the processes, one that does not
/// verify first: it is in the way. Null when there is none.
/// @param members the processes that a policy means
const Policy*
policy_in_force(const std::vector<Policy>& policies, const std::set<std::uint32_t>& pids,
                const std::function<std::vector<std::uint32_t>(const Policy&)>& members);

} // namespace libra::detail

#endif
