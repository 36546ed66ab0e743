// SPDX-License-Identifier: GPL-2.0
// Another attached process, whose markers nobody else may send.
#pragma once

#include <cstddef>
#include <string>

#include "libra.hpp"
#include "net.hpp"
#include "origin.hpp"
#include "toy.hpp"

namespace guest {

constexpr std::size_t marker_size = 32;

/// A relay in a network of its own. Not with LIBRA_TEST_PLAIN=1: it waits for a marker.
class Elsewhere {
public:
    Elsewhere();

    /// The last that it saw.
    const std::string& marker() const { return marker_; }
    void stop();

private:
    Net net_;
    Origin origin_;
    Toy toy_;
    Attachment attachment_;
    std::string marker_;
};

} // namespace guest
