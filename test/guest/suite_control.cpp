// SPDX-License-Identifier: GPL-2.0
// [control] Libra comes, goes and changes while transfers run.
#include <unistd.h>

#include <utility>

#include <catch2/catch_test_macros.hpp>

#include "load.hpp"

using namespace guest;

namespace {

constexpr std::uint64_t mega = 1 << 20;

std::vector<Exchange> mixture() {
    return {
        get(200'000), post(150'000), get(70'000, Framing::chunked), post(90'000, Framing::chunked),
        get(500),     get(mega)};
}

std::vector<ProxyConfig> both_proxies() {
    return {nginx_large(), haproxy_16k()};
}

void libractl(const std::vector<std::string>& arguments) {
    if (!libra_module::plain()) {
        libra_module::ctl_ok(arguments);
    }
}

/// New workers or processes take over again and again, and forward as the old ones did.
void reload_under_load(const ProxyConfig& config, const RigOptions& rig_options) {
    Rig rig(config, rig_options);
    std::vector<Exchange> all = mixture();
    for (Exchange& what : all) {
        what.close = true;
    }
    LoadOptions options;
    options.excuse_silence = true;
    Load load(rig, all, options);
    for (int i = 0; i < 3; ++i) {
        load.wait_for(6);
        rig.proxy->reload();
    }
    load.wait_for(6);
    load.stop();
    rig.expect_savings(get(mega), 2, 2.0);
    rig.finish();
}

} // namespace

