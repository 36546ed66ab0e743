// SPDX-License-Identifier: GPL-2.0
#include <libra/events.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

#include <netlink/genl/genl.h>
#include <poll.h>

#include <libra/error.hpp>

#include "event_reader.hpp"
#include "netlink_transport.hpp"
#include "uapi/libra.h"

namespace libra {
namespace detail {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

Wait wait_readable(int fd, std::optional<milliseconds> timeout, int stop) {
    const auto end = steady_clock::now() + timeout.value_or(milliseconds(0));
    for (;;) {
        int left = -1;
        if (timeout) {
            const auto time = std::chrono::ceil<milliseconds>(end - steady_clock::now()).count();
            left = static_cast<int>(
                std::clamp<decltype(time)>(time, 0, std::numeric_limits<int>::max()));
        }
        // poll() passes over a descriptor of -1
        std::array<pollfd, 2> wanted{{{fd, POLLIN, 0}, {stop, POLLIN, 0}}};
        const int ready = poll(wanted.data(), wanted.size(), left);
        if (ready < 0 && errno != EINTR)
            throw Error(ErrorKind::failed, errno, "cannot wait for events");
        if (ready < 0)
            continue;
        if (wanted[1].revents != 0)
            return Wait::stopped;
        if (wanted[0].revents != 0)
            return Wait::readable;
        return Wait::timeout;
    }
}

std::vector<ClassEvent> parse_events(std::vector<std::byte> datagram, int family) {
    std::vector<ClassEvent> events;
    auto* header = reinterpret_cast<nlmsghdr*>(datagram.data());
    int left = static_cast<int>(datagram.size());
    for (; nlmsg_ok(header, left) != 0; header = nlmsg_next(header, &left)) {
        if (header->nlmsg_type == family && genlmsg_valid_hdr(header, 0) != 0 &&
            genlmsg_hdr(header)->cmd == LIBRA_CMD_CLASS_EVENT)
            events.push_back(parse_class_event(Attributes(header)));
    }
    return events;
}

std::optional<ClassEvent> EventReader::next(std::optional<milliseconds> timeout, int stop) {
    const auto end = steady_clock::now() + timeout.value_or(milliseconds(0));
    while (waiting_.empty()) {
        auto left = timeout;
        if (left)
            left = std::max(milliseconds(0),
                            std::chrono::ceil<milliseconds>(end - steady_clock::now()));
        if (wait_readable(fd_, left, stop) != Wait::readable)
            return std::nullopt;
        try {
            for (ClassEvent& each : parse_events(transport_.receive(), transport_.family()))
                waiting_.push_back(std::move(each));
        } catch (const Error& error) {
            if (error.number() != ENOBUFS)
                throw;
            ++lost_;
            return std::nullopt;
        }
    }
    ClassEvent event = std::move(waiting_.front());
    waiting_.pop_front();
    return event;
}

} // namespace detail

class EventStream::Impl {
public:
    Impl() { transport_.join(LIBRA_GENL_GROUP_EVENTS); }
    detail::EventReader& reader() noexcept { return reader_; }

private:
    detail::NetlinkTransport transport_;
    detail::EventReader reader_{transport_, transport_.fd()};
};

EventStream::EventStream()
    : impl_(std::make_unique<Impl>()) {}
EventStream::EventStream(EventStream&&) noexcept = default;
EventStream& EventStream::operator=(EventStream&&) noexcept = default;
EventStream::~EventStream() = default;

std::optional<ClassEvent> EventStream::next(std::optional<std::chrono::milliseconds> timeout,
                                            int stop) {
    return impl_->reader().next(timeout, stop);
}

std::uint64_t EventStream::lost() const noexcept {
    return impl_->reader().lost();
}

} // namespace libra
