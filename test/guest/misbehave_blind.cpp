// SPDX-License-Identifier: GPL-2.0
#include "misbehave_blind.hpp"

#include <algorithm>

namespace guest::misbehave {
namespace {

constexpr std::uint64_t marker = 32;
constexpr std::uint64_t step = 4096;

/// A piece of a placeholder.
struct Fragment {
    Placeholder of{};
    std::uint64_t begin = 0; ///< in what was received
    std::uint64_t end = 0;
    std::uint64_t at = 0;  ///< in the output
    std::uint64_t gap = 0; ///< what was left out before it
    std::uint64_t cut = 0; ///< in what was received: where its last chunk begins
    bool amid = false;     ///< of another one that had not ended, whose memory it could be

    bool has_token() const { return begin == of.from; }
    bool has_end() const { return end == of.from + of.size && end - cut >= marker; }
    bool empty() const { return begin == end; }

    /// Nothing tells when no marker in it is whole; framing may cut one.
    bool blind() const {
        const std::uint64_t size = end - begin;
        const std::uint64_t in_sight = (cut == begin ? 1 : 2) * step + 2 * marker;
        return size != 0 && size != of.size && size < in_sight && (amid || !has_end());
    }

    /// What follows in the next chunk belongs to it: it began with its token, or it is seen ahead
    /// that its markers come too early, in spite of the framing between.
    bool goes_on(const Placeholder& place, std::uint64_t from, std::uint64_t framing) const {
        return !empty() && end == from && of.from == place.from && (has_token() || gap > framing);
    }

    /// What was left out before a piece that does not go on. Nothing is known about the one before
    /// that was cut short by a piece of something else.
    std::uint64_t gap_before(const Placeholder& place, std::uint64_t from) const {
        if (empty() || has_end()) {
            return from - place.from;
        }
        return of.from == place.from && from > end ? from - end : 0;
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
    std::uint64_t framing = 0; // since the open piece began

    for (const Part& part : output.parts) {
        if (part.line < 0) {
            framing += part.size;
        } else {
            for (const Placeholder& place : placeholders(part.line)) {
                const std::uint64_t begin = std::max(place.from, part.from);
                const std::uint64_t end = std::min(place.from + place.size, part.from + part.size);
                if (begin >= end) {
                    continue;
                }
                if (open.goes_on(place, begin, framing)) {
                    open.end = end;
                    open.cut = begin;
                    continue;
                }
                const std::uint64_t gap = open.gap_before(place, begin);
                const bool amid = !open.empty() && !open.has_end() && open.of.from != place.from;
                close(open);
                open = {place, begin, end, at + begin - part.from, gap, begin, amid};
                framing = 0;
            }
        }
        at += part.size;
    }
    close(open);
    return first;
}

} // namespace guest::misbehave
