// SPDX-License-Identifier: GPL-2.0
// A network card that does TLS, in the place of the loopback devices of namespaces made later.
#pragma once

namespace guest {

class Offload {
public:
    /// `encrypts`: for any peer, what is sent alone; else for one on the same device, both ways.
    /// Throws std::runtime_error when the module (test/guest/offload) cannot be loaded.
    explicit Offload(bool encrypts);
    Offload(const Offload&) = delete;
    Offload& operator=(const Offload&) = delete;
    /// Ends the program when it cannot be unloaded.
    ~Offload();

    /// How many directions of connections it works for no more.
    int let_go() const;
    /// How many packets it encrypted of which it had seen bytes before.
    int sent_again() const;
};

} // namespace guest
