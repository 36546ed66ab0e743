// SPDX-License-Identifier: GPL-2.0
// Bodies whose every byte follows from a seed and an offset, so that both ends can compare
// each of them without keeping a copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace guest {

/// Seeds with this bit set carry whole HTTP messages inside the body, each with a
/// Content-Length of its own.
inline constexpr std::uint64_t hostile_seed = 1ULL << 40;

struct Pattern {
    std::uint64_t seed = 0;

    /// Writes the bytes at [offset, offset + out.size()).
    void fill(std::uint64_t offset, std::span<std::byte> out) const;

    /// The offset of the first byte of `in` that is not the pattern's.
    std::optional<std::uint64_t> mismatch(std::uint64_t offset,
                                          std::span<const std::byte> in) const;
};

/// A small deterministic generator for sizes and choices (splitmix64).
class Dice {
public:
    explicit Dice(std::uint64_t seed)
        : state_(seed) {}
    std::uint64_t next();
    /// A number in [low, high].
    std::uint64_t between(std::uint64_t low, std::uint64_t high);

private:
    std::uint64_t state_;
};

} // namespace guest
