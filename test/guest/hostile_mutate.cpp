// SPDX-License-Identifier: GPL-2.0
// What is made wrong in a message. Each entry is one of the shapes that some implementations have
// read in one way and some in another.
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "hostile_plan.hpp"

namespace guest::hostile {
namespace {

using Lines = std::vector<std::string>;

/// The line that announces the body, or a new one that would.
std::string& announcing(Draft& draft) {
    for (std::string& line : draft.lines) {
        if (line.starts_with("Content-Length:") || line.starts_with("Transfer-Encoding:")) {
            return line;
        }
    }
    return draft.lines.emplace_back("Content-Length: 0");
}

std::string value_of(const std::string& line) {
    return line.substr(line.find(':') + 2);
}

void insert(Draft& draft, Dice& dice, const std::string& line) {
    draft.lines.insert(draft.lines.begin() +
                           static_cast<std::ptrdiff_t>(dice.between(0, draft.lines.size())),
                       line);
}

template <std::size_t n>
std::string_view pick(Dice& dice, const std::array<std::string_view, n>& from) {
    return from.at(dice.between(0, n - 1));
}

std::string length_twice(Draft& draft, Dice& dice) {
    const std::string line = announcing(draft);
    insert(draft, dice, dice.between(0, 1) == 0 ? line : "Content-Length: 5");
    return "the length twice";
}

std::string length_and_chunks(Draft& draft, Dice& dice) {
    constexpr auto lengths = std::to_array<std::string_view>({"0", "4", "6", "30", "100000"});
    if (draft.framed == Framed::chunked) {
        insert(draft, dice, fmt::format("Content-Length: {}", pick(dice, lengths)));
        return "Content-Length beside chunks";
    }
    insert(draft, dice, "Transfer-Encoding: chunked");
    return "chunked beside a length";
}

std::string odd_length(Draft& draft, Dice& dice) {
    constexpr auto forms = std::to_array<std::string_view>({"+{}",
                                                            "-{}",
                                                            "0x{}",
                                                            "{}, {}",
                                                            "{},{}",
                                                            "{} {}",
                                                            "\"{}\"",
                                                            "{}.0",
                                                            "000000000000000{}",
                                                            "\t{}\t",
                                                            "{};",
                                                            "{}e0",
                                                            "",
                                                            "18446744073709551616",
                                                            "18446744073709551615",
                                                            "9223372036854775808",
                                                            "9223372036854775807",
                                                            "4611686018427387904",
                                                            "4294967296",
                                                            "99999999999999999999999999999999",
                                                            "\v{}",
                                                            "{}\x01"});
    std::string& line = announcing(draft);
    const std::string before =
        line.starts_with("Content-Length:") ? value_of(line) : std::string("10");
    const std::string_view form = pick(dice, forms);
    const std::string value = fmt::format(fmt::runtime(form), before, before);
    line = "Content-Length: " + value;
    return "Content-Length " + excerpt(value, 40);
}

std::string wrong_length(Draft& draft, Dice& dice) {
    std::string& line = announcing(draft);
    if (!line.starts_with("Content-Length:")) {
        return length_and_chunks(draft, dice);
    }
    const std::uint64_t size = draft.body.size();
    const std::uint64_t by = dice.between(1, 70);
    const std::uint64_t value = dice.between(0, 1) == 0 ? size + by : size - std::min(size, by);
    line = fmt::format("Content-Length: {}", value);
    return fmt::format("a length of {} for {}", value, size);
}

std::string odd_encoding(Draft& draft, Dice& dice) {
    constexpr auto lines = std::to_array<std::string_view>(
        {"Transfer-Encoding: identity, chunked",
         "Transfer-Encoding: chunked, identity",
         "Transfer-Encoding: xchunked",
         "Transfer-Encoding: Chunked",
         "Transfer-Encoding:chunked",
         "Transfer-Encoding:\tchunked",
         "Transfer-Encoding: \vchunked",
         "Transfer-Encoding: chunked;q=1",
         "Transfer-Encoding: \"chunked\"",
         "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
         "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
         "Transfer-Encoding: gzip, chunked",
         "Transfer-Encoding: chunked, chunked",
         "Transfer-Encoding: ,chunked",
         "Transfer-Encoding: chunked \t",
         "Transfer-encoding: identity",
         "Transfer_Encoding: chunked",
         "Transfer-Encoding : chunked",
         " Transfer-Encoding: chunked",
         "X: y\nTransfer-Encoding: chunked",
         "Transfer-Encoding:\r\n chunked",
         "X: y\rTransfer-Encoding: chunked",
         "Transfer-Encoding: chun\r\n ked",
         "Transfer-Encoding: ",
         "TRANSFER-ENCODING: CHUNKED"});
    const std::string_view line = pick(dice, lines);
    if (draft.framed == Framed::chunked && dice.between(0, 3) != 0) {
        announcing(draft) = line;
    } else {
        insert(draft, dice, std::string(line));
    }
    return excerpt(line);
}

std::string odd_field(Draft& draft, Dice& dice) {
    using namespace std::string_view_literals;
    constexpr auto lines = std::to_array<std::string_view>({"X-Fold: a\r\n b",
                                                            "X-Fold: a\r\n\tContent-Length: 3",
                                                            " X-First: a",
                                                            "X-Space : a",
                                                            "X-Nul: a\0b"sv,
                                                            "X-N\0l: a"sv,
                                                            "X-Cr: a\rb",
                                                            "X-Lf: a\nX-Lf: b",
                                                            "NoColon",
                                                            ": noname",
                                                            "X-Bell: \a",
                                                            "X-High: \xc3\xa9\xff",
                                                            "X_Under: a",
                                                            "X@At: a",
                                                            "X-Del: \x7f",
                                                            "Content-Length : 7",
                                                            "Content-Length\t: 7",
                                                            "Content_Length: 7",
                                                            "Content-Length:7 8",
                                                            "X: a\r\rContent-Length: 7",
                                                            "X: a\n\rContent-Length: 7",
                                                            "\tX: a",
                                                            "Connection: Content-Length",
                                                            "Connection: close, Transfer-Encoding",
                                                            "Connection: keep-alive",
                                                            "Connection: close",
                                                            "Expect: 100-continue",
                                                            "Trailer: Content-Length",
                                                            "TE: trailers",
                                                            "Keep-Alive: timeout=5",
                                                            "Upgrade: h2c\r\nConnection: upgrade",
                                                            "Host: second.test",
                                                            "X-Empty:",
                                                            "X: \x80"});
    const std::string_view line = pick(dice, lines);
    insert(draft, dice, std::string(line));
    return excerpt(line);
}

std::string odd_announcement(Draft& draft, Dice& dice) {
    std::string& line = announcing(draft);
    const std::size_t colon = line.find(':');
    switch (dice.between(0, 6)) {
    case 0:
        line.insert(colon, " ");
        break;
    case 1:
        line.insert(colon + 1, "\r\n");
        break;
    case 2:
        line.insert(0, " ");
        break;
    case 3:
        line.insert(0, "X: a\n");
        break;
    case 4:
        line += "\nX-Behind: a";
        break;
    case 5:
        line.insert(dice.between(1, line.size() - 1), 1, '\0');
        break;
    default:
        line += std::string(dice.between(1, 3), ' ') + "\t";
        break;
    }
    return excerpt(line);
}

std::string odd_start(Draft& draft, Dice& dice) {
    const std::string was = draft.start;
    switch (dice.between(0, 9)) {
    case 0:
        draft.eol = "\n";
        break;
    case 1:
        draft.before += dice.between(0, 1) == 0 ? "\r\n" : "\n";
        break;
    case 2:
        draft.before += "\r\n\r\n\r\n";
        break;
    case 3: {
        constexpr auto versions = std::to_array<std::string_view>(
            {"1.0", "1.2", "2.0", "0.9", "1.10", "11", "1.", "1.1 "});
        const std::size_t at = draft.start.find("HTTP/") + 5;
        draft.start.replace(at, 3, pick(dice, versions));
        break;
    }
    case 4:
        draft.start.insert(draft.start.find(' '), dice.between(0, 1) == 0 ? " " : "\t");
        break;
    case 5:
        draft.start.insert(dice.between(0, draft.start.size()), 1,
                           dice.between(0, 1) == 0 ? '\0' : '\r');
        break;
    case 6:
        draft.start = draft.response ? "HTTP/1.1 100 Continue" : "GET /r0";
        break;
    case 7:
        if (draft.response) {
            draft.start = pick(dice, std::to_array<std::string_view>(
                                         {"HTTP/1.1 204 No", "HTTP/1.1 304 No", "HTTP/1.1 200",
                                          "HTTP/1.1 99 Low", "HTTP/1.1 600 High", "HTTP/1.1 2000 K",
                                          "HTTP/1.1 101 Switching", "HTTP/1.1 103 Hints"}));
        } else {
            draft.start.replace(0, draft.start.find(' '),
                                pick(dice, std::to_array<std::string_view>(
                                               {"post", "CONNECT", "P@ST", "HEAD", "TRACE",
                                                "VERYLONGMETHODNAMETHATNOBODYKNOWS"})));
        }
        break;
    case 8:
        draft.start += " ";
        break;
    default:
        draft.start.replace(draft.start.find("HTTP"), 4, "http");
        break;
    }
    return excerpt(draft.before + draft.start + draft.eol) + " for " + excerpt(was);
}

std::string odd_size(Draft& draft, Dice& dice) {
    constexpr auto forms = std::to_array<std::string_view>({"0x{}",
                                                            "+{}",
                                                            "-{}",
                                                            " {}",
                                                            "{} ",
                                                            "\t{}",
                                                            "{}\t",
                                                            "0000000{}",
                                                            "00000000000000000000{}",
                                                            "{};a=b",
                                                            "{};a=\"b;c\"",
                                                            "{} ;a",
                                                            "{};",
                                                            "{};a=\"\\\"",
                                                            "1{}",
                                                            "f{}",
                                                            "fffffffffffffff0",
                                                            "ffffffffffffffffff",
                                                            "10000000000000000{}",
                                                            "8000000000000000",
                                                            "",
                                                            "g",
                                                            "{}\rx",
                                                            "{};\x01",
                                                            "{}\n;a"});
    if (draft.chunks.empty()) {
        return odd_length(draft, dice);
    }
    Chunk& chunk = draft.chunks.at(dice.between(0, draft.chunks.size() - 1));
    chunk.size = fmt::format(fmt::runtime(pick(dice, forms)), chunk.size);
    return "chunk size " + excerpt(chunk.size, 40);
}

std::string odd_chunk(Draft& draft, Dice& dice) {
    if (draft.chunks.empty()) {
        return wrong_length(draft, dice);
    }
    Chunk& chunk = draft.chunks.at(dice.between(0, draft.chunks.size() - 1));
    switch (dice.between(0, 8)) {
    case 0:
        chunk.eol = "\n";
        return "a chunk's line ends with LF";
    case 1:
        chunk.end = "\n";
        return "a chunk ends with LF";
    case 2:
        chunk.end.clear();
        return "nothing behind a chunk";
    case 3:
        chunk.end = "\r\n\r\n";
        return "an empty line behind a chunk";
    case 4:
        chunk.data += 'x';
        return "a chunk longer than said";
    case 5:
        chunk.data.pop_back();
        return "a chunk shorter than said";
    case 6:
        chunk.size += ";ext=" + std::string(dice.between(1, 9000), 'e');
        return "a long chunk extension";
    case 7:
        chunk.size += ";x\n0";
        return "LF in a chunk extension";
    default:
        chunk.end = "\rx";
        return "CR x behind a chunk";
    }
}

std::string odd_last(Draft& draft, Dice& dice) {
    constexpr auto ends = std::to_array<std::string_view>(
        {"", "0\r\n", "0\n\n", "0\r\n\n", "00\r\n\r\n", "0\r\nX-Trailer: a\r\n\r\n",
         "0\r\nContent-Length: 9\r\n\r\n", "0\r\nTransfer-Encoding: chunked\r\n\r\n",
         "0;ext\r\n\r\n", "0 \r\n\r\n", "-0\r\n\r\n", "0\r\nNoColon\r\n\r\n",
         "0\r\n folded\r\n\r\n", "0\r\nX: a\n\r\n", "0x0\r\n\r\n", "0\r\n\r\n\r\n",
         "0000000000000000000000\r\n\r\n", "0\r\nX: a\r\n b\r\n\r\n", "\r\n0\r\n\r\n"});
    if (draft.framed != Framed::chunked) {
        return odd_length(draft, dice);
    }
    draft.last = pick(dice, ends);
    return "last chunk " + excerpt(draft.last);
}

std::string body_without(Draft& draft, Dice& dice) {
    draft.body += dice.between(0, 1) == 0 ? "GET /r0 HTTP/1.1\r\nHost: x\r\n\r\n"
                                          : noise(dice.next(), dice.between(1, 5000), dice);
    return "more body than announced";
}

std::string large_head(Draft& draft, Dice& dice) {
    const std::size_t size = dice.between(4000, 70000);
    if (dice.between(0, 1) == 0) {
        insert(draft, dice, "X-Large: " + std::string(size, 'l'));
    } else {
        for (std::size_t i = 0; i < size / 500; ++i) {
            draft.lines.push_back(fmt::format("X-Many-{}: m", i));
        }
    }
    return fmt::format("a head of {}", size);
}

constexpr std::array mutations = {length_twice, length_and_chunks, odd_length, wrong_length,
                                  odd_encoding, odd_encoding,      odd_field,  odd_field,
                                  odd_field,    odd_announcement,  odd_start,  odd_start,
                                  odd_size,     odd_size,          odd_chunk,  odd_chunk,
                                  odd_last,     body_without,      large_head};

} // namespace

std::string mutate(Draft& draft, Dice& dice) {
    return mutations.at(dice.between(0, mutations.size() - 1))(draft, dice);
}

} // namespace guest::hostile
