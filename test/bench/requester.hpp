// SPDX-License-Identifier: GPL-2.0
// A client that costs little: it asks, and throws away what comes.
#pragma once

#include <cstdint>
#include <string>

#include "net.hpp"

namespace bench {

class Requester {
public:
    /// Connects from `ns`; the connection is kept. Throws std::system_error.
    Requester(const guest::Namespace& ns, const std::string& address, std::uint16_t port);

    /// Asks for a file of the origin with this many bytes. Throws std::runtime_error when the
    /// answer is another one or not whole.
    void get(std::uint64_t bytes);

private:
    guest::Fd socket_;
};

} // namespace bench
