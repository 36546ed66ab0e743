// SPDX-License-Identifier: GPL-2.0
// The demo's origin: nginx that serves files and keeps what is posted to it.
#pragma once

#include <string>
#include <vector>

#include "client.hpp"
#include "net.hpp"
#include "process.hpp"

namespace guest {

/// What it does on its https_port; `kernel`: kTLS, of TLS 1.2.
enum class OriginTls { none, user, kernel };

struct OriginOptions {
    OriginTls tls = OriginTls::none;
    /// Sends the pages of its files; else copies, as what comes from another host is.
    bool sendfile = true;
    std::string directory = "/tmp"; ///< where one of its own is made
};

class FileOrigin {
public:
    static constexpr std::uint16_t port = 9000;

    static constexpr std::uint16_t https_port = 9443;

    /// Serves /files/SIZE for each of these sizes, and takes what is posted to /take.
    FileOrigin(const Namespace& ns, const std::vector<std::uint64_t>& sizes,
               std::uint16_t listen = port, const OriginOptions& options = {});
    ~FileOrigin();

    pid_t pid() const { return daemon_.pid(); }
    /// The processes that hold connections.
    std::vector<pid_t> workers() const;

    /// The posted body that the answer speaks of, compared with what was sent and removed; empty
    /// when it is right.
    static std::string check_posted(const Exchange& what, const Reply& reply);

private:
    std::string directory_;
    Process daemon_;
};

} // namespace guest
