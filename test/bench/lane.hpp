// SPDX-License-Identifier: GPL-2.0
// A proxy on one of the paths that are compared, with a client's side and an origin of its own.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "demo_origin.hpp"
#include "libra.hpp"
#include "meter.hpp"
#include "proxy.hpp"
#include "requester.hpp"

namespace bench {

/// A proxy of the table: its key there, and its configuration (none: the L4 forwarder).
struct Contender {
    std::string name;
    std::optional<guest::ProxyConfig> config;
    std::vector<std::string> paths; ///< of copy, libra, splice
};

std::vector<Contender> contenders();

/// What one request cost, on average over a run.
struct Sample {
    std::uint64_t proxy_instructions = 0;
    std::uint64_t guest_instructions = 0;
    std::uint64_t copied_bytes = 0; ///< in and out, that the module counted
};

/// Libra's part: none at all, counting what is copied, or at work.
enum class Attached { no, observe, elide };

/// Throws when something of Libra is left; behind the last stop().
void check_nothing_left();

class Lane {
public:
    /// Starts all and compares a body of each size, byte for byte. Throws when one is wrong.
    Lane(const Contender& who, std::string path, Attached attached,
         const std::vector<std::uint64_t>& sizes);
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;
    ~Lane();

    const std::string& path() const { return path_; }
    /// So many requests over one connection, one after the other.
    Sample run(std::uint64_t body_bytes, int requests);
    void stop();

private:
    void start(const Contender& who);
    void attach(Attached attached);
    void compare(std::uint64_t size);
    std::vector<pid_t> processes() const;

    std::string path_;
    guest::Net net_;
    guest::FileOrigin origin_;
    std::unique_ptr<guest::Proxy> proxy_;
    guest::Process forwarder_;
    std::optional<guest::Attachment> attachment_;
    std::optional<Requester> requester_;
};

} // namespace bench
