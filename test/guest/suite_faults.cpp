// SPDX-License-Identifier: GPL-2.0
// [faults] Every allocation and user copy of the kernel fails once in each call: what was asked for
// is done, or refused and undone; bytes are exact, or the connection is reset.
// Only on a kernel with fault injection: scripts/test --debug-kernel faults.
#include <functional>
#include <sstream>

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>
#include <libra/attach.hpp>
#include <libra/error.hpp>
#include <libra/process.hpp>

#include "fault_injection.hpp"
#include "rig.hpp"
#include "toy.hpp"

using namespace guest;

namespace {

constexpr std::uint16_t port = 7000;
constexpr std::uint64_t kilo = 1 << 10;
/// More than any call has: a loop that goes on for ever is a mistake of the test.
constexpr unsigned nth_max = 2000;

using PolicyMaker = std::function<::libra::PolicySpec(pid_t)>;

/// Net, origin and the relay in which calls fail.
class Stage {
public:
    explicit Stage(const PolicyMaker& policy)
        : toy_(net_.proxy(), {"faulty", std::to_string(port), net_.origin_address(),
                              std::to_string(origin_.port())})
        , policy_(::libra::attach(libra_module::client(), policy(toy_.pid())).policy) {}

    struct Outcome {
        bool injected = false;
        int calls = 0;
        std::string error; ///< of the call with the failure, and the call's name
        bool good = false;
    };

    /// One connection, in whose given call the nth failure happens; `how` see toy_faulty.cpp.
    Outcome serve(const Exchange& what, int call, unsigned nth, const std::string& how = "") {
        toy_.write_line(fmt::format("{} {} {}", call, nth, how));
        Outcome outcome;
        {
            Client client(net_.client(), net_.proxy_address(), port);
            try {
                const Reply reply = client.exchange(what);
                outcome.good = reply.good();
                if (!reply.wrong.empty()) {
                    faults.add(fmt::format("call {}, failure {}: {}", call, nth, reply.wrong));
                }
            } catch (const Cut&) {
            }
        }
        std::istringstream words(toy_.read_line());
        std::string state;
        std::string calls;
        words >> state >> calls;
        outcome.injected = state == "injected";
        outcome.calls = calls.starts_with("calls=") ? std::stoi(calls.substr(6)) : 0;
        std::getline(words, outcome.error);
        return outcome;
    }

    /// Without any failure: forwarded, and if `elided` without copying.
    void serve_well(const Exchange& what, bool elided) {
        const Figures before = libra_module::figures();
        CHECK(serve(what, -1, 0).good);
        if (elided) {
            CHECK((libra_module::figures() - before).rx_elided > 0);
        }
    }

    void finish() {
        toy_.stop();
        libra_module::client().delete_policy(policy_);
        for (const std::string& failure : origin_.failures()) {
            faults.add(failure);
        }
        CHECK(faults.text() == "");
        check_nothing_left();
    }

