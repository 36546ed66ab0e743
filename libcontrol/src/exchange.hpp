// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_EXCHANGE_HPP
#define LIBRA_EXCHANGE_HPP

#include <cstddef>
#include <functional>
#include <vector>

#include <netlink/msg.h>

#include "codec.hpp"

/// One request and its answers, without the socket under them: what the tests
/// of the control path put a kernel of their own under.
namespace libra::detail {

/// A netlink socket that is bound to the project's family.
class Transport {
public:
    Transport() = default;
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;
    virtual ~Transport() = default;

    virtual int family() const noexcept = 0;
    /// Completes the header (sequence number, port) and sends.
    virtual void send(nl_msg* message) = 0;
    /// One datagram of the kernel; blocks.
    virtual std::vector<std::byte> receive() = 0;
};

using Handler = std::function<void(nlmsghdr*)>;

/// Sends and waits for the acknowledgement; answers go to `handler`.
/// @throws Error what the kernel answered, with its extack text
void request(Transport& transport, nl_msg* message, const Handler& handler);

/// Like request() for a dump. `restart` is called before each reading but the
/// first, when the kernel said that the list changed meanwhile.
/// @throws Error failed with EAGAIN when it changed each time
void dump(Transport& transport, const std::function<Message()>& message, const Handler& handler,
          const std::function<void()>& restart);

} // namespace libra::detail

#endif
