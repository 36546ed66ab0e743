// SPDX-License-Identifier: GPL-2.0
#include <string>

#include <catch2/catch_test_macros.hpp>

#include "control_configuration.hpp"
#include "haproxy.hpp"

using namespace libra;
using namespace libra::detail;

namespace {

Topics frontend(const std::string& line) {
    return refusals(inspect_haproxy("frontend f\n  " + line + "\n"));
}

Topics backend(const std::string& line) {
    return refusals(inspect_haproxy("backend b\n  " + line + "\n"));
}

} // namespace

TEST_CASE("a plain configuration with control socket, log and DNS gives no reason", "[haproxy]") {
    for (const Finding& each : inspect_haproxy(fixture("haproxy-plain.cfg")))
        FAIL_CHECK(each.text);
}

TEST_CASE("TLS is found on both sides", "[haproxy]") {
    CHECK(frontend("bind :443 ssl crt /a.pem") == Topics{"tls"});
    CHECK(backend("server s 192.0.2.1:443 check ssl verify none") == Topics{"tls"});
    CHECK(backend("server-template s 3 app.example:443 ssl") == Topics{"tls"});
    CHECK(backend("server ssl 192.0.2.1:80").empty());
    CHECK(backend("server s 192.0.2.1:80 check check-ssl").empty());
}

TEST_CASE("default-server is inherited and can be taken back", "[haproxy]") {
    CHECK(refusals(inspect_haproxy("defaults\n default-server ssl verify none\nbackend b\n"
                                   " server s 192.0.2.1:443\n")) == Topics{"tls"});
    CHECK(refusals(inspect_haproxy("defaults\n default-server ssl\nbackend b\n"
                                   " server s 192.0.2.1:80 no-ssl\n"))
              .empty());
    CHECK(refusals(inspect_haproxy("defaults\n default-server ssl\ndefaults\nbackend b\n"
                                   " server s 192.0.2.1:80\n"))
              .empty());
    CHECK(refusals(inspect_haproxy("backend a\n default-server ssl\nbackend b\n"
                                   " server s 192.0.2.1:80\n"))
              .empty());
}

TEST_CASE("unix sockets that carry bodies are found", "[haproxy]") {
    CHECK(frontend("bind /run/haproxy.sock") == Topics{"unix"});
    CHECK(frontend("bind :80,unix@/run/a mode 600") == Topics{"unix"});
    CHECK(backend("server s /run/app.sock") == Topics{"unix"});
    CHECK(backend("server s unix@app.sock") == Topics{"unix"});
    CHECK(backend("server s abns@app") == Topics{"unix"});
    CHECK(refusals(inspect_haproxy("global\n stats socket /run/a.sock\n log /dev/log local0\n"))
              .empty());
}

TEST_CASE("HTTP/3 is found", "[haproxy]") {
    CHECK(frontend("bind quic4@:443 ssl crt /a.pem") == Topics{"quic", "tls"});
}

TEST_CASE("features that read bodies are found", "[haproxy]") {
    for (const char* line :
         {"compression algo gzip", "compression algo-req gzip", "filter compression",
          "filter spoe engine e config /e.cfg", "filter trace", "filter cache c",
          "http-request cache-use c", "http-response cache-store c", "acl x req.body -m sub evil",
          "http-request deny if { req.body,length gt 9 }",
          "http-request set-var(txn.x) req.body_param(a)", "acl y req.payload(0,9) -m bin 00",
          "acl y payload_lv(41,2) -m found", "acl z res.body -m found",
          "acl z res.payload(0,4) -m found", "compression algo-res gzip",
          "balance url_param id check_post", "http-request lua.check",
          "log-format \"%[req.body]\""}) {
        INFO(line);
        CHECK(frontend(line) == Topics{"body"});
    }
    for (const char* line :
         {"compression type text/html", "compression offload", "filter bwlim-in x",
          "option http-buffer-request", "acl x req.body_len gt 9", "acl x req.body_size gt 9",
          "use_backend b if { path /req }", "# filter trace"}) {
        INFO(line);
        CHECK(frontend(line).empty());
    }
}

TEST_CASE("other protocols are worth a note only", "[haproxy]") {
    const auto findings = inspect_haproxy("listen l\n mode tcp\n server s 192.0.2.1:1 proto h2\n");
    REQUIRE(findings.size() == 2);
    CHECK(findings[0].severity == Severity::note);
    CHECK(findings[1].severity == Severity::note);
}

TEST_CASE("findings say where they are from", "[haproxy]") {
    const auto findings = inspect_haproxy("frontend web\n  bind   :443   ssl\n");
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].text == "haproxy: \"bind :443 ssl\" in frontend web encrypts in user space");
}

TEST_CASE("lines are split as HAProxy does", "[haproxy]") {
    using Words = std::vector<std::string>;
    CHECK(haproxy_words("  a  b\tc\r") == Words{"a", "b", "c"});
    CHECK(haproxy_words("a \"b # c\" d#e") == Words{"a", "b # c", "d"});
    CHECK(haproxy_words(R"(a\ b 'c"d' "e\"f" "")") == Words{"a b", "c\"d", "e\"f", ""});
    CHECK(haproxy_words("# a").empty());
    CHECK(haproxy_words("").empty());
    CHECK(haproxy_words("a \"b") == Words{"a", "b"});
}

TEST_CASE("the command line names the configuration", "[haproxy]") {
    const auto options =
        haproxy_options({"haproxy", "-Ws", "-f", "/etc/haproxy/haproxy.cfg", "-C", "/etc", "-f",
                         "conf.d", "-p", "/run/haproxy.pid", "--", "a.cfg", "b.cfg"});
    CHECK(options.files ==
          std::vector<std::string>{"/etc/haproxy/haproxy.cfg", "conf.d", "a.cfg", "b.cfg"});
    CHECK(options.directory == "/etc");
    CHECK(haproxy_options({"haproxy", "-f"}).files.empty());
    CHECK(haproxy_options({}).files.empty());
}
