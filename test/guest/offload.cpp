// SPDX-License-Identifier: GPL-2.0
#include "offload.hpp"

#include "proxy.hpp"

namespace guest {
namespace {

/// Which a device does part of, and has to be there first.
const char* with_tls(bool encrypts) {
    load_tls();
    return encrypts ? "encrypt=1" : "encrypt=0";
}

} // namespace

Offload::Offload(bool encrypts)
    : module_("lotls", {with_tls(encrypts)}) {}

} // namespace guest
