// SPDX-License-Identifier: GPL-2.0
// An HTTP/1.1 origin that answers as each request asks for and checks every request body.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "http.hpp"

namespace guest {

class Origin {
public:
    static constexpr std::uint16_t default_port = 9000;

    static constexpr int default_width = 40;

    /// `width`: connections that are served at once; more of them wait.
    explicit Origin(const Namespace& ns, std::uint16_t port = default_port,
                    int width = default_width, std::optional<TlsRole> tls = std::nullopt);
    /// On a listening socket of any kind.
    explicit Origin(Fd listener, std::uint16_t port = 0, int width = default_width,
                    std::optional<TlsRole> tls = std::nullopt);
    ~Origin();

    std::uint16_t port() const { return port_; }
    std::uint64_t requests() const { return requests_; }
    std::uint64_t connections() const { return connections_; }
    /// Request bodies that did not come to their end.
    std::uint64_t cut_bodies() const { return cut_bodies_; }

    /// What came and was not what a client sends. A whole test is right only if this is empty.
    std::vector<std::string> failures() const;

    /// The origin forgets its connections (RST to each).
    void drop_connections();

private:
    void serve_all();
    void serve(Wire& wire);
    bool serve_one(Wire& wire, const Head& head);
    void respond(Wire& wire, const Answer& answer, const std::string& method, int minor, bool close,
                 const BodyResult& body);
    void fail(const std::string& what);

    Fd listener_;
    std::uint16_t port_;
    std::optional<TlsRole> tls_;
    std::atomic<bool> stopping_ = false;
    std::atomic<std::uint64_t> requests_ = 0;
    std::atomic<std::uint64_t> connections_ = 0;
    std::atomic<std::uint64_t> cut_bodies_ = 0;
    mutable std::mutex lock_;
    std::set<int> open_;
    std::vector<std::string> failures_;
    std::vector<std::jthread> threads_;
};

} // namespace guest
