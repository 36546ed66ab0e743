// SPDX-License-Identifier: GPL-2.0
// What a read may have left in memory: the peer's bytes, or a placeholder in their stead, and
// that only where a body is.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "misbehave_script.hpp"

namespace guest::misbehave {

struct Placeholder {
    std::uint64_t from; ///< in what the connection carries
    std::uint64_t size;
};

/// A placeholder among bytes whose place in the stream is not known.
struct Found {
    std::size_t at;
    std::size_t size;
    std::uint64_t id; ///< grows in the order in which placeholders were made
};

/// The first one at or behind `from`.
std::optional<Found> find_placeholder(std::span<const std::byte> bytes, std::size_t from);

class Inspector {
public:
    explicit Inspector(const Script& script)
        : script_(script) {}

    /// Looks at what one read put into memory; says what is wrong with it.
    std::string look(std::uint64_t from, std::span<const std::byte> bytes);

    const std::vector<Placeholder>& placeholders() const { return placeholders_; }

private:
    const Script& script_;
    std::vector<Placeholder> placeholders_;
};

} // namespace guest::misbehave
