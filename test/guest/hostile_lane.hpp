// SPDX-License-Identifier: GPL-2.0
// A real proxy between clients and an origin that are one loop: every byte is scripted, and it is
// known when the proxy has done all that it could.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hostile_split.hpp"
#include "libra.hpp"
#include "proxy.hpp"
#include "wire.hpp"

namespace guest::hostile {

/// What the origin answers to a request for /r0, /r1, ...
struct Reply {
    std::string bytes;
    bool end = false; ///< and nothing more on this connection
};

class Lane {
public:
    Lane(const ProxyConfig& config, bool attached);
    ~Lane();

    /// A new life: no connection is there.
    void begin(const std::vector<Reply>& replies);
    /// A new client; answers its number.
    std::size_t open(const ConnectOptions& options = {});
    void send(std::size_t client, std::string_view bytes);
    /// Does not read what comes for this client, or reads it again.
    void hold(std::size_t client, bool held);
    /// Goes on until nothing moves any more.
    void settle();
    /// The clients end, the origin ends, all is closed.
    Seen finish();

    const Proxy& proxy() const { return *proxy_; }
    /// Lets go of the proxy; nothing of Libra is left of it then.
    void stop();

private:
    struct Peer {
        Fd fd;
        Stream got;
        std::string out;
        std::size_t parsed = 0; ///< origins: bytes of requests that were answered
        bool held = false;
        bool ending = false; ///< shutdown when all is sent
        bool ended = false;
        bool broken = false; ///< a reset was met while sending
    };

    /// False when nothing was to be done for so long.
    bool pump(int milliseconds);
    bool move(Peer& peer, short events);
    static bool read(Peer& peer);
    static bool write(Peer& peer);
    void answer(Peer& origin);
    bool proxy_sleeps() const;
    bool in_flight() const;
    bool clients_done() const;

    Net net_;
    Fd listener_;
    std::unique_ptr<Proxy> proxy_;
    Attachment attachment_;
    Fd state_; ///< /proc/PID/stat of the proxy
    std::vector<Reply> replies_;
    std::deque<Peer> clients_;
    std::deque<Peer> origins_;
};

} // namespace guest::hostile
