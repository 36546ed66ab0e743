// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_ERROR_HPP
#define LIBRA_ERROR_HPP

#include <stdexcept>
#include <string>
#include <vector>

#include <libra/export.hpp>

namespace libra {

/// What kind of failure it was: what a caller may want to tell apart.
enum class ErrorKind {
    failed,       ///< refused or failed for another reason; errno says more
    invalid,      ///< the arguments make no sense, nothing was asked of the kernel
    not_found,    ///< no such process, policy, parser or object file
    no_privilege, ///< CAP_NET_ADMIN (or CAP_BPF, CAP_SYS_PTRACE) is missing
    no_module,    ///< the kernel module is not loaded
    unsafe,       ///< refused to elide: see UnsafeError::findings()
    verifier,     ///< the kernel's verifier rejected a parser: see Error::detail()
};

/// Every failure of the library. what() is one line that says what failed.
class LIBRA_API Error : public std::runtime_error {
public:
    /// @param number errno value, positive; 0 where there is none
    /// @param cure one line that says what to do about it; may be empty
    /// @param detail long text, several lines (a verifier log); may be empty
    Error(ErrorKind kind, int number, const std::string& message, std::string cure = {},
          std::string detail = {});
    Error(const Error&) = default;
    Error(Error&&) = default;
    Error& operator=(const Error&) = default;
    Error& operator=(Error&&) = default;
    ~Error() override;

    ErrorKind kind() const noexcept { return kind_; }
    int number() const noexcept { return number_; }
    const std::string& cure() const noexcept { return cure_; }
    const std::string& detail() const noexcept { return detail_; }

private:
    ErrorKind kind_;
    int number_;
    std::string cure_;
    std::string detail_;
};

/// The kind that an errno value stands for.
LIBRA_API ErrorKind kind_of_errno(int number) noexcept;

} // namespace libra

#endif
