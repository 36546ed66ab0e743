// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_NETLINK_TRANSPORT_HPP
#define LIBRA_NETLINK_TRANSPORT_HPP

#include <memory>

#include "exchange.hpp"

struct nl_sock;

namespace libra::detail {

/// The real Transport: a generic netlink socket of libnl.
class NetlinkTransport final : public Transport {
public:
    /// @throws Error no_module when the kernel does not know the family
    NetlinkTransport();

    /// Has the messages of a multicast group come in too.
    /// @throws Error no_privilege; failed: the module has no such group
    void join(const char* group);
    int fd() const noexcept;

    int family() const noexcept override { return family_; }
    void send(nl_msg* message) override;
    std::vector<std::byte> receive() override;

private:
    struct SocketDeleter {
        void operator()(nl_sock* socket) const noexcept;
    };
    std::unique_ptr<nl_sock, SocketDeleter> socket_;
    int family_ = 0;
};

} // namespace libra::detail

#endif
