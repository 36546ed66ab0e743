// SPDX-License-Identifier: GPL-2.0
// The far ends of the misbehaving proxy: they send what a plan says and compare every byte that
// comes. One thread serves all connections of a seed.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "fd.hpp"
#include "misbehave_plan.hpp"

namespace guest::misbehave {

/// What a far end saw of its connection.
struct Seen {
    std::uint64_t received = 0;
    bool ended = false;               ///< by a FIN
    bool reset = false;               ///< by a RST
    bool left = false;                ///< by plan, from here
    std::uint64_t wrong = UINT64_MAX; ///< the first byte that was not as planned
};

class Ends {
public:
    Ends(const Plan& plan, std::array<Fd, line_count> sockets);

    /// Until all connections are over; false if they hang.
    bool run();
    const Seen& seen(int line) const { return seen_.at(static_cast<std::size_t>(line)); }

private:
    bool over(std::size_t i) const;
    bool may_send(std::size_t i) const;
    void receive(std::size_t i);
    void send(std::size_t i);
    void leave(std::size_t i);

    const Plan& plan_;
    std::array<Fd, line_count> sockets_;
    std::array<Seen, line_count> seen_;
    std::array<std::uint64_t, line_count> sent_{};
    Dice dice_;
};

} // namespace guest::misbehave
