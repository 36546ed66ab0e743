// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_EVENT_READER_HPP
#define LIBRA_EVENT_READER_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include <libra/message_class.hpp>

#include "exchange.hpp"

namespace libra::detail {

enum class Wait { readable, stopped, timeout };

/// Waits until `fd` or `stop` (-1: none) can be read. `stop` wins.
Wait wait_readable(int fd, std::optional<std::chrono::milliseconds> timeout, int stop);

/// The events of one datagram; what else may be in it is passed over.
std::vector<ClassEvent> parse_events(std::vector<std::byte> datagram, int family);

/// EventStream without the socket under it.
class EventReader {
public:
    /// @param fd can be read when transport.receive() will not block
    EventReader(Transport& transport, int fd)
        : transport_(transport)
        , fd_(fd) {}

    std::optional<ClassEvent> next(std::optional<std::chrono::milliseconds> timeout, int stop);
    std::uint64_t lost() const noexcept { return lost_; }

private:
    Transport& transport_;
    int fd_;
    std::deque<ClassEvent> waiting_;
    std::uint64_t lost_ = 0;
};

} // namespace libra::detail

#endif
