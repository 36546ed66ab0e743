// SPDX-License-Identifier: GPL-2.0
#include "format.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "size.hpp"

namespace libractl {
namespace {

std::string or_dash(const std::string& text) {
    return text.empty() ? "-" : text;
}

template <typename Number>
std::string or_dash(Number number) {
    return number == 0 ? "-" : fmt::format("{}", number);
}

std::string format_flags(const libra::Policy& policy) {
    std::vector<std::string> flags;
    if (policy.accept_risk)
        flags.emplace_back("accept-risk");
    if (policy.setsockopt)
        flags.emplace_back("setsockopt");
    if (verifies(policy.mode) && policy.proof)
        flags.push_back(fmt::format("proof={}", *policy.proof));
    if (verifies(policy.mode) && policy.sample)
        flags.push_back(fmt::format("sample={}", *policy.sample));
    if (policy.cap != 0)
        flags.push_back(fmt::format("cap={}", format_size(policy.cap)));
    if (policy.draining)
        flags.emplace_back("draining");
    return flags.empty() ? "-" : fmt::format("{}", fmt::join(flags, ","));
}

/// "1.2M, 92 % elided"
std::string format_share(std::uint64_t saved, std::uint64_t copied, std::string_view verb) {
    const std::uint64_t all = saved + copied;
    const double percent =
        all == 0 ? 0 : 100 * static_cast<double>(saved) / static_cast<double>(all);
    return fmt::format("{}, {:.0f} % {}", format_size(all), percent, verb);
}

std::string format_counters(std::string_view title, const std::vector<libra::Counter>& counters) {
    std::size_t width = 0;
    for (const libra::Counter& each : counters)
        width = std::max(width, each.name.size());
    std::string text = fmt::format("{}:\n", title);
    bool any = false;
    for (const libra::Counter& each : counters) {
        if (each.value == 0)
            continue;
        any = true;
        text += fmt::format("  {:<{}}  {}\n", each.name, width, each.value);
    }
    return any ? text : fmt::format("{}: none\n", title);
}

std::string describe_target(const libra::PolicySpec& spec) {
    std::string text = spec.pid != 0 ? fmt::format("process {}", spec.pid) : spec.exe;
    if (spec.lport != 0)
        text += fmt::format(", local port {}", spec.lport);
    if (spec.rport != 0)
        text += fmt::format(", remote port {}", spec.rport);
    return text;
}

std::string format_late(const libra::PolicySpec& spec, std::uint32_t connections) {
    std::string text =
        fmt::format("  {} open already: {} copied; savings start with new connections\n",
                    count(connections, "connection was", "connections were"),
                    connections == 1 ? "it is" : "they are");
    if (libra::elides(spec.mode))
        text += "  their processes elide nothing until they have closed (gate \"late\" in "
                "\"libractl domains\"); a reload of the proxy closes them\n";
    return text;
}

/// One word when both directions are alike, which they are most of the time.
std::string format_lower(const libra::Socket& socket) {
    const std::string rx = to_string(socket.rx_lower);
    const std::string tx = to_string(socket.tx_lower);
    return rx == tx ? rx : fmt::format("{}/{}", rx, tx);
}

} // namespace

Table::Table(std::vector<std::string> head) {
    rows_.push_back(std::move(head));
}

void Table::add(std::vector<std::string> row) {
    rows_.push_back(std::move(row));
}

std::string Table::text() const {
    std::vector<std::size_t> widths(rows_.front().size(), 0);
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < widths.size(); ++i)
            widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < widths.size(); ++i) {
            const bool last = i + 1 == widths.size();
            text += last ? row[i] : fmt::format("{:<{}}", row[i], widths[i] + 2);
        }
        text += '\n';
    }
    return text;
}

std::string count(std::uint64_t number, std::string_view one, std::string_view many) {
    return fmt::format("{} {}", number, number == 1 ? one : many);
}

std::string format_endpoint(const libra::Endpoint& endpoint) {
    if (endpoint.address.empty())
        return "-";
    if (endpoint.address.find(':') != std::string::npos)
        return fmt::format("[{}]:{}", endpoint.address, endpoint.port);
    return fmt::format("{}:{}", endpoint.address, endpoint.port);
}

std::string format_stream(libra::StreamState state, libra::Reason reason) {
    if (reason == libra::Reason::none)
        return to_string(state);
    return fmt::format("{} ({})", to_string(state), to_string(reason));
}

std::string format_status(const libra::Config& config, const libra::Stats& stats) {
    std::string text = fmt::format(
        "libra {}: {}, {}, {}, {}, {}\n", config.version,
        config.enabled ? "on" : "off (nothing is elided)",
        count(config.policies, "policy", "policies"), count(config.domains, "domain", "domains"),
        count(config.sockets, "socket", "sockets"), count(config.parsers, "parser", "parsers"));
    text += fmt::format("received  {}\n", format_share(stats.counter("rx_elided"),
                                                       stats.counter("rx_copied"), "elided"));
    text +=
        fmt::format("sent      {}\n", format_share(stats.counter("tx_reused"),
                                                   stats.counter("tx_copied"), "without a copy"));
    if (const std::uint64_t elidable = stats.counter("rx_elidable"); elidable != 0)
        text +=
            fmt::format("observed  {} that mode elide would leave out\n", format_size(elidable));
    text += fmt::format("retained  {} now, {} at most, limit {}\n",
                        format_size(stats.counter("retained")),
                        format_size(stats.counter("retained_peak")), format_size(config.cap_total));
    return text;
}

