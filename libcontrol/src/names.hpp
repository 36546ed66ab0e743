// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_NAMES_HPP
#define LIBRA_NAMES_HPP

#include <cstddef>
#include <string>

#include <libra/types.hpp>

namespace libra::detail {

/// Name of a counter, enum libra_stat.
std::string stat_name(std::size_t number);

} // namespace libra::detail

#endif
