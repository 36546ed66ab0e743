// SPDX-License-Identifier: GPL-2.0
// Programs of others as HTTPS clients of the proxy.
#pragma once

#include <string>

#include "rig.hpp"

namespace guest {

/// A file of this test program, in a directory that exists.
std::string scratch(const char* name);

/// Fetches with curl and compares; empty when every byte is right.
std::string fetch_https(const Rig& rig, const Exchange& what);

/// `openssl s_client`, connected, in whose standard input requests go.
Process start_s_client(const Rig& rig);

/// wrk for so many seconds; empty when each answer was whole and a success.
std::string load_https(const Rig& rig, const Exchange& what, int seconds);

} // namespace guest
