// SPDX-License-Identifier: GPL-2.0
// A proxy on one of the paths that are compared, with a client's side and an origin of its own.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "demo_origin.hpp"
#include "libra.hpp"
#include "meter.hpp"
#include "proxy.hpp"
#include "requester.hpp"
#include "wire.hpp"

namespace bench {

/// What answers the client.
enum class Kind { proxy, splicer, sockmap, relay, files };

/// A line of the table: its key there, and for a proxy its configuration.
struct Contender {
    std::string name;
    Kind kind = Kind::proxy;
    guest::ProxyConfig config;
    std::vector<std::string> paths; ///< of copy, libra, splice
    bool on_request = false;        ///< only when it is named
    bool device = false;   ///< all are on one device, which does TLS for all of them (offload.hpp)
    std::string disk = {}; ///< where files of its own lie; empty: anywhere
};

/// What is asked for.
struct Shape {
    std::string method = "GET"; ///< or POST, with the body in the request
    int connections = 1;        ///< at once, each with one request after the other
    std::uint64_t body_bytes = 0;
};

std::vector<Contender> contenders();

/// What one request cost, on average over a run.
struct Sample {
    std::uint64_t proxy_instructions = 0;
    std::uint64_t guest_instructions = 0;
};

/// What else of one request is counted, in a run of its own: counting costs instructions.
struct Counts {
    std::uint64_t copied_bytes = 0; ///< in and out, that the module counted
    double syscalls = 0;            ///< of the proxy
    double context_switches = 0;    ///< of the proxy's threads, voluntary and not
    /// Bytes that Libra pinned at most for the proxy since that started, not for one request.
    std::uint64_t retained_peak = 0;
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
    /// So many requests, the same number over each connection.
    Sample run(const Shape& shape, int requests);
    Counts count(const Shape& shape, int requests);
    /// The requests of run() alone; how many they were.
    std::uint64_t drive(const Shape& shape, int requests);
    /// What `work` costs, which asks over connections of its own.
    Spent measure(const std::function<void()>& work) const;
    /// Connections of the client's, for others than run().
    std::vector<guest::Fd> connect(int count, const guest::ConnectOptions& options = {}) const;
    /// Has a relay receive so many pieces of files with so many bytes, and never send them on.
    void hoard(int pieces, std::uint64_t file_bytes);
    /// Those that do the proxy's work.
    std::vector<pid_t> processes() const;
    /// Libra's view of the proxy's processes.
    std::vector<::libra::Domain> domains() const;
    void stop();

private:
    void start(const Contender& who, const std::vector<std::uint64_t>& sizes);
    void attach(Attached attached);
    /// What the client does.
    std::optional<guest::TlsRole> client_role() const;
    std::uint16_t port() const;
    void compare(const Contender& who, std::uint64_t size);
    void ask(std::size_t connection, const Shape& shape, int requests);
    /// Connects as often as the shape needs it; requests for each connection.
    int prepare(const Shape& shape, int requests);
    void ask_all(const Shape& shape, int rounds);

    Kind kind_;
    bool device_;
    std::string path_;
    guest::Net net_;
    guest::FileOrigin origin_;
    std::unique_ptr<guest::Proxy> proxy_;
    guest::Process forwarder_;
    std::optional<guest::FileOrigin> files_;
    std::optional<guest::Attachment> attachment_;
    std::vector<Requester> requesters_;
};

} // namespace bench
