// SPDX-License-Identifier: GPL-2.0
#include "pattern.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

namespace guest {
namespace {

constexpr std::uint64_t golden = 0x9e3779b97f4a7c15ULL;

constexpr std::uint64_t hostile_stride = 16384;
constexpr std::array<std::string_view, 3> hostile_text = {
    "POST /inner HTTP/1.1\r\nHost: inner\r\nContent-Length: 50000\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 70000\r\nContent-Type: inner\r\n\r\n",
    "\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\n",
};

std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

std::uint64_t word(std::uint64_t seed, std::uint64_t index) {
    return mix(seed * golden + index);
}

void overlay(std::uint64_t offset, std::span<std::byte> out) {
    const std::uint64_t end = offset + out.size();
    for (std::uint64_t slot = offset / hostile_stride; slot * hostile_stride < end; ++slot) {
        const std::string_view text = hostile_text[slot % hostile_text.size()];
        const std::uint64_t begin = slot * hostile_stride;
        const std::uint64_t from = std::max(begin, offset);
        const std::uint64_t to = std::min(begin + text.size(), end);
        if (from < to) {
            std::memcpy(out.data() + (from - offset), text.data() + (from - begin), to - from);
        }
    }
}

} // namespace

void Pattern::fill(std::uint64_t offset, std::span<std::byte> out) const {
    std::uint64_t at = offset;
    std::byte* to = out.data();
    std::size_t left = out.size();

    while (left > 0) {
        const std::uint64_t value = word(seed, at / 8);
        const std::size_t skip = at % 8;
        const std::size_t take = std::min<std::size_t>(8 - skip, left);
        const std::uint64_t shifted = value >> (8 * skip);
        std::memcpy(to, &shifted, take);
        at += take;
        to += take;
        left -= take;
    }
    if ((seed & hostile_seed) != 0) {
        overlay(offset, out);
    }
}

std::optional<std::uint64_t> Pattern::mismatch(std::uint64_t offset,
                                               std::span<const std::byte> in) const {
    std::array<std::byte, 4096> expected;
    std::size_t done = 0;

    while (done < in.size()) {
        const std::size_t take = std::min(expected.size(), in.size() - done);
        const std::span<std::byte> block(expected.data(), take);
        fill(offset + done, block);
        if (std::memcmp(block.data(), in.data() + done, take) != 0) {
            const auto* first = in.data() + done;
            const auto found = std::mismatch(block.begin(), block.end(), first).second;
            return offset + done + static_cast<std::uint64_t>(found - first);
        }
        done += take;
    }
    return std::nullopt;
}

std::uint64_t Dice::next() {
    state_ += golden;
    return mix(state_);
}

std::uint64_t Dice::between(std::uint64_t low, std::uint64_t high) {
    return low + next() % (high - low + 1);
}

} // namespace guest
