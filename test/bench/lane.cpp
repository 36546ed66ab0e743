// SPDX-License-Identifier: GPL-2.0
#include "lane.hpp"

#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "client.hpp"
#include "counter.hpp"
#include "crowd.hpp"

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

/// kTLS towards the clients, the origin or both; 16 buffers of 64K.
ProxyConfig tls(bool clients, bool origin, const std::string& protocol = "TLSv1.2") {
    ProxyConfig config = nginx_large();
    config.ktls = true;
    config.https_front = clients;
    config.https_upstream = origin;
    config.tls_protocol = protocol;
    return config;
}

/// Where the client, the proxy and the origin are.
NetOptions net_of(const Contender& who) {
    NetOptions options;
    options.loopback = who.device;
    return options;
}

OriginOptions origin_of(const Contender& who) {
    OriginOptions options;
    // a device must not encrypt the pages of a file that this host sends to itself
    options.sendfile = !who.device;
    if (who.config.https_upstream) {
        options.tls = who.device ? OriginTls::kernel : OriginTls::user;
    }
    return options;
}

} // namespace

std::vector<Contender> contenders() {
    return {
        {"nginx-8x4k", Kind::proxy, nginx_small(), {"copy", "libra"}},
        {"nginx-16x64k", Kind::proxy, nginx_large(), {"copy", "libra"}},
        {"nginx-unbuffered", Kind::proxy, nginx_unbuffered(), {"copy", "libra"}},
        {"nginx-tls-plain", Kind::proxy, tls(true, false), {"copy", "libra"}},
        {"nginx-plain-tls", Kind::proxy, tls(false, true), {"copy", "libra"}},
        {"nginx-tls-tls", Kind::proxy, tls(true, true), {"copy", "libra"}},
        {"nginx-tls13-plain", Kind::proxy, tls(true, false, "TLSv1.3"), {"copy", "libra"}, true},
        {"nginx-plain-tls13", Kind::proxy, tls(false, true, "TLSv1.3"), {"copy", "libra"}, true},
        {"nginx-tls13-tls13", Kind::proxy, tls(true, true, "TLSv1.3"), {"copy", "libra"}, true},
        {"nginx-device-plain", Kind::proxy, tls(true, false), {"copy", "libra"}, true, true},
        {"nginx-plain-device", Kind::proxy, tls(false, true), {"copy", "libra"}, true, true},
        {"nginx-device-device", Kind::proxy, tls(true, true), {"copy", "libra"}, true, true},
        {"haproxy-16k", Kind::proxy, haproxy_16k(), {"copy", "libra", "splice"}},
        {"haproxy-64k", Kind::proxy, haproxy_64k(), {"copy", "libra", "splice"}},
        {"l4-splice", Kind::splicer, {}, {"splice"}},
        {"l4-sockmap", Kind::sockmap, {}, {"splice"}},
        {"nginx-static", Kind::files, {}, {"copy", "libra"}}};
}

Lane::Lane(const Contender& who, std::string path, Attached attached,
           const std::vector<std::uint64_t>& sizes)
    : kind_(who.kind)
    , device_(who.device)
    , path_(std::move(path))
    , net_(net_of(who))
    , origin_(net_.origin(), sizes, FileOrigin::port, origin_of(who)) {
    start(who, sizes);
    attach(attached);
    for (const std::uint64_t size : sizes) {
        compare(who, size);
    }
    // the first read that a process could elide is copied
    drive({"GET", 1, sizes.back()}, 2);
}

Lane::~Lane() {
    requesters_.clear();
    if (proxy_) {
        proxy_->kill();
    }
}

void Lane::start(const Contender& who, const std::vector<std::uint64_t>& sizes) {
    if (who.kind == Kind::files) {
        OriginOptions options;
        if (!who.disk.empty()) {
            options.directory = who.disk;
        }
        files_.emplace(net_.proxy(), sizes, Proxy::port, options);
        // a server's files are older than Libra thinks twice about
        ::sleep(11);
        return;
    }
    if (who.kind != Kind::proxy) {
        const char* how = who.kind == Kind::sockmap ? "sockmap"
                          : who.kind == Kind::relay ? "relay"
                                                    : "splice";
        ProcessOptions options;
        options.netns = net_.proxy().fd();
        options.pipes = true;
        forwarder_ = Process({"/proc/self/exe", "--forward", how, std::to_string(Proxy::port),
                              net_.origin_address(), std::to_string(FileOrigin::port)},
                             options);
        if (forwarder_.read_line() != "ready") {
            throw std::runtime_error("the forwarder does not start");
        }
        return;
    }
    ProxyConfig config = who.config;
    if (config.kind == ProxyKind::haproxy) {
        config = haproxy(config.bufsize, path_);
    }
    if (config.ktls) {
        load_tls();
        // As udev does it: without it AES costs 60 instructions a byte, and nothing else shows.
        guest::run({"modprobe", "aesni_intel"});
    }
    proxy_ =
        Proxy::start(net_.proxy(), config,
                     endpoint(net_.origin_address(),
                              config.https_upstream ? FileOrigin::https_port : FileOrigin::port));
}

std::optional<TlsRole> Lane::client_role() const {
    if (!proxy_ || !proxy_->config().https_front) {
        return std::nullopt;
    }
    return device_ ? TlsRole::ktls_client : TlsRole::client;
}

std::uint16_t Lane::port() const {
    return client_role() ? Proxy::https_port : Proxy::port;
}

