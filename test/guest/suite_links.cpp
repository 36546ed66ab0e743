// SPDX-License-Identifier: GPL-2.0
// [links] The same over other kinds of link: what arrives in which skbs differs, the bytes may not.
#include <catch2/catch_test_macros.hpp>

#include "rig.hpp"

using namespace guest;

namespace {

std::vector<Exchange> mixture() {
    std::vector<Exchange> all;
    for (const std::uint64_t size : {0, 1, 1000, 16384, 65536, 100'001, 700'000}) {
        all.push_back(get(size));
        all.push_back(get(size, Framing::chunked));
        all.push_back(post(size));
        all.push_back(post(size, Framing::chunked));
    }
    return all;
}

enum class Savings { full, some, none };

void over(const NetOptions& net, Savings savings, std::uint64_t large = 1 << 20) {
    for (const ProxyConfig& config : {nginx_large(), haproxy_16k()}) {
        INFO(config.name);
        RigOptions options;
        options.net = net;
        Rig rig(config, options);
        if (savings == Savings::full) {
            rig.expect_savings(get(large), 2, 2.0);
            rig.expect_savings(post(large), 2, 2.0);
        }
        const Figures before = libra_module::figures();
        rig.talk(mixture());
        rig.talk_at_once(4, {get(150'000), post(150'000)});
        const Figures change = libra_module::figures() - before;
        // what tls has decrypted is in pages, whatever it came in
        if (savings == Savings::none && !libra_module::plain() && !rig.proxy->config().ktls) {
            INFO(change.describe());
            // TCP may merge what came in pieces into pages: some of it can be retained after all.
            CHECK(change.copied_percent() > 95);
            CHECK(change.fallbacks.at("linear") > 0);
        }
        rig.finish(Resets::none, savings == Savings::none ? Elided::any : Elided::some);
    }
}

} // namespace

TEST_CASE("Over the loopback device", "[links]") {
    NetOptions net;
    net.loopback = true;
    over(net, Savings::full);
}

TEST_CASE("Over veth", "[links]") {
    over({}, Savings::full);
}

TEST_CASE("Over veth without TSO, GSO, GRO, scatter-gather and checksums: all is copied",
          "[links]") {
    NetOptions net;
    net.offloads = false;
    over(net, Savings::none);
}

TEST_CASE("Over links with an MTU of 576", "[links]") {
    NetOptions net;
    net.mtu = 576;
    over(net, Savings::some);
}

TEST_CASE("Over links with an MTU of 9000", "[links]") {
    NetOptions net;
    net.mtu = 9000;
    over(net, Savings::full);
}

TEST_CASE("Over links that lose 1 % and reorder a quarter", "[links]") {
    NetOptions net;
    net.bad_line = true;
    over(net, Savings::some);
}
