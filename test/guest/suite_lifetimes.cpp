// SPDX-License-Identifier: GPL-2.0
// [lifetimes] How long payload lives: slow clients, clients that leave, limits, retries.
#include <cstdlib>

#include <catch2/catch_test_macros.hpp>

#include "rig.hpp"

using namespace guest;

namespace {

constexpr std::uint64_t mega = 1 << 20;

std::vector<ProxyConfig> buffering_proxies() {
    return {nginx_large(), haproxy_64k()};
}

/// A client that has asked for a body and reads none of it for now.
class Waiting {
public:
    Waiting(Rig& rig, std::uint64_t size)
        : what_(get(size))
        , client_(rig.connect(false, small_window())) {
        what_.answer.body.seed = size;
        client_.send(what_);
    }

    /// The whole answer, or nothing wrong before a reset.
    Reply rest() { return client_.receive(what_); }
    const Exchange& what() const { return what_; }

private:
    static ConnectOptions small_window() {
        ConnectOptions options;
        options.rcvbuf = 8192;
        return options;
    }

    Exchange what_;
    Client client_;
};

std::vector<Waiting> several(Rig& rig, int count, std::uint64_t size) {
    std::vector<Waiting> all;
    all.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
        all.emplace_back(rig, size + static_cast<std::uint64_t>(i));
    }
    return all;
}

std::uint64_t gauge(const char* name) {
    return libra_module::figures().counters.at(name);
}

/// How many clients come and go in a test; LIBRA_TEST_ABORTS for more.
int abort_count() {
    const char* given = std::getenv("LIBRA_TEST_ABORTS");
    return given != nullptr ? std::atoi(given) : 120;
}

} // namespace

TEST_CASE("Payload that waits for a slow client moves to shared memory and comes back",
          "[lifetimes]") {
    for (const ProxyConfig& config : buffering_proxies()) {
        INFO(config.name);
        Rig rig(config);
        rig.talk({get(100'000)});
        const Figures before = libra_module::figures();
        {
            auto clients = several(rig, 4, mega);
            if (!libra_module::plain()) {
                CHECK(eventually([&] { return libra_module::figures().retained > 0; }));
                CHECK(eventually([] { return gauge("spilled") > 0; }));
            }
            for (Waiting& each : clients) {
                rig.faults.add(flaw(each.what(), each.rest()));
            }
        }
        if (!libra_module::plain()) {
            const Figures change = libra_module::figures() - before;
            INFO(change.describe());
            CHECK(change.counters.at("spills") > 0);
            CHECK(change.counters.at("loads") > 0);
            CHECK(change.counters.at("expired") == 0);
        }
        rig.finish();
    }
}

TEST_CASE("At a limit what waits moves out, and other connections go on without copying",
          "[lifetimes]") {
    for (const ProxyConfig& config : buffering_proxies()) {
        INFO(config.name);
        // Less than the buffers of the clients that wait hold.
        ::libra::ConfigChange limits;
        limits.cap_domain = config.kind == ProxyKind::nginx ? 4 * mega : mega / 2;
        const LimitScope scope(limits);
        Rig rig(config);
        rig.talk({get(100'000)});
        auto clients = several(rig, 16, mega);
        if (!libra_module::plain()) {
            // At once what is too much, and what came last when it has waited for long.
            CHECK(eventually([&] {
                return gauge("spilled") > 0 &&
                       libra_module::figures().retained <= *limits.cap_domain / 2;
            }));
        }
        rig.expect_savings(get(mega), 4, 25.0);
        for (Waiting& each : clients) {
            rig.faults.add(flaw(each.what(), each.rest()));
        }
        rig.finish();
    }
}

TEST_CASE("What is too much for shared memory stays where it is, and nobody loses a byte",
          "[lifetimes]") {
    ::libra::ConfigChange limits;
    limits.cap_spill = 512 * 1024;
    const LimitScope scope(limits);
    for (const ProxyConfig& config : buffering_proxies()) {
        INFO(config.name);
        limits.cap_domain = config.kind == ProxyKind::nginx ? 2 * mega : mega / 2;
        const LimitScope narrower(limits);
        Rig rig(config);
        rig.talk({get(100'000)});
        {
            auto clients = several(rig, 12, mega);
            if (!libra_module::plain()) {
                CHECK(eventually([] { return gauge("spilled") > 0; }));
                CHECK(gauge("spilled") <= *limits.cap_spill);
            }
            rig.talk({get(200'000), post(200'000)});
            for (Waiting& each : clients) {
                rig.faults.add(flaw(each.what(), each.rest()));
            }
        }
        rig.finish();
    }
}

TEST_CASE("After many clients that left nothing is retained and nothing is copied", "[lifetimes]") {
    for (const ProxyConfig& config : buffering_proxies()) {
        INFO(config.name);
        // nginx holds so much for a client that part of it has to die: after a minute.
        ::libra::ConfigChange limits;
        limits.cap_domain = 4 * mega;
        limits.cap_spill = 16 * mega;
        const LimitScope scope(limits);
        Rig rig(config);
        rig.talk({get(100'000)});
        in_threads(4, rig.faults, [&](int thread) {
            for (int i = 0; i < abort_count() / 4; ++i) {
                Client client = rig.connect();
                const Exchange what = get(700'000);
                client.send(what);
                const Reply reply = client.receive(what, 1000 + 500 * (i % 1200));
                rig.faults.add(reply.wrong);
                thread % 2 == 0 ? client.wire().reset() : client.wire().close();
            }
        });
        if (!libra_module::plain()) {
            CHECK(eventually([] { return libra_module::figures().retained == 0; },
                             std::chrono::seconds(180)));
            CHECK(gauge("spilled") <= *limits.cap_spill);
        }
        rig.expect_savings(get(mega), 4, 2.0);
        // HAProxy may have written half a token to one that left.
        rig.finish(Resets::some);
    }
}
