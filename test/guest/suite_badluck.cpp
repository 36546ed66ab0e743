// SPDX-License-Identifier: GPL-2.0
// [badluck] Peers that are slow, leave, reset or die in the middle of a body.
#include <csignal>

#include <catch2/catch_test_macros.hpp>

#include "rig.hpp"

using namespace guest;

namespace {

constexpr std::uint64_t mega = 1 << 20;

std::vector<ProxyConfig> some_proxies() {
    return {nginx_small(), nginx_unbuffered(), haproxy_16k()};
}

ConnectOptions slow_reader() {
    ConnectOptions options;
    options.rcvbuf = 8192;
    options.read = {4000, 300};
    return options;
}

/// Such an exchange must not come to its end, and must not look as if it had.
void expect_cut(Rig& rig, const Exchange& what) {
    Client client = rig.connect();
    const Reply reply = client.exchange(what);
    if (!reply.wrong.empty()) {
        rig.faults.add(describe(what) + ": " + reply.wrong);
    }
    if (reply.good()) {
        rig.faults.add(describe(what) + ": cut off by the origin, but whole at the client");
    }
}

/// What the origin or the client broke off must not trouble what follows.
void still_works(Rig& rig) {
    rig.talk({get(100'000), post(100'000), get(100'000, Framing::chunked), post(mega)});
}

} // namespace

TEST_CASE("A reader with an 8 KB buffer", "[badluck]") {
    for (const ProxyConfig& config : some_proxies()) {
        INFO(config.name);
        Rig rig(config);
        in_threads(4, rig.faults, [&](int thread) {
            Client client = rig.connect(false, slow_reader());
            const Framing framing = thread % 2 == 0 ? Framing::length : Framing::chunked;
            for (const std::uint64_t size : {std::uint64_t{70'000}, mega + 3}) {
                const Exchange what = get(size, framing);
                rig.faults.add(flaw(what, client.exchange(what)));
            }
        });
        rig.finish();
    }
}

TEST_CASE("Senders that give heads and chunk lines a byte at a time", "[badluck]") {
    for (const ProxyConfig& config : some_proxies()) {
        INFO(config.name);
        Rig rig(config);
        std::vector<Exchange> all;
        for (const Framing framing : {Framing::length, Framing::chunked}) {
            Exchange down = get(150'000, framing);
            down.answer.slow = true;
            down.write = {1, 100, 0, 0};
            all.push_back(down);
            Exchange up = post(150'000, framing);
            up.write = {1, 100, 0, 0};
            up.answer.slow = true;
            all.push_back(up);
        }
        rig.talk(all);
        rig.finish();
    }
}

TEST_CASE("Senders that let payload drip", "[badluck]") {
    for (const ProxyConfig& config : some_proxies()) {
        INFO(config.name);
        Rig rig(config);
        std::vector<Exchange> all;
        for (const std::size_t drop : {50, 700, 5000}) {
            Exchange down = get(drop * 40 + 20'000, Framing::chunked);
            down.answer.drip = drop;
            all.push_back(down);
            Exchange up = post(drop * 40 + 20'000);
            up.write = {0, 0, drop, 200};
            all.push_back(up);
        }
        rig.talk_at_once(3, all);
        // A trickle may be too little for each read to be worth it.
        rig.talk({get(200'000)});
        rig.finish();
    }
}

TEST_CASE("The upstream is gone before the client has drained", "[badluck]") {
    for (const ProxyConfig& config : some_proxies()) {
        INFO(config.name);
        Rig rig(config);
        in_threads(3, rig.faults, [&](int thread) {
            Exchange what = get(900'000, thread == 0 ? Framing::close : Framing::length);
            what.answer.cut_after = what.answer.body.size;
            Client client = rig.connect(false, slow_reader());
            rig.faults.add(flaw(what, client.exchange(what)));
        });
        rig.finish();
    }
}

TEST_CASE("An upstream that ends or resets inside a body never looks like a whole one",
          "[badluck]") {
    for (const ProxyConfig& config : some_proxies()) {
        INFO(config.name);
        Rig rig(config);
        for (const Framing framing : {Framing::length, Framing::chunked}) {
            for (const std::uint64_t after : {1000, 40'000, 300'000}) {
                Exchange what = get(500'000, framing);
                what.answer.cut_after = after;
                expect_cut(rig, what);
                what.answer.cut_after.reset();
                what.answer.reset_after = after;
                expect_cut(rig, what);
            }
        }
        still_works(rig);
        rig.finish(Resets::unfinished);
    }
}

TEST_CASE("Clients that leave or reset inside a body", "[badluck]") {
    for (const ProxyConfig& config : some_proxies()) {
        INFO(config.name);
        Rig rig(config);
        in_threads(4, rig.faults, [&](int thread) {
            for (int i = 0; i < 6; ++i) {
                Client client = rig.connect();
                if (i % 2 == 0) {
                    const Exchange what = get(3 * mega, Framing::length);
                    client.send(what);
                    const Reply reply = client.receive(what, 20'000 * i + 1000);
                    rig.faults.add(reply.wrong);
                } else {
                    client.send(post(mega, i == 3 ? Framing::chunked : Framing::length),
                                100'000 * i);
                }
                thread % 2 == 0 ? client.wire().reset() : client.wire().close();
            }
        });
        still_works(rig);
        // what the proxy had begun to send upstream may end inside a token
        rig.finish(Resets::unfinished);
    }
}

TEST_CASE("A proxy killed with payload retained leaves nothing", "[badluck]") {
    for (const ProxyConfig& config : some_proxies()) {
        INFO(config.name);
        Rig rig(config);
        const Exchange what = get(4 * mega);
        std::vector<Client> clients;
        for (int i = 0; i < 3; ++i) {
            clients.push_back(rig.connect(false, slow_reader()));
            clients.back().send(what);
            const Reply reply = clients.back().receive(what, 10'000);
            rig.faults.add(reply.wrong);
        }
        if (!libra_module::plain()) {
            CHECK(eventually([] { return libra_module::figures().retained > 0; }));
        }
        rig.proxy->kill();
        CHECK(eventually([] {
            const Figures now = libra_module::figures();
            return now.retained == 0 && now.live == 0;
        }));
        for (Client& client : clients) {
            const BodyResult rest =
                read_body(client.wire(), {Framing::length, 4 * mega}, Pattern{0});
            CHECK_FALSE(rest.complete);
        }
        // what the killed proxy had begun to send may end inside a token
        rig.finish(Resets::unfinished);
    }
}
