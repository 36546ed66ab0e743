// SPDX-License-Identifier: GPL-2.0
#include "misbehave_plan.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "proxy.hpp"

namespace guest::misbehave {
namespace {

constexpr std::array<const char*, 8> family_names = {"reads",   "writes",    "copies", "mangles",
                                                     "threads", "processes", "uring",  "ends"};

/// A run of body among what a line receives.
struct Range {
    std::uint64_t from;
    std::uint64_t size;
};

/// A message as it comes in.
struct Message {
    std::uint64_t begin = 0; ///< with its head
    std::uint64_t end = 0;
    std::vector<Range> body;
    bool until_close = false;
};

enum class Framing { none, sized, until_close };

class Planner {
public:
    Planner(Family family, std::uint64_t seed)
        : dice_(seed * family_names.size() + static_cast<std::uint64_t>(family)) {
        plan_.family = family;
        plan_.seed = seed;
    }

    Plan make() {
        choose();
        const auto exchanges = dice_.between(1, plan_.family == Family::threads ? 4 : 2);
        for (std::uint64_t i = 0; i < exchanges; ++i) {
            // the last one: another connection would be needed for more
            exchange(i == exchanges - 1 && !plan_.mangles && chance(20));
        }
        if (plan_.family == Family::ends) {
            choose_ends();
        }
        return std::move(plan_);
    }

private:
    bool chance(unsigned percent) { return dice_.between(1, 100) <= percent; }

    void choose() {
        const Family family = plan_.family;
        plan_.mangles = family == Family::mangles;
        plan_.copies = family == Family::copies || (plan_.mangles && chance(50));
        plan_.cuts = family == Family::writes && chance(25);
        plan_.ktls = told_ktls();
        plan_.exotic = family == Family::reads && chance(15) && !plan_.ktls;
        plan_.discards = family == Family::reads && chance(15) && !plan_.ktls;
        plan_.shared = chance(family == Family::processes ? 50 : 10);
        plan_.touched = plan_.mangles || chance(75);
        plan_.may_reset = plan_.mangles || plan_.cuts || plan_.exotic ||
                          family == Family::processes || family == Family::ends;
        // with two lanes a second client's request may be read after the answer to it is sent
        tee_ = family != Family::threads &&
               chance(family == Family::copies || plan_.mangles ? 50 : 10);
        pipelined_ = family == Family::threads || chance(20);
        for (Line& line : plan_.lines) {
            line.sndbuf = chance(30) ? static_cast<int>(dice_.between(4, 64) * 1024) : 0;
            line.rcvbuf = chance(20) ? static_cast<int>(dice_.between(4, 128) * 1024) : 0;
            line.far_rcvbuf = chance(20) ? static_cast<int>(dice_.between(4, 64) * 1024) : 0;
        }
        plan_.lines[client0].used = true;
        plan_.lines[origin0].used = true;
        plan_.lines[client1].used = tee_;
        plan_.lines[origin1].used = tee_;
    }

