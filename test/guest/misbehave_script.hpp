// SPDX-License-Identifier: GPL-2.0
// What a connection carries, byte for byte, without keeping the bytes: text, and runs of patterns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pattern.hpp"

namespace guest::misbehave {

class Script {
public:
    std::uint64_t size() const { return pieces_.empty() ? 0 : pieces_.back().end; }

    void add_text(const std::string& text);
    void add_pattern(const Pattern& pattern, std::uint64_t from, std::uint64_t size);
    /// The bytes [from, from + size) of another one.
    void add_part(const Script& other, std::uint64_t from, std::uint64_t size);

    /// Writes the bytes at [offset, offset + out.size()).
    void fill(std::uint64_t offset, std::span<std::byte> out) const;
    /// The offset of the first byte of `in` that is not this script's.
    std::optional<std::uint64_t> mismatch(std::uint64_t offset,
                                          std::span<const std::byte> in) const;
    /// Whether a text (and so metadata) stands at this offset.
    bool text_at(std::uint64_t offset) const;

private:
    struct Piece {
        std::uint64_t begin; ///< in this script
        std::uint64_t end;
        std::string text; ///< empty: the pattern's bytes from `from`
        Pattern pattern;
        std::uint64_t from;
    };

    void add(Piece piece, std::uint64_t size);
    std::size_t piece_at(std::uint64_t offset) const;

    std::vector<Piece> pieces_;
};

} // namespace guest::misbehave
