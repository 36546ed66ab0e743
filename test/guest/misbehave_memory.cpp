// SPDX-License-Identifier: GPL-2.0
#include "misbehave_memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "fd.hpp"

namespace guest::misbehave {
namespace {

constexpr std::size_t region_size = 2 << 20;
constexpr int scribble = 0xee;

} // namespace

Arena::~Arena() {
    for (const Region& region : regions_) {
        ::munmap(region.at, region.size);
    }
}

std::span<std::byte> Arena::room(std::size_t size) {
    while (region_ < regions_.size() && regions_[region_].size - used_ < size) {
        ++region_;
        used_ = 0;
    }
    if (region_ == regions_.size()) {
        const std::size_t whole = std::max(region_size, size);
        void* at = ::mmap(nullptr, whole, PROT_READ | PROT_WRITE,
                          (shared_ ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS, -1, 0);
        check(at == MAP_FAILED ? -1 : 0, "mmap");
        if (touched_) {
            std::memset(at, scribble, whole);
        }
        regions_.push_back({static_cast<std::byte*>(at), whole});
    }
    std::byte* at = regions_[region_].at + used_;
    used_ += size;
    return {at, size};
}

void Arena::keep(const std::byte* end) {
    const Region& region = regions_.at(region_);
    if (end > region.at && end <= region.at + region.size) {
        used_ = static_cast<std::size_t>(end - region.at);
    }
}

void Arena::rewind() {
    region_ = 0;
    used_ = 0;
}

void Store::add(std::uint64_t from, std::span<std::byte> bytes) {
    if (!bytes.empty()) {
        extents_.push_back({from, bytes});
    }
}

std::vector<iovec> Store::find(std::uint64_t from, std::uint64_t size) const {
    std::vector<iovec> spans;
    auto at = std::upper_bound(extents_.begin(), extents_.end(), from,
                               [](std::uint64_t offset, const Extent& extent) {
                                   return offset < extent.from + extent.bytes.size();
                               });
    for (; size != 0; ++at) {
        if (at == extents_.end() || at->from > from) {
            throw std::logic_error("bytes that are not in the store");
        }
        const std::uint64_t skip = from - at->from;
        const auto take = std::min<std::size_t>(size, at->bytes.size() - skip);
        spans.push_back({at->bytes.data() + skip, take});
        from += take;
        size -= take;
    }
    return spans;
}

std::vector<std::byte> Store::read(std::uint64_t from, std::uint64_t size) const {
    std::vector<std::byte> bytes;
    bytes.reserve(size);
    for (const iovec& span : find(from, size)) {
        const auto* begin = static_cast<const std::byte*>(span.iov_base);
        bytes.insert(bytes.end(), begin, begin + span.iov_len);
    }
    return bytes;
}

void Store::move(std::uint64_t from, std::uint64_t size, Dice& dice) {
    const std::vector<std::byte> bytes = read(from, size);
    for (const iovec& old : find(from, size)) {
        std::memset(old.iov_base, scribble, old.iov_len);
    }
    // extents that lie on either side stay as they are
    std::deque<Extent> others;
    for (const Extent& extent : extents_) {
        const std::uint64_t end = extent.from + extent.bytes.size();
        if (extent.from < from) {
            others.push_back({extent.from, extent.bytes.first(std::min<std::size_t>(
                                               extent.bytes.size(), from - extent.from))});
        }
        if (end > from + size) {
            const std::uint64_t begin = std::max(extent.from, from + size);
            others.push_back({begin, extent.bytes.last(end - begin)});
        }
    }
    extents_ = std::move(others);
    for (std::size_t at = 0; at < bytes.size();) {
        const auto take = std::min<std::size_t>(bytes.size() - at, dice.between(1, 30'000));
        const std::span<std::byte> to = arena_.room(take + dice.between(0, 64)).first(take);
        std::memcpy(to.data(), bytes.data() + at, take);
        add(from + at, to);
        at += take;
    }
    std::sort(extents_.begin(), extents_.end(),
              [](const Extent& a, const Extent& b) { return a.from < b.from; });
}

void Store::forget(std::uint64_t before, bool reuse) {
    while (!extents_.empty() && extents_.front().from + extents_.front().bytes.size() <= before) {
        extents_.pop_front();
    }
    if (extents_.empty() && reuse) {
        arena_.rewind();
    }
}

} // namespace guest::misbehave
