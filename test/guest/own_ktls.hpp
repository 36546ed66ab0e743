// SPDX-License-Identifier: GPL-2.0
// kTLS without a handshake: both ends of a connection have the same keys from the first byte, as
// in the kernel's own tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace guest {

/// Over whatever this socket is, connected and not used yet. False: the peer has left already.
bool own_ktls(int fd);

/// One direction of it, TLS_TX or TLS_RX, as if so many records had passed. `version`: as in
/// linux/tls.h. What setsockopt() returns.
int own_key(int fd, int direction, std::uint16_t version, std::uint64_t records);
int ask_for_tls(int fd);
/// A record that is no data, over keys that are set: what sendmsg() returns.
ssize_t send_handshake(int fd, std::span<const unsigned char> bytes);

/// Renews the keys of TLS 1.3 as RFC 8446 has it: a KeyUpdate, and behind it the next keys.
/// What setsockopt() returns: 0, or EBUSY from a kernel that keeps to the first ones (before
/// 6.14). Throws std::runtime_error where the KeyUpdate is not sent, or something else comes.
int renew_tx(int fd);
int renew_rx(int fd);

/// A record of TLS 1.3 with own_key()'s key, as the sender's own library encrypts it: `number` of
/// them went before it, and so many zeros are behind what is in it (RFC 8446, 5.4).
std::string own_record(std::uint64_t number, std::string_view bytes, std::size_t padding);

/// own_ktls() where LIBRA_TEST_KTLS=1 says so.
bool own_ktls_if_told(int fd);

} // namespace guest
