// SPDX-License-Identifier: GPL-2.0
// [storms] Everything at once: changes of all kinds under many connections, proxies that are
// killed, limits that are always met, namespaces that go with payload in them. LIBRA_TEST_STORM
// says how many changes, LIBRA_TEST_STORM_WIDTH under how many connections.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <memory>

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "load.hpp"

using namespace guest;

namespace {

constexpr std::uint64_t mega = 1 << 20;

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// What an operator can do, in any order. A refusal is fine; what is not is for the traffic, the
/// kernel's log and the end of the suite to tell.
class Weather {
public:
    Weather(Rig& rig, std::uint64_t seed)
        : rig_(rig)
        , dice_(seed) {}

    std::string change() {
        switch (dice_.between(0, 9)) {
        case 0:
        case 1:
            return attach("elide");
        case 2:
            return attach("auto");
        case 3:
            return attach(dice_.between(0, 1) == 0 ? "verify" : "observe");
        case 4:
            return call({"detach", "--all"});
        case 5:
            return call({dice_.between(0, 2) == 0 ? "off" : "on"});
        case 6:
            // in the place of the one that runs, or as the first
            return call({"parser", "load", "--replace", libra_module::parser_object()});
        case 7:
            return call({"limits", "--domain", dice_.between(0, 1) == 0 ? "64K" : "64M"});
        case 8:
            return call({"limits", "--spill", dice_.between(0, 1) == 0 ? "0" : "64M"});
        default:
            return unload();
        }
    }

private:
    std::string call(const std::vector<std::string>& arguments) {
        const RunResult done = libra_module::ctl(arguments);
        // 0: done, 1 to 4: refused with words; all else is a crash
        if (done.code < 0 || done.code > 9) {
            rig_.faults.add(fmt::format("libractl {}: {} {}", arguments[0], done.code, done.out));
        }
        return fmt::format("{} {}", arguments[0], done.code);
    }

    std::string attach(const std::string& mode) {
        return call({"attach", "--pid", std::to_string(rig_.proxy->pid()), "--mode", mode});
    }

    /// As rmmod(8) does it, while it is in use.
    std::string unload() {
        if (::syscall(SYS_delete_module, "libra", O_NONBLOCK) == 0) {
            rig_.faults.add("the module could be unloaded under load");
        }
        return "rmmod";
    }

