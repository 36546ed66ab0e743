// SPDX-License-Identifier: GPL-2.0
// A raw HTTP/1 client that compares every byte that it gets.
#pragma once

#include <optional>
#include <string>

#include "http.hpp"

namespace guest {

/// What came back.
struct Reply {
    int status = 0;         ///< 0: nothing came
    bool by_origin = false; ///< or the proxy spoke for itself
    BodyResult body;
    bool keep = false; ///< the connection can go on
    std::vector<Header> headers;
    std::string wrong; ///< the first violation; an end or a reset in time is none

    /// Whole, from the origin, and every byte right.
    bool good() const { return wrong.empty() && by_origin && body.complete; }
};

class Client {
public:
    Client(const Namespace& ns, const std::string& address, std::uint16_t port,
           const ConnectOptions& options = {});

    Wire& wire() { return wire_; }

    /// One request and its answer. Sends while it reads when the origin answers early.
    Reply exchange(const Exchange& what);

    void send(const Exchange& what, std::optional<std::uint64_t> stop_after = std::nullopt);
    Reply receive(const Exchange& what, std::optional<std::uint64_t> stop_after = std::nullopt);

    /// Nothing may come now: the description of what did, or nothing.
    std::string quiet();

private:
    Reply read_reply(const Exchange& what, std::optional<std::uint64_t> stop_after);

    Wire wire_;
};

/// Plain requests for and with a body of this size.
Exchange get(std::uint64_t size, Framing framing = Framing::length);
Exchange post(std::uint64_t size, Framing framing = Framing::length);

/// What a test expects of a reply; empty when it is so.
std::string flaw(const Exchange& what, const Reply& reply);

/// One line that names an exchange.
std::string describe(const Exchange& what);

} // namespace guest
