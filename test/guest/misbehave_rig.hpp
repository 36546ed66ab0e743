// SPDX-License-Identifier: GPL-2.0
// Runs seeds through an attached misbehaving proxy and judges what the far ends saw.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "crowd.hpp"
#include "misbehave_plan.hpp"
#include "misbehave_ways.hpp"

namespace guest::misbehave {

struct Tally {
    std::atomic<std::uint64_t> seeds = 0;
    std::atomic<std::uint64_t> resets = 0; ///< connections that Libra may have reset
    std::atomic<std::uint64_t> blind = 0;  ///< connections that carried what nobody can see
    std::array<std::atomic<std::uint64_t>, way_count> ways{};
};

/// These lives, several at once.
void try_seeds(Family family, const std::vector<std::uint64_t>& seeds, Faults& faults,
               Tally& tally);

} // namespace guest::misbehave
