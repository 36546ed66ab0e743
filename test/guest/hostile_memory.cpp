// SPDX-License-Identifier: GPL-2.0
// [hostile] Heads and chunk lines that come slowly, are large or never end: what is kept of them
// is bounded, and other connections go on.
#include <filesystem>
#include <sstream>

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "hostile_plan.hpp"
#include "rig.hpp"

using namespace guest;
using namespace guest::hostile;

namespace {

constexpr std::size_t kept = 64 << 10; ///< of a head, at most

/// The kernel's own small memory, in bytes.
std::uint64_t slab() {
    std::istringstream lines(slurp("/proc/meminfo"));
    std::string name;
    std::uint64_t value = 0;
    for (std::string rest; lines >> name >> value && std::getline(lines, rest);) {
        if (name == "SUnreclaim:") {
            return value << 10;
        }
    }
    return 0;
}

std::string head(std::size_t size) {
    return "GET /r0 HTTP/1.1\r\nHost: a\r\nX-Large: " + std::string(size, 'h');
}

void try_heads(const ProxyConfig& config) {
    constexpr std::size_t slow = 100;
    constexpr std::size_t many = 40;
    // kept whole these would be many times the bound
    constexpr std::size_t endless = 3 << 20;
    constexpr std::uint64_t slack = 8 << 20;
    const Figures start = libra_module::figures();
    Lane lane(config, true);
    Dice dice(1);
    const std::string body = noise(1, 50'000, dice);
    const std::string whole = fmt::format(
        "POST /r0 HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{}", body.size(), body);
    lane.begin({});
    lane.send(lane.open(), whole);
    lane.settle();
    const std::uint64_t before = slab();

    std::vector<std::size_t> slowly;
    for (std::size_t i = 0; i < slow; ++i) {
        slowly.push_back(lane.open());
    }
    const std::string text = head(40);
    for (std::size_t at = 0; at < text.size(); ++at) {
        for (const std::size_t client : slowly) {
            lane.send(client, text.substr(at, 1));
        }
        lane.settle();
    }
    for (std::size_t i = 0; i < many; ++i) {
        lane.send(lane.open(), head(60'000));
    }
    lane.settle();
    const std::uint64_t with_heads = slab();
    for (std::size_t i = 0; i < many / 4; ++i) {
        const std::size_t client = lane.open();
        lane.send(client, "POST /r0 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;x=");
        lane.settle();
        lane.send(client, std::string(endless, 'e'));
        lane.settle();
    }
    const std::uint64_t with_all = slab();
    // Somebody else, at the same time and after it
    const std::size_t other = lane.open();
    for (int i = 0; i < 3; ++i) {
        lane.send(other, whole);
        lane.settle();
    }
    // and the slow ones come to their ends
    for (const std::size_t client : slowly) {
        lane.send(client, "\r\n\r\n");
    }
    lane.settle();
    const Seen seen = lane.finish();
    const Figures change = libra_module::figures() - start;
    fmt::print(stderr, "    {}: {} KB with heads, {} KB with endless lines; {}\n", config.name,
               (static_cast<std::int64_t>(with_heads - before)) / 1024,
               (static_cast<std::int64_t>(with_all - before)) / 1024, change.describe());
    CHECK(with_all < before + (slow + many) * kept + slack);
    CHECK(parts_of(seen.clients.at(other).bytes, Heads::responses).size() == 3);
    for (const std::size_t client : slowly) {
        CHECK(seen.clients.at(client).bytes.starts_with("HTTP/1.1 200"));
    }
    std::size_t exact = 0;
    for (const Stream& stream : seen.origins) {
        for (const Part& part : parts_of(stream.bytes, Heads::requests)) {
            exact += part.head.starts_with("POST") && part.body == body ? 1 : 0;
        }
    }
    CHECK(exact == 4);
    if (!libra_module::plain()) {
        // a debug kernel's slab shrinks and grows by what its quarantine holds
        if (!std::filesystem::exists("/sys/kernel/debug/kmemleak")) {
            CHECK(with_heads > before + many * kept / 2);
        }
        CHECK(change.fallbacks.at("parser") + change.fallbacks.at("header") > 0);
        CHECK(change.all_resets() == 0);
    }
    CHECK(eventually([before] { return slab() < before + slack / 2; }));
    lane.stop();
    check_nothing_left();
}

} // namespace

TEST_CASE("Slow and endless heads cost nginx no more than 64 KB each", "[hostile]") {
    ProxyConfig config = nginx_large();
    config.http_lines = "large_client_header_buffers 4 128k;\n";
    try_heads(config);
}

TEST_CASE("Slow and endless heads cost HAProxy no more than 64 KB each", "[hostile]") {
    try_heads(haproxy_64k());
}
