// SPDX-License-Identifier: GPL-2.0
// [gate] Sinks that the kernel cannot read: TLS in user space, unix sockets.
#include <filesystem>

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "https.hpp"
#include "rig.hpp"

using namespace guest;

namespace {

constexpr int exit_unsafe = 6;
constexpr std::uint64_t size = 300'000;

/// Attach must be refused for this reason, and leave nothing.
void expect_refused(const Rig& rig, const std::string& word) {
    if (libra_module::plain()) {
        return;
    }
    libra_module::load_parser();
    const RunResult refused =
        libra_module::ctl({"attach", "--pid", std::to_string(rig.proxy->pid()), "--mode", "elide"});
    INFO(refused.out);
    CHECK(refused.code == exit_unsafe);
    CHECK(refused.out.find(word) != std::string::npos);
    CHECK(libra_module::client().policies().empty());
}

RigOptions later(bool accept_risk = true) {
    RigOptions options;
    options.attached = false;
    options.attach.accept_risk = accept_risk;
    return options;
}

ProxyConfig https_front() {
    ProxyConfig config = nginx_large();
    config.https_front = true;
    return config;
}

RigOptions beforehand() {
    RigOptions options;
    options.beforehand = true;
    return options;
}

/// HTTPS clients get exact bytes, and close the gate while they are there.
void serve_https(Rig& rig) {
    rig.talk({get(size), post(size)});

    for (int i = 0; i < 3; ++i) {
        rig.faults.add(fetch_https(rig, get(size)));
        rig.faults.add(fetch_https(rig, post(size)));
        rig.talk({get(size), post(size)});
    }

    // A client that stays: while it is there nothing is elided.
    Process tls = start_s_client(rig);
    tls.write_line("GET " + target_of(get(10).answer) + " HTTP/1.1\r\nHost: libra.test\r\n\r");
    CHECK(tls.read_line().starts_with("HTTP/1.1 200"));
    if (!libra_module::plain()) {
        CHECK(libra_module::gates() != 0);
        const Figures before = libra_module::figures();
        rig.talk({get(size), post(size)});
        const Figures change = libra_module::figures() - before;
        INFO(change.describe());
        CHECK(change.rx_elided == 0);
        CHECK(change.fallbacks.at("gate") > 0);
    }
    tls.kill();
    if (!libra_module::plain()) {
        CHECK(eventually([] { return libra_module::gates() == 0; }));
        const Figures before = libra_module::figures();
        rig.talk({get(size), post(size)});
        CHECK((libra_module::figures() - before).rx_elided > 0);
    }
    rig.finish(Resets::some);
}

/// Requests through a proxy that encrypts towards the origin; the first of them has a body or not.
void talk_into_tls(const ProxyConfig& config, const RigOptions& options, bool body_first) {
    INFO("requests buffered " << config.request_buffering << ", a body first " << body_first);
    Rig rig(config, options);
    if (!rig.attachment) {
        rig.attach();
    }
    std::vector<Exchange> all = {get(size), post(size), post(20'000), get(size), post(size)};
    if (body_first) {
        std::swap(all[0], all[1]);
    }
    const Figures before = libra_module::figures();
    for (const Exchange& what : all) {
        Client client = rig.connect();
        const Reply reply = client.exchange(what);
        const Figures change = libra_module::figures() - before;
        INFO(describe(what) << ": " << flaw(what, reply) << "; " << change.describe());
        // Never a wrong byte; the origin compares what it gets. All is whole until a placeholder
        // was made that may leave encrypted, and from then on nothing is.
        CHECK(reply.wrong.empty());
        CHECK(reply.good() == (change.rx_elided == 0));
        CHECK((change.all_resets() > 0) == (change.rx_elided > 0));
        // A connection that was encrypted before closes the gate for good. A buffered body has been
        // read when the proxy turns to its upstream.
        if (!body_first) {
            CHECK(change.rx_elided == 0);
        } else if (config.request_buffering && !libra_module::plain()) {
            CHECK(change.rx_elided > 0);
        }
    }
    if (!libra_module::plain()) {
        CHECK((libra_module::gates() & ::libra::gate_tls) != 0);
        CHECK((libra_module::figures() - before).fallbacks.at("gate") > 0);
    }
    rig.finish(Resets::some, Elided::any);
}

void talk_into_tls(const RigOptions& options) {
    for (const bool buffered : {true, false}) {
        for (const bool body_first : {false, true}) {
            ProxyConfig config = nginx_large();
            config.https_upstream = true;
            config.request_buffering = buffered;
            talk_into_tls(config, options, body_first);
        }
    }
}

} // namespace

TEST_CASE("An HTTPS front without kTLS is refused", "[gate]") {
    Rig rig(https_front(), later());
    expect_refused(rig, "tls:");
    rig.finish(Resets::none, Elided::any);
}

TEST_CASE("HTTPS clients get exact bytes in spite of an accepted risk, and close the gate",
          "[gate]") {
    Rig rig(https_front(), later());
    rig.attach();
    serve_https(rig);
}

TEST_CASE("HTTPS clients get exact bytes when the policy was there before the proxy", "[gate]") {
    Rig rig(https_front(), beforehand());
    serve_https(rig);
}

TEST_CASE("An HTTPS upstream is refused", "[gate]") {
    ProxyConfig config = nginx_large();
    config.https_upstream = true;
    Rig rig(config, later());
    expect_refused(rig, "tls:");
    rig.finish(Resets::none, Elided::any);
}

TEST_CASE("An HTTPS upstream gets whole requests or none in spite of an accepted risk", "[gate]") {
    talk_into_tls(later());
}

TEST_CASE(
    "An HTTPS upstream gets whole requests or none when the policy was there before the proxy",
    "[gate]") {
    talk_into_tls(beforehand());
}

TEST_CASE("A unix-socket upstream is refused", "[gate]") {
    for (ProxyConfig config : {nginx_large(), haproxy_16k()}) {
        INFO(config.name);
        config.unix_upstream = scratch("upstream.sock");
        Origin behind(listen_unix(config.unix_upstream));
        std::filesystem::permissions(config.unix_upstream, std::filesystem::perms::all);
        Rig rig(config, later());
        rig.talk({get(size), post(size)});
        expect_refused(rig, "unix:");
        rig.finish(Resets::none, Elided::any);
    }
}
