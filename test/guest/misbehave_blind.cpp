// SPDX-License-Identifier: GPL-2.0
#include "misbehave_blind.hpp"

#include <algorithm>

namespace guest::misbehave {
namespace {

/// Between two markers, and one of them whole.
constexpr std::uint64_t in_sight = 4096 + 2 * 16;

/// A piece of a placeholder. With its token, what follows in the next chunk belongs to it.
struct Fragment {
    Placeholder of{};
    std::uint64_t begin = 0; ///< in what was received
    std::uint64_t end = 0;
    std::uint64_t at = 0; ///< in the output

    bool has_token() const { return begin == of.from; }
    bool blind() const {
        const std::uint64_t size = end - begin;
        return size != 0 && size != of.size && size < in_sight;
    }
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
                if (open.end == begin && open.of.from == place.from && open.has_token() &&
                    open.begin != open.end) {
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
