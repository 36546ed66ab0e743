// SPDX-License-Identifier: GPL-2.0
#include <algorithm>
#include <string>

#include <catch2/catch_test_macros.hpp>

#include "control_configuration.hpp"
#include "nginx.hpp"

using namespace libra;
using namespace libra::detail;

namespace {

/// A whole configuration with `text` in its http block.
std::vector<Finding> in_http(const std::string& text) {
    return inspect_nginx("# configuration file /etc/nginx/nginx.conf:\nevents {}\nhttp {\n" + text +
                         "\n}\n");
}

std::vector<Finding> in_proxy(const std::string& text) {
    return in_http("server { listen 80; location / { proxy_pass http://origin; " + text + " } }");
}

} // namespace

TEST_CASE("a plain reverse proxy gives no reason", "[nginx]") {
    CHECK(inspect_nginx(fixture("nginx-plain.txt")).empty());
}

TEST_CASE("files are read where they are included", "[nginx]") {
    const auto directives = parse_nginx(fixture("nginx-debian.txt"));
    const auto http = std::find_if(directives.begin(), directives.end(),
                                   [](const NginxDirective& each) { return each.name == "http"; });
    REQUIRE(http != directives.end());
    const auto servers =
        std::count_if(http->block.begin(), http->block.end(),
                      [](const NginxDirective& each) { return each.name == "server"; });
    CHECK(servers == 2);
    CHECK(std::none_of(directives.begin(), directives.end(), [](const NginxDirective& each) {
        return each.name == "server" || each.name == "types";
    }));
}

TEST_CASE("settings reach a proxy_pass through all blocks, and can be taken back", "[nginx]") {
    const auto findings = inspect_nginx(fixture("nginx-debian.txt"));
    REQUIRE(refusals(findings) == Topics{"body"});
    CHECK(findings.front().text ==
          "nginx: \"gzip on\" in /etc/nginx/nginx.conf compresses responses");
    CHECK(refusals(in_http("gzip on; server { location / { gzip off; proxy_pass http://o; } }"))
              .empty());
    CHECK(refusals(in_http("server { gzip on; location / { root /srv; } }")).empty());
    CHECK(
        refusals(in_http("server { gzip on; location / { if ($a) { proxy_pass http://o; } } }")) ==
        Topics{"body"});
}

TEST_CASE("TLS in user space is found on both sides", "[nginx]") {
    CHECK(refusals(in_http("server { listen 443 ssl http2; }")) == Topics{"tls"});
    CHECK(refusals(in_http("server { listen 443; ssl on; }")) == Topics{"tls"});
    CHECK(refusals(in_http("server { listen 443; ssl off; }")).empty());
    CHECK(refusals(in_http("server { location / { proxy_pass https://o; } }")) == Topics{"tls"});
    CHECK(refusals(in_http("server { location / { grpc_pass grpcs://o; } }")) == Topics{"tls"});
    CHECK(refusals(in_http("ssl_protocols TLSv1.2; ssl_certificate /a; server { listen 80; }"))
              .empty());
}

TEST_CASE("TLS that is left to the kernel is no reason", "[nginx]") {
    const std::string command = "ssl_conf_command Options KTLS; ";
    CHECK(refusals(in_http("server { listen 443 ssl; " + command + "}")).empty());
    CHECK(refusals(in_http(command + "server { listen 443 ssl; }")).empty());
    CHECK(refusals(in_http("server { listen 443 ssl; ssl_conf_command Options -SessionTicket,KTLS; "
                           "ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256; }"))
              .empty());
    CHECK(refusals(in_http("server { location / { proxy_pass https://o; proxy_" + command + "} }"))
              .empty());
    CHECK_FALSE(in_http(command + "server { listen 443 ssl; }").empty());

    // of the other side, of another server, of other options, or not inherited
    CHECK(refusals(in_http("server { location / { proxy_pass https://o; " + command + "} }")) ==
          Topics{"tls"});
    CHECK(refusals(in_http("server { listen 443 ssl; } server { " + command + "}")) ==
          Topics{"tls"});
    CHECK(refusals(in_http("server { listen 443 ssl; ssl_conf_command Options NoKTLS; }")) ==
          Topics{"tls"});
    CHECK(refusals(in_http(command + "server { listen 443 ssl; "
                                     "ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256; }")) ==
          Topics{"tls"});
}

TEST_CASE("unix sockets that carry bodies are found", "[nginx]") {
    CHECK(refusals(in_http("upstream o { server unix:/run/app.sock; }")) == Topics{"unix"});
    CHECK(refusals(in_http("server { location / { proxy_pass http://unix:/run/a.sock:/; } }")) ==
          Topics{"unix"});
    CHECK(refusals(in_http("server { location / { fastcgi_pass unix:/run/php.sock; } }")) ==
          Topics{"unix"});
    CHECK(refusals(in_http("server { listen unix:/run/nginx.sock; }")) == Topics{"unix"});
    CHECK(refusals(in_http("access_log syslog:server=unix:/dev/log main;")).empty());
}

