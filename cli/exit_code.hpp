// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRACTL_EXIT_CODE_HPP
#define LIBRACTL_EXIT_CODE_HPP

#include <libra/error.hpp>

namespace libractl {

/// What libractl exits with. Part of its interface: listed in libractl(8) and in
/// "libractl help", never renumbered.
enum ExitCode : int {
    exit_ok = 0,
    exit_failed = 1,
    exit_usage = 2,
    exit_not_found = 3,
    exit_no_privilege = 4,
    exit_no_module = 5,
    exit_unsafe = 6,
    exit_verifier = 7,
};

constexpr ExitCode exit_code_of(libra::ErrorKind kind) noexcept {
    switch (kind) {
    case libra::ErrorKind::invalid:
        return exit_usage;
    case libra::ErrorKind::not_found:
        return exit_not_found;
    case libra::ErrorKind::no_privilege:
        return exit_no_privilege;
    case libra::ErrorKind::no_module:
        return exit_no_module;
    case libra::ErrorKind::unsafe:
        return exit_unsafe;
    case libra::ErrorKind::verifier:
        return exit_verifier;
    case libra::ErrorKind::failed:
        break;
    }
    return exit_failed;
}

} // namespace libractl

#endif
