// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRACTL_SIZE_HPP
#define LIBRACTL_SIZE_HPP

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace libractl {

/// A decimal number of at most `limit`, nothing but digits.
std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t limit) noexcept;

/// A number of bytes with an optional K, M or G (of either case, powers of
/// 1024), at most `limit` bytes.
std::optional<std::uint64_t> parse_size(std::string_view text, std::uint64_t limit) noexcept;

/// Seconds: a number with an optional s, m or h, at most `limit` seconds.
std::optional<std::uint64_t> parse_duration(std::string_view text, std::uint64_t limit) noexcept;

/// "512", "16.0K", "1.5M": at most one digit behind the point, powers of 1024.
std::string format_size(std::uint64_t bytes);

} // namespace libractl

#endif
