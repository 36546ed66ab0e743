// SPDX-License-Identifier: GPL-2.0

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <stdexcept>

#include <fmt/format.h>

#include "proxy.hpp"

namespace guest {
namespace {

/// `prefix`: of the directives towards clients or the upstream.
std::string tls_lines(const ProxyConfig& c, const std::string& prefix) {
    std::string text;
    if (c.ktls) {
        text += prefix + "ssl_conf_command Options KTLS;\n";
    }
    if (!c.tls_protocol.empty()) {
        text += fmt::format("{}ssl_protocols {};\n", prefix, c.tls_protocol);
    }
    if (!c.tls_ciphers.empty()) {
        text += fmt::format("{}ssl_ciphers {};\n", prefix, c.tls_ciphers);
    }
    return text;
}

std::string configuration(const ProxyConfig& c, const std::string& upstream) {
    const std::string server = c.unix_upstream.empty() ? upstream : "unix:" + c.unix_upstream;
    std::string text = fmt::format("user root;\nworker_processes {};\npid nginx.pid;\n", c.workers);
    // One connection a round, and under 200 of them a round takes seconds here: some would wait
    // for minutes.
    text +=
        fmt::format("error_log log notice;\nevents {{ worker_connections {}; multi_accept on; }}\n",
                    c.connections);
    text += "http {\naccess_log off;\nkeepalive_timeout 1h;\nkeepalive_requests 100000;\n"
            // Clients that wait must not be cut off because the machine is slow: the default is a
            // minute for most of these.
            "client_header_timeout 1h;\nclient_body_timeout 1h;\nsend_timeout 1h;\n"
            "proxy_connect_timeout 1h;\nproxy_send_timeout 1h;\nproxy_read_timeout 1h;\n"
            "client_body_temp_path body;\nproxy_temp_path proxy;\nfastcgi_temp_path fastcgi;\n"
            "uwsgi_temp_path uwsgi;\nscgi_temp_path scgi;\n"
            "client_max_body_size 0;\n"
            "reset_timedout_connection on;\n";
    text += fmt::format("client_body_buffer_size {}k;\n", c.body_buffer_kb);
    text += fmt::format("proxy_buffering {};\nproxy_request_buffering {};\n",
                        c.buffering ? "on" : "off", c.request_buffering ? "on" : "off");
    text += fmt::format("proxy_buffers {} {}k;\nproxy_buffer_size {}k;\n", c.buffers, c.buffer_kb,
                        c.buffer_kb);
    text += c.http_lines;
    const std::string first =
        c.first_port == 0 ? ""
                          : fmt::format("server {} max_fails=0; ", Proxy::first_of(c, upstream));
    text += fmt::format("upstream origin {{ {}server {}{};{} }}\n", first, server,
                        first.empty() ? "" : " max_fails=0 backup",
                        c.upstream_keepalive
                            ? " keepalive 32; keepalive_requests 100000; keepalive_timeout 1h;"
                            : "");
    text += fmt::format("server {{\nlisten {} backlog=512;\nlisten [::]:{} backlog=512;\n",
                        Proxy::port, Proxy::port);
    if (c.https_front) {
        text += fmt::format("listen {} ssl backlog=512;\nlisten [::]:{} ssl backlog=512;\n"
                            "ssl_certificate {};\nssl_certificate_key {};\n",
                            Proxy::https_port, Proxy::https_port, certificate().certificate,
                            certificate().key);
        text += tls_lines(c, "");
    }
    text += "location / {\n" + c.location_lines;
    text += fmt::format("proxy_pass {}://origin;\nproxy_http_version 1.{};\n",
                        c.https_upstream ? "https" : "http", c.upstream_minor);
    if (c.https_upstream) {
        text += tls_lines(c, "proxy_");
    }
    if (c.upstream_keepalive) {
        text += "proxy_set_header Connection \"\";\n";
    }
    return text + "}\n}\n}\n";
}

class Nginx : public Proxy {
public:
    Nginx(const Namespace& ns, const ProxyConfig& config, const std::string& upstream)
        : Proxy(ns, config) {
        spew(directory_ + "/nginx.conf", configuration(config_, upstream));
        ProcessOptions options;
        options.netns = ns.fd();
        options.output = directory_ + "/stdout";
        daemon_ = Process(
            {"nginx", "-p", directory_, "-e", "log", "-c", "nginx.conf", "-g", "daemon off;"},
            options);
        wait_until_listening();
        if (!eventually([this] { return workers().size() == std::size_t(config_.workers); })) {
            throw std::runtime_error("nginx has no workers: " + log());
        }
    }

    std::vector<pid_t> workers() const override {
        std::vector<pid_t> found =
            daemon_.running() ? children(daemon_.pid()) : std::vector<pid_t>{};
        // Those that look after a cache carry no connections.
        std::erase_if(found, [](pid_t pid) {
            return slurp(fmt::format("/proc/{}/cmdline", pid)).find(": cache ") !=
                   std::string::npos;
        });
        return found;
    }

    void reload() override {
        const std::vector<pid_t> before = workers();
        daemon_.signal(SIGHUP);
        const auto fresh = [&](pid_t pid) {
            return std::find(before.begin(), before.end(), pid) == before.end();
        };
        if (!eventually([&] {
                const auto now = workers();
                return std::count_if(now.begin(), now.end(), fresh) == config_.workers;
            })) {
            throw std::runtime_error("nginx does not reload: " + log());
        }
    }
};

} // namespace

std::unique_ptr<Proxy> start_nginx(const Namespace& ns, const ProxyConfig& config,
                                   const std::string& upstream) {
    return std::make_unique<Nginx>(ns, config, upstream);
}

} // namespace guest