TEST_CASE("A cap of 256 KB bounds what is retained and stalls nothing", "[control]") {
    constexpr std::uint64_t cap = 256 << 10;
    ::libra::ConfigChange limits;
    limits.cap_domain = cap;
    const LimitScope scope(limits);
    for (const ProxyConfig& config : {nginx_small(), nginx_unbuffered(), haproxy_64k()}) {
        INFO(config.name);
        Rig rig(config);
        const Figures before = libra_module::figures();
        ConnectOptions slow;
        slow.rcvbuf = 8192;
        slow.read = {16'000, 300};
        in_threads(4, rig.faults, [&](int) {
            Client client = rig.connect(false, slow);
            for (const Exchange& what : {get(2 * mega), get(300'000, Framing::chunked)}) {
                rig.faults.add(flaw(what, client.exchange(what)));
            }
        });
        if (!libra_module::plain()) {
            for (const auto& domain : libra_module::client().domains()) {
                CHECK(domain.peak <= cap);
            }
            const Figures change = libra_module::figures() - before;
            INFO(change.describe());
            CHECK(change.fallbacks.at("cap") > 0);
        }
        rig.finish();
    }
}

TEST_CASE("The cap of a policy bounds what its processes pin, and not what others do",
          "[control]") {
    constexpr std::uint64_t cap = 256 << 10;
    RigOptions bounded;
    bounded.attach.more = {"--cap", "256K"};
    Rig rig(nginx_large(), bounded);
    Rig other(haproxy_64k());
    rig.talk({get(100'000)});
    const Figures before = libra_module::figures();
    ConnectOptions small;
    small.rcvbuf = 8192;
    std::vector<Client> clients;
    const Exchange what = get(2 * mega);
    for (int i = 0; i < 4; ++i) {
        clients.push_back(rig.connect(false, small));
        clients.back().send(what);
    }
    const auto policy = [&] {
        for (const auto& each : libra_module::client().policies()) {
            if (each.id == rig.attachment->policy()) {
                return each;
            }
        }
        throw std::runtime_error("the policy is gone");
    };
    // they wait, and hold all that they may
    CHECK(eventually([&] { return (libra_module::figures() - before).fallbacks.at("cap") > 0; }));
    // Still for so many looks: a proxy that waits for a processor only is not.
    std::uint64_t seen = 0;
    int still = 0;
    CHECK(eventually([&] {
        ::usleep(100'000);
        const std::uint64_t now = libra_module::figures().forwarded();
        still = std::exchange(seen, now) == now ? still + 1 : 0;
        return still == 20;
    }));
    CHECK(policy().cap == cap);
    CHECK(policy().retained <= cap);
    other.expect_savings(get(mega), 3, 5.0);
    for (Client& client : clients) {
        rig.faults.add(flaw(what, client.receive(what)));
    }
    clients.clear();
    libractl({"limits", "--policy", std::to_string(policy().id), "--cap", "0"});
    CHECK(policy().cap == 0);
    rig.expect_savings(get(mega), 3, 5.0);
    other.settle();
    rig.settle();
    check_nothing_left();
}

TEST_CASE("Attach and detach while transfers run over connections that stay", "[control]") {
    for (const ProxyConfig& config : both_proxies()) {
        INFO(config.name);
        RigOptions options;
        options.attached = false;
        Rig rig(config, options);
        {
            Load load(rig, mixture());
            for (int i = 0; i < 3; ++i) {
                load.wait_for(4);
                rig.attach();
                load.wait_for(6);
                rig.talk({get(200'000), post(200'000)});
                rig.detach();
            }
        }
        // Connections of before the attach would close the gate: the pool of idle ones as well.
        rig.origin.drop_connections();
        rig.attach();
        rig.expect_savings(get(mega), 2, 2.0);
        rig.finish();
    }
}

TEST_CASE("Attach and detach while transfers run over short connections", "[control]") {
    for (ProxyConfig config : both_proxies()) {
        INFO(config.name);
        config.upstream_keepalive = false;
        RigOptions options;
        options.attached = false;
        Rig rig(config, options);
        std::vector<Exchange> all = mixture();
        for (Exchange& what : all) {
            what.close = true;
        }
        Load load(rig, all);
        for (int i = 0; i < 3; ++i) {
            load.wait_for(4);
            const Figures before = libra_module::figures();
            rig.attach();
            // The connections of before end, the gate opens, and payload stays in the kernel.
            CHECK((libra_module::plain() || eventually([&] {
                       return (libra_module::figures() - before).rx_elided > 1'000'000;
                   })));
            rig.detach();
        }
        load.stop();
        rig.finish();
    }
}

TEST_CASE("Off and on while transfers run", "[control]") {
    for (const ProxyConfig& config : both_proxies()) {
        INFO(config.name);
        Rig rig(config);
        Load load(rig, mixture());
        for (int i = 0; i < 3; ++i) {
            load.wait_for(6);
            libractl({"off"});
            load.wait_for(6);
            const Figures before = libra_module::figures();
            load.wait_for(12);
            const Figures change = libra_module::figures() - before;
            CHECK(change.rx_elided == 0);
            libractl({"on"});
        }
        load.stop();
        rig.expect_savings(get(mega), 2, 2.0);
        rig.finish();
    }
}

TEST_CASE("The parser is replaced while transfers run", "[control]") {
    for (const ProxyConfig& config : both_proxies()) {
        INFO(config.name);
        Rig rig(config);
        Load load(rig, mixture());
        for (int i = 0; i < 3; ++i) {
            load.wait_for(6);
            libractl({"parser", "load", "--replace", libra_module::parser_object()});
        }
        load.wait_for(6);
        load.stop();
        rig.expect_savings(get(mega), 2, 2.0);
        rig.finish();
    }
}

TEST_CASE("Two policies at once, one goes, the other stays", "[control]") {
    Rig first(nginx_large());
    Rig second(haproxy_64k());
    {
        Load one(first, mixture());
        Load two(second, mixture());
        one.wait_for(20);
        two.wait_for(20);
    }
    first.expect_savings(get(mega), 2, 2.0);
    second.expect_savings(get(mega), 2, 2.0);
    first.settle();
    second.expect_savings(post(mega), 2, 2.0);
    second.finish();
}

TEST_CASE("After a detach an attach makes open connections forward without copying again",
          "[control]") {
    for (const ProxyConfig& config : both_proxies()) {
        INFO(config.name);
        Rig rig(config);
        rig.expect_savings(get(mega), 2, 2.0);
        rig.detach();
        const Figures before = libra_module::figures();
        rig.talk({get(mega), post(mega)});
        if (!libra_module::plain()) {
            CHECK((libra_module::figures() - before).rx_elided == 0);
        }
        // nginx has a connection to its upstream from before, and keeps using it.
        rig.attach();
        rig.expect_savings(get(mega), 2, 2.0);
        rig.finish();
    }
}

TEST_CASE("After a detach another policy takes the listeners over", "[control]") {
    ProxyConfig closing = haproxy_64k();
    closing.server_close = true;
    Rig rig(closing);
    rig.expect_savings(get(mega), 2, 2.0);
    rig.detach();
    AttachOptions options;
    options.by_executable = true;
    rig.attachment.emplace(rig.proxy->pid(), rig.proxy->executable(), options);
    rig.expect_savings(get(mega), 2, 2.0);
    rig.finish();
}

TEST_CASE("nginx -s reload while transfers run: the new workers forward without copying",
          "[control]") {
    reload_under_load(nginx_large(), {});
}

TEST_CASE("haproxy -sf while transfers run: the new process forwards without copying",
          "[control]") {
    RigOptions options;
    options.attach.by_executable = true;
    reload_under_load(haproxy_64k(), options);
}

TEST_CASE("An attach in the middle of a body that contains whole messages", "[control]") {
    for (const ProxyConfig& config : {nginx_unbuffered(), haproxy_16k()}) {
        INFO(config.name);
        RigOptions options;
        options.attached = false;
        Rig rig(config, options);

        Exchange down = get(2 * mega);
        down.answer.body.seed |= hostile_seed;
        Exchange up = post(mega, Framing::chunked);
        up.body.seed |= hostile_seed;
        up.write = {0, 0, 16'000, 500};

        LoadOptions slow;
        slow.width = 1;
        slow.connect.rcvbuf = 8192;
        slow.connect.read = {16'384, 200};
        Load readers(rig, {down}, slow);
        LoadOptions one;
        one.width = 1;
        Load senders(rig, {up}, one);
        for (int i = 0; i < 2; ++i) {
            ::usleep(100'000);
            rig.attach();
            ::usleep(200'000);
            // Seen from its start, with the same content.
            rig.talk({down, up});
            rig.detach();
        }
        readers.stop();
        senders.stop();
        rig.origin.drop_connections();
        rig.attach();
        rig.talk({down, up});
        rig.expect_savings(down, 1, 2.0);
        rig.finish();
    }
}