    std::uint64_t body_size() {
        const auto kind = dice_.between(1, 10);
        if (kind == 1) {
            return dice_.between(0, 100);
        }
        if (kind <= 3) {
            return dice_.between(1, 20'000);
        }
        return kind <= 8 ? dice_.between(16'384, 80'000) : dice_.between(60'000, 250'000);
    }

    /// Cuts [0, size) at random places: where each piece ends.
    std::vector<std::uint64_t> cut(std::uint64_t size, std::uint64_t pieces) {
        std::vector<std::uint64_t> ends;
        for (std::uint64_t i = 1; i < pieces && size > 1; ++i) {
            ends.push_back(dice_.between(1, size - 1));
        }
        ends.push_back(size);
        std::sort(ends.begin(), ends.end());
        ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
        return ends;
    }

    /// A message on its way to the proxy.
    Message receive(int line, const std::string& first, Framing framing, int after,
                    std::uint64_t after_bytes) {
        Script& in = plan_.lines.at(static_cast<std::size_t>(line)).in;
        const Pattern pattern{dice_.next() & 0xffffffff};
        const bool has_body = framing != Framing::none;
        const std::uint64_t size = has_body ? body_size() : 0;
        Message message;
        message.begin = in.size();
        std::string head = first + "\r\nHost: libra.test\r\n";
        if (chance(10)) {
            head += "X-Fill: " + std::string(dice_.between(1, 3000), 'x') + "\r\n";
        }
        message.until_close = framing == Framing::until_close;
        if (message.until_close) {
            in.add_text(head + "Connection: close\r\n\r\n");
            message.body.push_back({in.size(), size});
            in.add_pattern(pattern, 0, size);
            plan_.lines.at(static_cast<std::size_t>(line)).stops = true;
        } else if (has_body && chance(50)) {
            in.add_text(head + "Transfer-Encoding: chunked\r\n\r\n");
            std::uint64_t at = 0;
            for (const std::uint64_t end : cut(size, dice_.between(1, 8))) {
                if (end != at) {
                    in.add_text(fmt::format("{}{:x}\r\n", at == 0 ? "" : "\r\n", end - at));
                    message.body.push_back({in.size(), end - at});
                    in.add_pattern(pattern, at, end - at);
                }
                at = end;
            }
            in.add_text(size == 0 ? "0\r\n\r\n" : "\r\n0\r\n\r\n");
        } else {
            in.add_text(head + (has_body || !first.starts_with("GET")
                                    ? fmt::format("Content-Length: {}\r\n\r\n", size)
                                    : "\r\n"));
            message.body.push_back({in.size(), size});
            in.add_pattern(pattern, 0, size);
        }
        message.end = in.size();
        plan_.lines.at(static_cast<std::size_t>(line))
            .messages.push_back({message.end, after, after_bytes});
        return message;
    }

    static std::uint64_t total(const std::vector<Range>& ranges) {
        std::uint64_t sum = 0;
        for (const Range& range : ranges) {
            sum += range.size;
        }
        return sum;
    }

    /// The bytes [from, from + size) of a body.
    static std::vector<Range> slice(const std::vector<Range>& body, std::uint64_t from,
                                    std::uint64_t size) {
        std::vector<Range> some;
        for (const Range& range : body) {
            const std::uint64_t skip = std::min(from, range.size);
            const std::uint64_t take = std::min(size, range.size - skip);
            if (take != 0) {
                some.push_back({range.from + skip, take});
            }
            from -= skip;
            size -= take;
        }
        return some;
    }

    static std::vector<Range> joined(std::vector<Range> first, const std::vector<Range>& second) {
        first.insert(first.end(), second.begin(), second.end());
        return first;
    }

    /// Another body out of the bytes of this one.
    std::vector<Range> mangle(const std::vector<Range>& body) {
        const std::uint64_t size = total(body);
        if (size < 4) {
            return body;
        }
        const std::uint64_t a = dice_.between(1, size - 2);
        const std::uint64_t b = dice_.between(a + 1, size - 1);
        switch (dice_.between(0, 6)) {
        case 0: // truncated
            return slice(body, 0, b);
        case 1: // from the middle
            return slice(body, a, b - a);
        case 2: // to the end
            return slice(body, a, size - a);
        case 3: // with a hole
            return joined(slice(body, 0, a), slice(body, b, size - b));
        case 4: // in another order
            return joined(slice(body, a, size - a), slice(body, 0, a));
        case 5: // twice
            return joined(body, body);
        default: // two parts exchanged
            return joined(joined(slice(body, b, size - b), slice(body, a, b - a)),
                          slice(body, 0, a));
        }
    }

    static void add(std::vector<Part>& parts, const std::string& text) {
        parts.push_back({text, -1, 0, text.size()});
    }

    /// A message on its way from the proxy, made of one that came on `line`.
    Output reframe(int line, const Message& message, const std::string& first) {
        Output output;
        std::vector<Part>& parts = output.parts;
        if (!plan_.mangles && !plan_.discards && chance(30)) {
            parts.push_back({{}, line, message.begin, message.end - message.begin});
            output.until_close = message.until_close;
            return output;
        }
        const bool mangled = plan_.mangles && chance(80);
        const std::vector<Range> body = mangled ? mangle(message.body) : message.body;
        const std::string own =
            mangled && chance(30) ? std::string(dice_.between(1, 5000), '#') : "";
        const std::uint64_t size = total(body);
        std::string head = first + "\r\nVia: misbehave\r\n";
        if (first.starts_with("GET")) {
            add(parts, head + "\r\n");
        } else if (message.until_close && chance(50)) {
            add(parts, head + "Connection: close\r\n\r\n");
            for (const Range& range : body) {
                parts.push_back({{}, line, range.from, range.size});
            }
            output.until_close = true;
        } else if (own.empty() && chance(50)) {
            add(parts, head + "Transfer-Encoding: chunked\r\n\r\n");
            std::uint64_t at = 0;
            for (const std::uint64_t end : cut(size, dice_.between(1, 12))) {
                if (end != at) {
                    add(parts, fmt::format("{}{:x}\r\n", at == 0 ? "" : "\r\n", end - at));
                    for (const Range& range : slice(body, at, end - at)) {
                        parts.push_back({{}, line, range.from, range.size});
                    }
                }
                at = end;
            }
            add(parts, size == 0 ? "0\r\n\r\n" : "\r\n0\r\n\r\n");
        } else {
            add(parts, fmt::format("{}Content-Length: {}\r\n\r\n", head, size + own.size()));
            for (const Range& range : body) {
                if (range.size != 0) {
                    parts.push_back({{}, line, range.from, range.size});
                }
            }
            if (!own.empty()) {
                add(parts, own);
            }
        }
        return output;
    }

    void send(Move& move, int line, Output output) {
        Line& to = plan_.lines.at(static_cast<std::size_t>(line));
        output.line = line;
        for (const Part& part : output.parts) {
            if (part.line < 0) {
                to.out.add_text(part.text);
            } else {
                to.out.add_part(plan_.lines.at(static_cast<std::size_t>(part.line)).in, part.from,
                                part.size);
            }
        }
        move.outputs.push_back(std::move(output));
    }

    /// Some of the bytes of a body are never read.
    void discard(Move& move, std::vector<Range>& body) {
        const Range range = body.at(dice_.between(0, body.size() - 1));
        const std::uint64_t begin = dice_.between(0, range.size - 1);
        move.unwanted = range.from + begin;
        move.unwanted_size = dice_.between(1, range.size - begin);
        std::vector<Range> left;
        for (const Range& each : body) {
            if (each.from != range.from) {
                left.push_back(each);
                continue;
            }
            left.push_back({range.from, begin});
            left.push_back(
                {move.unwanted + move.unwanted_size, range.size - begin - move.unwanted_size});
        }
        body = left;
    }

    /// Reads a message from one line and sends what becomes of it on one or two.
    void pass(int lane, int from, Message message, const std::string& first, int to, int second) {
        Move move;
        move.lane = lane;
        move.line = from;
        move.from = message.begin;
        move.until = message.end;
        move.streams = chance(60);
        move.one_by_one = chance(50);
        move.until_close = message.until_close;
        if (plan_.discards && total(message.body) > 2) {
            discard(move, message.body);
        }
        send(move, to, reframe(from, message, first));
        if (second >= 0) {
            send(move, second, reframe(from, message, first));
            if (chance(50)) {
                std::swap(move.outputs[0], move.outputs[1]);
            }
        }
        plan_.moves.push_back(std::move(move));
    }

    std::uint64_t out_size(int line) const {
        return plan_.lines.at(static_cast<std::size_t>(line)).out.size();
    }

    /// A message that goes nowhere.
    void swallow(int lane, int line, const Message& message) {
        Move move;
        move.lane = lane;
        move.line = line;
        move.from = message.begin;
        move.until = message.end;
        plan_.moves.push_back(std::move(move));
    }

    void exchange(bool until_close) {
        const bool upload = chance(60);
        const std::string request =
            fmt::format("{} /{} HTTP/1.1", upload ? "POST" : "GET", plan_.moves.size());
        const std::string response = "HTTP/1.1 200 OK";
        const int down = plan_.family == Family::threads ? 1 : 0;

        const std::uint64_t answered = pipelined_ ? 0 : out_size(client0);
        const Message up =
            receive(client0, request, upload ? Framing::sized : Framing::none, client0, answered);
        pass(0, client0, up, request, origin0, tee_ ? origin1 : -1);
        if (tee_) {
            const Message other = receive(client1, "GET /other HTTP/1.1", Framing::none, -1, 0);
            swallow(0, client1, other);
            const Message ignored =
                receive(origin1, response, chance(50) ? Framing::sized : Framing::none, origin1,
                        out_size(origin1));
            swallow(down, origin1, ignored);
        }
        const Message back = receive(origin0, response,
                                     until_close ? Framing::until_close
                                                 : (chance(85) ? Framing::sized : Framing::none),
                                     origin0, out_size(origin0));
        pass(down, origin0, back, response, client0, tee_ ? client1 : -1);
    }

    void choose_ends() {
        const auto which = static_cast<std::size_t>(dice_.between(0, line_count - 1));
        Line& line = plan_.lines.at(which);
        if (!line.used || line.out.size() == 0 || line.in.size() == 0) {
            return;
        }
        switch (dice_.between(0, 2)) {
        case 0:
            line.close_after = dice_.between(0, line.out.size());
            break;
        case 1:
            line.leave_after = dice_.between(0, line.out.size());
            break;
        default:
            line.stop_after = dice_.between(0, line.in.size());
            break;
        }
    }

    Plan plan_;
    Dice dice_;
    bool tee_ = false;
    bool pipelined_ = false;
};

} // namespace

const char* name_of(Family family) {
    return family_names.at(static_cast<std::size_t>(family));
}

std::optional<Family> family_named(const std::string& name) {
    const auto found = std::find(family_names.begin(), family_names.end(), name);
    if (found == family_names.end()) {
        return std::nullopt;
    }
    return static_cast<Family>(found - family_names.begin());
}

std::uint64_t Output::size() const {
    std::uint64_t sum = 0;
    for (const Part& part : parts) {
        sum += part.size;
    }
    return sum;
}

Plan make_plan(Family family, std::uint64_t seed) {
    return Planner(family, seed).make();
}

} // namespace guest::misbehave
