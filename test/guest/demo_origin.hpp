// SPDX-License-Identifier: GPL-2.0
// The demo's origin: nginx that serves files and keeps what is posted to it.
#pragma once

#include <string>
#include <vector>

#include "client.hpp"
#include "net.hpp"
#include "process.hpp"

namespace guest {

class FileOrigin {
public:
    static constexpr std::uint16_t port = 9000;

    /// Serves /files/SIZE for each of these sizes, and takes what is posted to /take.
    FileOrigin(const Namespace& ns, const std::vector<std::uint64_t>& sizes,
               std::uint16_t listen = port);
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
