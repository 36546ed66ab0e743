// SPDX-License-Identifier: GPL-2.0
// [hostile] Markers that a remote has learnt, or made up: they never stand for anything, and only
// the connection that carries a real one may die of it.
#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <sstream>
#include <utility>

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "elsewhere.hpp"
#include "hostile_plan.hpp"
#include "rig.hpp"
#include "toy.hpp"
#include "wire.hpp"

using namespace guest;
using namespace guest::hostile;

namespace {

constexpr std::size_t marker_size = 32;

/// What in a process's memory begins as markers do.
std::vector<std::string> markers_in(pid_t pid, const std::string& magic) {
    std::vector<std::string> found;
    const Fd memory(check(::open(fmt::format("/proc/{}/mem", pid).c_str(), O_RDONLY | O_CLOEXEC),
                          "memory of the proxy"));
    std::istringstream maps(slurp(fmt::format("/proc/{}/maps", pid)));
    for (std::string line; std::getline(maps, line);) {
        unsigned long from = 0;
        unsigned long to = 0;
        char how[5] = {};
        if (std::sscanf(line.c_str(), "%lx-%lx %4s", &from, &to, how) != 3 || how[1] != 'w') {
            continue;
        }
        std::string bytes(to - from, '\0');
        const ssize_t got =
            ::pread(memory.get(), bytes.data(), bytes.size(), static_cast<off_t>(from));
        bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        for (std::size_t at = bytes.find(magic);
             at != std::string::npos && at + marker_size <= bytes.size();
             at = bytes.find(magic, at + 1)) {
            found.push_back(bytes.substr(at, marker_size));
        }
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
}

/// Where a marker is put: a request (the answer to it stays right) or an answer.
struct Place {
    const char* name;
    bool copied; ///< the application gets to see it: then it has to be found
    std::function<std::string(const std::string&)> request;
    std::function<std::string(const std::string&)> answer;
};

std::string plain_get(const std::string&) {
    return "GET /r2 HTTP/1.1\r\nHost: a\r\n\r\n";
}

std::string plain_ok(const std::string&) {
    return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
}

std::string with_length(const std::string& start, const std::string& body) {
    return fmt::format("{}\r\nHost: a\r\nContent-Length: {}\r\n\r\n{}", start, body.size(), body);
}

std::string padded(const std::string& marker, std::size_t size) {
    std::string body(size, 'p');
    body.replace(size / 3, marker.size(), marker);
    return body;
}

const std::vector<Place>& places() {
    const std::string post = "POST /r2 HTTP/1.1";
    const std::string ok = "HTTP/1.1 200 OK";
    const std::string chunked = post + "\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    static const std::vector<Place> all = {
        {"a header", true,
         [](const std::string& m) {
             return "GET /r2 HTTP/1.1\r\nHost: a\r\nX-Marker: " + m + "\r\n\r\n";
         },
         plain_ok},
        {"a target", true,
         [](const std::string& m) { return "GET /r2?" + m + " HTTP/1.1\r\nHost: a\r\n\r\n"; },
         plain_ok},
        {"a small body", true,
         [post](const std::string& m) { return with_length(post, padded(m, 300)); }, plain_ok},
        {"a large body", false,
         [post](const std::string& m) { return with_length(post, padded(m, 40'000)); }, plain_ok},
        {"a large body's start", false,
         [post](const std::string& m) { return with_length(post, m + std::string(40'000, 's')); },
         plain_ok},
        {"a chunk extension", true,
         [chunked](const std::string& m) { return chunked + "3;x=" + m + "\r\nabc\r\n0\r\n\r\n"; },
         plain_ok},
        {"a trailer", true,
         [chunked](const std::string& m) {
             return chunked + "3\r\nabc\r\n0\r\nX-T: " + m + "\r\n\r\n";
         },
         plain_ok},
        {"behind the end", true,
         [post](const std::string& m) { return with_length(post, "abc") + m; }, plain_ok},
        {"an answer's header", true, plain_get,
         [ok](const std::string& m) { return with_length(ok + "\r\nX-Marker: " + m, "ok"); }},
        {"a small answer", true, plain_get,
         [ok](const std::string& m) { return with_length(ok, padded(m, 300)); }},
        {"a large answer", false, plain_get,
         [ok](const std::string& m) { return with_length(ok, padded(m, 40'000)); }},
    };
    return all;
}

/// Somebody else's connection: its answer waits in the proxy while the marker comes, and its next
/// request follows.
struct Story {
    std::size_t victim = 0;
    Lane& lane;

    explicit Story(Lane& of)
        : lane(of) {}

    Seen tell(const Place& place, const std::string& marker) {
        begin(place.answer(marker));
        return end(place.request(marker));
    }
    void begin(const std::string& answer) {
        Dice dice(7);
        const std::string big = noise(9, 400'000, dice);
        lane.begin({{with_length("HTTP/1.1 200 OK", big)},
                    {with_length("HTTP/1.1 200 OK", "next")},
                    {answer, true}});
        ConnectOptions small;
        small.rcvbuf = 4096;
        victim = lane.open(small);
        lane.hold(victim, true);
        lane.send(victim, "GET /r0 HTTP/1.1\r\nHost: a\r\n\r\n");
        lane.settle();
    }
    Seen end(const std::string& request) {
        lane.send(lane.open(), request);
        lane.settle();
        lane.hold(victim, false);
        lane.settle();
        Dice dice(8);
        lane.send(victim, with_length("POST /r1 HTTP/1.1", noise(11, 30'000, dice)));
        lane.settle();
        return lane.finish();
    }
};

/// The victim's connection was not touched.
void expect_untouched(const Seen& seen, const Seen& plain) {
    REQUIRE(seen.clients.size() == 2);
    REQUIRE(plain.clients.size() == 2);
    Comparison result = compare({{seen.clients[0]}, {}}, {{plain.clients[0]}, {}});
    CHECK(result.fault == "");
    CHECK(result.equal == 2);
    const auto posted = [](const Seen& what) {
        std::string body;
        for (const Stream& stream : what.origins) {
            for (const Part& part : parts_of(stream.bytes, Heads::requests)) {
                body += part.head.starts_with("POST /r1") ? part.body : "";
            }
        }
        return body;
    };
    CHECK(posted(seen).size() == 30'000);
    CHECK((posted(seen) == posted(plain)));
}

/// Who sent the marker, or asked for the answer with it, gets the same; or, where it was a real
/// one, less of it, or the proxy's word that the origin is gone.
void expect_carrier(const Seen& seen, const Seen& plain, bool may_die) {
    REQUIRE(seen.clients.size() == 2);
    const Stream& carrier = seen.clients[1];
    if (!may_die || !carrier.bytes.starts_with("HTTP/1.1 502")) {
        CHECK(compare({{carrier}, {}}, {{plain.clients.at(1)}, {}}, may_die).fault == "");
    }
}

void try_markers(const ProxyConfig& config) {
    if (libra_module::plain()) {
        return;
    }
    Elsewhere elsewhere;
    const std::string foreign = elsewhere.marker();
    std::string forged = foreign;
    forged.back() = static_cast<char>(forged.back() ^ 0x41);
    Lane with(config, true);
    Lane without(config, false);
    Story story(with);
    Story plain(without);
    story.tell(places().at(0), "none yet");
    for (const Place& place : places()) {
        for (const bool real : {true, false}) {
            const std::string& marker = real ? foreign : forged;
            INFO(config.name << ": " << (real ? "another process's marker" : "a forged marker")
                             << " in " << place.name);
            const Figures before = libra_module::figures();
            const Seen seen = story.tell(place, marker);
            const auto resets = (libra_module::figures() - before).all_resets();
            const Seen expected = plain.tell(place, marker);
            expect_carrier(seen, expected, real);
            CHECK((resets > 0) == (real && place.copied));
            expect_untouched(seen, expected);
        }
    }
    // The proxy's own, of the payload that it holds for somebody else at that moment.
    for (const Place& place : places()) {
        INFO(config.name << ": its own markers in " << place.name);
        if (place.answer(foreign) != plain_ok(foreign)) {
            continue;
        }
        story.begin(plain_ok({}));
        auto own = markers_in(with.proxy().workers().at(0), foreign.substr(0, 4));
        // what was sent before may still be there
        std::erase(own, foreign);
        std::erase(own, forged);
        CHECK(own.size() > 2);
        std::string marker;
        for (std::size_t i = 0; i < 6 && !own.empty(); ++i) {
            marker += own[i * (own.size() - 1) / 5];
        }
        const Figures before = libra_module::figures();
        const Seen seen = story.end(place.request(marker));
        const auto resets = (libra_module::figures() - before).all_resets();
        const Seen expected = plain.tell(place, marker);
        expect_carrier(seen, expected, true);
        CHECK((resets > 0 || !place.copied));
        expect_untouched(seen, expected);
    }
    with.stop();
    without.stop();
    elsewhere.stop();
    check_nothing_left();
}

} // namespace

TEST_CASE("Markers that come through nginx stand for nothing", "[hostile]") {
    try_markers(nginx_large());
}

TEST_CASE("Markers that come through HAProxy stand for nothing", "[hostile]") {
    try_markers(haproxy_16k());
}
