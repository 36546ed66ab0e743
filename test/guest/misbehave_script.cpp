// SPDX-License-Identifier: GPL-2.0
#include "misbehave_script.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

namespace guest::misbehave {

void Script::add(Piece piece, std::uint64_t size) {
    if (size != 0) {
        piece.begin = this->size();
        piece.end = piece.begin + size;
        pieces_.push_back(std::move(piece));
    }
}

void Script::add_text(const std::string& text) {
    add({0, 0, text, {}, 0}, text.size());
}

void Script::add_pattern(const Pattern& pattern, std::uint64_t from, std::uint64_t size) {
    add({0, 0, {}, pattern, from}, size);
}

void Script::add_part(const Script& other, std::uint64_t from, std::uint64_t size) {
    for (std::size_t i = size == 0 ? 0 : other.piece_at(from); size != 0; ++i) {
        const Piece& piece = other.pieces_.at(i);
        const std::uint64_t skip = from - piece.begin;
        const std::uint64_t take = std::min(size, piece.end - from);
        if (piece.text.empty()) {
            add_pattern(piece.pattern, piece.from + skip, take);
        } else {
            add_text(piece.text.substr(skip, take));
        }
        from += take;
        size -= take;
    }
}

std::size_t Script::piece_at(std::uint64_t offset) const {
    const auto found =
        std::upper_bound(pieces_.begin(), pieces_.end(), offset,
                         [](std::uint64_t at, const Piece& piece) { return at < piece.end; });
    if (found == pieces_.end()) {
        throw std::out_of_range("more bytes than there are in the script");
    }
    return static_cast<std::size_t>(found - pieces_.begin());
}

bool Script::text_at(std::uint64_t offset) const {
    return !pieces_[piece_at(offset)].text.empty();
}

void Script::fill(std::uint64_t offset, std::span<std::byte> out) const {
    for (std::size_t i = out.empty() ? 0 : piece_at(offset); !out.empty(); ++i) {
        const Piece& piece = pieces_.at(i);
        const std::uint64_t skip = offset - piece.begin;
        const auto take = std::min<std::size_t>(out.size(), piece.end - offset);
        if (piece.text.empty()) {
            piece.pattern.fill(piece.from + skip, out.first(take));
        } else {
            std::memcpy(out.data(), piece.text.data() + skip, take);
        }
        offset += take;
        out = out.subspan(take);
    }
}

std::optional<std::uint64_t> Script::mismatch(std::uint64_t offset,
                                              std::span<const std::byte> in) const {
    std::array<std::byte, 4096> expected;

    while (!in.empty()) {
        if (offset >= size()) {
            return offset; // more than there is
        }
        const auto take =
            std::min({expected.size(), in.size(), static_cast<std::size_t>(size() - offset)});
        fill(offset, std::span(expected).first(take));
        const auto found = std::mismatch(expected.begin(), expected.begin() + take, in.begin());
        if (found.first != expected.begin() + take) {
            return offset + static_cast<std::uint64_t>(found.first - expected.begin());
        }
        offset += take;
        in = in.subspan(take);
    }
    return std::nullopt;
}

} // namespace guest::misbehave
