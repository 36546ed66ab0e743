// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_NGINX_HPP
#define LIBRA_NGINX_HPP

#include <string>
#include <string_view>
#include <vector>

#include <libra/inspect.hpp>

namespace libra::detail {

/// One directive of a configuration, with the block behind it if it has one.
struct NginxDirective {
    std::string name;
    std::vector<std::string> arguments;
    std::vector<NginxDirective> block;
    std::string file;
    /// As it stands in the configuration, without its block.
    std::string text() const;
};

/// The effective configuration from the output of "nginx -T", files put in where
/// they are included.
std::vector<NginxDirective> parse_nginx(std::string_view dump);

/// What in it speaks against eliding. Pure: the text is all that is looked at.
std::vector<Finding> inspect_nginx(std::string_view dump);

/// The options that "nginx -T" needs to find the same configuration, from the
/// command line of a master (which nginx rewrites to one text) or of any other
/// process of it: -c, -p and -e with their values.
std::vector<std::string> nginx_options(const std::vector<std::string>& arguments);

/// The line of what "nginx -T" wrote to standard error that says why it failed:
/// the first one that is more than a warning.
std::string nginx_complaint(std::string_view errors);

} // namespace libra::detail

#endif
