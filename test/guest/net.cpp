// SPDX-License-Identifier: GPL-2.0
#include "net.hpp"

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>

#include "process.hpp"

namespace guest {
namespace {

void offloads_off(const Namespace& ns, const std::string& device) {
    const Namespace::Inside inside(ns);
    const Fd control(check(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));

    for (const std::uint32_t command :
         {ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO, ETHTOOL_SSG, ETHTOOL_STXCSUM}) {
        ethtool_value value{command, 0};
        ifreq request{};
        std::strncpy(request.ifr_name, device.c_str(), IFNAMSIZ - 1);
        request.ifr_data = reinterpret_cast<char*>(&value);
        check(::ioctl(control.get(), SIOCETHTOOL, &request), "ethtool on " + device);
    }
}

void netem(const Namespace& ns, const std::string& device, const std::vector<std::string>& how) {
    ProcessOptions inside;
    inside.netns = ns.fd();
    std::vector<std::string> command = {"tc", "qdisc", "add", "dev", device, "root", "netem"};
    command.insert(command.end(), how.begin(), how.end());
    const RunResult done = run(command, inside);
    if (done.code != 0) {
        throw std::runtime_error("tc qdisc add netem: " + done.out);
    }
}

void bad_line(const Namespace& ns, const std::string& device) {
    netem(ns, device, {"delay", "1ms", "loss", "1%", "reorder", "25%", "50%"});
}

/// A packet that waits has no socket any more, and the kernel drops what a TLS device should
/// encrypt for it.
void lossy_line(const Namespace& ns, const std::string& device) {
    netem(ns, device, {"loss", "1%"});
}

void fast_open(const Namespace& ns) {
    // Client, server, both without a cookie, and for listeners that did not ask for it.
    constexpr unsigned flags = 0x1 | 0x2 | 0x4 | 0x200 | 0x400;
    const Namespace::Inside inside(ns);
    spew("/proc/sys/net/ipv4/tcp_fastopen", std::to_string(flags));
}

} // namespace

Fd Namespace::this_one() {
    return Fd(check(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "netns"));
}

Namespace::Namespace() {
    // A thread of its own makes the namespace and dies: this one's stays as it is.
    std::thread([this] {
        if (::unshare(CLONE_NEWNET) == 0) {
            fd_ = this_one();
        }
    }).join();
    if (!fd_) {
        throw std::runtime_error("cannot make a network namespace: not root?");
    }
    ip("link set lo up\n");
}

Namespace::Inside::Inside(const Namespace& ns)
    : home_(this_one()) {
    check(::setns(ns.fd(), CLONE_NEWNET), "setns");
}

Namespace::Inside::~Inside() {
    ::setns(home_.get(), CLONE_NEWNET);
}

void Namespace::ip(const std::string& batch) const {
    ProcessOptions inside;
    inside.netns = fd_.get();
    const RunResult done = run({"ip", "-batch", "-"}, inside, batch);
    if (done.code != 0) {
        throw std::runtime_error("ip -batch: " + done.out + "\n" + batch);
    }
}

std::uint64_t Namespace::tcp_counter(const std::string& name) const {
    const Inside inside(*this);
    // TcpExt comes first: a line of names, a line of values. /proc/net is the first thread's.
    std::istringstream lines(slurp("/proc/thread-self/net/netstat"));
    std::string names;
    std::string values;
    std::getline(lines, names);
    std::getline(lines, values);
    std::istringstream name_of(names);
    std::istringstream value_of(values);
    for (std::string each, value; name_of >> each && value_of >> value;) {
        if (each == name) {
            return std::stoull(value);
        }
    }
    throw std::runtime_error("no TCP counter " + name);
}

Net::Net(const NetOptions& options)
    : options_(options) {
    if (!options_.loopback) {
        join();
    } else if (options_.bad_line) {
        lossy_line(proxy_, "lo");
    }
    if (options_.fast_open) {
        for (const Namespace* ns : {&client_, &proxy_, &origin_}) {
            fast_open(*ns);
        }
    }
}

void Net::join() {
    const auto path = [](const Namespace& ns) {
        return fmt::format("/proc/{}/fd/{}", ::getpid(), ns.fd());
    };
    const auto up = [this](const char* device, const char* v4, const char* v6) {
        std::string lines = fmt::format("addr add {}/24 dev {}\n", v4, device);
        if (options_.mtu != 0) {
            lines += fmt::format("link set {} mtu {}\n", device, options_.mtu);
        }
        if (options_.mtu == 0 || options_.mtu >= 1280) {
            lines += fmt::format("addr add {}/64 dev {} nodad\n", v6, device);
        }
        return lines + fmt::format("link set {} up\n", device);
    };

    proxy_.ip(fmt::format("link add left type veth peer name wire netns {}\n", path(client_)) +
              fmt::format("link add right type veth peer name wire netns {}\n", path(origin_)) +
              up("left", "10.77.1.2", "fd77:1::2") + up("right", "10.77.2.2", "fd77:2::2"));
    client_.ip(up("wire", "10.77.1.1", "fd77:1::1"));
    origin_.ip(up("wire", "10.77.2.1", "fd77:2::1"));

    const auto each = [this](auto&& apply) {
        apply(proxy_, "left");
        apply(proxy_, "right");
        apply(client_, "wire");
        apply(origin_, "wire");
    };
    if (!options_.offloads) {
        each(offloads_off);
    }
    if (options_.bad_line) {
        each(bad_line);
    }
}

std::string Net::proxy_address(bool v6) const {
    if (options_.loopback) {
        return v6 ? "::1" : "127.0.0.1";
    }
    return v6 ? "fd77:1::2" : "10.77.1.2";
}

std::string Net::origin_address(bool v6) const {
    if (options_.loopback) {
        return v6 ? "::1" : "127.0.0.1";
    }
    return v6 ? "fd77:2::1" : "10.77.2.1";
}

std::string endpoint(const std::string& address, std::uint16_t port) {
    return address.find(':') == std::string::npos ? fmt::format("{}:{}", address, port)
                                                  : fmt::format("[{}]:{}", address, port);
}

} // namespace guest
