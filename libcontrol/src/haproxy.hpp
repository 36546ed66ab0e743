// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_HAPROXY_HPP
#define LIBRA_HAPROXY_HPP

#include <string>
#include <string_view>
#include <vector>

#include <libra/inspect.hpp>

namespace libra::detail {

/// The words of one line: quotes and backslashes taken away, comment cut off.
std::vector<std::string> haproxy_words(std::string_view line);

/// What in a configuration speaks against eliding. Several files are given one
/// after the other, as HAProxy reads them. Pure: the text is all that is looked
/// at.
std::vector<Finding> inspect_haproxy(std::string_view text);

/// What a HAProxy command line says of its configuration.
struct HaproxyOptions {
    std::vector<std::string> files; ///< files and directories, in order
    std::string directory;          ///< of -C, or empty
};
HaproxyOptions haproxy_options(const std::vector<std::string>& arguments);

} // namespace libra::detail

#endif
