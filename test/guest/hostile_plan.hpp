// SPDX-License-Identifier: GPL-2.0
// A seed's messages: requests on one connection and the origin's answers, right ones and such
// that break the grammar of heads, of lengths, of chunks and of line ends.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hostile_lane.hpp"
#include "pattern.hpp"

namespace guest::hostile {

struct Chunk {
    std::string size; ///< its line
    std::string eol = "\r\n";
    std::string data;
    std::string end = "\r\n";
};

enum class Framed { none, length, chunked, until_close };

/// A message that is not put together yet, so that something can be wrong in it.
struct Draft {
    bool response = false;
    std::string before; ///< the start line
    std::string start;
    std::string eol = "\r\n"; ///< of the start line
    std::vector<std::string> lines;
    Framed framed = Framed::none;
    std::string body; ///< with a length, or until the end
    std::vector<Chunk> chunks;
    std::string last = "0\r\n\r\n"; ///< chunk, with trailers

    std::string bytes() const;
};

/// Makes one thing wrong, or at least odd, and says what.
std::string mutate(Draft& draft, Dice& dice);

struct Plan {
    std::uint64_t seed = 0;
    std::vector<std::string> requests;
    std::vector<Reply> replies;
    bool stepwise = false;         ///< each request when the last one was answered; else at once
    std::vector<std::size_t> cuts; ///< of what is sent at once: lengths of the pieces
    std::string odd;               ///< what is, for people
    std::uint64_t large = 0;       ///< bytes of large bodies in messages that are right
};

Plan make_plan(std::uint64_t seed);

Seen run_plan(Lane& lane, const Plan& plan);

/// What a variable of LIBRA_TEST_* says.
std::uint64_t number_from(const char* name, std::uint64_t otherwise);

/// A body of this size: noise, and in it what looks like heads and chunks.
std::string noise(std::uint64_t seed, std::size_t size, Dice& dice);

} // namespace guest::hostile
