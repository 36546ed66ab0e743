// SPDX-License-Identifier: GPL-2.0
#include "lane.hpp"

#include <unistd.h>

#include <stdexcept>

#include <fmt/format.h>

#include "client.hpp"

namespace bench {

using namespace guest;

namespace {

/// Until everything is asleep, and counted.
constexpr useconds_t pause = 50'000;

ProxyConfig haproxy(int bufsize, const std::string& path) {
    ProxyConfig config = haproxy_16k();
    config.bufsize = bufsize;
    if (path == "splice") {
        config.backend_lines = "  option splice-response\n  option splice-request\n";
    }
    return config;
}

} // namespace

std::vector<Contender> contenders() {
    return {{"nginx-8x4k", nginx_small(), {"copy", "libra"}},
            {"nginx-16x64k", nginx_large(), {"copy", "libra"}},
            {"nginx-unbuffered", nginx_unbuffered(), {"copy", "libra"}},
            {"haproxy-16k", haproxy_16k(), {"copy", "libra", "splice"}},
            {"haproxy-64k", haproxy_64k(), {"copy", "libra", "splice"}},
            {"l4-splice", std::nullopt, {"splice"}}};
}

Lane::Lane(const Contender& who, std::string path, Attached attached,
           const std::vector<std::uint64_t>& sizes)
    : path_(std::move(path))
    , origin_(net_.origin(), sizes) {
    start(who);
    attach(attached);
    for (const std::uint64_t size : sizes) {
        compare(size);
    }
    requester_.emplace(net_.client(), net_.proxy_address(), Proxy::port);
    // the first read that a process could elide is copied
    requester_->get(sizes.back());
    requester_->get(sizes.back());
}

Lane::~Lane() {
    requester_.reset();
    if (proxy_) {
        proxy_->kill();
    }
}

void Lane::start(const Contender& who) {
    if (!who.config) {
        ProcessOptions options;
        options.netns = net_.proxy().fd();
        options.pipes = true;
        forwarder_ = Process({"/proc/self/exe", "--forward", std::to_string(Proxy::port),
                              net_.origin_address(), std::to_string(FileOrigin::port)},
                             options);
        if (forwarder_.read_line() != "ready") {
            throw std::runtime_error("the forwarder does not start");
        }
        return;
    }
    ProxyConfig config = *who.config;
    if (config.kind == ProxyKind::haproxy) {
        config = haproxy(config.bufsize, path_);
    }
    proxy_ = Proxy::start(net_.proxy(), config, endpoint(net_.origin_address(), FileOrigin::port));
}

void Lane::attach(Attached attached) {
    if (attached == Attached::no) {
        return;
    }
    AttachOptions options;
    options.mode = attached == Attached::observe ? "observe" : "elide";
    attachment_.emplace(proxy_ ? proxy_->pid() : forwarder_.pid(), "", options);
}

void Lane::compare(std::uint64_t size) {
    const Exchange what = guest::get(size);
    Client client(net_.client(), net_.proxy_address(), Proxy::port);
    if (const std::string wrong = flaw(what, client.exchange(what)); !wrong.empty()) {
        throw std::runtime_error(fmt::format("{}: {}", path_, wrong));
    }
}

std::vector<pid_t> Lane::processes() const {
    return proxy_ ? proxy_->workers() : std::vector<pid_t>{forwarder_.pid()};
}

Sample Lane::run(std::uint64_t body_bytes, int requests) {
    const auto each = [requests](std::uint64_t all) {
        return all / static_cast<std::uint64_t>(requests);
    };
    const Figures figures_before = libra_module::figures();
    ::usleep(pause);
    const Work before = work_of(processes());
    for (int i = 0; i < requests; ++i) {
        requester_->get(body_bytes);
    }
    ::usleep(pause);
    const Work work = work_of(processes()) - before;
    const Figures figures = libra_module::figures() - figures_before;
    return {each(work.proxy), each(work.guest), each(figures.copied())};
}

void Lane::stop() {
    requester_.reset();
    if (proxy_) {
        proxy_->stop();
    }
    forwarder_.stop();
    attachment_.reset();
}

void check_nothing_left() {
    if (!libra_module::gone()) {
        throw std::runtime_error("left behind: " + libra_module::leftovers());
    }
}

} // namespace bench
