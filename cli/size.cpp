// SPDX-License-Identifier: GPL-2.0
#include "size.hpp"

#include <charconv>

#include <fmt/format.h>

namespace libractl {

std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t limit) noexcept {
    std::uint64_t value = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    if (parsed.ec != std::errc() || parsed.ptr != end || value > limit)
        return std::nullopt;
    return value;
}

std::optional<std::uint64_t> parse_size(std::string_view text, std::uint64_t limit) noexcept {
    unsigned shift = 0;
    if (!text.empty()) {
        switch (text.back()) {
        case 'K':
        case 'k':
            shift = 10;
            break;
        case 'M':
        case 'm':
            shift = 20;
            break;
        case 'G':
        case 'g':
            shift = 30;
            break;
        default:
            break;
        }
    }
    if (shift != 0)
        text.remove_suffix(1);
    const auto value = parse_number(text, limit >> shift);
    return value ? std::optional(*value << shift) : std::nullopt;
}

std::optional<std::uint64_t> parse_duration(std::string_view text, std::uint64_t limit) noexcept {
    std::uint64_t unit = 1;
    if (text.ends_with('m'))
        unit = 60;
    else if (text.ends_with('h'))
        unit = 3600;
    if (unit != 1 || text.ends_with('s'))
        text.remove_suffix(1);
    const auto value = parse_number(text, limit / unit);
    return value ? std::optional(*value * unit) : std::nullopt;
}

std::string format_size(std::uint64_t bytes) {
    constexpr std::string_view units = "KMGTPE";
    if (bytes < 1024)
        return fmt::format("{}", bytes);
    auto value = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    // 1023.95 would be printed as 1024.0
    while (value >= 1023.95 && unit + 1 < units.size()) {
        value /= 1024;
        ++unit;
    }
    return fmt::format("{:.1f}{}", value, units[unit]);
}

} // namespace libractl
