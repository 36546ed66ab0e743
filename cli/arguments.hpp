// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRACTL_ARGUMENTS_HPP
#define LIBRACTL_ARGUMENTS_HPP

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include <boost/program_options.hpp>

namespace libractl {

namespace po = boost::program_options;

/// The command line makes no sense; what() is one line without a period.
class UsageError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// The parsed options of one verb. Numbers are kept as text by
/// Boost.Program_options and read here: its own conversion takes "-1" for a
/// large number.
class Arguments {
public:
    explicit Arguments(po::variables_map values);

    bool has(const char* option) const;
    bool json() const { return has("json"); }
    bool verbose() const { return has("verbose"); }

    /// Nothing when the option is not given. @throws UsageError
    std::optional<std::string> text(const char* option) const;
    std::optional<std::uint64_t> number(const char* option, std::uint64_t least,
                                        std::uint64_t limit) const;
    std::optional<std::uint64_t> size(const char* option, std::uint64_t least,
                                      std::uint64_t limit) const;
    std::optional<std::uint64_t> seconds(const char* option, std::uint64_t least,
                                         std::uint64_t limit) const;
    std::optional<std::uint16_t> port(const char* option) const;
    std::optional<std::uint32_t> pid(const char* option) const;

private:
    po::variables_map values_;
};

} // namespace libractl

#endif
