// SPDX-License-Identifier: GPL-2.0
// For the tests of what is found in proxies' configurations.
#ifndef LIBRA_TEST_CONTROL_CONFIGURATION_HPP
#define LIBRA_TEST_CONTROL_CONFIGURATION_HPP

#include <string>
#include <vector>

#include <libra/inspect.hpp>

/// The text of a file in fixtures/.
std::string fixture(const std::string& name);

using Topics = std::vector<std::string>;

/// Topics of the reasons to refuse, in order, each once.
Topics refusals(const std::vector<libra::Finding>& findings);

#endif
