// SPDX-License-Identifier: GPL-2.0
// [modes] Features of nginx and HAProxy that read, keep or double bodies: what attach, verify,
// advise and auto make of each.
#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "rig.hpp"

using namespace guest;
using nlohmann::json;

namespace {

/// Messages that prove a class here, and some that would be elided behind them.
constexpr int proof = 8;
constexpr int enough = proof + 4;
constexpr std::uint64_t size = 40'000;
constexpr std::uint64_t needle_seed = 77;
constexpr const char* stored = "/tmp/libra-stored";
constexpr const char* cached = "/tmp/libra-cached";
constexpr const char* command = "<!--#echo var=\"request_method\" -->";

/// What mode auto does with bodies behind so many that went out verbatim.
enum class Auto {
    copies, ///< nothing is elided, ever
    elides,
    blind ///< the kernel cannot see where bodies go: why attach refuses
};

struct Reader {
    ProxyConfig config;
    std::string names; ///< the finding that refuses it; empty: nothing does
    Exchange what;
    /// The body as the client gets it, where it is another one than the origin's.
    std::function<std::string(std::string)> rewritten;
    int denied = 0; ///< the status that answers bodies with the needle
    Auto in_auto = Auto::copies;
    /// What else has to be right behind the messages, of which some may have been elided.
    std::function<void(Rig&, const std::vector<Exchange>&, bool elided)> behind;
};

std::string content(const Body& of) {
    std::string body(of.size, '\0');
    Pattern{of.seed}.fill(0, std::as_writable_bytes(std::span(body)));
    return body;
}

/// What an ACL looks for in the middle of the body of needle_seed.
std::string needle(const std::string& fetch) {
    constexpr std::uint64_t at = size / 2;
    std::array<std::byte, 8> bytes{};
    Pattern{needle_seed}.fill(at, bytes);
    return fmt::format("{{ {},bytes({},{}),hex -m str -i {} }}", fetch, at, bytes.size(),
                       to_hex(bytes));
}

std::vector<Exchange> several(int count, Exchange what) {
    std::vector<Exchange> all;
    for (int i = 0; i < count; ++i) {
        what.answer.body.seed = static_cast<std::uint64_t>(i) + 1;
        what.body.seed = what.answer.body.seed;
        all.push_back(what);
    }
    return all;
}

/// What curl gets, which asks for compression and undoes it.
std::string fetch(Rig& rig, const Exchange& what) {
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

std::string status_of(Rig& rig, const Exchange& what) {
    Client client = rig.connect();
    client.send(what);
    const auto head = read_head(client.wire());
    return head ? head->first.substr(9, 3) : "nothing";
}

/// Sends messages through the proxy and compares what comes at both ends.
void pass(Rig& rig, const Reader& reader, int count, bool elided) {
    const std::vector<Exchange> all = several(count, reader.what);
    if (reader.denied != 0) {
        for (Exchange what : all) {
            what.answer.body.seed = what.body.seed = needle_seed;
            CHECK(status_of(rig, what) == std::to_string(reader.denied));
        }
    } else if (reader.rewritten) {
        for (const Exchange& what : all) {
            CHECK((fetch(rig, what) == reader.rewritten(content(what.answer.body))));
        }
    } else {
        rig.talk(all);
    }
    if (reader.behind) {
        reader.behind(rig, all, elided);
    }
}

// ---- nginx ----

Reader ssi() {
    Reader reader{nginx_large(), "\"ssi on\"", get(size), {}, 0, Auto::copies, {}};
    reader.config.name = "nginx with SSI";
    reader.config.location_lines = "ssi on;\nssi_types *;\n";
    reader.what.answer.replay =
        to_hex(std::as_bytes(std::span(command, std::char_traits<char>::length(command))));
    reader.rewritten = [](const std::string& body) {
        return "GET" + body.substr(std::char_traits<char>::length(command));
    };
    return reader;
}

Reader proxy_store() {
    Reader reader{nginx_large(), "\"proxy_store ", get(size), {}, 0, Auto::blind, {}};
    reader.config.name = "nginx with proxy_store";
    reader.config.location_lines = fmt::format("proxy_store {}/$arg_seed;\n", stored);
    reader.behind = [](Rig&, const std::vector<Exchange>& all, bool elided) {
        // A placeholder that is written to a file stays one.
        for (int i = 0; i < (elided ? proof : static_cast<int>(all.size())); ++i) {
            const Body& body = all[static_cast<std::size_t>(i)].answer.body;
            // renamed into its place behind the last byte that the client gets
            const std::string file = fmt::format("{}/{}", stored, body.seed);
            CHECK(eventually([&] { return std::filesystem::exists(file); }));
            CHECK((slurp(file) == content(body)));
        }
    };
    return reader;
}

Reader proxy_cache() {
    Reader reader{nginx_large(), "\"proxy_cache ", get(size), {}, 0, Auto::blind, {}};
    reader.config.name = "nginx with proxy_cache";
    reader.config.http_lines = fmt::format("proxy_cache_path {} keys_zone=kept:1m;\n", cached);
    reader.config.location_lines = "proxy_cache kept;\nproxy_cache_valid any 1h;\n";
    reader.behind = [](Rig& rig, const std::vector<Exchange>& all, bool elided) {
        const std::uint64_t before = rig.origin.requests();
        int dead = 0;
        // While what was sent is kept for another time, and when nothing is.
        for (const bool kept : {true, false}) {
            ::libra::ConfigChange none;
            none.cap_sent = 0;
            const auto limit = kept ? nullptr : std::make_unique<LimitScope>(none);
            for (const Exchange& what : all) {
                Client client = rig.connect();
                const Reply reply = client.exchange(what);
                CHECK(reply.wrong == "");
                dead += reply.good() ? 0 : 1;
            }
        }
        // exact, or dead where the cache has a placeholder
        CHECK(dead <= (elided ? 2 * (enough - proof) : 0));
        CHECK(rig.origin.requests() == before);
    };
    return reader;
}

Reader mirror() {
    Reader reader{nginx_large(), "\"mirror ", post(size), {}, 0, Auto::blind, {}};
    reader.config.name = "nginx with mirror";
    // the rest of the location, as nginx.cpp has it, belongs to the copy
    reader.config.location_lines = "mirror /copy;\nproxy_http_version 1.1;\n"
                                   "proxy_set_header Connection \"\";\nproxy_pass http://origin;\n"
                                   "}\nlocation = /copy {\ninternal;\n";
    reader.behind = [](Rig& rig, const std::vector<Exchange>& all, bool elided) {
        // The origin compares each body that it gets, the copies too.
        const std::uint64_t cut = rig.origin.cut_bodies();
        CHECK(eventually([&] { return rig.origin.requests() >= 2 * all.size(); }));
        // exact, or dead: what was sent is kept for another time, but not for long
        if (!elided) {
            CHECK(rig.origin.cut_bodies() == cut);
        }
    };
    return reader;
}

// ---- HAProxy ----

Reader compression() {
    Reader reader{haproxy_64k(), "\"compression algo gzip\"", get(size), {}, 0, Auto::copies, {}};
    reader.config.name = "HAProxy with compression";
    reader.config.backend_lines =
        "  compression algo gzip\n  compression type application/octet-stream\n";
    reader.rewritten = [](std::string body) { return body; };
    return reader;
}

Reader request_acl() {
    Reader reader{haproxy_64k(), "req.body", post(size), {}, 403, Auto::copies, {}};
    reader.config.name = "HAProxy with an ACL of request bodies";
    reader.config.backend_lines = fmt::format("  http-request wait-for-body time 1h\n"
                                              "  http-request deny deny_status 403 if {}\n",
                                              needle("req.body"));
    return reader;
}

Reader response_acl() {
    Reader reader{haproxy_64k(), "res.body", get(size), {}, 502, Auto::copies, {}};
    reader.config.name = "HAProxy with an ACL of response bodies";
    reader.config.backend_lines = fmt::format("  http-response wait-for-body time 1h\n"
                                              "  http-response deny deny_status 502 if {}\n",
                                              needle("res.body"));
    return reader;
}

Reader buffered_requests() {
    Reader reader{haproxy_64k(), "", post(size), {}, 0, Auto::elides, {}};
    reader.config.name = "HAProxy with http-buffer-request";
    reader.config.backend_lines = "  option http-buffer-request\n";
    return reader;
}

std::vector<Reader> readers() {
    return {ssi(),         proxy_store(), proxy_cache(),  mirror(),
            compression(), request_acl(), response_acl(), buffered_requests()};
}

RigOptions in_mode(const std::string& mode, bool accept_risk = false) {
    RigOptions options;
    options.attach.mode = mode;
    options.attach.accept_risk = accept_risk;
    options.attach.more = {"--proof", std::to_string(proof)};
    return options;
}

/// Nothing that a proxy of the last case kept.
void clean() {
    for (const char* directory : {stored, cached}) {
        std::filesystem::remove_all(directory);
        std::filesystem::create_directory(directory);
    }
}

} // namespace

TEST_CASE("What reads or keeps bodies is refused by name, exact in mode verify, and told by advise",
          "[modes]") {
    libra_module::load_parser();
    for (const Reader& reader : readers()) {
        INFO(reader.config.name);
        clean();
        RigOptions options = in_mode("verify");
        options.attached = false;
        Rig rig(reader.config, options);
        const std::string pid = std::to_string(rig.proxy->pid());
        if (!reader.names.empty()) {
            const RunResult refused = libra_module::ctl({"attach", "--mode", "auto", "--pid", pid});
            CHECK(refused.code != 0);
            CHECK(refused.out.find(reader.names) != std::string::npos);
            CHECK(libra_module::client().policies().empty());
        }
        rig.attach();
        const Figures before = libra_module::figures();
        pass(rig, reader, 4, false);
        if (reader.denied != 0) {
            rig.talk(several(2, reader.what)); // what is not denied
        }
        const Figures change = libra_module::figures() - before;
        CHECK(change.rx_copied >= 4 * size);
        CHECK(change.rx_elided == 0);

        // What is in force is used; that is said in front.
        const std::string said = libra_module::ctl_ok({"advise", "--pid", pid, "--json"});
        const json advice = json::parse(said.substr(said.find('{')));
        INFO(advice.dump(1));
        const json& findings = advice.at("findings");
        if (reader.names.empty()) {
            CHECK(findings.empty());
        } else {
            CHECK(advice.at("recommendation") == "none");
            CHECK(std::any_of(findings.begin(), findings.end(), [&](const json& each) {
                return each.at("text").get<std::string>().find(reader.names) != std::string::npos;
            }));
        }
        rig.finish(Resets::none, Elided::any);
    }
}

TEST_CASE("Mode auto with the risk accepted, where bodies are read or kept", "[modes]") {
    for (const Reader& reader : readers()) {
        INFO(reader.config.name);
        clean();
        Rig rig(reader.config, in_mode("auto", !reader.names.empty()));
        const Figures before = libra_module::figures();
        pass(rig, reader, enough, reader.in_auto != Auto::copies);
        const Figures change = libra_module::figures() - before;
        INFO(change.describe());
        if (reader.in_auto == Auto::copies) {
            CHECK(change.rx_elided == 0);
        }
        rig.finish(reader.in_auto == Auto::blind ? Resets::some : Resets::none,
                   reader.in_auto == Auto::elides ? Elided::some : Elided::any);
    }
}
