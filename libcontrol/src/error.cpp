// SPDX-License-Identifier: GPL-2.0
#include <libra/error.hpp>

#include <cerrno>
#include <utility>

namespace libra {

Error::Error(ErrorKind kind, int number, const std::string& message, std::string cure,
             std::string detail)
    : std::runtime_error(message)
    , kind_(kind)
    , number_(number)
    , cure_(std::move(cure))
    , detail_(std::move(detail)) {}

Error::~Error() = default;

ErrorKind kind_of_errno(int number) noexcept {
    switch (number) {
    case EPERM:
    case EACCES:
        return ErrorKind::no_privilege;
    case ENOENT:
    case ESRCH:
        return ErrorKind::not_found;
    default:
        return ErrorKind::failed;
    }
}

} // namespace libra
