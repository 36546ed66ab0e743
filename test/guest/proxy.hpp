// SPDX-License-Identifier: GPL-2.0
// The real proxies, unmodified, with the configurations that the suites need.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "net.hpp"
#include "process.hpp"

namespace guest {

enum class ProxyKind { nginx, haproxy };

struct ProxyConfig {
    ProxyKind kind = ProxyKind::nginx;
    std::string name = "nginx"; ///< for people

    // nginx
    bool buffering = true;         ///< proxy_buffering
    bool request_buffering = true; ///< proxy_request_buffering
    int buffers = 8;               ///< proxy_buffers: how many
    int buffer_kb = 4;             ///< proxy_buffers and proxy_buffer_size: of what size
    int body_buffer_kb = 16;       ///< client_body_buffer_size
    int workers = 1;               ///< worker_processes, or HAProxy's nbthread
    int connections = 1024;        ///< worker_connections
    bool https_front = false;      ///< listen ssl on https_port as well
    bool https_upstream = false;   ///< proxy_pass https
    bool ktls = false;             ///< Options KTLS where there is TLS
    std::string tls_protocol;      ///< TLSv1.2, TLSv1.3; empty: what OpenSSL prefers
    std::string tls_ciphers;       ///< of TLSv1.2, in OpenSSL's words
    std::string http_lines;        ///< more directives of http ...
    std::string location_lines;    ///< ... and of the location

    // HAProxy
    int bufsize = 16384;       ///< tune.bufsize
    bool server_close = false; ///< option http-server-close
    std::string backend_lines; ///< more of the backend

    // both
    int upstream_minor = 1; ///< HTTP/1.minor to the origin (nginx)
    bool upstream_keepalive = true;
    std::string unix_upstream; ///< path of a socket instead of TCP
    bool v6_upstream = false;
    std::uint16_t first_port = 0; ///< another server at the origin's address, which is tried before
};

/// nginx with 8 x 4K buffers, 16 x 64K buffers, unbuffered with 1M, ...
std::vector<ProxyConfig> all_proxies();
ProxyConfig nginx_small();
ProxyConfig nginx_large();
ProxyConfig nginx_unbuffered();
ProxyConfig haproxy_16k();
ProxyConfig haproxy_64k();

/// The kernel's tls must be there before a worker asks for it: it has no right to load it.
void load_tls();
/// With TLS 1.2 on both sides, handed over to the kernel, which this loads tls for.
ProxyConfig with_ktls(ProxyConfig config);
/// The same where LIBRA_TEST_KTLS=1 says so, for nginx that has no TLS yet: whole suites run over
/// it.
ProxyConfig with_ktls_if_told(const ProxyConfig& config);
bool told_ktls();

class Proxy {
public:
    static constexpr std::uint16_t port = 8080;
    static constexpr std::uint16_t https_port = 8443;

    virtual ~Proxy() = default;

    const ProxyConfig& config() const { return config_; }
    pid_t pid() const { return daemon_.pid(); }
    /// The processes that hold connections.
    virtual std::vector<pid_t> workers() const = 0;
    std::string executable() const { return executable_of(config_.kind); }
    static std::string executable_of(ProxyKind kind) {
        return kind == ProxyKind::nginx ? "/usr/sbin/nginx" : "/usr/sbin/haproxy";
    }

    /// New processes take over; returns when they listen.
    virtual void reload() = 0;
    void stop();
    void kill();
    std::string log() const;

    /// The upstream with the port of the server that is tried before.
    static std::string first_of(const ProxyConfig& config, const std::string& upstream);

    /// `upstream`: address:port.
    static std::unique_ptr<Proxy> start(const Namespace& ns, const ProxyConfig& config,
                                        const std::string& upstream);

protected:
    Proxy(const Namespace& ns, ProxyConfig config);
    void wait_until_listening() const;

    const Namespace& ns_;
    ProxyConfig config_;
    std::string directory_;
    Process daemon_;
    std::vector<Process> retired_; ///< replaced by a reload, draining
};

/// A self-signed certificate and its key as PEM files; made on first use.
struct Certificate {
    std::string certificate;
    std::string key;
};
const Certificate& certificate();

} // namespace guest
