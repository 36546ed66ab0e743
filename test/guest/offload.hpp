// SPDX-License-Identifier: GPL-2.0
// A network card that does TLS, in the place of the loopback devices of namespaces made later.
#pragma once

#include "test_module.hpp"

namespace guest {

class Offload {
public:
    /// `encrypts`: for any peer, what is sent alone; else for one on the same device, both ways.
    /// Throws std::runtime_error when the module (lotls) cannot be loaded.
    explicit Offload(bool encrypts);

    /// How many directions of connections it works for no more.
    int let_go() const { return module_.parameter("let_go"); }
    /// How many packets it encrypted of which it had seen bytes before.
    int sent_again() const { return module_.parameter("sent_again"); }

private:
    TestModule module_;
};

} // namespace guest