std::string format_policies(const std::vector<libra::Policy>& policies) {
    Table table(
        {"ID", "PID", "EXE", "LPORT", "RPORT", "PARSER", "MODE", "THRESHOLD", "SOCKETS", "FLAGS"});
    for (const libra::Policy& each : policies)
        table.add({fmt::format("{}", each.id), or_dash(each.pid), or_dash(each.exe),
                   or_dash(each.lport), or_dash(each.rport), each.parser, to_string(each.mode),
                   format_size(each.threshold), fmt::format("{}", each.sockets),
                   format_flags(each)});
    return table.text();
}

std::string format_sockets(const std::vector<libra::Socket>& sockets) {
    Table table({"PID", "POLICY", "LOCAL", "REMOTE", "LOWER", "PARSER", "MODE", "RX", "TX",
                 "RX-COPIED", "RX-ELIDED", "TX-COPIED", "TX-REUSED"});
    for (const libra::Socket& each : sockets)
        table.add({or_dash(each.pid), fmt::format("{}", each.policy), format_endpoint(each.local),
                   each.rx_state == libra::StreamState::listen ? "-" : format_endpoint(each.remote),
                   format_lower(each), or_dash(each.parser), to_string(each.mode),
                   format_stream(each.rx_state, each.rx_reason),
                   format_stream(each.tx_state, each.tx_reason), format_size(each.rx_copied),
                   format_size(each.rx_elided), format_size(each.tx_copied),
                   format_size(each.tx_reused)});
    return table.text();
}

std::string format_domains(const std::vector<libra::Domain>& domains) {
    Table table({"ID", "PID", "COMMAND", "UID", "GATE", "SOCKETS", "LIVE", "SENT", "RETAINED",
                 "PEAK", "SPILLED", "ELIDED"});
    for (const libra::Domain& each : domains) {
        const auto words = libra::gate_words(each.gate);
        table.add({fmt::format("{}", each.id), or_dash(each.pid), or_dash(each.comm),
                   fmt::format("{}", each.uid),
                   words.empty() ? "open" : fmt::format("closed ({})", fmt::join(words, ",")),
                   fmt::format("{}", each.sockets), fmt::format("{}", each.live),
                   fmt::format("{}", each.sent), format_size(each.retained), format_size(each.peak),
                   format_size(each.spilled), format_size(each.elided)});
    }
    return table.text();
}

std::string format_parsers(const std::vector<libra::Parser>& parsers) {
    Table table({"NAME", "STATE-VERSION", "USERS", "GENERATION"});
    for (const libra::Parser& each : parsers)
        table.add({each.name, fmt::format("{}", each.state_version), fmt::format("{}", each.users),
                   fmt::format("{}", each.generation)});
    return table.text();
}

std::string format_limits(const libra::Config& config, const std::vector<libra::Policy>& policies) {
    std::string text = fmt::format(
        "total   {:<8} bytes that all domains may pin\n"
        "domain  {:<8} bytes that one domain may pin\n"
        "user    {:<8} bytes that the domains of one user may pin\n"
        "sent    {:<8} bytes of sent payload that a domain keeps for retries\n"
        "spill   {:<8} bytes of payload of a domain that wait in shared memory\n",
        format_size(config.cap_total), format_size(config.cap_domain), format_size(config.cap_user),
        format_size(config.cap_sent), format_size(config.cap_spill));
    for (const libra::Policy& each : policies)
        text += fmt::format("policy {}: {} pinned, {}\n", each.id, format_size(each.retained),
                            each.cap == 0 ? "no limit of its own"
                                          : fmt::format("limit {}", format_size(each.cap)));
    return text;
}

std::string format_stats(const libra::Stats& stats) {
    return format_counters("counters", stats.counters) +
           format_counters("copied for a reason", stats.fallbacks) +
           format_counters("connections reset", stats.resets);
}

std::string format_attach(const libra::PolicySpec& spec, const libra::AttachReport& report) {
    std::string text = fmt::format("policy {}: {}, mode {}, parser {}, threshold {}\n",
                                   report.policy, describe_target(spec), to_string(spec.mode),
                                   spec.parser, format_size(spec.threshold));
    text += fmt::format("  {} under it; {} and {} attached\n",
                        count(report.processes, "process", "processes"),
                        count(report.listeners, "listener", "listeners"),
                        count(report.connections, "connection", "connections"));
    if (report.already != 0)
        text += fmt::format("  {} attached already: of another policy (a detached one keeps its "
                            "sockets until they close), or opened just now\n",
                            count(report.already, "socket is", "sockets are"));
    if (report.connections != 0)
        text += format_late(spec, report.connections);
    if (spec.mode == libra::Mode::observe)
        text += "  everything is copied in mode observe; \"libractl stats\" counts the bytes that "
                "mode elide would leave out (rx_elidable)\n";
    if (spec.mode == libra::Mode::verify)
        text +=
            "  everything is copied in mode verify; \"libractl classes\" shows what went out as "
            "it came in\n";
    if (spec.mode == libra::Mode::auto_)
        text += "  everything is copied until a class of messages is proven; \"libractl classes\" "
                "shows how far they are\n";
    for (const std::string& each : report.failures)
        text += fmt::format("  not attached: {}\n", each);
    for (const libra::Finding& each : report.findings)
        text += fmt::format("  {}: {}\n",
                            each.severity == libra::Severity::refuse ? "risk accepted" : "note",
                            each.text);
    return text;
}

} // namespace libractl
