// SPDX-License-Identifier: GPL-2.0
// Pairs of sockets that the kernel joins by a BPF program (sockmap.bpf.c).
#pragma once

#include <memory>

struct bpf_object;

namespace bench {

class Sockmap {
public:
    /// Loads sockmap.bpf.o, which lies beside this program. Throws std::system_error.
    Sockmap();

    /// Forwards between the two until one of them ends.
    void serve(int client, int upstream) const;

private:
    struct Close {
        void operator()(bpf_object* object) const;
    };

    std::unique_ptr<bpf_object, Close> object_;
    int peers_ = -1; ///< the map, the object's
};

} // namespace bench
