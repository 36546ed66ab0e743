// SPDX-License-Identifier: GPL-2.0
// [modes] What libractl says of classes: events, classes, advise, with a real proxy under load.
#include <csignal>
#include <cstdio>

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "rig.hpp"

using namespace guest;
using nlohmann::json;

namespace {

constexpr int proof = 8;
/// Exchanges from which advise draws a conclusion.
constexpr std::uint64_t telling = 40;

/// nginx that replaces what a client names in a header by something else.
ProxyConfig replacing_nginx() {
    ProxyConfig config = nginx_large();
    config.name = "nginx with a sub_filter of the client's";
    config.location_lines = "sub_filter_types *;\nsub_filter $http_x_find 'another';\n";
    return config;
}

RigOptions detached() {
    RigOptions options;
    options.attached = false;
    return options;
}

/// A policy that compares every message, whatever it knows of its class.
Attachment compare_all(const Rig& rig) {
    AttachOptions options;
    options.mode = "auto";
    options.accept_risk = true;
    options.more = {"--proof", std::to_string(proof), "--sample", "1"};
    return {rig.proxy->pid(), "", options};
}

/// libractl in the background; what it prints is JSON, an object a line or one over many lines.
class Running {
public:
    explicit Running(const std::vector<std::string>& arguments)
        : process_(in_shell(arguments), piped()) {
        // what it says before it looks
        CHECK(eventually([] { return slurp(said).find("Ctrl-C") != std::string::npos; }));
    }

    json next() { return json::parse(process_.read_line()); }
    json all() {
        std::string text;
        for (std::string line; !(line = process_.read_line()).empty();) {
            text += line + "\n";
        }
        return json::parse(text);
    }
    void signal(int number) const { process_.signal(number); }
    std::optional<int> wait() { return process_.wait(); }

private:
    static constexpr const char* said = "/tmp/libractl.err";

    static std::vector<std::string> in_shell(const std::vector<std::string>& arguments) {
        std::string line = "exec " + libra_module::libractl();
        for (const std::string& each : arguments) {
            line += " " + each;
        }
        std::remove(said);
        return {"/bin/sh", "-c", line + " 2>" + said};
    }
    static ProcessOptions piped() {
        ProcessOptions options;
        options.pipes = true;
        return options;
    }

    Process process_;
};

std::vector<Exchange> times(int count, Exchange what) {
    std::vector<Exchange> all;
    for (int i = 0; i < count; ++i) {
        what.answer.body.seed = static_cast<std::uint64_t>(i) + 1;
        all.push_back(what);
    }
    return all;
}

/// Bytes of the body in which a replacement makes a difference, if the client asks for it.
std::string part_of_body(const Exchange& what) {
    std::string part(12, '\0');
    // nginx takes header values as they are, but not every byte
    for (std::size_t at = 20'000; at < what.answer.body.size; ++at) {
        Pattern{what.answer.body.seed}.fill(at, std::as_writable_bytes(std::span(part)));
        const auto usable = [](unsigned char c) { return c > ' ' && c < 0x7f; };
        if (std::all_of(part.begin(), part.begin() + 3, usable)) {
            return part.substr(0, 3);
        }
    }
    throw std::logic_error("no text in the pattern");
}

/// Rewritten on its way; nobody looks at what comes.
void fetch_rewritten(Rig& rig, Exchange what) {
    what.header = "X-Find: " + part_of_body(what);
    what.close = true;
    Client client = rig.connect();
    client.send(what);
    std::vector<std::byte> block(65536);
    while (client.wire().read(block) != 0) {
    }
}

json classes_of(pid_t pid) {
    json found = json::array();
    for (const json& each : json::parse(libra_module::ctl_ok({"classes", "--json"}))) {
        if (each.at("pid") == pid) {
            found.push_back(each);
        }
    }
    return found;
}

json policies() {
    return json::parse(libra_module::ctl_ok({"policies", "--json"}));
}

/// Traffic from the moment on when libractl looks; over connections of before it would see nothing.
template <typename Look>
void under_load(Rig& rig, const Exchange& what, Look&& look) {
    CHECK(eventually([] { return policies().size() == 1; }));
    // told to stop by its end, however `look` ends
    const std::jthread load([&](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            rig.talk(times(4, what));
        }
    });
    look();
}

/// Until so many exchanges went through since `before`; then Ctrl-C. How long that takes is the
/// machine's affair.
json advice_after(Running& advise, const Figures& before, std::uint64_t exchanges) {
    CHECK(eventually([&] {
        return (libra_module::figures() - before).counters.at("rx_messages") >= 2 * exchanges;
    }));
    advise.signal(SIGINT);
    return advise.all();
}

void check_no_policy() {
    CHECK(policies().empty());
}

} // namespace

