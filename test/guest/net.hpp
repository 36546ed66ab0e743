// SPDX-License-Identifier: GPL-2.0
// Network namespaces for client, proxy and origin, joined by veth pairs.
#pragma once

#include <cstdint>
#include <string>

#include "fd.hpp"

namespace guest {

/// A network namespace that lives as long as this object (and what was started in it).
class Namespace {
public:
    Namespace();
    /// The calling thread's own.
    static Namespace here() { return Namespace(this_one()); }

    int fd() const { return fd_.get(); }

    /// The calling thread is inside while this lives.
    class Inside {
    public:
        explicit Inside(const Namespace& ns);
        Inside(const Inside&) = delete;
        Inside& operator=(const Inside&) = delete;
        ~Inside();

    private:
        Fd home_;
    };

    /// Feeds lines to `ip -batch`.
    void ip(const std::string& batch) const;
    /// A counter of /proc/net/netstat, by its name in the group TcpExt.
    std::uint64_t tcp_counter(const std::string& name) const;

private:
    explicit Namespace(Fd fd)
        : fd_(std::move(fd)) {}
    static Fd this_one();

    Fd fd_;
};

struct NetOptions {
    bool loopback = false;  ///< one namespace for all three, over lo
    int mtu = 0;            ///< 0: the device's own
    bool offloads = true;   ///< TSO, GSO, GRO, SG and checksums
    bool bad_line = false;  ///< netem: 1 % lost, and but for lo a quarter reordered
    bool fast_open = false; ///< TCP Fast Open for all listeners, without cookies
};

/// client -- proxy -- origin.
class Net {
public:
    explicit Net(const NetOptions& options = {});

    const Namespace& client() const { return options_.loopback ? proxy_ : client_; }
    const Namespace& proxy() const { return proxy_; }
    const Namespace& origin() const { return options_.loopback ? proxy_ : origin_; }

    /// The proxy's address as the client sees it.
    std::string proxy_address(bool v6 = false) const;
    /// The origin's address as the proxy sees it.
    std::string origin_address(bool v6 = false) const;

private:
    void join();

    NetOptions options_;
    Namespace proxy_;
    Namespace client_;
    Namespace origin_;
};

/// "10.0.0.1", 80 or "fd00::1", 80 -> "10.0.0.1:80" or "[fd00::1]:80".
std::string endpoint(const std::string& address, std::uint16_t port);

} // namespace guest
