// SPDX-License-Identifier: GPL-2.0
// The misbehaving proxy's memory: where the bytes that it received lie.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "pattern.hpp"

namespace guest::misbehave {

/// Memory to read into; given out in order, used again when nothing in it is needed.
class Arena {
public:
    Arena(bool shared, bool touched)
        : shared_(shared)
        , touched_(touched) {}
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;
    ~Arena();

    /// Memory at any alignment; what of it is not kept is given out again.
    std::span<std::byte> room(std::size_t size);
    /// Of the last room, what lies before `end` is in use.
    void keep(const std::byte* end);
    void rewind();

private:
    struct Region {
        std::byte* at;
        std::size_t size;
    };
    bool shared_;
    bool touched_;
    std::vector<Region> regions_;
    std::size_t region_ = 0;
    std::size_t used_ = 0;
};

/// What came in on one connection, by its offset in it.
class Store {
public:
    Store(bool shared, bool touched)
        : arena_(shared, touched) {}

    Arena& arena() { return arena_; }
    void add(std::uint64_t from, std::span<std::byte> bytes);
    /// Memory of the bytes [from, from + size), in order.
    std::vector<iovec> find(std::uint64_t from, std::uint64_t size) const;
    std::vector<std::byte> read(std::uint64_t from, std::uint64_t size) const;
    /// The same bytes to other memory, in pieces of any size; the old memory is scribbled over.
    void move(std::uint64_t from, std::uint64_t size, Dice& dice);
    /// Nothing before this offset is needed any more.
    void forget(std::uint64_t before, bool reuse);

private:
    struct Extent {
        std::uint64_t from;
        std::span<std::byte> bytes;
    };
    std::deque<Extent> extents_;
    Arena arena_;
};

} // namespace guest::misbehave
