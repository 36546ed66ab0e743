// SPDX-License-Identifier: GPL-2.0
// A socket that only a ring of io_uring has: no descriptor, and no reference for each call.
#pragma once

#include <chrono>
#include <span>

#include "fd.hpp"

namespace guest {

/// One worker of the ring asks for TLS, as setsockopt() does; after a `turn` another one sends
/// `bytes`. The connection ends with the ring. What the send returned: bytes, or a negative errno.
/// Throws std::system_error.
int send_while_ring_asks_for_tls(Fd socket, std::span<const char> bytes,
                                 std::chrono::milliseconds turn);

} // namespace guest
