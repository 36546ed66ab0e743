// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_JSON_HPP
#define LIBRA_JSON_HPP

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <libra/advise.hpp>
#include <libra/attach.hpp>
#include <libra/inspect.hpp>
#include <libra/message_class.hpp>
#include <libra/types.hpp>

/// How the values look as JSON, for nlohmann::json and ordered_json. Not part of
/// <libra/libra.hpp>: the library itself does not need nlohmann's. What is not
/// set (a port, a process id) is null. Fields are added, never renamed.
namespace libra {

template <typename Json, typename Value>
Json json_or_null(const Value& value) {
    return value == Value{} ? Json(nullptr) : Json(value);
}

template <typename Json, typename Value>
Json json_or_null(const std::optional<Value>& value) {
    return value ? Json(*value) : Json(nullptr);
}

template <typename Json>
void to_json(Json& json, const Policy& policy) {
    json = Json{{"id", policy.id},
                {"pid", json_or_null<Json>(policy.pid)},
                {"exe", json_or_null<Json>(policy.exe)},
                {"lport", json_or_null<Json>(policy.lport)},
                {"rport", json_or_null<Json>(policy.rport)},
                {"parser", policy.parser},
                {"mode", to_string(policy.mode)},
                {"threshold", policy.threshold},
                {"accept_risk", policy.accept_risk},
                {"setsockopt", policy.setsockopt},
                {"draining", policy.draining},
                {"sockets", policy.sockets},
                {"proof", json_or_null<Json>(policy.proof)},
                {"sample", json_or_null<Json>(policy.sample)},
                {"cap", json_or_null<Json>(policy.cap)},
                {"retained", policy.retained}};
}

template <typename Json>
void to_json(Json& json, const Endpoint& endpoint) {
    json = Json{{"address", endpoint.address}, {"port", endpoint.port}};
}

template <typename Json>
void to_json(Json& json, const Socket& socket) {
    json = Json{{"pid", socket.pid},
                {"policy", socket.policy},
                {"inode", socket.inode},
                {"cookie", socket.cookie},
                {"local", socket.local},
                {"remote", socket.remote},
                {"lower", socket.lower},
                {"rx_lower", to_string(socket.rx_lower)},
                {"tx_lower", to_string(socket.tx_lower)},
                {"parser", socket.parser},
                {"mode", to_string(socket.mode)},
                {"rx_state", to_string(socket.rx_state)},
                {"tx_state", to_string(socket.tx_state)},
                {"rx_reason", to_string(socket.rx_reason)},
                {"tx_reason", to_string(socket.tx_reason)},
                {"rx_copied", socket.rx_copied},
                {"rx_elided", socket.rx_elided},
                {"tx_copied", socket.tx_copied},
                {"tx_reused", socket.tx_reused}};
}

template <typename Json>
void to_json(Json& json, const Domain& domain) {
    json = Json{{"id", domain.id},
                {"pid", json_or_null<Json>(domain.pid)},
                {"comm", domain.comm},
                {"uid", domain.uid},
                {"gate", gate_words(domain.gate)},
                {"sockets", domain.sockets},
                {"live", domain.live},
                {"sent", domain.sent},
                {"retained", domain.retained},
                {"peak", domain.peak},
                {"elided", domain.elided},
                {"spilled", domain.spilled}};
}

template <typename Json>
void to_json(Json& json, const MessageClass& each) {
    json = Json{{"domain", each.domain},
                {"pid", json_or_null<Json>(each.pid)},
                {"side", to_string(each.side)},
                {"label", each.label},
                {"for", json_or_null<Json>(each.for_label)},
                {"state", to_string(each.state)},
                {"verbatim", each.verbatim},
                {"altered", each.altered},
                {"unforwarded", each.unforwarded},
                {"elided", each.elided},
                {"bytes", each.bytes},
                {"streak", each.streak}};
}

template <typename Json>
void to_json(Json& json, const ClassEvent& event) {
    to_json(json, static_cast<const MessageClass&>(event));
    json["change"] = to_string(event.change);
}

template <typename Json>
void to_json(Json& json, const Parser& parser) {
    json = Json{{"name", parser.name},
                {"state_version", parser.state_version},
                {"users", parser.users},
                {"generation", parser.generation}};
}

template <typename Json>
void to_json(Json& json, const Stats& stats) {
    const auto object = [](const std::vector<Counter>& counters) {
        Json object = Json::object();
        for (const Counter& each : counters)
            object[each.name] = each.value;
        return object;
    };
    json = Json{{"counters", object(stats.counters)},
                {"fallbacks", object(stats.fallbacks)},
                {"resets", object(stats.resets)}};
}

template <typename Json>
void to_json(Json& json, const Config& config) {
    json = Json{{"version", config.version},
                {"enabled", config.enabled},
                {"limits",
                 {{"total", config.cap_total},
                  {"domain", config.cap_domain},
                  {"user", config.cap_user},
                  {"sent", config.cap_sent},
                  {"spill", config.cap_spill}}},
                {"policies", config.policies},
                {"domains", config.domains},
                {"sockets", config.sockets},
                {"parsers", config.parsers}};
}

template <typename Json>
void to_json(Json& json, const Finding& finding) {
    json = Json{{"severity", finding.severity == Severity::refuse ? "refuse" : "note"},
                {"topic", finding.topic},
                {"text", finding.text}};
}

template <typename Json>
void to_json(Json& json, const AttachReport& report) {
    json = Json{{"policy", report.policy},       {"processes", report.processes},
                {"listeners", report.listeners}, {"connections", report.connections},
                {"already", report.already},     {"failures", report.failures},
                {"findings", report.findings}};
}

template <typename Json>
void to_json(Json& json, const ClassAdvice& each) {
    json = Json{{"side", to_string(each.side)},
                {"label", each.label},
                {"for", json_or_null<Json>(each.for_label)},
                {"verdict", to_string(each.verdict)},
                {"small", each.small},
                {"messages", each.messages},
                {"altered", each.altered},
                {"unforwarded", each.unforwarded},
                {"bytes", each.bytes}};
}

template <typename Json>
void to_json(Json& json, const Advice& advice) {
    json = Json{{"recommendation", to_string(advice.recommendation)},
                {"messages", advice.messages},
                {"elidable", advice.elidable},
                {"bytes", advice.bytes},
                {"classes", advice.classes},
                {"findings", advice.findings}};
}

} // namespace libra

#endif
