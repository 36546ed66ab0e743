// SPDX-License-Identifier: GPL-2.0
#include "hostile_split.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace guest::hostile {
namespace {

constexpr std::string_view crlf = "\r\n";

bool begins(std::string_view text, std::string_view with) {
    return text.size() >= with.size() &&
           std::equal(with.begin(), with.end(), text.begin(), [](char a, char b) {
               return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b | 0x20) : b);
           });
}

struct Framed {
    std::string head;
    std::optional<std::uint64_t> length;
    bool chunked = false;
    bool until_close = false;
};

Framed read_lines(std::string_view head, Heads heads) {
    Framed framed;
    bool first = true;
    while (!head.empty()) {
        const std::size_t end = head.find(crlf);
        const std::string_view line = head.substr(0, end);
        head.remove_prefix(end == std::string_view::npos ? head.size() : end + 2);
        if (!first && begins(line, "content-length: ")) {
            std::uint64_t value = 0;
            std::from_chars(line.data() + 16, line.data() + line.size(), value);
            framed.length = value;
        }
        framed.chunked |= !first && begins(line, "transfer-encoding: chunked");
        if (first && heads == Heads::responses) {
            const std::string_view status = line.substr(std::min<std::size_t>(9, line.size()), 3);
            framed.until_close = !status.starts_with('1') && status != "204" && status != "304";
        }
        framed.head.append(line).append("\n");
        first = false;
    }
    framed.until_close &= !framed.chunked && !framed.length;
    return framed;
}

/// Chunks into `part`; false when they do not come to their end.
bool read_chunks(std::string_view rest, Part& part) {
    for (;;) {
        const std::size_t eol = rest.find(crlf);
        std::uint64_t size = 0;
        if (eol == std::string_view::npos ||
            std::from_chars(rest.data(), rest.data() + eol, size, 16).ec != std::errc{}) {
            part.used += rest.size();
            return false;
        }
        std::size_t end = eol + 2;
        if (size == 0) {
            // trailers, each a line, up to an empty one
            for (;;) {
                const std::size_t next = rest.find(crlf, end);
                if (next == std::string_view::npos) {
                    part.used += rest.size();
                    return false;
                }
                if (next == end) {
                    part.used += end + 2;
                    return true;
                }
                part.body.append("\n").append(rest.substr(end, next - end));
                end = next + 2;
            }
        }
        part.body.append(rest.substr(end, size));
        if (rest.size() - end < size + 2) {
            part.used += rest.size();
            return false;
        }
        part.used += end + size + 2;
        rest.remove_prefix(end + size + 2);
    }
}

bool lossy(const std::vector<Part>& parts, End end) {
    return end != End::clean || (!parts.empty() && !parts.back().whole);
}

bool same(const Part& a, const Part& b) {
    return a.whole == b.whole && a.head == b.head && a.body == b.body;
}

/// `part` is, as far as it goes, what `of` is.
bool prefix(const Part& part, const Part& of) {
    return part.head == of.head
               ? of.body.starts_with(part.body)
               : part.body.empty() && !part.whole && of.head.starts_with(part.head);
}

/// One stream of both runs, or all that went to the origin.
struct Side {
    std::vector<Part> parts;
    End end = End::clean;
};

void compare(const Side& with, const Side& without, Heads heads, bool shorter,
             const std::string& where, Comparison& result) {
    const std::vector<Part>& a = with.parts;
    const std::vector<Part>& b = without.parts;
    std::size_t i = 0;
    while (i < a.size() && i < b.size() && same(a[i], b[i])) {
        ++i;
    }
    result.equal += i;
    if (i == a.size() && i == b.size()) {
        result.cut += with.end != without.end ? 1 : 0;
        return;
    }
    // One of them ended before it was done: as far as it goes, it has to be the same.
    const auto stops_in = [i](const std::vector<Part>& x, const std::vector<Part>& y) {
        return i == x.size() || (i + 1 == x.size() && i < y.size() && prefix(x[i], y[i]));
    };
    // What never was a whole request may have been given up before it was sent on.
    const auto never_whole = [&](const std::vector<Part>& x, const std::vector<Part>& y) {
        return heads == Heads::requests && i == x.size() && i + 1 == y.size() && !y[i].whole;
    };
    const bool stopped = (stops_in(a, b) && (shorter || lossy(a, with.end))) ||
                         (!shorter && stops_in(b, a) && lossy(b, without.end)) ||
                         never_whole(a, b) || never_whole(b, a);
    if (stopped) {
        ++result.cut;
        return;
    }
    const auto text = [i](const std::vector<Part>& parts) {
        return i < parts.size() ? parts[i].head + "\n" + parts[i].body : std::string();
    };
    const std::string one = text(a);
    const std::string other = text(b);
    const auto at = static_cast<std::size_t>(
        std::mismatch(one.begin(), one.end(), other.begin(), other.end()).first - one.begin());
    const auto show = [i, at](const std::vector<Part>& parts, const std::string& all, End end) {
        if (i >= parts.size()) {
            return fmt::format("nothing more, {}", end == End::clean ? "end" : "cut");
        }
        return fmt::format("{}{} and {} bytes, from {} on {}", parts[i].whole ? "" : "a part of ",
                           excerpt(parts[i].head), parts[i].body.size(), at,
                           excerpt(std::string_view(all).substr(at), 40));
    };
    if (result.fault.empty()) {
        result.fault = fmt::format("{}, message {}: with Libra {}; without {}", where, i,
                                   show(a, one, with.end), show(b, other, without.end));
    }
}

