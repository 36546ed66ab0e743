// SPDX-License-Identifier: GPL-2.0
// What the misbehaving proxy does to which messages: follows from family and seed alone, so the
// proxy and the far ends, which know what must come of it, need not tell each other.
//
// Not in any plan, since the kernel cannot see it (docs/architecture.md): bytes that the proxy
// makes out of a body's, and pieces of a placeholder that are shorter than a marker interval.
// Where chance cuts such a piece nevertheless, the proxy says so ("blind") and the far end
// believes nothing from there on.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "misbehave_script.hpp"

namespace guest::misbehave {

enum class Family { reads, writes, copies, mangles, threads, processes, uring, ends };

const char* name_of(Family family);
std::optional<Family> family_named(const std::string& name);

/// Connections of the proxy: two to clients, two to origins.
inline constexpr int line_count = 4;
inline constexpr int client0 = 0;
inline constexpr int client1 = 1;
inline constexpr int origin0 = 2;
inline constexpr int origin1 = 3;

/// Bytes that the proxy sends: its own, or some that it received.
struct Part {
    std::string text;
    int line = -1; ///< received on this one
    std::uint64_t from = 0;
    std::uint64_t size = 0;
};

/// A message that a far end sends.
struct Incoming {
    std::uint64_t end = 0;         ///< in what the far end sends
    int after_line = -1;           ///< not before the far end of this line
    std::uint64_t after_bytes = 0; ///< has received so much
};

struct Line {
    bool used = false;
    Script in; ///< to the proxy
    std::vector<Incoming> messages;
    Script out;     ///< from the proxy
    int sndbuf = 0; ///< of the proxy's socket
    int rcvbuf = 0;
    int far_rcvbuf = 0;
    bool stops = false;                     ///< the far end says that it sends no more
    std::uint64_t close_after = UINT64_MAX; ///< the proxy closes it having sent so much
    std::uint64_t leave_after = UINT64_MAX; ///< the far end closes it having received so much
    std::uint64_t stop_after = UINT64_MAX;  ///< the far end closes it having sent so much
};

struct Output {
    int line = 0;
    std::vector<Part> parts;
    bool until_close = false; ///< nothing else tells where it ends
    std::uint64_t size() const;
};

/// One message on its way through: read up to `until`, write the outputs, which begin only when the
/// message has: nobody answers what was not asked yet.
struct Move {
    int lane = 0;
    int line = 0;
    std::uint64_t from = 0; ///< where the message begins
    std::uint64_t until = 0;
    std::vector<Output> outputs;
    bool streams = true;             ///< writes while it reads
    bool one_by_one = false;         ///< the outputs, not in turns
    bool until_close = false;        ///< it ends with its connection
    std::uint64_t unwanted = 0;      ///< bytes from here on are not even read,
    std::uint64_t unwanted_size = 0; ///< so many
};

struct Plan {
    Family family = Family::reads;
    std::uint64_t seed = 0;
    std::array<Line, line_count> lines;
    std::vector<Move> moves;
    bool may_reset = false; ///< Libra may kill connections rather than forward this
    bool mangles = false;   ///< bodies leave in other order, or not all of them
    bool cuts = false;      ///< writes are cut inside markers on purpose
    bool exotic = false;    ///< calls that make a stream opaque
    bool copies = false;    ///< bytes are copied in memory before they are sent
    bool discards = false;  ///< parts of bodies are not read, and not sent
    bool shared = false;    ///< memory is shared
    bool touched = true;    ///< memory was written to before it is read into
    bool ktls = false;      ///< below all connections: calls that tls refuses are left out
};

Plan make_plan(Family family, std::uint64_t seed);

} // namespace guest::misbehave