void Lane::attach(Attached attached) {
    if (attached == Attached::no) {
        return;
    }
    AttachOptions options;
    options.mode = attached == Attached::observe ? "observe" : "elide";
    // the same nginx keeps what is posted to it; a relay has pipes to this process
    options.accept_risk = files_ || kind_ == Kind::relay;
    attachment_.emplace(proxy_   ? proxy_->pid()
                        : files_ ? files_->pid()
                                 : forwarder_.pid(),
                        "", options);
}

void Lane::compare(const Contender& who, std::uint64_t size) {
    const auto exchange = [&](const Exchange& what) {
        ConnectOptions options;
        options.tls = client_role();
        Client client(net_.client(), net_.proxy_address(), port(), options);
        Reply reply = client.exchange(what);
        if (const std::string wrong = flaw(what, reply); !wrong.empty()) {
            throw std::runtime_error(fmt::format("{}: {}", path_, wrong));
        }
        return reply;
    };
    exchange(guest::get(size));
    if (who.kind == Kind::files) {
        return;
    }
    Exchange post = guest::post(size);
    post.answer.body.size = 0;
    if (const auto wrong = FileOrigin::check_posted(post, exchange(post)); !wrong.empty()) {
        throw std::runtime_error(fmt::format("{}: {}", path_, wrong));
    }
}

std::vector<pid_t> Lane::processes() const {
    if (kind_ == Kind::sockmap) {
        // what the program redirects, the kernel's own threads send
        std::vector<pid_t> all = kworkers();
        all.push_back(forwarder_.pid());
        return all;
    }
    return proxy_   ? proxy_->workers()
           : files_ ? files_->workers()
                    : std::vector<pid_t>{forwarder_.pid()};
}

void Lane::ask(std::size_t connection, const Shape& shape, int requests) {
    Requester& requester = requesters_.at(connection);
    for (int i = 0; i < requests; ++i) {
        shape.method == "GET" ? requester.get(shape.body_bytes) : requester.post(shape.body_bytes);
    }
}

int Lane::prepare(const Shape& shape, int requests) {
    while (requesters_.size() < static_cast<std::size_t>(shape.connections)) {
        requesters_.emplace_back(net_.client(), net_.proxy_address(), port(), client_role());
    }
    return std::max(1, requests / shape.connections);
}

void Lane::ask_all(const Shape& shape, int rounds) {
    if (shape.connections == 1) {
        return ask(0, shape, rounds);
    }
    Faults faults;
    in_threads(shape.connections, faults,
               [&](int i) { ask(static_cast<std::size_t>(i), shape, rounds); });
    if (const std::string wrong = faults.text(); !wrong.empty()) {
        throw std::runtime_error(wrong);
    }
}

Sample Lane::run(const Shape& shape, int requests) {
    const int rounds = prepare(shape, requests);
    const auto all =
        static_cast<std::uint64_t>(rounds) * static_cast<std::uint64_t>(shape.connections);
    const Spent work = measure([&] { ask_all(shape, rounds); });
    return {work.proxy / all, work.guest / all};
}

std::uint64_t Lane::drive(const Shape& shape, int requests) {
    const int rounds = prepare(shape, requests);
    ask_all(shape, rounds);
    return static_cast<std::uint64_t>(rounds) * static_cast<std::uint64_t>(shape.connections);
}

Counts Lane::count(const Shape& shape, int requests) {
    const int rounds = prepare(shape, requests);
    const auto all =
        static_cast<std::uint64_t>(rounds) * static_cast<std::uint64_t>(shape.connections);
    const auto each = [all](std::uint64_t sum) {
        return static_cast<double>(sum) / static_cast<double>(all);
    };
    ask_all(shape, 1); // the proxy's connections to the origin are there
    ::usleep(pause);
    const Counter calls(system_calls(), processes());
    const PerThread switches = switches_of(processes());
    const Figures figures = libra_module::figures();
    ask_all(shape, rounds);
    ::usleep(pause);
    Counts counts;
    counts.syscalls = each(calls.read());
    counts.context_switches = each(growth(switches_of(processes()), switches));
    counts.copied_bytes = (libra_module::figures() - figures).copied() / all;
    for (const ::libra::Domain& domain : domains()) {
        counts.retained_peak += domain.peak;
    }
    return counts;
}

std::vector<::libra::Domain> Lane::domains() const {
    const std::vector<pid_t> mine = processes();
    std::vector<::libra::Domain> found = libra_module::client().domains();
    std::erase_if(found, [&](const ::libra::Domain& domain) {
        return std::find(mine.begin(), mine.end(), static_cast<pid_t>(domain.pid)) == mine.end();
    });
    return found;
}

Spent Lane::measure(const std::function<void()>& work) const {
    ::usleep(pause);
    const Work before = work_of(processes());
    work();
    ::usleep(pause);
    return work_of(processes()) - before;
}

std::vector<Fd> Lane::connect(int count, const ConnectOptions& options) const {
    std::vector<Fd> connections;
    connections.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
        connections.push_back(
            connect_to(net_.client(), net_.proxy_address(), Proxy::port, options));
    }
    return connections;
}

void Lane::hoard(int pieces, std::uint64_t file_bytes) {
    forwarder_.write_line(fmt::format("{} {}", pieces, file_bytes));
    if (const std::string answer = forwarder_.read_line(); answer != "done") {
        throw std::runtime_error("the relay does not hoard: " + answer);
    }
}

void Lane::stop() {
    requesters_.clear();
    if (proxy_) {
        proxy_->stop();
    }
    forwarder_.stop();
    files_.reset();
    attachment_.reset();
}

void check_nothing_left() {
    if (!libra_module::gone()) {
        throw std::runtime_error("left behind: " + libra_module::leftovers());
    }
}

} // namespace bench
