// SPDX-License-Identifier: GPL-2.0
#include "arguments.hpp"

#include <limits>
#include <utility>

#include <fmt/format.h>

#include "size.hpp"

namespace libractl {

Arguments::Arguments(po::variables_map values)
    : values_(std::move(values)) {}

bool Arguments::has(const char* option) const {
    return values_.count(option) != 0;
}

std::optional<std::string> Arguments::text(const char* option) const {
    return has(option) ? std::optional(values_[option].as<std::string>()) : std::nullopt;
}

std::optional<std::uint64_t> Arguments::number(const char* option, std::uint64_t least,
                                               std::uint64_t limit) const {
    const auto given = text(option);
    if (!given)
        return std::nullopt;
    const auto value = parse_number(*given, limit);
    if (!value || *value < least)
        throw UsageError(
            fmt::format("--{} {}: give a number from {} to {}", option, *given, least, limit));
    return value;
}

std::optional<std::uint64_t> Arguments::size(const char* option, std::uint64_t least,
                                             std::uint64_t limit) const {
    const auto given = text(option);
    if (!given)
        return std::nullopt;
    const auto value = parse_size(*given, limit);
    if (!value || *value < least)
        throw UsageError(fmt::format("--{} {}: give {} to {} bytes, with K, M or G if you like",
                                     option, *given, format_size(least), format_size(limit)));
    return value;
}

std::optional<std::uint64_t> Arguments::seconds(const char* option, std::uint64_t least,
                                                std::uint64_t limit) const {
    const auto given = text(option);
    if (!given)
        return std::nullopt;
    const auto value = parse_duration(*given, limit);
    if (!value || *value < least)
        throw UsageError(fmt::format("--{} {}: give {} to {} seconds, with s, m or h if you like",
                                     option, *given, least, limit));
    return value;
}

std::optional<std::uint16_t> Arguments::port(const char* option) const {
    const auto value = number(option, 1, std::numeric_limits<std::uint16_t>::max());
    return value ? std::optional(static_cast<std::uint16_t>(*value)) : std::nullopt;
}

std::optional<std::uint32_t> Arguments::pid(const char* option) const {
    const auto value = number(option, 1, std::numeric_limits<std::int32_t>::max());
    return value ? std::optional(static_cast<std::uint32_t>(*value)) : std::nullopt;
}

} // namespace libractl