    Faults faults;

private:
    Net net_;
    Origin origin_{net_.origin()};
    Toy toy_;
    std::uint32_t policy_;
};

::libra::PolicySpec elide(pid_t pid) {
    ::libra::PolicySpec spec;
    spec.pid = static_cast<std::uint32_t>(pid);
    spec.mode = ::libra::Mode::elide;
    return spec;
}

::libra::PolicySpec verify(pid_t pid) {
    ::libra::PolicySpec spec = elide(pid);
    spec.mode = ::libra::Mode::verify;
    return spec;
}

Exchange closing(Exchange what) {
    what.close = true;
    return what;
}

/// A stage whose process may elide already.
std::unique_ptr<Stage> armed(const PolicyMaker& policy) {
    auto stage = std::make_unique<Stage>(policy);
    stage->serve_well(closing(get(60 * kilo)), false);
    stage->serve_well(closing(get(60 * kilo)), policy(0).mode == ::libra::Mode::elide);
    return stage;
}

/// Each failure of each call of one exchange, one after the other.
void walk(const PolicyMaker& policy, const Exchange& what, const std::string& how = "") {
    unsigned injected = 0;
    unsigned good = 0;
    int calls = 1;
    auto stage = armed(policy);
    for (int call = 0; call < calls; ++call) {
        for (unsigned nth = 1; nth < nth_max; ++nth) {
            const Stage::Outcome outcome = stage->serve(what, call, nth, how);
            // what TCP never says to who would wait: it waits for memory instead
            CHECK(outcome.error != fmt::format(" errno={} in=send", ENOBUFS));
            if (!outcome.injected) {
                calls = outcome.calls;
                break;
            }
            ++injected;
            good += outcome.good ? 1 : 0;
            // with a socket that could not be attached this process elides no more
            if (libra_module::gates() != 0) {
                stage->finish();
                stage = armed(policy);
            }
        }
    }
    stage->serve_well(what, policy(0).mode == ::libra::Mode::elide);
    stage->finish();
    fmt::print(stderr, "    {} calls, {} failures in them, {} exchanges whole all the same\n",
               calls, injected, good);
    CHECK(injected > static_cast<unsigned>(calls));
    CHECK(good > 0);
}

/// Something that is asked of the module; undone by `undo`, which does nothing when nothing was
/// done.
struct Request {
    const char* name;
    std::function<void()> ask;
    std::function<void()> undo;
};

/// Each failure of one request: refused with an error, or done. How many there are.
unsigned walk(const Request& request) {
    INFO(request.name);
    unsigned refused = 0;
    for (unsigned nth = 1; nth < nth_max; ++nth) {
        NthFault fault(nth);
        try {
            request.ask();
        } catch (const ::libra::Error&) {
            ++refused;
        }
        const bool injected = fault.injected();
        request.undo();
        if (!injected) {
            fmt::print(stderr, "    {}: {} failures, {} refused\n", request.name, nth - 1, refused);
            return nth - 1;
        }
    }
    FAIL("there is always one more failure");
    return 0;
}

} // namespace

TEST_CASE("Each failure inside a call of a relay", "[faults]") {
    prepare_faults();
    libra_module::load_parser();
    walk(elide, closing(get(60 * kilo)));
    walk(elide, closing(post(60 * kilo)));
    walk(verify, closing(get(60 * kilo)));
}

TEST_CASE("Each failure while tokens are cut", "[faults]") {
    prepare_faults();
    libra_module::load_parser();
    const Figures before = libra_module::figures();
    walk(elide, closing(get(60 * kilo)), "cut");
    CHECK((libra_module::figures() - before).counters["tokens_cut"] > 0);
}

TEST_CASE("Each failure in a process's first calls", "[faults]") {
    prepare_faults();
    libra_module::load_parser();
    unsigned injected = 0;
    // accept(2) attaches, the read that could elide makes the process's domain
    for (const int call : {0, 1}) {
        for (unsigned nth = 1; nth < nth_max; ++nth) {
            Stage stage(elide);
            const bool more = stage.serve(closing(post(60 * kilo)), call, nth).injected;
            stage.serve_well(closing(get(60 * kilo)), false);
            stage.finish();
            if (!more) {
                break;
            }
            ++injected;
        }
    }
    fmt::print(stderr, "    {} failures\n", injected);
    CHECK(injected > 10);
}

