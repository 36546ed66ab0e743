// SPDX-License-Identifier: GPL-2.0
#include <libra/process.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <set>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <libra/error.hpp>

#include "proc_files.hpp"

namespace libra {
namespace {

namespace fs = std::filesystem;

// Values of tcp_info.tcpi_state, which the kernel's own headers keep to itself
constexpr int tcp_state_close = 7;
constexpr int tcp_state_listen = 10;

struct Address {
    sockaddr_storage storage{};
    socklen_t length = 0;
};

using Getter = int (*)(int, sockaddr*, socklen_t*);

Address get_address(Getter getter, int fd) {
    Address address;
    address.length = sizeof(address.storage);
    if (getter(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.length) != 0)
        address.length = 0;
    return address;
}

Endpoint ip_endpoint(const Address& address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (address.length == 0)
        return {};
    if (address.storage.ss_family == AF_INET) {
        sockaddr_in in{};
        std::memcpy(&in, &address.storage, sizeof(in));
        inet_ntop(AF_INET, &in.sin_addr, text.data(), text.size());
        return {text.data(), ntohs(in.sin_port)};
    }
    if (address.storage.ss_family == AF_INET6) {
        sockaddr_in6 in6{};
        std::memcpy(&in6, &address.storage, sizeof(in6));
        inet_ntop(AF_INET6, &in6.sin6_addr, text.data(), text.size());
        return {text.data(), ntohs(in6.sin6_port)};
    }
    return {};
}

std::string unix_name(const Address& address) {
    constexpr std::size_t head = offsetof(sockaddr_un, sun_path);
    if (address.length <= head || address.storage.ss_family != AF_UNIX)
        return {};
    sockaddr_un name{};
    std::memcpy(&name, &address.storage, std::min<std::size_t>(sizeof(name), address.length));
    const std::string path(name.sun_path,
                           std::min<std::size_t>(sizeof(name.sun_path), address.length - head));
    if (path.front() == '\0')
        return "@" + path.substr(1);
    return path.substr(0, path.find('\0'));
}

int int_option(int fd, int option) {
    int value = -1;
    socklen_t length = sizeof(value);
    return getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

std::uint32_t peer_process(int fd) {
    ucred peer{};
    socklen_t length = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 || peer.pid < 0)
        return 0;
    return static_cast<std::uint32_t>(peer.pid);
}

void describe_tcp(int fd, HeldSocket& socket) {
    tcp_info info{};
    socklen_t length = sizeof(info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0)
        return;
    std::array<char, 32> ulp{};
    length = sizeof(ulp) - 1;
    if (getsockopt(fd, IPPROTO_TCP, TCP_ULP, ulp.data(), &length) == 0 && length > 0)
        socket.ulp = ulp.data();
    socket.listening = info.tcpi_state == tcp_state_listen;
    socket.connected = !socket.listening && info.tcpi_state != tcp_state_close;
    socket.kind = socket.listening   ? SocketKind::tcp_listener
                  : socket.connected ? SocketKind::tcp
                                     : SocketKind::tcp_idle;
}

void describe_ip(int fd, int type, int protocol, HeldSocket& socket) {
    socket.local = ip_endpoint(get_address(getsockname, fd));
    socket.remote = ip_endpoint(get_address(getpeername, fd));
    socket.connected = !socket.remote.address.empty();
    if (type == SOCK_STREAM && protocol == IPPROTO_TCP) {
        describe_tcp(fd, socket);
    } else if (protocol == IPPROTO_UDP) {
        socket.kind = SocketKind::udp;
    } else if (protocol == IPPROTO_MPTCP || protocol == IPPROTO_SCTP) {
        socket.kind = SocketKind::other;
        socket.protocol = protocol == IPPROTO_MPTCP ? "MPTCP" : "SCTP";
    }
}

/// Fills in what the descriptor itself tells.
void describe(int fd, HeldSocket& socket) {
    const int domain = int_option(fd, SO_DOMAIN);
    const int type = int_option(fd, SO_TYPE);
    socket.listening = int_option(fd, SO_ACCEPTCONN) == 1;
    switch (domain) {
    case AF_INET:
    case AF_INET6:
        describe_ip(fd, type, int_option(fd, SO_PROTOCOL), socket);
        break;
    case AF_UNIX:
        if (type != SOCK_STREAM && type != SOCK_SEQPACKET)
            break;
        socket.kind = SocketKind::unix_stream;
        socket.local_name = unix_name(get_address(getsockname, fd));
        socket.peer_name = unix_name(get_address(getpeername, fd));
        socket.connected = get_address(getpeername, fd).length > 0;
        socket.peer_pid = peer_process(fd);
        break;
    case AF_VSOCK:
    case AF_SMC:
    case AF_TIPC:
        socket.kind = SocketKind::other;
        socket.protocol = domain == AF_VSOCK ? "vsock" : domain == AF_SMC ? "SMC" : "TIPC";
        break;
    default:
        break;
    }
}

/// The inode of a /proc/PID/fd link to a socket; 0 for anything else.
std::uint64_t socket_inode(const std::string& link) {
    constexpr std::string_view prefix = "socket:[";
    std::uint64_t inode = 0;
    if (link.starts_with(prefix))
        std::from_chars(link.data() + prefix.size(), link.data() + link.size(), inode);
    return inode;
}

[[noreturn]] void no_privilege(std::uint32_t pid, int number) {
    throw Error(ErrorKind::no_privilege, number,
                fmt::format("the sockets of process {} cannot be looked at", pid),
                "run it as root: CAP_SYS_PTRACE is needed");
}

void visit_process(std::uint32_t pid, std::set<std::uint64_t>& seen, const SocketVisitor& visitor) {
    const UniqueFd process = detail::open_process(pid);
    if (!process)
        return;
    std::error_code error;
    fs::directory_iterator entries(detail::proc_path(pid, "fd"), error);
    if (error.value() == EACCES || error.value() == EPERM)
        no_privilege(pid, error.value());
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
        std::error_code gone;
        const std::uint64_t inode = socket_inode(fs::read_symlink(entries->path(), gone).string());
        if (inode == 0 || seen.contains(inode))
            continue;
        const std::string number = entries->path().filename().string();
        int target = -1;
        std::from_chars(number.data(), number.data() + number.size(), target);
        const UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_getfd, process.get(), target, 0)));
        if (!fd) {
            if (errno == EPERM)
                no_privilege(pid, errno);
            continue;
        }
        seen.insert(inode);
        HeldSocket socket;
        socket.pid = pid;
        socket.inode = inode;
        describe(fd.get(), socket);
        visitor(socket, fd.get());
    }
}

} // namespace

void visit_sockets(const std::vector<std::uint32_t>& pids, const SocketVisitor& visitor) {
    std::set<std::uint64_t> seen;
    // Children first: of a socket that a parent holds too, the child is the one that uses it
    std::for_each(pids.rbegin(), pids.rend(),
                  [&](std::uint32_t pid) { visit_process(pid, seen, visitor); });
}

} // namespace libra
