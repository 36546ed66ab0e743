// SPDX-License-Identifier: GPL-2.0
// Failing allocations and user copies, by the kernel's fault injection
// (Documentation/fault-injection): only kernels built for it have that, as the one of
// scripts/debug-kernel.
#pragma once

#include <optional>
#include <string>

#include "fd.hpp"

namespace guest {

/// Before the first fault. Only allocations and user copies that have the module's code on their
/// stack will fail, quietly.
void prepare_faults();

/// The calling thread's nth possible failure from here on happens.
class NthFault {
public:
    explicit NthFault(unsigned nth);
    NthFault(const NthFault&) = delete;
    NthFault& operator=(const NthFault&) = delete;
    ~NthFault();

    /// Ends it: whether it came to that.
    bool injected();

private:
    Fd file_;
};

/// Allocations of the module fail in `percent` of all cases, in any thread, as long as this lives.
class RandomFaults {
public:
    explicit RandomFaults(unsigned percent);
    RandomFaults(const RandomFaults&) = delete;
    RandomFaults& operator=(const RandomFaults&) = delete;
    ~RandomFaults();
};

} // namespace guest
