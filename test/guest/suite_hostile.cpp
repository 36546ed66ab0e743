// SPDX-License-Identifier: GPL-2.0
// [hostile] Whatever comes: what leaves a proxy with Libra is what leaves it without.
//
// A seed is a connection's requests and the origin's answers, see hostile_plan.hpp; both go through
// two instances of a real proxy. LIBRA_TEST_SEED repeats one, LIBRA_TEST_SEEDS says how many each
// case tries (from LIBRA_TEST_FIRST_SEED on). With LIBRA_TEST_PLAIN neither has Libra: what differs
// then is the fault of this test.
#include <cstdlib>

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "hostile_plan.hpp"
#include "rig.hpp"

using namespace guest;
using namespace guest::hostile;

namespace {

struct Tally {
    std::uint64_t seeds = 0;
    std::uint64_t sent = 0;     ///< requests and answers in the plans
    std::uint64_t equal = 0;    ///< messages that came out of both proxies
    std::uint64_t cut = 0;      ///< streams that one of them ended earlier
    std::uint64_t large = 0;    ///< bytes of large bodies that could be elided
    std::uint64_t unsteady = 0; ///< seeds that went in two ways without Libra
    std::uint64_t broken = 0;   ///< streams that are no HTTP, and were reset
    std::uint64_t resets = 0;   ///< by Libra, since its module was loaded
};

/// What the proxy without Libra sent is no HTTP: behind what a head announces comes no other head.
/// nginx goes on so behind an interim answer that it took for the final one. What ends where is a
/// guess then, and Libra may end the connection rather than make it.
bool breaks_off(const Seen& seen) {
    for (const Stream& stream : seen.clients) {
        for (const Part& part : parts_of(stream.bytes, Heads::responses)) {
            if (!part.head.starts_with("HTTP/1.")) {
                return true;
            }
        }
    }
    return false;
}

/// Both proxies at once, a few seeds before they are compared.
void try_batch(Lane& with, Lane& without, std::uint64_t first, std::uint64_t count, Faults& faults,
               Tally& tally) {
    std::vector<Plan> plans;
    for (std::uint64_t i = 0; i < count; ++i) {
        plans.push_back(make_plan(first + i));
    }
    std::array<std::vector<Seen>, 2> seen;
    std::vector<std::uint64_t> resets;
    in_threads(2, faults, [&](int side) {
        for (const Plan& plan : plans) {
            seen.at(static_cast<std::size_t>(side))
                .push_back(run_plan(side == 0 ? with : without, plan));
            if (side == 0) {
                resets.push_back(libra_module::figures().all_resets());
            }
        }
    });
    for (std::size_t i = 0; i < count && i < seen[0].size() && i < seen[1].size(); ++i) {
        const bool reset = resets[i] != tally.resets;
        const bool broken = reset && breaks_off(seen[1][i]);
        Comparison result = compare(seen[0][i], seen[1][i], broken);
        tally.broken += broken ? 1 : 0;
        // What a proxy does where a client ends may be luck: what came with Libra has to be one of
        // the things that come without.
        for (int tries = 0; tries < 5 && !result.fault.empty() && !reset; ++tries) {
            const Comparison again = compare(seen[0][i], run_plan(without, plans[i]));
            if (again.fault.empty()) {
                result = again;
                ++tally.unsteady;
            }
        }
        if (reset && !broken && result.fault.empty()) {
            result.fault = "Libra reset a connection";
        }
        tally.resets = resets[i];
        ++tally.seeds;
        tally.sent += plans[i].requests.size() + plans[i].replies.size();
        tally.equal += result.equal;
        tally.cut += result.cut;
        tally.large += plans[i].large;
        if (!result.fault.empty()) {
            faults.add(fmt::format("seed {}: {} (odd:{}{})", plans[i].seed, result.fault,
                                   plans[i].odd, plans[i].stepwise ? "; stepwise" : ""));
        }
    }
}

void try_seeds(const ProxyConfig& config, std::uint64_t usual) {
    constexpr std::uint64_t batch = 25;
    const Figures before = libra_module::figures();
    Faults faults;
    Tally tally;
    Lane with(config, true);
    Lane without(config, false);
    const bool one = std::getenv("LIBRA_TEST_SEED") != nullptr;
    const std::uint64_t first =
        one ? number_from("LIBRA_TEST_SEED", 0) : number_from("LIBRA_TEST_FIRST_SEED", 1);
    const std::uint64_t count = one ? 1 : number_from("LIBRA_TEST_SEEDS", usual);
    // The first read that a process could elide is copied.
    run_plan(with, make_plan(0));
    run_plan(without, make_plan(0));
    tally.resets = libra_module::figures().all_resets();
    for (std::uint64_t done = 0; done < count && faults.text().empty(); done += batch) {
        try_batch(with, without, first + done, std::min(batch, count - done), faults, tally);
    }
    const Figures change = libra_module::figures() - before;
    fmt::print(stderr,
               "    {}: {} seeds, {} messages sent, {} came out the same; {} streams cut, {} "
               "seeds unsteady, {} no HTTP and reset; of {} bytes of large bodies {} elided; {}\n",
               config.name, tally.seeds, tally.sent, tally.equal, tally.cut, tally.unsteady,
               tally.broken, tally.large, change.rx_elided, change.describe());
    CHECK(faults.text() == "");
    if (!one) {
        CHECK(tally.equal > tally.sent / 2);
        CHECK(tally.cut <= 5 + tally.seeds / 10);
        CHECK(tally.unsteady <= 1 + tally.seeds / 100);
        CHECK(tally.broken <= tally.seeds / 100);
    }
    if (!one && !libra_module::plain()) {
        CHECK(change.rx_elided > tally.large / 2);
        CHECK(change.tx_reused > tally.large / 2);
    }
    with.stop();
    without.stop();
    check_nothing_left();
}

} // namespace

TEST_CASE("nginx with Libra sends what nginx sends, whatever it gets", "[hostile]") {
    ProxyConfig config = nginx_large();
    config.location_lines = "proxy_ignore_client_abort on;\n";
    try_seeds(config, 200);
}

TEST_CASE("HAProxy with Libra sends what HAProxy sends, whatever it gets", "[hostile]") {
    try_seeds(haproxy_16k(), 300);
}

TEST_CASE("A request that only the proxy understands does not end elision for good", "[hostile]") {
    Lane lane(haproxy_16k(), true);
    const auto elided = [&lane](const std::string& request) {
        const Figures before = libra_module::figures();
        lane.begin({});
        lane.send(lane.open(), request);
        lane.settle();
        const Seen seen = lane.finish();
        REQUIRE(seen.origins.size() == 1);
        REQUIRE(seen.clients.at(0).bytes.starts_with("HTTP/1.1 200"));
        CHECK(parts_of(seen.origins[0].bytes, Heads::requests).at(0).body.size() > 50'000);
        CHECK((libra_module::figures() - before).all_resets() == 0);
        return (libra_module::figures() - before).rx_elided;
    };
    const std::string rest =
        " /r0 HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n" + std::string(60'000, 'b');
    elided("POST" + rest);
    if (!libra_module::plain()) {
        CHECK(elided("POST" + rest) > 30'000);
        CHECK(elided("post" + rest) == 0);
        CHECK(eventually([] { return libra_module::gates() == 0; }));
        CHECK(elided("POST" + rest) > 30'000);
    }
    lane.stop();
    check_nothing_left();
}
