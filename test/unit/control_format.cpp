// SPDX-License-Identifier: GPL-2.0
#include <string>

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <libra/json.hpp>

#include "format.hpp"

using namespace libra;
using Json = nlohmann::ordered_json;

namespace {

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

Socket some_socket() {
    Socket socket;
    socket.pid = 12;
    socket.policy = 3;
    socket.local = {"192.0.2.1", 80};
    socket.remote = {"2001:db8::1", 40000};
    socket.lower = "tcp";
    socket.parser = "http1";
    socket.mode = Mode::elide;
    socket.rx_state = StreamState::synced;
    socket.tx_state = StreamState::opaque;
    socket.tx_reason = Reason::late;
    socket.rx_elided = 1U << 20U;
    return socket;
}

} // namespace

TEST_CASE("tables are aligned and have no blanks at a line's end", "[format]") {
    libractl::Table table({"A", "LONGER", "C"});
    table.add({"value", "x", "y"});
    CHECK(table.text() == "A      LONGER  C\n"
                          "value  x       y\n");
}

TEST_CASE("sockets as text", "[format]") {
    const std::string text = libractl::format_sockets({some_socket()});
    CHECK(has(text, "192.0.2.1:80"));
    CHECK(has(text, "[2001:db8::1]:40000"));
    CHECK(has(text, "opaque (late)"));
    CHECK(has(text, "1.0M"));
    CHECK(libractl::format_sockets({}).starts_with("PID"));
    Socket secured = some_socket();
    secured.tx_lower = Lower::tls_sw;
    CHECK(has(libractl::format_sockets({secured}), "tcp/tls-sw"));
    secured.rx_lower = Lower::tls_sw;
    CHECK(has(libractl::format_sockets({secured}), " tls-sw "));
    Socket listener = some_socket();
    listener.rx_state = StreamState::listen;
    CHECK_FALSE(has(libractl::format_sockets({listener}), "40000"));
}

TEST_CASE("sockets as JSON", "[format]") {
    const Json json = Json(std::vector<Socket>{some_socket()});
    REQUIRE(json.size() == 1);
    CHECK(json[0]["local"] == Json{{"address", "192.0.2.1"}, {"port", 80}});
    CHECK(json[0]["mode"] == "elide");
    CHECK(json[0]["tx_state"] == "opaque");
    CHECK(json[0]["tx_reason"] == "late");
    CHECK(json[0]["rx_elided"] == 1048576);
    CHECK(Json(std::vector<Socket>{}).dump() == "[]");
}

TEST_CASE("policies as text and JSON", "[format]") {
    Policy policy;
    policy.id = 3;
    policy.exe = "/usr/sbin/nginx";
    policy.lport = 80;
    policy.mode = Mode::elide;
    policy.accept_risk = true;
    policy.draining = true;
    const std::string text = libractl::format_policies({policy});
    CHECK(has(text, "3   -    /usr/sbin/nginx  80     -      http1   elide  16.0K      0        "
                    "accept-risk,draining"));
    const Json json = policy;
    CHECK(json["pid"].is_null());
    CHECK(json["proof"].is_null());
    CHECK(json["sample"].is_null());
    CHECK(json["exe"] == "/usr/sbin/nginx");
    CHECK(json["lport"] == 80);
    CHECK(json["rport"].is_null());
    CHECK(json["threshold"] == 16384);
    CHECK(json["draining"] == true);
    policy.proof = 8;
    policy.sample = 16;
    CHECK(has(libractl::format_policies({policy}), "accept-risk,draining"));
    policy.mode = Mode::auto_;
    CHECK(has(libractl::format_policies({policy}), "auto"));
    CHECK(has(libractl::format_policies({policy}), "accept-risk,proof=8,sample=16,draining"));
    CHECK(Json(policy)["mode"] == "auto");
    CHECK(Json(policy)["proof"] == 8);
    CHECK(Json(policy)["sample"] == 16);
}

TEST_CASE("domains and parsers as text and JSON", "[format]") {
    Domain domain;
    domain.id = 1;
    domain.comm = "nginx";
    domain.gate = gate_late | gate_tls;
    CHECK(has(libractl::format_domains({domain}), "closed (late,tls)"));
    CHECK(Json(domain)["gate"] == Json::array({"late", "tls"}));
    CHECK(Json(domain)["pid"].is_null());
    domain.gate = 0;
    CHECK(has(libractl::format_domains({domain}), "open"));
    CHECK(Json(domain)["gate"] == Json::array());
    const Parser parser{"http1", 1, 2, 3};
    CHECK(libractl::format_parsers({parser}) == "NAME   STATE-VERSION  USERS  GENERATION\n"
                                                "http1  1              2      3\n");
    CHECK(Json(parser).dump() == R"({"name":"http1","state_version":1,"users":2,"generation":3})");
}

