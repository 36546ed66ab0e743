// SPDX-License-Identifier: GPL-2.0
#include "misbehave_blind.hpp"

#include <algorithm>

namespace guest::misbehave {
namespace {

/// Between two markers, and one of them whole.
constexpr std::uint64_t in_sight = 4096 + 2 * 16;

/// A piece of a placeholder, continued over the output's own framing.
struct Fragment {
    Placeholder of{};
    std::uint64_t begin = 0; ///< in what was received
    std::uint64_t end = 0;
    std::uint64_t at = 0; ///< in the output

    bool blind() const { return end - begin != of.size && end != begin && end - begin < in_sight; }
};

} // namespace

std::optional<std::uint64_t>
first_blind_spot(const Output& output,
                 const std::function<std::vector<Placeholder>(int line)>& placeholders) {
    Fragment open;
    std::optional<std::uint64_t> first;
    const auto close = [&first](const Fragment& fragment) {
        if (fragment.blind()) {
            first = std::min(first.value_or(UINT64_MAX), fragment.at);
        }
    };
    std::uint64_t at = 0;

    for (const Part& part : output.parts) {
        if (part.line >= 0) {
            for (const Placeholder& place : placeholders(part.line)) {
                const std::uint64_t begin = std::max(place.from, part.from);
                const std::uint64_t end = std::min(place.from + place.size, part.from + part.size);
                if (begin >= end) {
                    continue;
                }
                if (open.of.size != 0 && open.of.from == place.from && open.end == begin) {
                    open.end = end;
                    continue;
                }
                close(open);
                open = {place, begin, end, at + begin - part.from};
            }
        }
        at += part.size;
    }
    close(open);
    return first;
}

} // namespace guest::misbehave