TEST_CASE("Events and classes tell when a class is proven, and when it is not any more",
          "[modes]") {
    libra_module::load_parser();
    Rig rig(replacing_nginx(), detached());
    Attachment attachment = compare_all(rig);
    Running events({"events", "--json"});
    const pid_t worker = rig.proxy->workers().front();
    const Exchange what = get(100'000);

    rig.talk(times(proof + 4, what));
    const json proven = events.next();
    CHECK(proven.at("change") == "proven");
    CHECK(proven.at("side") == "response");
    CHECK(proven.at("pid") == worker);
    const json before = classes_of(worker);
    REQUIRE(before.size() == 1);
    CHECK(before[0].at("state") == "proven");
    CHECK(before[0].at("label") == proven.at("label"));
    CHECK(before[0].at("verbatim") >= proof);
    CHECK(before[0].at("altered") == 0);
    CHECK(before[0].at("for").get<std::string>().starts_with("get"));

    fetch_rewritten(rig, what);
    const json altered = events.next();
    CHECK(altered.at("change") == "altered");
    CHECK(altered.at("label") == proven.at("label"));
    const json behind = classes_of(worker);
    REQUIRE_FALSE(behind.empty());
    CHECK(std::any_of(behind.begin(), behind.end(),
                      [](const json& each) { return each.at("altered") > 0; }));
    CHECK(std::none_of(behind.begin(), behind.end(),
                       [](const json& each) { return each.at("state") == "proven"; }));
    // the same for people
    CHECK(libra_module::ctl_ok({"classes"}).find(proven.at("label").get<std::string>()) !=
          std::string::npos);

    events.signal(SIGINT);
    CHECK(events.wait() == 0);
    attachment.detach();
    rig.finish(Resets::none, Elided::any);
}

TEST_CASE("advise recommends eliding where every body goes out as it came in", "[modes]") {
    libra_module::load_parser();
    for (const ProxyConfig& config : {nginx_large(), haproxy_64k()}) {
        INFO(config.name);
        Rig rig(config, detached());
        const Figures before = libra_module::figures();
        Running advise(
            {"advise", "--pid", std::to_string(rig.proxy->pid()), "--for", "1h", "--json"});
        json advice;
        under_load(rig, get(100'000), [&] { advice = advice_after(advise, before, telling); });
        CHECK(advise.wait() == 0);
        INFO(advice.dump(1));
        CHECK(advice.at("recommendation") == "elide");
        CHECK(advice.at("elidable") >= proof);
        CHECK(advice.at("command") ==
              fmt::format("libractl attach --pid {} --mode elide", rig.proxy->pid()));
        check_no_policy();
        rig.finish(Resets::none, Elided::any);
    }
}

TEST_CASE("advise names what must not be elided, and why", "[modes]") {
    libra_module::load_parser();
    Rig rig(replacing_nginx(), detached());
    const Figures before = libra_module::figures();
    Running advise({"advise", "--pid", std::to_string(rig.proxy->pid()), "--for", "1h", "--json"});
    json advice;
    under_load(rig, get(100'000), [&] {
        for (int i = 0; i < 20; ++i) {
            Exchange what = get(60'000);
            what.answer.body.seed = static_cast<std::uint64_t>(i) + 100;
            what.answer.status = 404; // a class of its own
            fetch_rewritten(rig, what);
        }
        // what never goes out as it came in is known as altered after a while
        CHECK(eventually([worker = rig.proxy->workers().front()] {
            const json classes = classes_of(worker);
            return std::any_of(classes.begin(), classes.end(),
                               [](const json& each) { return each.at("altered") > 0; });
        }));
        advice = advice_after(advise, before, telling + 20);
    });
    CHECK(advise.wait() == 0);
    INFO(advice.dump(1));
    CHECK(advice.at("recommendation") != "elide");
    bool verbatim = false;
    bool altered = false;
    for (const json& each : advice.at("classes")) {
        verbatim = verbatim || each.at("verdict") == "verbatim";
        altered = altered || (each.at("label").get<std::string>().find("404") == 0 &&
                              each.at("verdict") == "altered");
    }
    CHECK(verbatim);
    CHECK(altered);
    // what the configuration says, beside what was seen
    CHECK(advice.at("findings").dump().find("sub_filter") != std::string::npos);
    check_no_policy();
    rig.finish(Resets::none, Elided::any);
}

TEST_CASE(
    "advise that is interrupted advises and leaves nothing; one that is killed leaves a policy "
    "that can be detached",
    "[modes]") {
    libra_module::load_parser();
    Rig rig(nginx_large(), detached());
    for (const int number : {SIGINT, SIGKILL}) {
        INFO("signal " << number);
        Running advise({"advise", "--pid", std::to_string(rig.proxy->pid()), "--json"});
        CHECK(eventually([&] { return policies().size() == 1; }));
        rig.talk(times(4, get(100'000)));
        advise.signal(number);
        if (number == SIGINT) {
            CHECK(advise.all().at("messages") > 0);
            CHECK(advise.wait() == 0);
        } else {
            CHECK(advise.wait() == 128 + SIGKILL);
            const json left = policies();
            REQUIRE(left.size() == 1);
            CHECK(left[0].at("mode") == "verify");
            libra_module::ctl_ok({"detach", "--id", left[0].at("id").dump()});
        }
        check_no_policy();
    }
    rig.finish(Resets::none, Elided::any);
}
