// SPDX-License-Identifier: GPL-2.0
// [proxies] Every variant of the real proxies: exact bodies over HTTP/1.0, 1.1 and keep-alive on
// both sides, both address families, and bodies that are left in the kernel.
#include <catch2/catch_test_macros.hpp>

#include "rig.hpp"

using namespace guest;

namespace {

std::vector<Exchange> table(int minor, bool close) {
    std::vector<Exchange> all;
    for (const std::uint64_t size : {0, 1, 100, 4096, 16384, 16385, 65536, 200001}) {
        all.push_back(get(size));
        all.push_back(get(size, Framing::chunked));
        all.push_back(post(size));
        if (minor == 1) {
            all.push_back(post(size, Framing::chunked));
        }
    }
    for (Exchange& what : all) {
        what.minor = minor;
        what.close = close;
    }
    return all;
}

void forward_all(const ProxyConfig& config) {
    Rig rig(config);

    // The first connection is new, so everything that follows has been seen from its start.
    for (const std::uint64_t size : {64 << 10, 256 << 10, 1 << 20}) {
        const double limit = allowed_percent(config, size);
        const int count = size < 100000 ? 6 : 3;
        rig.expect_savings(get(size), count, limit);
        rig.expect_savings(post(size), count, limit);
    }
    rig.talk(table(1, false));
    rig.talk(table(1, true));
    rig.talk(table(0, false), true);
    rig.talk(table(0, true), true);
    rig.finish();
}

ProxyConfig variant(std::size_t index) {
    return all_proxies().at(index);
}

} // namespace

TEST_CASE("nginx with 8 x 4K buffers forwards bodies without copying", "[proxies]") {
    forward_all(variant(0));
}

TEST_CASE("nginx with 16 x 64K buffers forwards bodies without copying", "[proxies]") {
    forward_all(variant(1));
}

TEST_CASE("nginx unbuffered with a 1M buffer forwards bodies without copying", "[proxies]") {
    forward_all(variant(2));
}

TEST_CASE("nginx with requests unbuffered forwards bodies without copying", "[proxies]") {
    forward_all(variant(3));
}

TEST_CASE("nginx that speaks HTTP/1.0 to its upstream forwards bodies without copying",
          "[proxies]") {
    forward_all(variant(4));
}

TEST_CASE("HAProxy with 16K buffers forwards bodies without copying", "[proxies]") {
    forward_all(variant(5));
}

TEST_CASE("HAProxy with 64K buffers forwards bodies without copying", "[proxies]") {
    forward_all(variant(6));
}

TEST_CASE("HAProxy with http-server-close forwards bodies without copying", "[proxies]") {
    forward_all(variant(7));
}

TEST_CASE("An upstream over IPv6 is as good as one over IPv4", "[proxies]") {
    for (ProxyConfig config : {nginx_large(), haproxy_64k()}) {
        config.v6_upstream = true;
        Rig rig(config);
        rig.expect_savings(get(256 << 10), 4, 2.0);
        rig.expect_savings(post(256 << 10), 4, 2.0);
        rig.finish();
    }
}

TEST_CASE("Two workers of nginx and two threads of HAProxy forward without copying", "[proxies]") {
    for (ProxyConfig config : {nginx_large(), haproxy_64k()}) {
        config.workers = 2;
        Rig rig(config);
        const Figures before = libra_module::figures();
        rig.talk_at_once(8, {get(256 << 10), post(256 << 10), get(1 << 20)});
        const Figures change = libra_module::figures() - before;
        INFO(config.name << ": " << change.describe());
        if (!libra_module::plain()) {
            CHECK(change.forwarded() >= 16UL * (1536 << 10));
            CHECK(change.copied_percent() <= 2.0);
        }
        rig.finish();
    }
}
