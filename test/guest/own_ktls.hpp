// SPDX-License-Identifier: GPL-2.0
// kTLS without a handshake: both ends of a connection have the same keys from the first byte, as
// in the kernel's own tests.
#pragma once

#include <cstdint>

namespace guest {

/// Over whatever this socket is, connected and not used yet. False: the peer has left already.
bool own_ktls(int fd);

/// One direction of it, TLS_TX or TLS_RX, as if so many records had passed. `version`: as in
/// linux/tls.h. What setsockopt() returns.
int own_key(int fd, int direction, std::uint16_t version, std::uint64_t records);
int ask_for_tls(int fd);

/// The same where LIBRA_TEST_KTLS=1 says so.
bool own_ktls_if_told(int fd);

} // namespace guest