TEST_CASE("HTTP/3 is found", "[nginx]") {
    CHECK(refusals(in_http("server { listen 8443 quic reuseport; }")) == Topics{"quic"});
}

TEST_CASE("features that read bodies are found", "[nginx]") {
    for (const char* text : {"gzip on;",
                             "gunzip on;",
                             "sub_filter a b;",
                             "proxy_cache zone;",
                             "proxy_store on;",
                             "ssi on;",
                             "mirror /copy;",
                             "modsecurity on;",
                             "dav_methods PUT;",
                             "client_body_in_file_only clean;",
                             "log_format x '$request_body';",
                             "set $x $request_body;",
                             "access_by_lua_file /a.lua;",
                             "sub_filter off on;",
                             "subs_filter none some;",
                             "xslt_stylesheet off;",
                             "image_filter resize 1 1;",
                             "brotli on;",
                             "zstd on;",
                             "override_charset on;",
                             "source_charset koi8-r;",
                             "js_body_filter main.f;",
                             "js_content main.f;",
                             "perl main::f;",
                             "perl_set $x main::f;",
                             "content_by_lua_block { if a then ngx.say(\"}\") end }"}) {
        INFO(text);
        CHECK(refusals(in_proxy(text)) == Topics{"body"});
    }
    for (const char* text : {"gzip off;", "proxy_cache off;", "mirror off;", "gzip_static on;",
                             "proxy_cache_valid 200 1m;", "sub_filter_types text/css;",
                             "set $x $request_body_file;", "proxy_buffering off;"}) {
        INFO(text);
        CHECK(refusals(in_proxy(text)).empty());
    }
}

TEST_CASE("other protocols are worth a note only", "[nginx]") {
    const auto findings =
        in_http("server { location / { fastcgi_pass 127.0.0.1:9000; } location /b { proxy_pass "
                "$scheme://o; } }");
    REQUIRE(findings.size() == 2);
    CHECK(findings[0].severity == Severity::note);
    CHECK(findings[0].topic == "protocol");
    CHECK(findings[1].topic == "unknown");
    const auto stream = inspect_nginx("# configuration file /n.conf:\nstream { server { listen 1; "
                                      "proxy_pass o:1; } }");
    REQUIRE(stream.size() == 1);
    CHECK(stream[0].topic == "protocol");
}

TEST_CASE("a configuration that cannot be read is a reason", "[nginx]") {
    CHECK(refusals(inspect_nginx("")) == Topics{"unknown"});
    CHECK(refusals(inspect_nginx("nonsense")) == Topics{"unknown"});
}

TEST_CASE("broken text neither hangs nor crashes", "[nginx]") {
    const std::string head = "# configuration file /n.conf:\n";
    for (const char* text : {"a", "a {", "}", ";;;{{{", "'", "\"\\", "${", "a \\", "a ${b c;",
                             "x_by_lua_block { { {", "include x; include /n.conf;"}) {
        INFO(text);
        CHECK_NOTHROW(inspect_nginx(head + text));
    }
    CHECK_NOTHROW(inspect_nginx(head + std::string(100000, '{')));
    std::string nested = head;
    for (int i = 0; i < 100000; ++i)
        nested += "a{";
    CHECK_NOTHROW(inspect_nginx(nested));
}

TEST_CASE("the options that find the configuration are taken over", "[nginx]") {
    using Words = std::vector<std::string>;
    CHECK(nginx_options({"nginx: master process /usr/sbin/nginx -g daemon on; master_process on;"})
              .empty());
    CHECK(nginx_options({"nginx: master process nginx -c /tmp/n.conf -p /tmp -g daemon off;"}) ==
          Words{"-c", "/tmp/n.conf", "-p", "/tmp"});
    CHECK(nginx_options({"nginx", "-p", "/a b", "-c", "n.conf", "-t"}) ==
          Words{"-p", "/a b", "-c", "n.conf"});
    CHECK(nginx_options({"nginx: worker process"}).empty());
    CHECK(nginx_options({}).empty());
    CHECK(nginx_options({"nginx -c"}).empty());
}

TEST_CASE("what nginx complains of is found among its words", "[nginx]") {
    CHECK(nginx_complaint("nginx: [warn] a\nnginx: [emerg] b in /n.conf:3\nnginx: test failed") ==
          "nginx: [emerg] b in /n.conf:3");
    CHECK(nginx_complaint("it did not end within 10 seconds") ==
          "it did not end within 10 seconds");
    CHECK(nginx_complaint("").empty());
}
