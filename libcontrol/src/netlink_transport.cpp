// SPDX-License-Identifier: GPL-2.0
#include "netlink_transport.hpp"

#include <cerrno>
#include <cstdlib>
#include <new>

#include <fmt/format.h>
#include <linux/netlink.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <sys/socket.h>

#include <libra/error.hpp>

#include "uapi/libra.h"

namespace libra::detail {
namespace {

[[noreturn]] void fail(const char* what, int code) {
    throw Error(ErrorKind::failed, 0, fmt::format("{}: {}", what, nl_geterror(code)));
}

struct Free {
    void operator()(unsigned char* buffer) const noexcept {
        std::free(buffer); // NOLINT(*-no-malloc): libnl allocated it
    }
};

} // namespace

void NetlinkTransport::SocketDeleter::operator()(nl_sock* socket) const noexcept {
    nl_socket_free(socket);
}

NetlinkTransport::NetlinkTransport()
    : socket_(nl_socket_alloc()) {
    if (!socket_)
        throw std::bad_alloc();
    if (const int result = genl_connect(socket_.get()); result < 0)
        fail("cannot open a generic netlink socket", result);
    const int on = 1;
    // Without extended acknowledgements a refusal has only its errno; old kernels lack them
    setsockopt(nl_socket_get_fd(socket_.get()), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
    setsockopt(nl_socket_get_fd(socket_.get()), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
    family_ = genl_ctrl_resolve(socket_.get(), LIBRA_GENL_NAME);
    if (family_ < 0)
        throw Error(ErrorKind::no_module, ENOENT, "the kernel module is not loaded",
                    "modprobe libra");
}

void NetlinkTransport::join(const char* group) {
    const int number = genl_ctrl_resolve_grp(socket_.get(), LIBRA_GENL_NAME, group);
    if (number < 0)
        throw Error(ErrorKind::failed, EOPNOTSUPP, "the module sends no events",
                    "it may be older than this program: compare \"libractl\" and "
                    "\"libractl --version\"");
    // Events come in bursts, when every process of a proxy meets the same traffic
    constexpr int buffer_size = 1 << 20;
    nl_socket_set_buffer_size(socket_.get(), buffer_size, 0);
    const int result = nl_socket_add_membership(socket_.get(), number);
    if (result == -NLE_PERM)
        throw Error(ErrorKind::no_privilege, EPERM, "events are not for this user",
                    "run it as root: CAP_NET_ADMIN in the initial user namespace is needed");
    if (result < 0)
        fail("cannot receive events", result);
}

int NetlinkTransport::fd() const noexcept {
    return nl_socket_get_fd(socket_.get());
}

void NetlinkTransport::send(nl_msg* message) {
    if (const int result = nl_send_auto(socket_.get(), message); result < 0)
        fail("cannot send to the kernel", result);
}

std::vector<std::byte> NetlinkTransport::receive() {
    sockaddr_nl from{};
    unsigned char* raw = nullptr;
    int length = 0;
    do {
        length = nl_recv(socket_.get(), &from, &raw, nullptr);
    } while (length == -NLE_INTR);
    const std::unique_ptr<unsigned char, Free> buffer(raw);
    if (length == -NLE_NOMEM)
        throw Error(ErrorKind::failed, ENOBUFS, "the kernel's answer was lost", "try again");
    if (length <= 0)
        fail("cannot read the kernel's answer", length);
    const auto* first = reinterpret_cast<const std::byte*>(buffer.get());
    return {first, first + length};
}

} // namespace libra::detail
