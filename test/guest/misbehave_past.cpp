// SPDX-License-Identifier: GPL-2.0
// Roads on which bytes leave a socket past Libra's parser: what comes behind them is copied.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "misbehave_read.hpp"

namespace guest::misbehave {
namespace {

constexpr std::byte untouched{0xa7};

} // namespace

void Reader::by_pipe(Call& call) {
    way_ = Way::by_pipe;
    const Pipe pipe;
    const ssize_t moved = ::splice(fd_, nullptr, pipe.write.get(), nullptr, call.size, 0);
    if (moved <= 0) {
        call.least = 0;
        took(call, moved);
        return;
    }
    std::size_t got = 0;
    auto* at = static_cast<std::byte*>(call.room[0].iov_base);
    while (got < static_cast<std::size_t>(moved)) {
        got += static_cast<std::size_t>(check(
            ::read(pipe.read.get(), at + got, static_cast<std::size_t>(moved) - got), "read"));
    }
    filled(call, got);
}

/// Without a copy, as far as whole pages lie there.
void Reader::by_mapping(Call& call) {
    way_ = Way::by_mapping;
    const std::size_t size = call.size & ~(mapped_min - 1);
    void* window = size == 0 ? MAP_FAILED : ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd_, 0);
    if (window == MAP_FAILED) {
        throw Wrong("a socket cannot be mapped");
    }
    tcp_zerocopy_receive ask{};
    ask.address = reinterpret_cast<std::uint64_t>(window);
    ask.length = static_cast<std::uint32_t>(size);
    socklen_t length = sizeof(ask);
    const int result = ::getsockopt(fd_, IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE, &ask, &length);
    const int error = errno;
    if (result == 0) {
        std::memcpy(call.room[0].iov_base, window, ask.length);
    }
    ::munmap(window, size);
    errno = error;
    if (result < 0) {
        fail("TCP_ZEROCOPY_RECEIVE");
    }
    if (ask.length != 0) {
        filled(call, ask.length);
    } else {
        took(call, ::recv(fd_, call.room[0].iov_base, call.size, 0));
    }
}

void Reader::discard(std::uint64_t until, Dice& dice) {
    way_ = Way::discard;
    const std::size_t size = std::min<std::size_t>(any_size(dice), until - position_);
    const auto least = std::min<std::size_t>(static_cast<std::size_t>(queued()), size);
    // memory is not looked at
    std::vector<std::byte> memory(dice.between(0, 1) * size, untouched);
    const int flags = MSG_TRUNC | (dice.between(0, 3) == 0 ? MSG_WAITALL : 0);
    const ssize_t got = ::recv(fd_, memory.empty() ? nullptr : memory.data(), size, flags);
    if (got < 0) {
        fail("MSG_TRUNC");
    }
    if (got == 0) {
        throw Broken("end of file");
    }
    const auto count = static_cast<std::size_t>(got);
    if (count > size || count < least) {
        throw Wrong(fmt::format("MSG_TRUNC of {} gave {} though there were {}", size, got, least));
    }
    if (std::any_of(memory.begin(), memory.end(),
                    [](std::byte each) { return each != untouched; })) {
        throw Wrong("MSG_TRUNC writes to memory");
    }
    report_.did(way_);
    position_ += count;
}

} // namespace guest::misbehave