TEST_CASE("counters as text and JSON", "[format]") {
    const Stats stats{{{"rx_copied", 0}, {"rx_elided", 5}}, {{"small", 7}}, {{"dead", 0}}};
    CHECK(libractl::format_stats(stats) == "counters:\n  rx_elided  5\n"
                                           "copied for a reason:\n  small  7\n"
                                           "connections reset: none\n");
    CHECK(
        Json(stats).dump() ==
        R"({"counters":{"rx_copied":0,"rx_elided":5},"fallbacks":{"small":7},"resets":{"dead":0}})");
}

TEST_CASE("status and limits", "[format]") {
    Config config;
    config.version = "0.1.0";
    config.enabled = true;
    config.policies = 1;
    config.sockets = 2;
    config.cap_total = 256U << 20U;
    const Stats stats{{{"rx_copied", 100}, {"rx_elided", 900}}, {}, {}};
    const std::string text = libractl::format_status(config, stats);
    CHECK(has(text, "libra 0.1.0: on, 1 policy, 0 domains, 2 sockets, 0 parsers\n"));
    CHECK(has(text, "received  1000, 90 % elided\n"));
    CHECK(has(text, "sent      0, 0 % without a copy\n"));
    CHECK(has(text, "limit 256.0M"));
    Policy open;
    open.id = 3;
    Policy bounded;
    bounded.id = 4;
    bounded.cap = 1U << 20U;
    bounded.retained = 4096;
    const std::string limits = libractl::format_limits(config, {open, bounded});
    CHECK(has(limits, "total   256.0M"));
    CHECK(has(limits, "policy 3: 0 pinned, no limit of its own\n"));
    CHECK(has(limits, "policy 4: 4.0K pinned, limit 1.0M\n"));
    CHECK(Json(bounded)["cap"] == 1048576);
    CHECK(Json(open)["cap"].is_null());
    CHECK(has(libractl::format_policies({bounded}), "cap=1.0M"));
    CHECK(Json(config)["limits"]["total"] == 268435456);
    config.enabled = false;
    CHECK(has(libractl::format_status(config, stats), "off (nothing is elided)"));
}

TEST_CASE("attach says what it did", "[format]") {
    PolicySpec spec;
    spec.pid = 12;
    AttachReport report;
    report.policy = 3;
    report.processes = 2;
    report.listeners = 1;
    report.connections = 4;
    const std::string text = libractl::format_attach(spec, report);
    CHECK(has(text, "policy 3: process 12, mode observe, parser http1, threshold 16.0K\n"));
    CHECK(has(text, "2 processes under it; 1 listener and 4 connections attached\n"));
    CHECK(has(text, "4 connections were open already: they are copied; savings start with new "
                    "connections\n"));
    CHECK(has(text, "rx_elidable"));
    CHECK_FALSE(has(text, "already: of"));
    CHECK_FALSE(has(text, "gate"));

    spec.mode = Mode::elide;
    CHECK(has(libractl::format_attach(spec, report), "gate \"late\""));
    report.connections = 0;
    report.already = 2;
    report.findings = {{Severity::refuse, "tls", "reason"}, {Severity::note, "unknown", "fact"}};
    const std::string elide = libractl::format_attach(spec, report);
    CHECK_FALSE(has(elide, "open already"));
    CHECK(has(elide, "2 sockets are attached already"));
    CHECK_FALSE(has(elide, "rx_elidable"));
    CHECK(has(elide, "risk accepted: reason\n"));
    CHECK(has(elide, "note: fact\n"));
    CHECK_FALSE(has(elide, "libractl classes"));
    report.connections = 4;
    spec.mode = Mode::auto_;
    CHECK(has(libractl::format_attach(spec, report), "mode auto"));
    CHECK(has(libractl::format_attach(spec, report), "gate \"late\""));
    CHECK(has(libractl::format_attach(spec, report), "until a class of messages is proven"));
    spec.mode = Mode::verify;
    CHECK(has(libractl::format_attach(spec, report), "copied in mode verify"));
    CHECK_FALSE(has(libractl::format_attach(spec, report), "gate \"late\""));
    const Json json = report;
    CHECK(json["policy"] == 3);
    CHECK(json["findings"][0] ==
          Json{{"severity", "refuse"}, {"topic", "tls"}, {"text", "reason"}});
}
