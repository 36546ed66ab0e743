// SPDX-License-Identifier: GPL-2.0
#include "proxy.hpp"

#include <csignal>
#include <filesystem>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

namespace guest {
namespace {

bool listens(pid_t pid, std::uint16_t port) {
    const std::string wanted = fmt::format(":{:04X}", port);
    for (const char* table : {"tcp", "tcp6"}) {
        std::istringstream lines(slurp(fmt::format("/proc/{}/net/{}", pid, table)));
        std::string slot, local, remote, state, rest;
        while (lines >> slot >> local >> remote >> state && std::getline(lines, rest)) {
            if (state == "0A" && local.ends_with(wanted)) {
                return true;
            }
        }
    }
    return false;
}

} // namespace

ProxyConfig nginx_small() {
    ProxyConfig config;
    config.name = "nginx, 8 x 4K buffers";
    return config;
}

ProxyConfig nginx_large() {
    ProxyConfig config;
    config.name = "nginx, 16 x 64K buffers";
    config.buffers = 16;
    config.buffer_kb = 64;
    config.body_buffer_kb = 64;
    return config;
}

ProxyConfig nginx_unbuffered() {
    ProxyConfig config;
    config.name = "nginx, unbuffered, 1M buffer";
    config.buffering = false;
    config.request_buffering = false;
    config.buffer_kb = 1024;
    config.body_buffer_kb = 1024;
    return config;
}

bool told_ktls() {
    const char* told = std::getenv("LIBRA_TEST_KTLS");
    return told != nullptr && std::string(told) == "1";
}

void load_tls() {
    if (!std::filesystem::exists("/proc/net/tls_stat") && run({"modprobe", "tls"}).code != 0) {
        throw std::runtime_error("modprobe tls fails");
    }
}

ProxyConfig with_ktls(ProxyConfig config) {
    load_tls();
    config.name += ", kTLS";
    config.ktls = true;
    config.https_front = true;
    config.https_upstream = true;
    // OpenSSL 3.0 hands over both directions only of this.
    config.tls_protocol = "TLSv1.2";
    return config;
}

ProxyConfig with_ktls_if_told(const ProxyConfig& config) {
    const bool can = config.kind == ProxyKind::nginx && !config.https_front &&
                     !config.https_upstream && config.unix_upstream.empty();
    return told_ktls() && can ? with_ktls(config) : config;
}

ProxyConfig haproxy_16k() {
    ProxyConfig config;
    config.kind = ProxyKind::haproxy;
    config.name = "HAProxy, 16K buffers";
    return config;
}

ProxyConfig haproxy_64k() {
    ProxyConfig config = haproxy_16k();
    config.name = "HAProxy, 64K buffers";
    config.bufsize = 65536;
    return config;
}

std::vector<ProxyConfig> all_proxies() {
    ProxyConfig streaming = nginx_large();
    streaming.name = "nginx, 16 x 64K buffers, requests unbuffered";
    streaming.request_buffering = false;

    ProxyConfig old = nginx_small();
    old.name = "nginx, 8 x 4K buffers, HTTP/1.0 upstream";
    old.upstream_minor = 0;
    old.upstream_keepalive = false;

    ProxyConfig closing = haproxy_16k();
    closing.name = "HAProxy, 16K buffers, http-server-close";
    closing.server_close = true;

    return {nginx_small(), nginx_large(), nginx_unbuffered(), streaming,
            old,           haproxy_16k(), haproxy_64k(),      closing};
}

std::unique_ptr<Proxy> start_nginx(const Namespace& ns, const ProxyConfig& config,
                                   const std::string& upstream);
std::unique_ptr<Proxy> start_haproxy(const Namespace& ns, const ProxyConfig& config,
                                     const std::string& upstream);

std::unique_ptr<Proxy> Proxy::start(const Namespace& ns, const ProxyConfig& config,
                                    const std::string& upstream) {
    return config.kind == ProxyKind::nginx ? start_nginx(ns, config, upstream)
                                           : start_haproxy(ns, config, upstream);
}

std::string Proxy::first_of(const ProxyConfig& config, const std::string& upstream) {
    return upstream.substr(0, upstream.rfind(':') + 1) + std::to_string(config.first_port);
}

Proxy::Proxy(const Namespace& ns, ProxyConfig config)
    : ns_(ns)
    , config_(std::move(config)) {
    static int count = 0;
    directory_ = fmt::format("/tmp/libra-guest.{}/proxy{}", ::getpid(), ++count);
    std::filesystem::create_directories(directory_);
}

void Proxy::wait_until_listening() const {
    if (!eventually([this] { return listens(daemon_.pid(), port) && !workers().empty(); })) {
        throw std::runtime_error(config_.name + " does not start: " + log());
    }
}

void Proxy::stop() {
    daemon_.stop();
    for (Process& old : retired_) {
        old.stop();
    }
}

void Proxy::kill() {
    for (const pid_t worker : workers()) {
        ::kill(worker, SIGKILL);
    }
    daemon_.kill();
    for (Process& old : retired_) {
        old.kill();
    }
}

std::string Proxy::log() const {
    return slurp(directory_ + "/log");
}

const Certificate& certificate() {
    static const Certificate made = [] {
        const std::string directory = fmt::format("/tmp/libra-guest.{}", ::getpid());
        std::filesystem::create_directories(directory);
        Certificate files{directory + "/cert.pem", directory + "/key.pem"};
        ProcessOptions quiet;
        quiet.output = directory + "/openssl.log";
        const RunResult done =
            run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj", "/CN=libra.test",
                 "-keyout", files.key, "-out", files.certificate});
        if (done.code != 0) {
            throw std::runtime_error("openssl req: " + done.out);
        }
        return files;
    }();
    return made;
}

} // namespace guest