TEST_CASE("Each failure in a request to the module", "[faults]") {
    prepare_faults();
    libra_module::load_parser();
    const Net net;
    Toy toy(net.proxy(), {"calls", std::to_string(port)});
    auto& client = libra_module::client();
    const auto nothing = [] {};
    const auto delete_all = [&client] {
        for (const ::libra::Policy& each : client.policies()) {
            if (!each.draining) {
                client.delete_policy(each.id);
            }
        }
    };
    const ::libra::Config before = client.config();
    ::libra::ConfigChange change;
    change.cap_domain = before.cap_domain / 2;
    ::libra::ConfigChange back;
    back.cap_domain = before.cap_domain;

    CHECK(walk({"a policy", [&] { client.add_policy(elide(toy.pid())); }, delete_all}) > 0);
    CHECK(walk({"a policy for an executable",
                [&] {
                    ::libra::PolicySpec spec = elide(0);
                    spec.exe = "/usr/sbin/haproxy";
                    client.add_policy(spec);
                },
                delete_all}) > 0);
    walk({"limits", [&] { client.set_config(change); }, [&] { client.set_config(back); }});

    const std::uint32_t policy = client.add_policy(elide(toy.pid()));
    walk({"the policies", [&] { client.policies(); }, nothing});
    walk({"the sockets", [&] { client.sockets(); }, nothing});
    walk({"the processes", [&] { client.domains(); }, nothing});
    walk({"the parsers", [&] { client.parsers(); }, nothing});
    walk({"the classes", [&] { client.classes(); }, nothing});
    walk({"the counters", [&] { client.stats(); }, nothing});
    walk({"the settings", [&] { client.config(); }, nothing});
    CHECK(client.config().cap_domain == before.cap_domain);
    client.delete_policy(policy);
    toy.stop();
    check_nothing_left();
}

TEST_CASE("Each failure when an open socket is attached", "[faults]") {
    prepare_faults();
    libra_module::load_parser();
    auto& client = libra_module::client();
    const Net net;
    unsigned attached = 0;
    bool injected = true;
    unsigned nth = 0;
    while (injected && ++nth < nth_max) {
        injected = false;
        Toy toy(net.proxy(), {"calls", std::to_string(port)});
        Wire wire(connect_to(net.client(), net.proxy_address(), port));
        REQUIRE(toy.ask("accept") == "accepted");
        const auto pid = static_cast<std::uint32_t>(toy.pid());
        const Attachment attachment(elide(toy.pid()));
        ::libra::visit_sockets({pid}, [&](const ::libra::HeldSocket&, int fd) {
            NthFault fault(nth);
            try {
                client.attach_socket(fd, pid, attachment.policy());
                ++attached;
            } catch (const ::libra::Error&) {
            }
            injected = fault.injected() || injected;
        });
        const std::string text(5000, 'x');
        wire.write(text);
        CHECK(toy.ask("waitall 5000") == "5000");
        wire.close();
        toy.stop();
    }
    fmt::print(stderr, "    {} failures, {} attached\n", nth - 1, attached);
    CHECK(nth > 2);
    CHECK(attached > 0);
    check_nothing_left();
}

TEST_CASE("Real proxies while a tenth of the module's allocations fail", "[faults]") {
    prepare_faults();
    for (const ProxyConfig& config : {nginx_large(), haproxy_64k()}) {
        INFO(config.name);
        {
            // what slow clients leave moves out, under failures too
            ::libra::ConfigChange limits;
            limits.cap_domain = 1 << 20;
            const LimitScope scope(limits);
            Rig rig(config);
            rig.talk({get(100'000), get(100'000)});
            std::atomic<unsigned> good = 0;
            {
                const RandomFaults some(10);
                in_threads(4, rig.faults, [&](int thread) {
                    for (std::uint64_t i = 0; i < 12; ++i) {
                        const Exchange what =
                            i % 2 == 0 ? get(300'000 + i) : post(200'000 + 1000 * i);
                        try {
                            ConnectOptions options;
                            options.rcvbuf = thread == 0 ? 8192 : 0;
                            const Reply reply = rig.connect(false, options).exchange(what);
                            rig.faults.add(reply.wrong);
                            good += reply.good() ? 1 : 0;
                        } catch (const Cut&) {
                        }
                    }
                });
                CHECK(libra_module::ctl({"parser", "list"}).code == 0);
            }
            fmt::print(stderr, "    {}: {} of 48 whole\n", config.name, good.load());
            CHECK(good > 0);
            rig.talk({get(100'000)});
            rig.finish(Resets::some);
        }
        // a process with a socket that could not be attached goes on copying, the next one does not
        Rig rig(config);
        rig.expect_savings(get(1 << 20), 3, allowed_percent(config, 1 << 20));
        rig.finish();
    }
}
