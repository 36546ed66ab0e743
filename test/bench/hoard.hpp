// SPDX-License-Identifier: GPL-2.0
// Payload that a process receives and never sends on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "net.hpp"

namespace bench {

class Hoard {
public:
    /// Asks the origin there for a file with so many bytes, as often as it takes.
    Hoard(const guest::Namespace& ns, std::string address, std::uint16_t port,
          std::uint64_t file_bytes);

    /// Reads so many pieces of body, each by a call of its own into memory of its own: with Libra,
    /// a payload object each, but for what is copied. Throws as check() does.
    void grow(int pieces);

private:
    /// Asks, and reads the answer's head.
    void ask();

    const guest::Namespace& ns_;
    std::string address_;
    std::uint16_t port_;
    std::uint64_t file_bytes_;
    guest::Fd socket_;
    std::uint64_t left_ = 0; ///< of the body that is being read
    std::vector<std::vector<char>> memory_;
};

} // namespace bench
