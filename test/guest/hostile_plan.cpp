// SPDX-License-Identifier: GPL-2.0
#include "hostile_plan.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <span>
#include <string_view>

#include <fmt/format.h>

namespace guest::hostile {
namespace {

constexpr std::size_t large_body = 8192;

constexpr std::array<std::string_view, 5> lures = {
    "\r\n\r\nPOST /r1 HTTP/1.1\r\nHost: lure\r\nContent-Length: 5000\r\n\r\n",
    "\r\n0\r\n\r\nGET /r0 HTTP/1.1\r\nHost: lure\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n",
    "\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n",
    "\r\n1000\r\n",
};

std::size_t body_size(Dice& dice) {
    constexpr auto limits = std::to_array<std::uint64_t>({0, 40, 1500, 9000, 24000, 60000, 120000});
    const std::uint64_t which = dice.between(0, 15);
    const std::size_t limit = which < 4 ? which : which < 13 ? 3 + which % 2 : which - 9;
    return limit == 0 ? 0 : dice.between(1, limits.at(std::min<std::size_t>(limit, 6)));
}

void split_chunks(Draft& draft, std::string_view body, Dice& dice) {
    constexpr auto limits = std::to_array<std::uint64_t>({30, 2000, 20000, 70000});
    const std::uint64_t limit = limits.at(dice.between(body.size() > 3000 ? 1 : 0, 3));
    while (!body.empty()) {
        const std::size_t size = std::min<std::size_t>(dice.between(1, limit), body.size());
        Chunk& chunk = draft.chunks.emplace_back();
        chunk.size = fmt::format("{:x}", size);
        chunk.data = body.substr(0, size);
        body.remove_prefix(size);
    }
}

void add_body(Draft& draft, Framed framed, std::string body, Dice& dice) {
    draft.framed = framed;
    if (framed == Framed::length) {
        draft.lines.push_back(fmt::format("Content-Length: {}", body.size()));
    } else if (framed == Framed::chunked) {
        draft.lines.emplace_back("Transfer-Encoding: chunked");
        split_chunks(draft, body, dice);
        return;
    }
    draft.body = std::move(body);
}

void add_fields(Draft& draft, Dice& dice) {
    for (std::uint64_t i = dice.between(0, 3); i > 0; --i) {
        draft.lines.push_back(
            fmt::format("X-{}: {}", dice.between(1, 99), std::string(dice.between(0, 60), 'v')));
    }
}

/// A request that is right; `method`: what it is.
Draft request(std::uint64_t seed, std::size_t number, std::string& method, Dice& dice) {
    constexpr auto methods = std::to_array<std::string_view>(
        {"POST", "GET", "POST", "PUT", "POST", "HEAD", "DELETE", "OPTIONS", "PATCH", "GET"});
    Draft draft;
    method = methods.at(dice.between(0, methods.size() - 1));
    draft.start = fmt::format("{} /r{} HTTP/1.1", method, number);
    draft.lines.emplace_back("Host: libra.test");
    add_fields(draft, dice);
    if (method[0] == 'P' || dice.between(0, 7) == 0) {
        add_body(draft, dice.between(0, 2) == 0 ? Framed::chunked : Framed::length,
                 noise(seed, body_size(dice), dice), dice);
    }
    return draft;
}

Draft response(std::uint64_t seed, const std::string& method, Dice& dice) {
    Draft draft;
    draft.response = true;
    draft.start = "HTTP/1.1 200 OK";
    add_fields(draft, dice);
    const std::string body = noise(seed, body_size(dice), dice);
    if (method == "HEAD") {
        draft.lines.push_back(fmt::format("Content-Length: {}", body.size()));
        return draft;
    }
    const std::uint64_t kind = dice.between(0, 15);
    if (kind == 0) {
        draft.start =
            dice.between(0, 1) == 0 ? "HTTP/1.1 204 No Content" : "HTTP/1.1 304 Not Modified";
        return draft;
    }
    add_body(draft,
             kind == 1  ? Framed::until_close
             : kind < 6 ? Framed::chunked
                        : Framed::length,
             body, dice);
    // HAProxy 2.6 loses what is behind 16 KB when an interim answer came before
    if (kind > 13 && body.size() < 4096) {
        draft.before = "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n";
    }
    return draft;
}

std::uint64_t large_bytes(const Draft& draft) {
    std::uint64_t large = draft.body.size() >= large_body ? draft.body.size() : 0;
    for (const Chunk& chunk : draft.chunks) {
        large += chunk.data.size() >= large_body ? chunk.data.size() : 0;
    }
    return large;
}

} // namespace

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::string noise(std::uint64_t seed, std::size_t size, Dice& dice) {
    std::string body(size, '\0');
    Pattern{seed}.fill(0, std::as_writable_bytes(std::span(body)));
    for (std::uint64_t i = size < 200 ? 0 : dice.between(0, 3); i > 0; --i) {
        const std::string_view lure = lures.at(dice.between(0, lures.size() - 1));
        lure.copy(body.data() + dice.between(1, size - lure.size()), lure.size());
    }
    return body;
}

std::string Draft::bytes() const {
    std::string all = before + start + eol;
    for (const std::string& line : lines) {
        all += line + "\r\n";
    }
    all += "\r\n" + body;
    for (const Chunk& chunk : chunks) {
        all += chunk.size + chunk.eol + chunk.data + chunk.end;
    }
    return framed == Framed::chunked ? all + last : all;
}

Plan make_plan(std::uint64_t seed) {
    Dice dice(seed);
    Plan plan;
    plan.seed = seed;
    const std::uint64_t count = dice.between(2, 7);
    const bool odd_requests = dice.between(0, 3) != 0;
    const bool odd_replies = dice.between(0, 3) == 0;
    // Whether an origin's connection is used again while what it should not have sent is still on
    // its way is a matter of luck.
    plan.stepwise = odd_replies || dice.between(0, 3) == 0;
    for (std::uint64_t i = 0; i < count; ++i) {
        std::string method;
        Draft asked = request(seed * 64 + i, i, method, dice);
        Draft answered = response(seed * 64 + i + 32, method, dice);
        const bool odd_reply = odd_replies && dice.between(0, 1) == 0;
        // the oddest towards the end: what comes behind it is often not read any more
        const bool odd_request = odd_requests && (i + 1 == count || dice.between(0, 5) == 0);
        std::string odd;
        for (std::uint64_t n = odd_request ? dice.between(1, 5) / 4 + 1 : 0; n > 0; --n) {
            odd += "; " + mutate(asked, dice);
        }
        plan.large += odd_request ? 0 : large_bytes(asked);
        const Draft right = answered;
        for (std::uint64_t n = odd_reply ? dice.between(1, 5) / 4 + 1 : 0; n > 0; --n) {
            odd += "; answer: " + mutate(answered, dice);
        }
        if (asked.start.starts_with("HEAD")) {
            // nginx takes a status line that it cannot read for HTTP/0.9, and then sends nothing
            // at all for HEAD: whose answer the next one is nobody can tell, and Libra resets
            answered.before = right.before;
            answered.start = right.start;
            answered.eol = right.eol;
        }
        plan.large += odd_reply ? 0 : large_bytes(answered);
        if (!odd.empty()) {
            plan.odd += fmt::format(" {}{}", i, odd);
        }
        plan.requests.push_back(asked.bytes());
        plan.replies.push_back(
            {answered.bytes(), odd_reply || answered.framed == Framed::until_close});
    }
    const bool pieces = dice.between(0, 1) == 0;
    for (std::uint64_t i = pieces ? dice.between(1, 12) : 0; i > 0; --i) {
        plan.cuts.push_back(dice.between(1, dice.between(0, 1) == 0 ? 40 : 9000));
    }
    return plan;
}

Seen run_plan(Lane& lane, const Plan& plan) {
    lane.begin(plan.replies);
    const std::size_t client = lane.open();
    std::string all;
    for (const std::string& bytes : plan.requests) {
        if (plan.stepwise) {
            lane.send(client, bytes);
            lane.settle();
        } else {
            all += bytes;
        }
    }
    std::string_view rest = all;
    for (const std::size_t cut : plan.cuts) {
        lane.send(client, rest.substr(0, cut));
        rest.remove_prefix(std::min(cut, rest.size()));
    }
    lane.send(client, rest);
    lane.settle();
    return lane.finish();
}

} // namespace guest::hostile
