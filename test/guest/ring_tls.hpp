// SPDX-License-Identifier: GPL-2.0
// A socket that a ring of io_uring has, whose calls take no reference of their own.
#pragma once

#include <chrono>
#include <span>

#include "fd.hpp"

namespace guest {

/// One worker of the ring asks for TLS, as setsockopt() does; after a `turn` another one sends
/// `bytes`. What the send returned: bytes, or a negative errno. Throws std::system_error.
int send_while_ring_asks_for_tls(int socket, std::span<const char> bytes,
                                 std::chrono::milliseconds turn);
/// The same where only the ring has the socket; the connection ends with it.
int send_while_ring_asks_for_tls(Fd socket, std::span<const char> bytes,
                                 std::chrono::milliseconds turn);

} // namespace guest