    Rig& rig_;
    Dice dice_;
};

std::vector<Exchange> mixture() {
    return {get(200'000), post(150'000), get(40'000, Framing::chunked), get(500),
            post(30'000, Framing::chunked)};
}

/// Small clients that take their time, so that payload waits in the proxy.
std::vector<Client> waiting_clients(Rig& rig, int count) {
    ConnectOptions slow;
    slow.rcvbuf = 8192;
    std::vector<Client> clients;
    const Exchange what = get(2 * mega);
    for (int i = 0; i < count; ++i) {
        clients.push_back(rig.connect(false, slow));
        clients.back().send(what);
    }
    return clients;
}

/// Ten clients that wait; from time to time one has its fill and another one comes.
class Queue {
public:
    explicit Queue(Rig& rig)
        : rig_(rig) {
        while (clients_.size() < 10) {
            add();
        }
    }

    void next() {
        drain(clients_.front());
        clients_.pop_front();
        add();
    }

    void end() {
        for (Waiting& each : clients_) {
            drain(each);
        }
    }

    /// Clients whose payload was given up: past the limits that may happen to what waits for a
    /// minute (docs/architecture.md, Lifetimes), and on a slow machine it does.
    std::uint64_t given_up() const { return given_up_; }

private:
    struct Waiting {
        Client client;
        std::chrono::steady_clock::time_point since;
    };

    void drain(Waiting& waiting) {
        const Exchange what = get(2 * mega);
        const Reply reply = waiting.client.receive(what);
        const auto age = std::chrono::steady_clock::now() - waiting.since;
        if (age > std::chrono::minutes(1) && reply.wrong.empty() && reply.body.reset) {
            ++given_up_;
        } else {
            rig_.faults.add(flaw(what, reply));
        }
    }

    void add() {
        clients_.push_back(
            {std::move(waiting_clients(rig_, 1).front()), std::chrono::steady_clock::now()});
    }

    Rig& rig_;
    std::deque<Waiting> clients_;
    std::uint64_t given_up_ = 0;
};

bool nothing_retained() {
    return eventually([] {
        const Figures now = libra_module::figures();
        return now.retained == 0 && now.live == 0;
    });
}

} // namespace

TEST_CASE("Changes of all kinds under many connections", "[storms]") {
    const ::libra::Config before = libra_module::client().config();
    const std::uint64_t changes = number_from("LIBRA_TEST_STORM", 24);
    const auto connections = static_cast<int>(number_from("LIBRA_TEST_STORM_WIDTH", 64));
    const std::uint64_t seed = number_from("LIBRA_TEST_SEED", 1);
    for (const ProxyConfig& config : {nginx_large(), haproxy_16k()}) {
        INFO(config.name);
        RigOptions wide;
        wide.origin_width = 2 * connections;
        wide.attached = false;
        Rig rig(config, wide);
        LoadOptions options;
        options.width = connections;
        Load load(rig, mixture(), options);
        Weather weather(rig, seed);
        std::string story;
        for (std::uint64_t i = 0; i < changes; ++i) {
            load.wait_for(4);
            story += weather.change() + ", ";
        }
        load.stop();
        fmt::print(stderr, "    {} exchanges over {} connections: {}\n", load.done(), connections,
                   story.substr(0, 600));
        CHECK(load.done() > changes * 4);
        libra_module::ctl_ok({"on"});
        libra_module::ctl_ok({"detach", "--all"});
        ::libra::ConfigChange back;
        back.cap_domain = before.cap_domain;
        back.cap_spill = before.cap_spill;
        libra_module::client().set_config(back);
        rig.origin.drop_connections();
        rig.attach();
        rig.expect_savings(get(mega), 3, 5.0);
        rig.finish();
    }
}

TEST_CASE("Limits that are met all the time lose and stall nothing", "[storms]") {
    const std::uint64_t rounds = number_from("LIBRA_TEST_STORM", 24);
    for (const ProxyConfig& config : {nginx_large(), haproxy_64k()}) {
        INFO(config.name);
        ::libra::ConfigChange limits;
        limits.cap_domain = config.kind == ProxyKind::nginx ? 4 * mega : mega / 2;
        limits.cap_spill = limits.cap_domain;
        const LimitScope scope(limits);
        Rig rig(config);
        rig.talk({get(100'000)});
        Queue queue(rig);
        const auto held = [](const Figures& now) {
            return now.retained + now.counters.at("spilled");
        };
        // The looks below are counted, so none may come before the clients hold what they will.
        CHECK(eventually([&] { return held(libra_module::figures()) >= *limits.cap_domain / 2; }));
        LoadOptions options;
        options.width = 16;
        Load load(rig, mixture(), options);
        const Figures before = libra_module::figures();
        std::uint64_t full = 0;
        for (std::uint64_t i = 0; i < rounds; ++i) {
            load.wait_for(6);
            const Figures now = libra_module::figures();
            full += held(now) >= *limits.cap_domain / 2 ? 1 : 0;
            CHECK(now.counters.at("spilled") <= *limits.cap_spill);
            if (i % 4 == 3) {
                queue.next();
            }
        }
        load.stop();
        queue.end();
        const Figures change = libra_module::figures() - before;
        INFO(change.describe());
        fmt::print(stderr, "    {} exchanges, much held in {} of {} looks: {}\n", load.done(), full,
                   rounds, change.describe());
        CHECK(full > rounds / 2);
        CHECK(change.fallbacks.contains("cap"));
        CHECK(change.counters.at("spills") > 0);
        CHECK(change.all_resets() == queue.given_up());
        CHECK(change.resets.at("dead") == queue.given_up());
        CHECK((queue.given_up() == 0 || change.counters.at("expired") > 0));
        // and when the crowd has gone all is as it was
        rig.expect_savings(get(mega), 3, 5.0);
        rig.finish(queue.given_up() == 0 ? Resets::none : Resets::some);
    }
}

TEST_CASE("Workers that are killed under load are replaced, and leave nothing", "[storms]") {
    ProxyConfig config = nginx_large();
    config.workers = 2;
    Rig rig(config);
    rig.talk({get(100'000), get(100'000)});
    const std::vector<Exchange> all = {get(200'000), post(150'000)};
    std::atomic<bool> stop = false;
    std::atomic<std::uint64_t> good = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 16; ++i) {
            threads.emplace_back([&, i] {
                for (std::size_t n = static_cast<std::size_t>(i); !stop; ++n) {
                    try {
                        const Reply reply = rig.connect().exchange(all[n % all.size()]);
                        rig.faults.add(reply.wrong);
                        good += reply.good() ? 1 : 0;
                    } catch (const std::exception&) {
                        ::usleep(1000); // the worker has gone with it
                    }
                }
            });
        }
        for (int i = 0; i < 6; ++i) {
            const std::uint64_t goal = good + 8;
            CHECK(eventually([&] { return good >= goal; }));
            const auto workers = rig.proxy->workers();
            ::kill(workers.front(), SIGKILL);
            CHECK(eventually([&] {
                const auto now = rig.proxy->workers();
                return now.size() == 2 && now.front() != workers.front();
            }));
        }
        stop = true;
    }
    rig.origin.drop_connections();
    rig.expect_savings(get(mega), 3, 5.0);
    rig.settle(Resets::some);
    CHECK(nothing_retained());
    check_nothing_left();
}

TEST_CASE("A network namespace that goes with payload in its sockets leaves nothing", "[storms]") {
    for (int round = 0; round < 3; ++round) {
        auto rig = std::make_unique<Rig>(round % 2 == 0 ? nginx_large() : haproxy_64k());
        rig->talk({get(100'000), get(100'000)});
        auto clients = waiting_clients(*rig, 8);
        CHECK(eventually([] { return libra_module::figures().retained > mega; }));
        // the proxy dies, its sockets still have retained pages to send, and the namespace goes
        rig->proxy->kill();
        rig->attachment.reset();
        clients.clear();
        rig.reset();
        CHECK(nothing_retained());
        check_nothing_left();
    }
}
