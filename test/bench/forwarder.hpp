// SPDX-License-Identifier: GPL-2.0
// The floor: a forwarder that knows nothing of HTTP and moves bytes by splice(2) or has a sockmap
// move them. And one that copies, to be told to keep payload (Hoard).
#pragma once

#include <string>
#include <vector>

namespace bench {

/// What --forward splice|sockmap|relay PORT ADDRESS UPSTREAM_PORT does in the child: for ever, a
/// thread a connection. Says "ready" when it listens.
int forward(const std::vector<std::string>& arguments);

} // namespace bench
