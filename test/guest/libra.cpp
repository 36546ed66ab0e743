// SPDX-License-Identifier: GPL-2.0
#include "libra.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include <fmt/format.h>
#include <libra/error.hpp>
#include <nlohmann/json.hpp>

namespace guest {
namespace {

/// The build directory, from this binary's own place in it (test/guest).
std::filesystem::path build_directory() {
    return std::filesystem::read_symlink("/proc/self/exe")
        .parent_path()
        .parent_path()
        .parent_path();
}

std::uint64_t later_minus(const std::map<std::string, std::uint64_t>& earlier,
                          const std::string& name, std::uint64_t later) {
    const auto found = earlier.find(name);
    return later - (found == earlier.end() ? 0 : found->second);
}

void subtract(std::map<std::string, std::uint64_t>& from,
              const std::map<std::string, std::uint64_t>& what) {
    for (auto& [name, value] : from) {
        value = later_minus(what, name, value);
    }
}

std::string list(const std::map<std::string, std::uint64_t>& values) {
    std::string text;
    for (const auto& [name, value] : values) {
        if (value != 0) {
            text += fmt::format(" {}={}", name, value);
        }
    }
    return text.empty() ? " none" : text;
}

} // namespace

std::uint64_t Figures::all_resets() const {
    std::uint64_t sum = 0;
    for (const auto& [name, value] : resets) {
        sum += value;
    }
    return sum;
}

double Figures::copied_percent() const {
    return forwarded() == 0
               ? 100.0
               : 100.0 * static_cast<double>(copied()) / static_cast<double>(forwarded());
}

std::string Figures::describe() const {
    return fmt::format("copied {:.2f} % of {} (rx {} copied, {} elided; tx {} copied, {} reused); "
                       "fallbacks:{}; resets:{}; counters:{}",
                       copied_percent(), forwarded(), rx_copied, rx_elided, tx_copied, tx_reused,
                       list(fallbacks), list(resets), list(counters));
}

Figures operator-(const Figures& later, const Figures& earlier) {
    Figures change = later;
    change.rx_copied -= earlier.rx_copied;
    change.rx_elided -= earlier.rx_elided;
    change.tx_copied -= earlier.tx_copied;
    change.tx_reused -= earlier.tx_reused;
    subtract(change.counters, earlier.counters);
    for (const char* gauge : {"retained", "retained_peak", "live", "sent", "spilled"}) {
        change.counters.erase(gauge);
    }
    subtract(change.fallbacks, earlier.fallbacks);
    subtract(change.resets, earlier.resets);
    return change;
}

namespace libra_module {

bool plain() {
    static const bool set = std::getenv("LIBRA_TEST_PLAIN") != nullptr;
    return set;
}

std::string libractl() {
    return build_directory() / "cli" / "libractl";
}

std::string parser_object() {
    return build_directory() / "bpf" / "http1.bpf.o";
}

RunResult ctl(const std::vector<std::string>& arguments, const ProcessOptions& options) {
    std::vector<std::string> argv = {libractl()};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return run(argv, options);
}

std::string ctl_ok(const std::vector<std::string>& arguments) {
    const RunResult done = ctl(arguments);
    if (done.code != 0) {
        std::string line = "libractl";
        for (const std::string& argument : arguments) {
            line += " " + argument;
        }
        throw std::runtime_error(fmt::format("{}: exit code {}: {}", line, done.code, done.out));
    }
    return done.out;
}

::libra::Client& client() {
    static ::libra::Client one;
    return one;
}

void load_parser() {
    const auto loaded = client().parsers();
    if (std::none_of(loaded.begin(), loaded.end(),
                     [](const ::libra::Parser& p) { return p.name == "http1"; })) {
        ctl_ok({"parser", "load", parser_object()});
    }
}

void unload_parser() {
    const auto loaded = client().parsers();
    if (std::any_of(loaded.begin(), loaded.end(),
                    [](const ::libra::Parser& p) { return p.name == "http1"; })) {
        ctl_ok({"parser", "unload", "http1"});
    }
}

std::uint32_t gates() {
    std::uint32_t all = 0;
    if (!plain()) {
        for (const ::libra::Domain& domain : client().domains()) {
            all |= domain.gate;
        }
    }
    return all;
}

Figures figures() {
    Figures now;
    if (plain()) {
        return now;
    }
    const ::libra::Stats stats = client().stats();
    now.rx_copied = stats.counter("rx_copied");
    now.rx_elided = stats.counter("rx_elided");
    now.tx_copied = stats.counter("tx_copied");
    now.tx_reused = stats.counter("tx_reused");
    now.retained = stats.counter("retained");
    now.live = stats.counter("live");
    const auto all = [](const std::vector<::libra::Counter>& from) {
        std::map<std::string, std::uint64_t> to;
        for (const ::libra::Counter& counter : from) {
            to[counter.name] = counter.value;
        }
        return to;
    };
    now.counters = all(stats.counters);
    now.fallbacks = all(stats.fallbacks);
    now.resets = all(stats.resets);
    return now;
}

bool gone() {
    return plain() || eventually([] {
               const ::libra::Config config = client().config();
               const Figures now = figures();
               return config.domains == 0 && config.sockets == 0 && config.policies == 0 &&
                      now.retained == 0 && now.live == 0;
           });
}

std::string leftovers() {
    if (plain()) {
        return {};
    }
    const ::libra::Config config = client().config();
    const Figures now = figures();
    std::string text =
        fmt::format("{} policies, {} domains, {} sockets, {} bytes retained, {} payloads live",
                    config.policies, config.domains, config.sockets, now.retained, now.live);
    for (const ::libra::Domain& domain : client().domains()) {
        text += fmt::format("\n  domain of {} ({}): {} sockets, {} live, {} sent, {} retained, "
                            "gate {}",
                            domain.pid, domain.comm, domain.sockets, domain.live, domain.sent,
                            domain.retained, domain.gate);
    }
    for (const ::libra::Socket& s : client().sockets()) {
        text += fmt::format("\n  socket of {}: {}:{} - {}:{} rx {} tx {}", s.pid, s.local.address,
                            s.local.port, s.remote.address, s.remote.port, to_string(s.rx_state),
                            to_string(s.tx_state));
    }
    return text;
}

} // namespace libra_module

LimitScope::LimitScope(const ::libra::ConfigChange& change) {
    if (!libra_module::plain()) {
        const ::libra::Config config = libra_module::client().config();
        before_.cap_total = config.cap_total;
        before_.cap_domain = config.cap_domain;
        before_.cap_user = config.cap_user;
        before_.cap_sent = config.cap_sent;
        before_.cap_spill = config.cap_spill;
        libra_module::client().set_config(change);
    }
}

LimitScope::~LimitScope() {
    if (!libra_module::plain()) {
        libra_module::client().set_config(before_);
    }
}

Attachment::Attachment(pid_t pid, const std::string& executable, const AttachOptions& options) {
    if (libra_module::plain()) {
        return;
    }
    libra_module::load_parser();
    std::vector<std::string> arguments = {"attach", "--json", "--mode", options.mode};
    if (options.by_executable) {
        arguments.insert(arguments.end(), {"--exe", executable});
    } else {
        arguments.insert(arguments.end(), {"--pid", std::to_string(pid)});
    }
    if (options.threshold != 0) {
        arguments.insert(arguments.end(), {"--threshold", std::to_string(options.threshold)});
    }
    if (!options.parser.empty()) {
        arguments.insert(arguments.end(), {"--parser", options.parser});
    }
    if (options.accept_risk) {
        arguments.emplace_back("--accept-risk");
    }
    arguments.insert(arguments.end(), options.more.begin(), options.more.end());
    const std::string answer = libra_module::ctl_ok(arguments);
    try {
        policy_ = nlohmann::json::parse(answer).at("policy").get<std::uint32_t>();
    } catch (const nlohmann::json::exception& error) {
        throw std::runtime_error(
            fmt::format("libractl attach --json: {}: {}", error.what(), answer));
    }
}

Attachment::Attachment(const ::libra::PolicySpec& spec) {
    if (!libra_module::plain()) {
        libra_module::load_parser();
        policy_ = libra_module::client().add_policy(spec);
    }
}

Attachment::Attachment(Attachment&& other) noexcept
    : policy_(std::exchange(other.policy_, 0)) {}

Attachment& Attachment::operator=(Attachment&& other) noexcept {
    std::swap(policy_, other.policy_);
    return *this;
}

Attachment::~Attachment() {
    try {
        detach();
    } catch (const std::exception& error) {
        fmt::print(stderr, "{}\n", error.what());
    }
}

void Attachment::detach() {
    if (policy_ != 0) {
        libra_module::ctl_ok({"detach", "--id", std::to_string(std::exchange(policy_, 0))});
    }
}

} // namespace guest
