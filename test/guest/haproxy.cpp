// SPDX-License-Identifier: GPL-2.0
#include <csignal>

#include <fmt/format.h>

#include "proxy.hpp"

namespace guest {
namespace {

std::string configuration(const ProxyConfig& c, const std::string& upstream) {
    const std::string server = c.unix_upstream.empty() ? upstream : "unix@" + c.unix_upstream;
    std::string text = fmt::format("global\n  maxconn 500\n  nbthread {}\n  tune.bufsize {}\n",
                                   c.workers, c.bufsize);
    text += fmt::format("defaults\n  mode http\n  option {}\n  http-reuse {}\n",
                        c.server_close ? "http-server-close" : "http-keep-alive",
                        c.upstream_keepalive && !c.server_close ? "safe" : "never");
    text += "  timeout connect 1h\n  timeout client 1h\n  timeout server 1h\n  retries 0\n";
    text += fmt::format("frontend front\n  bind :::{} v4v6 backlog 512\n  default_backend back\n",
                        Proxy::port);
    const std::string first =
        c.first_port == 0 ? "" : fmt::format("  server first {}\n", Proxy::first_of(c, upstream));
    return text +
           fmt::format("backend back\n{}{}  server origin {}\n", c.backend_lines, first, server);
}

class Haproxy : public Proxy {
public:
    Haproxy(const Namespace& ns, const ProxyConfig& config, const std::string& upstream)
        : Proxy(ns, config) {
        spew(directory_ + "/haproxy.cfg", configuration(config_, upstream));
        daemon_ = launch({});
        wait_until_listening();
    }

    std::vector<pid_t> workers() const override {
        return daemon_.running() ? std::vector<pid_t>{daemon_.pid()} : std::vector<pid_t>{};
    }

    void reload() override {
        // The new process tells the old one to finish once its own listeners are open.
        Process next = launch({"-sf", std::to_string(daemon_.pid())});
        retired_.push_back(std::move(daemon_));
        daemon_ = std::move(next);
        wait_until_listening();
        eventually([this] {
            return log().find("Proxy front stopped") != std::string::npos ||
                   log().find("Stopping frontend") != std::string::npos;
        });
    }

private:
    Process launch(std::vector<std::string> more) {
        ProcessOptions options;
        options.netns = ns_.fd();
        options.output = directory_ + "/log";
        std::vector<std::string> argv = {"haproxy", "-db", "-f", directory_ + "/haproxy.cfg"};
        argv.insert(argv.end(), more.begin(), more.end());
        return {argv, options};
    }
};

} // namespace

std::unique_ptr<Proxy> start_haproxy(const Namespace& ns, const ProxyConfig& config,
                                     const std::string& upstream) {
    return std::make_unique<Haproxy>(ns, config, upstream);
}

} // namespace guest
