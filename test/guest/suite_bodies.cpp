// SPDX-License-Identifier: GPL-2.0
// [bodies] Every size, framing and kind of message, alone and in crowds: exact.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "rig.hpp"

using namespace guest;

namespace {

constexpr std::uint64_t threshold = 16384;
constexpr std::uint64_t kilo = 1024;
constexpr std::uint64_t mega = 1024 * kilo;

/// The sizes that every framing is tried with, and some random ones.
std::vector<std::uint64_t> sizes(std::uint64_t seed) {
    std::vector<std::uint64_t> all = {0,
                                      1,
                                      15,
                                      16,
                                      17,
                                      100,
                                      kilo,
                                      4 * kilo,
                                      threshold - 1,
                                      threshold,
                                      threshold + 1,
                                      64 * kilo,
                                      256 * kilo,
                                      mega,
                                      4 * mega + 3};
    Dice dice(seed);
    for (int i = 0; i < 4; ++i) {
        all.push_back(dice.between(1, 300'000));
    }
    return all;
}

std::vector<ProxyConfig> some_proxies() {
    return {nginx_small(), nginx_unbuffered(), haproxy_16k()};
}

/// Each proxy forwards what `make` gives for each size; kept connections.
template <typename Make>
void for_all_sizes(std::uint64_t limit, Make&& make) {
    for (const ProxyConfig& config : some_proxies()) {
        INFO(config.name);
        Rig rig(config);
        std::vector<Exchange> all;
        for (const std::uint64_t size : sizes(limit)) {
            if (size <= limit) {
                make(all, size);
            }
        }
        rig.talk(all);
        rig.finish();
    }
}

void short_connections(const ProxyConfig& config) {
    constexpr int width = 8;
    constexpr int each = 250;
    Rig rig(config);
    in_threads(width, rig.faults, [&](int thread) {
        Dice dice(static_cast<std::uint64_t>(thread) + 1);
        for (int i = 0; i < each; ++i) {
            Exchange what =
                i % 4 == 3 ? post(dice.between(0, 20'000)) : get(dice.between(0, 20'000));
            what.close = i % 2 == 0;
            rig.talk({what});
        }
    });
    CHECK(rig.origin.requests() == std::uint64_t{width} * each);
    rig.finish();
}

} // namespace

TEST_CASE("Responses with Content-Length of every size", "[bodies]") {
    for_all_sizes(5 * mega, [](auto& all, std::uint64_t size) { all.push_back(get(size)); });
}

TEST_CASE("Chunked responses of every size, in tiny, large and random chunks", "[bodies]") {
    for_all_sizes(5 * mega, [](auto& all, std::uint64_t size) {
        for (const Chunks chunks : {Chunks::tiny, Chunks::large, Chunks::random}) {
            if (chunks == Chunks::tiny && size > 100'000) {
                continue;
            }
            Exchange what = get(size, Framing::chunked);
            what.answer.body.chunks = chunks;
            what.answer.body.extensions = size % 2 == 1;
            all.push_back(what);
        }
    });
}

TEST_CASE("Responses that end with the connection, of every size", "[bodies]") {
    for_all_sizes(5 * mega, [](auto& all, std::uint64_t size) {
        all.push_back(get(size, Framing::close));
        all.push_back(get(size, Framing::close));
        all.back().minor = 0;
    });
}

TEST_CASE("Requests with Content-Length of every size", "[bodies]") {
    for_all_sizes(5 * mega, [](auto& all, std::uint64_t size) {
        all.push_back(post(size));
        all.back().answer.body.size = size / 3;
    });
}

TEST_CASE("Chunked requests of every size, in tiny, large and random chunks", "[bodies]") {
    for_all_sizes(5 * mega, [](auto& all, std::uint64_t size) {
        for (const Chunks chunks : {Chunks::tiny, Chunks::large, Chunks::random}) {
            if (chunks == Chunks::tiny && size > 100'000) {
                continue;
            }
            Exchange what = post(size, Framing::chunked);
            what.body.chunks = chunks;
            what.body.extensions = size % 2 == 1;
            all.push_back(what);
        }
    });
}

TEST_CASE("The threshold decides what is left in the kernel", "[bodies]") {
    for (const std::uint32_t limit : {4096U, 16384U, 100'000U}) {
        RigOptions options;
        options.attach.threshold = limit;
        Rig rig(nginx_large(), options);

        const Figures start = libra_module::figures();
        rig.talk({get(limit - 1), post(limit - 1), get(0), get(limit / 2)});
        const Figures below = libra_module::figures() - start;
        rig.talk({get(limit)});
        const Figures at = libra_module::figures() - start - below;
        if (!libra_module::plain()) {
            INFO("threshold " << limit << ": " << below.describe() << "\n" << at.describe());
            CHECK(below.rx_elided == 0);
            CHECK(at.rx_elided > 0);
        }
        rig.finish();
    }
}

TEST_CASE("HEAD, 204 and 304 between large bodies on one connection", "[bodies]") {
    for (const ProxyConfig& config : some_proxies()) {
        INFO(config.name);
        Rig rig(config);
        std::vector<Exchange> all;
        for (const Framing framing : {Framing::length, Framing::chunked}) {
            for (const int status : {200, 204, 304, 404}) {
                Exchange what = get(100'000, framing);
                what.answer.status = status;
                if (status == 204) {
                    what.answer.body.size = 0;
                }
                all.push_back(what);
                what.method = "HEAD";
                all.push_back(what);
                all.push_back(get(70'000, framing));
            }
            all.push_back(post(90'000, framing));
            all.back().answer.status = 204;
            all.back().answer.body.size = 0;
        }
        rig.talk(all);
        rig.finish();
    }
}

TEST_CASE("Requests that wait for 100 Continue", "[bodies]") {
    for (const ProxyConfig& config : some_proxies()) {
        INFO(config.name);
        Rig rig(config);
        std::vector<Exchange> all;
        for (const std::uint64_t size : {std::uint64_t{1}, kilo, 64 * kilo, mega}) {
            for (const Framing framing : {Framing::length, Framing::chunked}) {
                all.push_back(post(size, framing));
                all.back().expect_continue = true;
                all.push_back(get(size));
            }
        }
        rig.talk(all);
        rig.finish();
    }
}

TEST_CASE("Answers that come before the request's body has been read", "[bodies]") {
    ProxyConfig streaming = nginx_large();
    streaming.request_buffering = false;
    for (const ProxyConfig& config : {nginx_small(), streaming, haproxy_16k()}) {
        INFO(config.name);
        Rig rig(config);
        int whole = 0;
        for (const bool leave : {false, true}) {
            for (const std::uint64_t size : {kilo, 100 * kilo, mega}) {
                for (const Framing framing : {Framing::length, Framing::chunked}) {
                    Exchange what = post(size, framing);
                    what.answer.early = !leave;
                    what.answer.leave_early = leave;
                    what.answer.body.size = 50'000;
                    Client client = rig.connect();
                    const Reply reply = client.exchange(what);
                    // How the proxy ends such a connection is its own affair; the bytes are not.
                    rig.faults.add(reply.wrong);
                    whole += reply.good() ? 1 : 0;
                }
            }
        }
        CHECK(whole >= 4);
        rig.talk({get(200'000), post(200'000)});
        rig.finish();
    }
}

TEST_CASE("Pipelined requests are answered in order", "[bodies]") {
    for (const ProxyConfig& config : some_proxies()) {
        INFO(config.name);
        Rig rig(config);
        std::vector<Exchange> all;
        Dice dice(5);
        for (int i = 0; i < 24; ++i) {
            const std::uint64_t size = dice.between(0, i % 5 == 0 ? 150'000 : 30'000);
            const Framing framing = i % 3 == 0 ? Framing::chunked : Framing::length;
            all.push_back(i % 4 == 2 ? post(size, framing) : get(size, framing));
            all.back().answer.body.seed = 1000 + static_cast<std::uint64_t>(i);
            if (i % 6 == 1) {
                all.back().method = "HEAD";
            }
        }
        Client client = rig.connect();
        {
            std::jthread sender([&] {
                try {
                    for (const Exchange& what : all) {
                        client.send(what);
                    }
                } catch (const std::exception& error) {
                    rig.faults.add(error.what());
                }
            });
            for (const Exchange& what : all) {
                rig.faults.add(flaw(what, client.receive(what)));
            }
        }
        CHECK(client.quiet() == "");
        rig.finish();
    }
}

TEST_CASE("Sixty requests that come at once are told apart, and their answers elided", "[bodies]") {
    for (const ProxyConfig& config : some_proxies()) {
        INFO(config.name);
        Rig rig(config);
        rig.talk({get(100'000)});
        Client client = rig.connect();
        std::vector<Exchange> all;
        for (int i = 0; i < 60; ++i) {
            all.push_back(get(i % 10 == 9 ? 100'000 : 10 * static_cast<std::uint64_t>(i)));
            all.back().answer.body.seed = 2000 + static_cast<std::uint64_t>(i);
            if (i % 4 == 1) {
                all.back().method = "HEAD";
            }
            client.send(all.back());
        }
        const Figures before = libra_module::figures();
        for (const Exchange& what : all) {
            rig.faults.add(flaw(what, client.receive(what)));
        }
        CHECK(client.quiet() == "");
        if (!libra_module::plain()) {
            CHECK((libra_module::figures() - before).tx_reused > 200'000);
        }
        rig.finish();
    }
}

TEST_CASE("Sixteen connections at once", "[bodies]") {
    for (const ProxyConfig& config :
         {nginx_small(), nginx_unbuffered(), haproxy_16k(), haproxy_64k()}) {
        INFO(config.name);
        Rig rig(config);
        in_threads(16, rig.faults, [&](int thread) {
            Dice dice(static_cast<std::uint64_t>(thread) + 100);
            std::vector<Exchange> all;
            for (int i = 0; i < 8; ++i) {
                const std::uint64_t size = dice.between(0, 300'000);
                const Framing framing = i % 2 == 0 ? Framing::length : Framing::chunked;
                all.push_back(dice.between(0, 2) == 0 ? post(size, framing) : get(size, framing));
                all.back().answer.body.seed = dice.next() % 100'000;
                all.back().body.seed = dice.next() % 100'000;
            }
            rig.talk(all);
        });
        rig.finish();
    }
}

TEST_CASE("Two thousand short connections through nginx", "[bodies]") {
    short_connections(nginx_large());
}

TEST_CASE("Two thousand short connections through HAProxy", "[bodies]") {
    short_connections(haproxy_16k());
}
