// SPDX-License-Identifier: GPL-2.0
#include "codec.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <new>

#include <fmt/format.h>
#include <netlink/genl/genl.h>

#include <libra/error.hpp>

#include "names.hpp"
#include "uapi/libra.h"

namespace libra::detail {
namespace {

void check_put(int result) {
    if (result < 0)
        throw Error(ErrorKind::failed, EMSGSIZE, "the request does not fit into a message");
}

/// The counters of a nest: attribute type = number, payload = u64.
template <typename Name>
std::vector<Counter> parse_counters(const nlattr* nest, Name name) {
    std::vector<Counter> counters;
    if (nest == nullptr)
        return counters;
    int left = nla_len(nest);
    for (const auto* each = static_cast<const nlattr*>(nla_data(nest)); nla_ok(each, left) != 0;
         each = nla_next(each, &left)) {
        const int type = nla_type(each);
        // Type 0 is the "unspec" of every list, and what pads 64 bit values
        if (type != 0 && nla_len(each) == sizeof(std::uint64_t))
            counters.push_back({name(type), nla_get_u64(each)});
    }
    return counters;
}

Endpoint parse_endpoint(const Attributes& attributes, int address, int port) {
    return {attributes.address(address), attributes.u16(port)};
}

/// Labels hold what a peer sent: nothing of it may reach a terminal as a control
/// sequence, or JSON as bytes that are no text.
std::string printable(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return text;
}

std::optional<std::uint32_t> optional_u32(const Attributes& attributes, int type) {
    return attributes.get(type) == nullptr ? std::nullopt : std::optional(attributes.u32(type));
}

} // namespace

Message make_message(int family, std::uint8_t command, int flags) {
    Message message(nlmsg_alloc());
    if (!message || genlmsg_put(message.get(), NL_AUTO_PORT, NL_AUTO_SEQ, family, 0,
                                NLM_F_REQUEST | flags, command, LIBRA_GENL_VERSION) == nullptr)
        throw std::bad_alloc();
    return message;
}

Attributes::Attributes(nlmsghdr* message) {
    // A message that cannot be parsed leaves the table empty: all values read as absent
    if (genlmsg_valid_hdr(message, 0) != 0)
        genlmsg_parse(message, 0, table_.data(), max_type, nullptr);
}

Attributes::Attributes(const nlattr* nest) {
    if (nest != nullptr)
        nla_parse(table_.data(), max_type, static_cast<nlattr*>(nla_data(nest)), nla_len(nest),
                  nullptr);
}

const nlattr* Attributes::get(int type) const noexcept {
    return type >= 0 && type <= max_type ? table_[static_cast<std::size_t>(type)] : nullptr;
}

std::uint8_t Attributes::u8(int type) const noexcept {
    const nlattr* found = get(type);
    return found != nullptr && nla_len(found) >= 1 ? nla_get_u8(found) : std::uint8_t{0};
}

std::uint16_t Attributes::u16(int type) const noexcept {
    const nlattr* found = get(type);
    return found != nullptr && nla_len(found) >= 2 ? nla_get_u16(found) : std::uint16_t{0};
}

std::uint32_t Attributes::u32(int type) const noexcept {
    const nlattr* found = get(type);
    return found != nullptr && nla_len(found) >= 4 ? nla_get_u32(found) : 0;
}

std::uint64_t Attributes::u64(int type) const noexcept {
    const nlattr* found = get(type);
    return found != nullptr && nla_len(found) >= 8 ? nla_get_u64(found) : 0;
}

std::string Attributes::string(int type) const {
    const nlattr* found = get(type);
    if (found == nullptr)
        return {};
    const std::string text(static_cast<const char*>(nla_data(found)),
                           static_cast<std::size_t>(nla_len(found)));
    // With or without its NUL, and never past one
    return text.substr(0, text.find('\0'));
}

std::string Attributes::address(int type) const {
    const nlattr* found = get(type);
    if (found == nullptr)
        return {};
    const int length = nla_len(found);
    const int family = length == 4 ? AF_INET : AF_INET6;
    std::array<char, INET6_ADDRSTRLEN> text{};
    if ((length != 4 && length != 16) ||
        inet_ntop(family, nla_data(found), text.data(), text.size()) == nullptr)
        return {};
    return text.data();
}

void check_policy(const PolicySpec& spec) {
    const auto invalid = [](const std::string& message, std::string cure) {
        return Error(ErrorKind::invalid, EINVAL, message, std::move(cure));
    };
    if (spec.pid == 0 && spec.exe.empty())
        throw invalid("a policy needs a process or an executable", "name one of both");
    if (!spec.exe.empty() && (spec.exe.front() != '/' || spec.exe.size() > exe_path_max))
        throw invalid(fmt::format("\"{}\" is no usable path of an executable", spec.exe),
                      fmt::format("give an absolute path of at most {} bytes", exe_path_max));
    if (!is_parser_name(spec.parser))
        throw invalid(fmt::format("\"{}\" is no usable name of a parser", spec.parser),
                      "names are 1 to 15 letters, digits, '-' and '_'");
    if (spec.threshold < threshold_min || spec.threshold > threshold_max)
        throw invalid(fmt::format("a threshold of {} bytes is out of bounds", spec.threshold),
                      fmt::format("give {} to {} bytes", threshold_min, threshold_max));
    for (const auto& [name, value] :
         {std::pair("proof", spec.proof), std::pair("sample", spec.sample)}) {
        if (value && (*value == 0 || *value > proof_max))
            throw invalid(fmt::format("a {} of {} messages is out of bounds", name, *value),
                          fmt::format("give 1 to {}", proof_max));
    }
}

void put_policy(nl_msg* message, const PolicySpec& spec) {
    if (spec.pid != 0)
        check_put(nla_put_u32(message, LIBRA_POLICY_ATTR_PID, spec.pid));
    if (!spec.exe.empty())
        check_put(nla_put_string(message, LIBRA_POLICY_ATTR_EXE, spec.exe.c_str()));
    if (spec.lport != 0)
        check_put(nla_put_u16(message, LIBRA_POLICY_ATTR_LPORT, spec.lport));
    if (spec.rport != 0)
        check_put(nla_put_u16(message, LIBRA_POLICY_ATTR_RPORT, spec.rport));
    check_put(nla_put_string(message, LIBRA_POLICY_ATTR_PARSER, spec.parser.c_str()));
    check_put(nla_put_u8(message, LIBRA_POLICY_ATTR_MODE, static_cast<std::uint8_t>(spec.mode)));
    check_put(nla_put_u32(message, LIBRA_POLICY_ATTR_THRESHOLD, spec.threshold));
    const std::uint32_t flags = (spec.accept_risk ? std::uint32_t{LIBRA_POLICY_F_ACCEPT_RISK} : 0) |
                                (spec.setsockopt ? std::uint32_t{LIBRA_POLICY_F_SETSOCKOPT} : 0);
    if (flags != 0)
        check_put(nla_put_u32(message, LIBRA_POLICY_ATTR_FLAGS, flags));
    if (spec.proof)
        check_put(nla_put_u32(message, LIBRA_POLICY_ATTR_PROOF, *spec.proof));
    if (spec.sample)
        check_put(nla_put_u32(message, LIBRA_POLICY_ATTR_SAMPLE, *spec.sample));
    if (spec.cap != 0)
        check_put(nla_put_u64(message, LIBRA_POLICY_ATTR_CAP, spec.cap));
}

void put_policy_cap(nl_msg* message, std::uint32_t id, std::uint64_t cap) {
    check_put(nla_put_u32(message, LIBRA_POLICY_ATTR_ID, id));
    check_put(nla_put_u64(message, LIBRA_POLICY_ATTR_CAP, cap));
}

void put_config(nl_msg* message, const ConfigChange& change) {
    if (change.enabled)
        check_put(nla_put_u8(message, LIBRA_CONFIG_ATTR_ENABLED, *change.enabled ? 1 : 0));
    if (change.cap_total)
        check_put(nla_put_u64(message, LIBRA_CONFIG_ATTR_CAP_TOTAL, *change.cap_total));
    if (change.cap_domain)
        check_put(nla_put_u64(message, LIBRA_CONFIG_ATTR_CAP_DOMAIN, *change.cap_domain));
    if (change.cap_user)
        check_put(nla_put_u64(message, LIBRA_CONFIG_ATTR_CAP_USER, *change.cap_user));
    if (change.cap_sent)
        check_put(nla_put_u64(message, LIBRA_CONFIG_ATTR_CAP_SENT, *change.cap_sent));
    if (change.cap_spill)
        check_put(nla_put_u64(message, LIBRA_CONFIG_ATTR_CAP_SPILL, *change.cap_spill));
}

void put_socket(nl_msg* message, int fd, std::uint32_t pid, std::uint32_t policy) {
    check_put(nla_put_u32(message, LIBRA_SOCKET_ATTR_FD, static_cast<std::uint32_t>(fd)));
    check_put(nla_put_u32(message, LIBRA_SOCKET_ATTR_PID, pid));
    check_put(nla_put_u32(message, LIBRA_SOCKET_ATTR_POLICY, policy));
}

Config parse_config(const Attributes& attributes) {
    return {
        .version = attributes.string(LIBRA_CONFIG_ATTR_VERSION),
        .enabled = attributes.u8(LIBRA_CONFIG_ATTR_ENABLED) != 0,
        .cap_total = attributes.u64(LIBRA_CONFIG_ATTR_CAP_TOTAL),
        .cap_domain = attributes.u64(LIBRA_CONFIG_ATTR_CAP_DOMAIN),
        .cap_user = attributes.u64(LIBRA_CONFIG_ATTR_CAP_USER),
        .cap_sent = attributes.u64(LIBRA_CONFIG_ATTR_CAP_SENT),
        .cap_spill = attributes.u64(LIBRA_CONFIG_ATTR_CAP_SPILL),
        .policies = attributes.u32(LIBRA_CONFIG_ATTR_POLICIES),
        .domains = attributes.u32(LIBRA_CONFIG_ATTR_DOMAINS),
        .sockets = attributes.u32(LIBRA_CONFIG_ATTR_SOCKETS),
        .parsers = attributes.u32(LIBRA_CONFIG_ATTR_PARSERS),
    };
}

Policy parse_policy(const Attributes& attributes) {
    const std::uint32_t flags = attributes.u32(LIBRA_POLICY_ATTR_FLAGS);
    Policy policy;
    policy.id = attributes.u32(LIBRA_POLICY_ATTR_ID);
    policy.pid = attributes.u32(LIBRA_POLICY_ATTR_PID);
    policy.exe = attributes.string(LIBRA_POLICY_ATTR_EXE);
    policy.lport = attributes.u16(LIBRA_POLICY_ATTR_LPORT);
    policy.rport = attributes.u16(LIBRA_POLICY_ATTR_RPORT);
    policy.parser = attributes.string(LIBRA_POLICY_ATTR_PARSER);
    policy.mode = static_cast<Mode>(attributes.u8(LIBRA_POLICY_ATTR_MODE));
    policy.threshold = attributes.u32(LIBRA_POLICY_ATTR_THRESHOLD);
    policy.accept_risk = (flags & LIBRA_POLICY_F_ACCEPT_RISK) != 0;
    policy.setsockopt = (flags & LIBRA_POLICY_F_SETSOCKOPT) != 0;
    policy.draining = (flags & LIBRA_POLICY_F_DRAINING) != 0;
    policy.proof = optional_u32(attributes, LIBRA_POLICY_ATTR_PROOF);
    policy.sample = optional_u32(attributes, LIBRA_POLICY_ATTR_SAMPLE);
    policy.sockets = attributes.u32(LIBRA_POLICY_ATTR_SOCKETS);
    policy.cap = attributes.u64(LIBRA_POLICY_ATTR_CAP);
    policy.retained = attributes.u64(LIBRA_POLICY_ATTR_RETAINED);
    return policy;
}

Socket parse_socket(const Attributes& attributes) {
    return {
        .pid = attributes.u32(LIBRA_SOCKET_ATTR_PID),
        .policy = attributes.u32(LIBRA_SOCKET_ATTR_POLICY),
        .inode = attributes.u64(LIBRA_SOCKET_ATTR_INODE),
        .cookie = attributes.u64(LIBRA_SOCKET_ATTR_COOKIE),
        .local = parse_endpoint(attributes, LIBRA_SOCKET_ATTR_LADDR, LIBRA_SOCKET_ATTR_LPORT),
        .remote = parse_endpoint(attributes, LIBRA_SOCKET_ATTR_RADDR, LIBRA_SOCKET_ATTR_RPORT),
        .lower = attributes.string(LIBRA_SOCKET_ATTR_LOWER),
        .rx_lower = static_cast<Lower>(attributes.u8(LIBRA_SOCKET_ATTR_RX_LOWER)),
        .tx_lower = static_cast<Lower>(attributes.u8(LIBRA_SOCKET_ATTR_TX_LOWER)),
        .parser = attributes.string(LIBRA_SOCKET_ATTR_PARSER),
        .mode = static_cast<Mode>(attributes.u8(LIBRA_SOCKET_ATTR_MODE)),
        .rx_state = static_cast<StreamState>(attributes.u8(LIBRA_SOCKET_ATTR_RX_STATE)),
        .tx_state = static_cast<StreamState>(attributes.u8(LIBRA_SOCKET_ATTR_TX_STATE)),
        .rx_reason = static_cast<Reason>(attributes.u8(LIBRA_SOCKET_ATTR_RX_REASON)),
        .tx_reason = static_cast<Reason>(attributes.u8(LIBRA_SOCKET_ATTR_TX_REASON)),
        .rx_copied = attributes.u64(LIBRA_SOCKET_ATTR_RX_COPIED),
        .rx_elided = attributes.u64(LIBRA_SOCKET_ATTR_RX_ELIDED),
        .tx_copied = attributes.u64(LIBRA_SOCKET_ATTR_TX_COPIED),
        .tx_reused = attributes.u64(LIBRA_SOCKET_ATTR_TX_REUSED),
    };
}

Domain parse_domain(const Attributes& attributes) {
    return {
        .id = attributes.u32(LIBRA_DOMAIN_ATTR_ID),
        .pid = attributes.u32(LIBRA_DOMAIN_ATTR_PID),
        .comm = attributes.string(LIBRA_DOMAIN_ATTR_COMM),
        .uid = attributes.u32(LIBRA_DOMAIN_ATTR_UID),
        .gate = attributes.u32(LIBRA_DOMAIN_ATTR_GATE),
        .sockets = attributes.u32(LIBRA_DOMAIN_ATTR_SOCKETS),
        .live = attributes.u64(LIBRA_DOMAIN_ATTR_LIVE),
        .sent = attributes.u64(LIBRA_DOMAIN_ATTR_SENT),
        .retained = attributes.u64(LIBRA_DOMAIN_ATTR_RETAINED),
        .peak = attributes.u64(LIBRA_DOMAIN_ATTR_PEAK),
        .elided = attributes.u64(LIBRA_DOMAIN_ATTR_ELIDED),
        .spilled = attributes.u64(LIBRA_DOMAIN_ATTR_SPILLED),
    };
}

Parser parse_parser(const Attributes& attributes) {
    return {
        .name = attributes.string(LIBRA_PARSER_ATTR_NAME),
        .state_version = attributes.u32(LIBRA_PARSER_ATTR_STATE_VERSION),
        .users = attributes.u32(LIBRA_PARSER_ATTR_USERS),
        .generation = attributes.u32(LIBRA_PARSER_ATTR_GENERATION),
    };
}

MessageClass parse_class(const Attributes& attributes) {
    return {
        .domain = attributes.u32(LIBRA_CLASS_ATTR_DOMAIN),
        .pid = attributes.u32(LIBRA_CLASS_ATTR_PID),
        .side = static_cast<Side>(attributes.u8(LIBRA_CLASS_ATTR_SIDE)),
        .label = printable(attributes.string(LIBRA_CLASS_ATTR_LABEL)),
        .for_label = printable(attributes.string(LIBRA_CLASS_ATTR_FOR)),
        .state = static_cast<ClassState>(attributes.u8(LIBRA_CLASS_ATTR_STATE)),
        .verbatim = attributes.u64(LIBRA_CLASS_ATTR_VERBATIM),
        .altered = attributes.u64(LIBRA_CLASS_ATTR_ALTERED),
        .unforwarded = attributes.u64(LIBRA_CLASS_ATTR_UNFORWARDED),
        .elided = attributes.u64(LIBRA_CLASS_ATTR_ELIDED),
        .bytes = attributes.u64(LIBRA_CLASS_ATTR_BYTES),
        .streak = attributes.u32(LIBRA_CLASS_ATTR_STREAK),
    };
}

ClassEvent parse_class_event(const Attributes& attributes) {
    ClassEvent event;
    static_cast<MessageClass&>(event) = parse_class(attributes);
    event.change = static_cast<ClassChange>(attributes.u8(LIBRA_CLASS_ATTR_CHANGE));
    return event;
}

Stats parse_stats(const Attributes& attributes) {
    return {
        .counters =
            parse_counters(attributes.get(LIBRA_STATS_ATTR_COUNTERS),
                           [](int type) { return stat_name(static_cast<std::size_t>(type)); }),
        .fallbacks = parse_counters(attributes.get(LIBRA_STATS_ATTR_FALLBACKS),
                                    [](int type) { return to_string(static_cast<Reason>(type)); }),
        .resets = parse_counters(attributes.get(LIBRA_STATS_ATTR_RESETS),
                                 [](int type) { return to_string(static_cast<Reset>(type)); }),
    };
}

} // namespace libra::detail
