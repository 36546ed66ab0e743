// SPDX-License-Identifier: GPL-2.0
// What is told of a hang: in continuous integration nobody can look into the guest.
#pragma once

#include <string>

namespace guest {

/// `what` hangs; where each thread of each child waits, and what the sockets of all network
/// namespaces that this process knows hold. Some ten lines a child; never throws for lack of /proc.
std::string describe_hang(const std::string& what);

} // namespace guest
