// SPDX-License-Identifier: GPL-2.0
// What came out of a proxy, cut into messages so that two runs can be compared: where a proxy puts
// its own chunks, and what time it is, may differ.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace guest::hostile {

enum class Heads { requests, responses };

struct Part {
    std::string head; ///< its lines, in all lists without the time of Date
    std::string body; ///< without the chunks' framing
    bool whole = false;
    std::size_t used = 0; ///< bytes of the stream
};

/// The message that begins here; proxies write well-formed ones only.
Part next_part(std::string_view bytes, Heads heads);
std::vector<Part> parts_of(std::string_view bytes, Heads heads);

enum class End { open, clean, reset };

/// One direction of a connection.
struct Stream {
    std::string bytes;
    End end = End::open;
};

/// What both ends of one proxy saw.
struct Seen {
    std::vector<Stream> clients; ///< what each client got
    std::vector<Stream> origins; ///< what the origin got, a connection each, in their order
};

struct Comparison {
    std::string fault;       ///< empty: the same, as far as it can be known
    std::uint64_t equal = 0; ///< messages that were the same
    std::uint64_t cut = 0;   ///< streams that one side did not get to the same end of
};

/// `shorter`: `with` may end early, but not differ before.
Comparison compare(const Seen& with, const Seen& without, bool shorter = false);

/// Printable, and not all of it.
std::string excerpt(std::string_view bytes, std::size_t most = 120);

} // namespace guest::hostile
