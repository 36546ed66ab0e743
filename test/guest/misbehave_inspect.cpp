// SPDX-License-Identifier: GPL-2.0
#include "misbehave_inspect.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace guest::misbehave {
namespace {

// As in module/marker.h; an application could not know any of it.
constexpr std::size_t marker_size = 32;
constexpr unsigned payload_bits = 20;
constexpr std::byte first_byte{0xf5};
/// Fewer are ever made in a test.
constexpr std::uint64_t ids_end = 1ULL << 32;

struct Marker {
    std::uint64_t magic;
    std::uint64_t id;
    std::uint64_t offset;
};

Marker marker_at(std::span<const std::byte> bytes, std::size_t at) {
    Marker marker{};
    std::uint64_t body = 0;
    std::memcpy(&marker.magic, bytes.data() + at, sizeof(marker.magic));
    // each second byte is the first one again
    for (std::size_t i = 0; i < sizeof(body); ++i) {
        body |= std::to_integer<std::uint64_t>(bytes[at + 17 + 2 * i]) << (8 * i);
    }
    marker.id = body >> payload_bits;
    marker.offset = body & ((1U << payload_bits) - 1);
    return marker;
}

/// A token that begins at `bad` or, where its first bytes happen to be right, just before it.
std::optional<std::size_t> token_near(std::span<const std::byte> bytes, std::size_t least,
                                      std::size_t bad) {
    for (std::size_t back = 0; back < 4 && back <= bad && bad - back >= least; ++back) {
        const std::size_t at = bad - back;
        if (at + marker_size <= bytes.size() && bytes[at] == first_byte &&
            marker_at(bytes, at).offset == 0) {
            return at;
        }
    }
    return std::nullopt;
}

/// Where the placeholder that begins at `token` ends: behind its last marker.
std::size_t placeholder_end(std::span<const std::byte> bytes, std::size_t token) {
    const Marker first = marker_at(bytes, token);
    std::size_t end = token + marker_size;

    for (std::size_t at = end; at + marker_size <= bytes.size(); ++at) {
        const void* found = std::memchr(bytes.data() + at, static_cast<int>(first_byte),
                                        bytes.size() - at - marker_size + 1);
        if (found == nullptr) {
            break;
        }
        at = static_cast<std::size_t>(static_cast<const std::byte*>(found) - bytes.data());
        const Marker marker = marker_at(bytes, at);
        if (marker.magic == first.magic && marker.id == first.id && marker.offset == at - token) {
            end = at + marker_size;
        }
    }
    return end;
}

} // namespace

std::optional<Found> find_placeholder(std::span<const std::byte> bytes, std::size_t from) {
    for (std::size_t at = from; at + marker_size <= bytes.size(); ++at) {
        const Marker marker = marker_at(bytes, at);
        if (bytes[at] == first_byte && marker.offset == 0 && marker.id < ids_end) {
            const std::size_t end = placeholder_end(bytes, at);
            if (end > at + marker_size) {
                return Found{at, end - at, marker.id};
            }
        }
    }
    return std::nullopt;
}

std::string Inspector::look(std::uint64_t from, std::span<const std::byte> bytes) {
    std::size_t at = 0;

    while (const auto bad = script_.mismatch(from + at, bytes.subspan(at))) {
        const auto index = static_cast<std::size_t>(*bad - from);
        const auto token = token_near(bytes, at, index);
        if (!token) {
            return fmt::format("what was read at {} is neither the peer's nor a placeholder's",
                               *bad);
        }
        const std::size_t end = placeholder_end(bytes, *token);
        if (script_.text_at(from + *token) || script_.text_at(from + end - 1)) {
            return fmt::format("metadata at {} was left out", from + *token);
        }
        placeholders_.push_back({from + *token, end - *token});
        at = end;
    }
    return {};
}

} // namespace guest::misbehave
