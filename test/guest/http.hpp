// SPDX-License-Identifier: GPL-2.0
// What a test asks for, and HTTP/1 framing for both of its ends: strict when it reads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pattern.hpp"
#include "wire.hpp"

namespace guest {

enum class Framing { none, length, chunked, close };
enum class Chunks { tiny, large, random };

/// A body: its content, and how its sender frames it.
struct Body {
    std::uint64_t size = 0;
    std::uint64_t seed = 1;
    Framing framing = Framing::length;
    Chunks chunks = Chunks::random;
    bool extensions = false; ///< chunk extensions and a trailer
};

/// How the origin answers; travels in the request's target.
struct Answer {
    Body body;
    int status = 200;
    bool early = false;                       ///< before the request's body is read
    bool leave_early = false;                 ///< the same, and close without reading it
    bool slow = false;                        ///< head and chunk lines a byte at a time
    std::size_t drip = 0;                     ///< payload in pieces of this size, with pauses
    std::optional<std::uint64_t> cut_after;   ///< FIN after so many bytes of body
    std::optional<std::uint64_t> reset_after; ///< RST after so many bytes of body
    std::string replay;                       ///< hex bytes that overwrite the body's start
    std::string token_header;                 ///< hex bytes that become a header's value
};

/// One request and the answer that it asks for.
struct Exchange {
    std::string method = "GET";
    int minor = 1; ///< HTTP/1.minor
    Answer answer;
    Body body{0, 2, Framing::none, Chunks::random, false}; ///< of the request
    bool expect_continue = false;
    bool close = false;
    std::string header; ///< one more header line
    WriteStyle write;
};

std::string target_of(const Answer& answer);
Answer answer_of(const std::string& target);

using Header = std::pair<std::string, std::string>; ///< name in lower case, value

struct Head {
    std::string first;
    std::vector<Header> headers;

    /// The value of the only header of this name; throws Malformed when there are two.
    std::optional<std::string> find(const std::string& name) const;
    std::optional<std::uint64_t> number(const std::string& name) const;
    bool has_token(const std::string& name, const std::string& token) const;
};

/// Nothing when the connection ended before the first byte of a head.
std::optional<Head> read_head(Wire& wire);

/// How a message's body is framed, by its head. `until_close`: what stands for no framing.
struct BodyFraming {
    Framing kind = Framing::none;
    std::uint64_t length = 0;
};
BodyFraming framing_of(const Head& head, Framing otherwise);

/// What came of a body.
struct BodyResult {
    std::uint64_t bytes = 0;
    bool complete = false;
    bool reset = false; ///< incomplete, by RST
    std::string wrong;  ///< the first thing that was not as sent
};

/// Reads a body to its end and compares every byte with the pattern.
/// `stop_after`: gives up reading after so many bytes (complete stays false).
BodyResult read_body(Wire& wire, const BodyFraming& framing, const Pattern& pattern,
                     std::optional<std::uint64_t> stop_after = std::nullopt);

/// The header lines that announce a body.
std::string framing_headers(const Body& body);

/// Sends `head` and the body behind it. `stop_after`: only so many bytes of the body.
void write_message(Wire& wire, const std::string& head, const Body& body, const WriteStyle& style,
                   std::optional<std::uint64_t> stop_after = std::nullopt,
                   const std::string& replay = {});

std::vector<std::byte> from_hex(const std::string& hex);
std::string to_hex(std::span<const std::byte> bytes);

} // namespace guest
