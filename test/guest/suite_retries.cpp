// SPDX-License-Identifier: GPL-2.0
// [lifetimes] Proxies that send a body once more: the first server takes all of it and resets.
#include <sys/socket.h>

#include <strings.h>

#include <array>
#include <atomic>
#include <charconv>
#include <span>
#include <thread>

#include <catch2/catch_test_macros.hpp>

#include "rig.hpp"

using namespace guest;

namespace {

constexpr std::uint16_t refusing_port = 9001;

/// A server that reads whole requests, with a Content-Length, and answers none.
class Refuser {
public:
    explicit Refuser(const Namespace& ns)
        : listener_(listen_on(ns, refusing_port))
        , thread_([this] { serve(); }) {}
    ~Refuser() {
        stopping_ = true;
        ::shutdown(listener_.get(), SHUT_RDWR);
    }
    Refuser(const Refuser&) = delete;
    Refuser& operator=(const Refuser&) = delete;

    /// Bodies that were read to their end.
    int refused() const { return refused_; }

private:
    void serve() {
        while (!stopping_) {
            const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
            if (fd < 0) {
                continue;
            }
            tame(fd);
            Wire wire{Fd(fd)};
            try {
                refused_ += take(wire) ? 1 : 0;
                wire.reset();
            } catch (const std::exception&) {
                continue; // the proxy has gone, or was reset
            }
        }
    }

    static bool take(Wire& wire) {
        constexpr std::string_view name = "content-length: ";
        std::size_t left = 0;
        for (std::string line = wire.line(); !line.empty(); line = wire.line()) {
            if (line.size() > name.size() &&
                ::strncasecmp(line.data(), name.data(), name.size()) == 0) {
                std::from_chars(line.data() + name.size(), line.data() + line.size(), left);
            }
        }
        std::array<std::byte, 16384> bytes{};
        while (left > 0) {
            const std::size_t got = wire.read(std::span(bytes).first(std::min(left, bytes.size())));
            if (got == 0) {
                return false;
            }
            left -= got;
        }
        return true;
    }

    Fd listener_;
    std::atomic<bool> stopping_ = false;
    std::atomic<int> refused_ = 0;
    std::jthread thread_;
};

/// Keeps bodies up to this size in memory, longer ones in a file.
ProxyConfig retrying_nginx(int body_buffer_kb) {
    ProxyConfig config = nginx_large();
    config.body_buffer_kb = body_buffer_kb;
    config.first_port = refusing_port;
    config.location_lines += "proxy_next_upstream error timeout non_idempotent;\n";
    return config;
}

/// HAProxy sends a request again when it had all of it in one buffer when it sent it first.
ProxyConfig retrying_haproxy() {
    ProxyConfig config = haproxy_64k();
    config.first_port = refusing_port;
    config.backend_lines += "  option http-buffer-request\n  option redispatch 1\n  retries 3\n"
                            "  retry-on all-retryable-errors\n";
    return config;
}

/// Bodies that arrive in pieces of less than a page, each of which pins much more.
Exchange in_small_pieces(std::uint64_t size) {
    Exchange what = post(size);
    what.write = {0, 0, 6000, 300};
    return what;
}

void retry(const ProxyConfig& config, const RigOptions& options,
           const std::vector<Exchange>& exchanges) {
    INFO(config.name);
    Rig rig(config, options);
    const Refuser refuser(rig.net.origin());
    // the first body of a process is copied
    rig.talk({exchanges.front()});
    const Figures before = libra_module::figures();
    const int refused = refuser.refused();
    rig.talk(exchanges);
    CHECK(refuser.refused() > refused);
    if (!libra_module::plain()) {
        const Figures change = libra_module::figures() - before;
        INFO(change.describe());
        CHECK(change.rx_elided > 0);
        CHECK(change.counters.at("retries") > 0);
        CHECK(change.tx_reused > change.rx_elided);
        CHECK(change.all_resets() == 0);
    }
    rig.finish();
}

} // namespace

TEST_CASE("A body that nginx sends to the next upstream is reused once more", "[lifetimes]") {
    for (const int buffer_kb : {16, 1024}) {
        INFO("a buffer of " << buffer_kb << "K");
        retry(retrying_nginx(buffer_kb), {}, {post(100'000), post(500'000), post(1'000'000)});
    }
}

TEST_CASE("A body that came in small pieces can be sent to the next upstream", "[lifetimes]") {
    RigOptions options;
    options.attach.threshold = 2048;
    retry(retrying_nginx(1024), options, {in_small_pieces(700'000)});
}

TEST_CASE("A body that HAProxy sends again from its buffer is reused once more", "[lifetimes]") {
    retry(retrying_haproxy(), {}, {post(40'000), post(40'000), post(40'000), post(40'000)});
}

TEST_CASE("A retry of more than is kept fails, with nothing wrong sent", "[lifetimes]") {
    Rig rig(retrying_nginx(1024));
    const Refuser refuser(rig.net.origin());
    rig.talk({post(500'000)});
    ::libra::ConfigChange limits;
    limits.cap_sent = 100'000;
    const LimitScope scope(limits);
    const Figures before = libra_module::figures();
    Client client = rig.connect();
    const Reply reply = client.exchange(post(500'000));
    if (libra_module::plain()) {
        CHECK(reply.good());
    } else {
        const Figures change = libra_module::figures() - before;
        INFO(change.describe());
        // nginx's own words, after its second upstream was reset as well
        CHECK(reply.status == 502);
        CHECK(change.resets.at("dead") > 0);
    }
    rig.finish(Resets::some);
}
