// SPDX-License-Identifier: GPL-2.0
// [modes] verify compares and elides nothing; auto elides what was forwarded verbatim before.
#include <algorithm>
#include <span>

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "rig.hpp"

using namespace guest;

namespace {

constexpr std::uint64_t mega = 1 << 20;
/// Messages in a row that prove a class, by default.
constexpr int proof = 32;

std::vector<ProxyConfig> forwarding_proxies() {
    return {nginx_large(), haproxy_64k()};
}

/// nginx that compresses whatever its client lets it.
ProxyConfig compressing_nginx() {
    ProxyConfig config = nginx_large();
    config.name = "nginx with gzip";
    config.http_lines = "gzip on;\ngzip_types *;\ngzip_min_length 1;\ngzip_comp_level 1;\n";
    return config;
}

/// nginx that replaces one letter in every body.
ProxyConfig substituting_nginx() {
    ProxyConfig config = nginx_large();
    config.name = "nginx with sub_filter";
    config.location_lines = "sub_filter_types *;\nsub_filter_once off;\n"
                            "sub_filter 'a' 'b';\n";
    return config;
}

RigOptions in_mode(const std::string& mode, bool accept_risk = false) {
    RigOptions options;
    options.attach.mode = mode;
    options.attach.accept_risk = accept_risk;
    return options;
}

std::vector<Exchange> times(int count, const Exchange& what) {
    std::vector<Exchange> all(static_cast<std::size_t>(count), what);
    std::uint64_t seed = 1;
    for (Exchange& each : all) {
        each.answer.body.seed = ++seed;
        each.body.seed = seed;
    }
    return all;
}

std::string body_of(const Exchange& what) {
    std::string body(what.answer.body.size, '\0');
    Pattern{what.answer.body.seed}.fill(0, std::as_writable_bytes(std::span(body)));
    return body;
}

/// What curl gets, which asks for compression and undoes it.
std::string fetch_compressed(Rig& rig, const Exchange& what) {
    const std::string file = "/tmp/fetched";
    const std::string url =
        fmt::format("http://{}:{}{}", rig.net.proxy_address(), Proxy::port, target_of(what.answer));
    ProcessOptions options;
    options.netns = rig.net.client().fd();
    const RunResult done = run({"curl", "-sS", "--compressed", "-o", file, url}, options);
    if (done.code != 0) {
        rig.faults.add("curl: " + done.out);
    }
    return slurp(file);
}

std::uint64_t elided_since(const Figures& before) {
    return (libra_module::figures() - before).rx_elided;
}

} // namespace

TEST_CASE("In mode verify everything is copied, and every byte is right", "[modes]") {
    for (const ProxyConfig& config : {nginx_large(), haproxy_64k(), compressing_nginx()}) {
        INFO(config.name);
        Rig rig(config, in_mode("verify"));
        rig.talk(times(10, get(100'000)));
        rig.talk(times(10, post(100'000, Framing::chunked)));
        rig.finish(Resets::none, Elided::any);
        CHECK(libra_module::figures().live == 0);
    }
}

TEST_CASE("Mode auto elides a class once enough messages were forwarded verbatim", "[modes]") {
    for (const ProxyConfig& config : forwarding_proxies()) {
        INFO(config.name);
        Rig rig(config, in_mode("auto"));
        // The first message arms the process, or is one of those that prove.
        const Figures before = libra_module::figures();
        rig.talk(times(proof, get(100'000)));
        if (!libra_module::plain()) {
            CHECK(elided_since(before) == 0);
        }
        rig.expect_savings(get(mega), 10, 15.0);
        rig.talk(times(proof, post(100'000)));
        rig.expect_savings(post(mega), 10, 15.0);
        rig.finish();
    }
}

TEST_CASE("Mode auto elides nothing of what nginx compresses", "[modes]") {
    Rig rig(compressing_nginx(), in_mode("auto", true));
    const Figures before = libra_module::figures();
    for (const Exchange& what : times(proof + 8, get(60'000))) {
        CHECK((fetch_compressed(rig, what) == body_of(what)));
    }
    if (!libra_module::plain()) {
        CHECK(elided_since(before) == 0);
    }
    rig.finish(Resets::none, Elided::any);
}

TEST_CASE("The first client that wants compression gets it after many that did not", "[modes]") {
    for (const bool hidden : {false, true}) {
        INFO("the origin is " << (hidden ? "not told" : "told") << " what the client accepts");
        ProxyConfig config = compressing_nginx();
        if (hidden) {
            config.location_lines = "proxy_set_header Accept-Encoding \"\";\n";
        }
        Rig rig(config, in_mode("auto", true));
        rig.talk(times(proof + 4, get(100'000)));
        const Figures before = libra_module::figures();
        rig.talk(times(4, get(100'000)));
        if (!libra_module::plain()) {
            CHECK(elided_since(before) > 0);
        }
        for (const Exchange& what : times(4, get(100'000))) {
            CHECK((fetch_compressed(rig, what) == body_of(what)));
        }
        rig.finish(Resets::none, Elided::any);
    }
}

TEST_CASE("Mode auto elides nothing of what nginx rewrites", "[modes]") {
    Rig rig(substituting_nginx(), in_mode("auto", true));
    const Figures before = libra_module::figures();
    for (const Exchange& what : times(proof + 8, get(40'000))) {
        std::string expected = body_of(what);
        std::replace(expected.begin(), expected.end(), 'a', 'b');
        // sub_filter matches without regard to case.
        std::replace(expected.begin(), expected.end(), 'A', 'b');
        CHECK((fetch_compressed(rig, what) == expected));
    }
    if (!libra_module::plain()) {
        CHECK(elided_since(before) == 0);
    }
    rig.finish(Resets::none, Elided::any);
}
