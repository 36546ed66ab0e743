// SPDX-License-Identifier: GPL-2.0
#include "rig.hpp"

#include <cstdlib>

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

namespace guest {

namespace {

std::optional<TlsRole> origin_role(const ProxyConfig& config) {
    return config.ktls && config.https_upstream ? std::optional(TlsRole::server) : std::nullopt;
}

} // namespace

Rig::Rig(const ProxyConfig& config, const RigOptions& options)
    : Rig(options, with_ktls_if_told(config)) {}

Rig::Rig(const RigOptions& options, const ProxyConfig& config)
    : net(options.net)
    , origin(net.origin(), Origin::default_port, options.origin_width, origin_role(config))
    , options_(options)
    , before_(libra_module::figures()) {
    std::uint16_t upstream_port = origin.port();
    if (config.https_upstream && !config.ktls) {
        ProxyConfig tls = nginx_large();
        tls.name = "the origin's TLS";
        tls.https_front = true;
        terminator = Proxy::start(net.origin(), tls, endpoint("127.0.0.1", origin.port()));
        upstream_port = Proxy::https_port;
    }
    if (options.beforehand) {
        ::libra::PolicySpec spec;
        spec.exe = Proxy::executable_of(config.kind);
        spec.mode = ::libra::Mode::elide;
        attachment.emplace(spec);
    }
    proxy = Proxy::start(net.proxy(), config,
                         endpoint(net.origin_address(config.v6_upstream), upstream_port));
    if (options.attached && !options.beforehand) {
        attach();
    }
}

Rig::~Rig() {
    // After a failed assertion the test ends here: leave nothing for the next one.
    if (!finished_) {
        proxy->kill();
        attachment.reset();
        libra_module::gone();
    }
}

Client Rig::connect(bool v6, ConnectOptions options) {
    const bool tls = proxy->config().ktls && proxy->config().https_front;
    if (tls) {
        options.tls = TlsRole::client;
    }
    return {net.client(), net.proxy_address(v6), tls ? Proxy::https_port : Proxy::port, options};
}

void Rig::attach() {
    attachment.emplace(proxy->pid(), proxy->executable(), options_.attach);
}

void Rig::detach() {
    if (attachment) {
        attachment->detach();
    }
}

void Rig::talk(const std::vector<Exchange>& exchanges, bool v6) {
    std::optional<Client> client;
    for (const Exchange& what : exchanges) {
        Reply reply;
        try {
            if (!client) {
                client.emplace(connect(v6));
            }
            reply = client->exchange(what);
            faults.add(flaw(what, reply));
        } catch (const std::exception& error) {
            faults.add(describe(what) + ": " + error.what());
        }
        if (!reply.keep || !reply.good()) {
            client.reset();
        } else if (const std::string more = client->quiet(); !more.empty()) {
            faults.add(describe(what) + ": " + more);
            client.reset();
        }
    }
}

void Rig::talk_at_once(int width, const std::vector<Exchange>& exchanges) {
    in_threads(width, faults, [&](int) { talk(exchanges); });
}

void Rig::expect_savings(const Exchange& what, int count, double copied_percent) {
    // The first read that a process could elide is copied: only then is it armed.
    talk({get(100'000)});
    const Figures before = libra_module::figures();
    talk(std::vector<Exchange>(static_cast<std::size_t>(count), what));
    const std::uint64_t bytes =
        (what.answer.body.size + what.body.size) * static_cast<std::uint64_t>(count);
    Figures change;
    // The client may have all before the proxy's last call has returned and is counted.
    eventually([&] {
        change = libra_module::figures() - before;
        return libra_module::plain() || change.forwarded() >= 2 * bytes;
    });

    INFO(describe(what) << ", " << count << " times: " << change.describe());
    CHECK(faults.text() == "");
    if (!libra_module::plain()) {
        CHECK(change.forwarded() >= 2 * bytes);
        CHECK(change.copied_percent() <= copied_percent);
    }
}

void Rig::settle(Resets resets, Elided elided) {
    finished_ = true;
    CHECK(faults.text() == "");
    for (const std::string& failure : origin.failures()) {
        FAIL_CHECK("at the origin: " << failure);
    }
    const Figures change = libra_module::figures() - before_;
    INFO(change.describe());
    if (resets != Resets::some) {
        const std::uint64_t excused =
            resets == Resets::unfinished ? change.resets.at("unfinished") : 0;
        CHECK(change.all_resets() == excused);
    }
    if (elided == Elided::some && !libra_module::plain()) {
        CHECK(change.rx_elided > 0);
        CHECK(change.tx_reused > 0);
    }
    proxy->stop();
    detach();
}

void Rig::finish(Resets resets, Elided elided) {
    settle(resets, elided);
    check_nothing_left();
}

void check_nothing_left() {
    if (!libra_module::gone()) {
        FAIL_CHECK("left behind: " << libra_module::leftovers());
    }
}

int rounds(int usual) {
    return std::getenv("LIBRA_TEST_SLOW") == nullptr ? usual : usual / 5;
}

double allowed_percent(const ProxyConfig& config, std::uint64_t size) {
    if (size >= 256 << 10) {
        return 2.0;
    }
    const int buffer = config.kind == ProxyKind::nginx ? config.buffer_kb * 1024 : config.bufsize;
    return buffer <= 16384 ? 10.0 : 5.0;
}

} // namespace guest