/// Which of its connections a proxy uses again may be luck; what it asks for, and when, is not.
Side all_of(const std::vector<Stream>& streams) {
    Side side;
    for (const Stream& stream : streams) {
        for (Part& part : parts_of(stream.bytes, Heads::requests)) {
            side.parts.push_back(std::move(part));
        }
        side.end = stream.end == End::clean ? side.end : stream.end;
    }
    return side;
}

/// HAProxy has two ways to write the same error.
void forget_details(Part& part) {
    part.head.resize(std::min(part.head.size(), part.head.find('\n')));
    part.body.clear();
}

} // namespace

Part next_part(std::string_view bytes, Heads heads) {
    Part part;
    const std::size_t empty = bytes.find("\r\n\r\n");
    if (empty == std::string_view::npos) {
        part.head = read_lines(bytes, heads).head;
        part.used = bytes.size();
        return part;
    }
    const Framed framed = read_lines(bytes.substr(0, empty), heads);
    part.head = framed.head;
    part.used = empty + 4;
    const std::string_view rest = bytes.substr(part.used);
    // An answer to HEAD announces a body that does not come; bodies of tests never begin so.
    if (heads == Heads::responses && (rest.starts_with("HTTP/1.") || rest.empty())) {
        part.whole = rest.starts_with("HTTP/1.") || (!framed.chunked && framed.length == 0) ||
                     framed.until_close;
        return part;
    }
    if (framed.chunked) {
        part.whole = read_chunks(rest, part);
    } else if (framed.until_close) {
        part.body = rest;
        part.used = bytes.size();
        part.whole = true;
    } else {
        part.body = rest.substr(0, framed.length.value_or(0));
        part.used += part.body.size();
        part.whole = part.body.size() == framed.length.value_or(0);
    }
    return part;
}

std::vector<Part> parts_of(std::string_view stream, Heads heads) {
    // before anything is cut: where a body is shorter than its head says, heads are in it
    constexpr std::string_view date = "\r\nDate: ";
    constexpr std::size_t date_size = 29;
    std::string without_dates(stream);
    for (std::size_t at = without_dates.find(date); at != std::string::npos;
         at = without_dates.find(date, at + 1)) {
        const std::size_t from = at + date.size();
        const std::size_t size = std::min(date_size, without_dates.size() - from);
        without_dates.replace(from, size, size, 'd');
    }
    std::string_view bytes = without_dates;
    std::vector<Part> parts;
    while (!bytes.empty()) {
        parts.push_back(next_part(bytes, heads));
        bytes.remove_prefix(parts.back().used);
        if (parts.back().head.starts_with("HTTP/1.1 4") ||
            parts.back().head.starts_with("HTTP/1.1 5")) {
            forget_details(parts.back());
        }
    }
    return parts;
}

Comparison compare(const Seen& with, const Seen& without, bool shorter) {
    Comparison result;
    static const Stream none{{}, End::reset};
    for (std::size_t i = 0; i < std::max(with.clients.size(), without.clients.size()); ++i) {
        const Stream& a = i < with.clients.size() ? with.clients[i] : none;
        const Stream& b = i < without.clients.size() ? without.clients[i] : none;
        compare({parts_of(a.bytes, Heads::responses), a.end},
                {parts_of(b.bytes, Heads::responses), b.end}, Heads::responses, shorter,
                fmt::format("client {}", i), result);
    }
    compare(all_of(with.origins), all_of(without.origins), Heads::requests, shorter, "origin",
            result);
    return result;
}

std::string excerpt(std::string_view bytes, std::size_t most) {
    std::string text = "\"";
    for (const char c : bytes.substr(0, most)) {
        if (c == '\n' || c == '\r') {
            text += c == '\n' ? "\\n" : "\\r";
        } else if (c < ' ' || c > '~') {
            text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        } else {
            text += c;
        }
    }
    return text + (bytes.size() > most ? "...\"" : "\"");
}

} // namespace guest::hostile
