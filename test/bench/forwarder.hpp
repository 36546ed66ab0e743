// SPDX-License-Identifier: GPL-2.0
// The floor: a forwarder that knows nothing of HTTP and moves bytes by splice(2).
#pragma once

#include <string>
#include <vector>

namespace bench {

/// What --forward PORT ADDRESS UPSTREAM_PORT does in the child: for one connection at a time, for
/// ever. Says "ready" when it listens.
int forward(const std::vector<std::string>& arguments);

} // namespace bench
