// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRACTL_APP_HPP
#define LIBRACTL_APP_HPP

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <libra/error.hpp>

namespace libractl {

/// Runs libractl with the arguments behind its name; answers the exit code.
int run(const std::vector<std::string>& arguments, std::FILE* out, std::FILE* err);

/// What is written to standard error for a failure, with a newline: one line,
/// and below it the reasons of an UnsafeError or, when `verbose`, the details.
std::string format_error(const libra::Error& error, bool verbose);

} // namespace libractl

#endif
