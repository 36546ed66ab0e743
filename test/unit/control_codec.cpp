// SPDX-License-Identifier: GPL-2.0
#include <array>
#include <cstdint>

#include <catch2/catch_test_macros.hpp>
#include <netlink/genl/genl.h>

#include <libra/error.hpp>

#include "codec.hpp"
#include "uapi/libra.h"

using namespace libra;
using namespace libra::detail;

namespace {

constexpr int family = 0x1c;

/// As the other side sees it.
Attributes sent(const Message& message) {
    return Attributes(nlmsg_hdr(message.get()));
}

} // namespace

TEST_CASE("a policy survives the way through a message", "[codec]") {
    PolicySpec spec;
    spec.pid = 4711;
    spec.exe = "/usr/sbin/nginx";
    spec.lport = 80;
    spec.rport = 8080;
    spec.parser = "resp";
    spec.mode = Mode::elide;
    spec.threshold = 65536;
    spec.accept_risk = true;
    spec.setsockopt = true;
    spec.proof = 8;
    spec.sample = 16;
    spec.cap = 1U << 20U;
    const Message message = make_message(family, LIBRA_CMD_POLICY_ADD, 0);
    put_policy(message.get(), spec);

    CHECK(genlmsg_hdr(nlmsg_hdr(message.get()))->cmd == LIBRA_CMD_POLICY_ADD);
    CHECK(nlmsg_hdr(message.get())->nlmsg_type == family);
    const Policy policy = parse_policy(sent(message));
    CHECK(policy.pid == 4711);
    CHECK(policy.exe == "/usr/sbin/nginx");
    CHECK(policy.lport == 80);
    CHECK(policy.rport == 8080);
    CHECK(policy.parser == "resp");
    CHECK(policy.mode == Mode::elide);
    CHECK(policy.threshold == 65536);
    CHECK(policy.accept_risk);
    CHECK(policy.setsockopt);
    CHECK(policy.proof == 8U);
    CHECK(policy.sample == 16U);
    CHECK(policy.cap == 1U << 20U);
    CHECK_FALSE(policy.draining);
}

TEST_CASE("what a policy leaves open is not sent", "[codec]") {
    PolicySpec spec;
    spec.pid = 1;
    const Message message = make_message(family, LIBRA_CMD_POLICY_ADD, 0);
    put_policy(message.get(), spec);
    const Attributes attributes = sent(message);
    CHECK(attributes.get(LIBRA_POLICY_ATTR_EXE) == nullptr);
    CHECK(attributes.get(LIBRA_POLICY_ATTR_LPORT) == nullptr);
    CHECK(attributes.get(LIBRA_POLICY_ATTR_RPORT) == nullptr);
    CHECK(attributes.get(LIBRA_POLICY_ATTR_FLAGS) == nullptr);
    CHECK(attributes.get(LIBRA_POLICY_ATTR_ID) == nullptr);
    CHECK(attributes.get(LIBRA_POLICY_ATTR_SOCKETS) == nullptr);
    CHECK(attributes.get(LIBRA_POLICY_ATTR_PROOF) == nullptr);
    CHECK(attributes.get(LIBRA_POLICY_ATTR_SAMPLE) == nullptr);
    CHECK_FALSE(parse_policy(attributes).proof);
    CHECK_FALSE(parse_policy(attributes).sample);
}

TEST_CASE("a change of the configuration sends only what is set", "[codec]") {
    ConfigChange change;
    change.enabled = false;
    change.cap_domain = 1ULL << 40U;
    const Message message = make_message(family, LIBRA_CMD_CONFIG_SET, 0);
    put_config(message.get(), change);
    const Attributes attributes = sent(message);
    CHECK(attributes.get(LIBRA_CONFIG_ATTR_ENABLED) != nullptr);
    CHECK(attributes.get(LIBRA_CONFIG_ATTR_CAP_TOTAL) == nullptr);
    const Config config = parse_config(attributes);
    CHECK_FALSE(config.enabled);
    CHECK(config.cap_domain == 1ULL << 40U);
}

TEST_CASE("a socket to attach is named by descriptor, process and policy", "[codec]") {
    const Message message = make_message(family, LIBRA_CMD_SOCKET_ATTACH, 0);
    put_socket(message.get(), 7, 4711, 3);
    const Attributes attributes = sent(message);
    CHECK(attributes.u32(LIBRA_SOCKET_ATTR_FD) == 7);
    CHECK(attributes.u32(LIBRA_SOCKET_ATTR_PID) == 4711);
    CHECK(attributes.u32(LIBRA_SOCKET_ATTR_POLICY) == 3);
}

TEST_CASE("sockets are read with both kinds of address", "[codec]") {
    const Message message = make_message(family, LIBRA_CMD_SOCKET_GET, 0);
    const std::array<unsigned char, 4> v4{192, 0, 2, 1};
    std::array<unsigned char, 16> v6{};
    v6[15] = 1;
    nla_put(message.get(), LIBRA_SOCKET_ATTR_LADDR, v4.size(), v4.data());
    nla_put(message.get(), LIBRA_SOCKET_ATTR_RADDR, v6.size(), v6.data());
    nla_put_u16(message.get(), LIBRA_SOCKET_ATTR_LPORT, 80);
    nla_put_u16(message.get(), LIBRA_SOCKET_ATTR_RPORT, 40000);
    nla_put_u64(message.get(), LIBRA_SOCKET_ATTR_COOKIE, 0x123456789abcdefULL);
    nla_put_string(message.get(), LIBRA_SOCKET_ATTR_LOWER, "tls");
    nla_put_u8(message.get(), LIBRA_SOCKET_ATTR_TX_LOWER, LIBRA_LOWER_TLS_HW);
    nla_put_u8(message.get(), LIBRA_SOCKET_ATTR_RX_STATE, LIBRA_STREAM_OPAQUE);
    nla_put_u8(message.get(), LIBRA_SOCKET_ATTR_RX_REASON, LIBRA_REASON_LATE);
    nla_put_u64(message.get(), LIBRA_SOCKET_ATTR_RX_COPIED, 1ULL << 33U);
    const Socket socket = parse_socket(sent(message));
    CHECK(socket.local.address == "192.0.2.1");
    CHECK(socket.local.port == 80);
    CHECK(socket.remote.address == "::1");
    CHECK(socket.remote.port == 40000);
    CHECK(socket.cookie == 0x123456789abcdefULL);
    CHECK(socket.lower == "tls");
    CHECK(socket.rx_lower == Lower::tcp);
    CHECK(socket.tx_lower == Lower::tls_hw);
    CHECK(socket.rx_state == StreamState::opaque);
    CHECK(socket.rx_reason == Reason::late);
    CHECK(socket.tx_state == StreamState::synced);
    CHECK(socket.rx_copied == 1ULL << 33U);
    CHECK(socket.inode == 0);
}

TEST_CASE("attributes of a wrong length read as absent", "[codec]") {
    const Message message = make_message(family, LIBRA_CMD_DOMAIN_GET, 0);
    nla_put_u8(message.get(), LIBRA_DOMAIN_ATTR_PID, 1);
    nla_put(message.get(), LIBRA_DOMAIN_ATTR_COMM, 0, nullptr);
    nla_put_u32(message.get(), LIBRA_DOMAIN_ATTR_RETAINED, 1);
    const Domain domain = parse_domain(sent(message));
    CHECK(domain.pid == 0);
    CHECK(domain.comm.empty());
    CHECK(domain.retained == 0);
    CHECK(Attributes(static_cast<const nlattr*>(nullptr)).u32(1) == 0);
}

TEST_CASE("strings need no NUL", "[codec]") {
    const Message message = make_message(family, LIBRA_CMD_PARSER_GET, 0);
    nla_put(message.get(), LIBRA_PARSER_ATTR_NAME, 5, "http1");
    nla_put_u32(message.get(), LIBRA_PARSER_ATTR_USERS, 2);
    const Parser parser = parse_parser(sent(message));
    CHECK(parser.name == "http1");
    CHECK(parser.users == 2);
}

TEST_CASE("counters keep the kernel's order and newer ones a number", "[codec]") {
    const Message message = make_message(family, LIBRA_CMD_STATS_GET, 0);
    nlattr* counters = nla_nest_start(message.get(), LIBRA_STATS_ATTR_COUNTERS);
    nla_put_u64(message.get(), LIBRA_STAT_RX_ELIDED, 5);
    nla_put_u64(message.get(), LIBRA_STAT_RX_COPIED, 7);
    nla_put_u64(message.get(), 61, 9);
    nla_nest_end(message.get(), counters);
    nlattr* fallbacks = nla_nest_start(message.get(), LIBRA_STATS_ATTR_FALLBACKS);
    nla_put_u64(message.get(), LIBRA_REASON_NO_PARSER, 3);
    nla_nest_end(message.get(), fallbacks);
    const Stats stats = parse_stats(sent(message));
    REQUIRE(stats.counters.size() == 3);
    CHECK(stats.counters[0].name == "rx_elided");
    CHECK(stats.counters[1].name == "rx_copied");
    CHECK(stats.counters[2].name == "unknown-61");
    CHECK(stats.counter("rx_elided") == 5);
    CHECK(stats.counter("nothing") == 0);
    REQUIRE(stats.fallbacks.size() == 1);
    CHECK(stats.fallbacks[0].name == "no-parser");
    CHECK(stats.resets.empty());
}

TEST_CASE("a policy that makes no sense is refused before the kernel is asked", "[codec]") {
    const auto refused = [](const auto& change) {
        PolicySpec spec;
        spec.pid = 1;
        change(spec);
        try {
            check_policy(spec);
        } catch (const Error& error) {
            return error.kind() == ErrorKind::invalid && !error.cure().empty();
        }
        return false;
    };
    CHECK_FALSE(refused([](PolicySpec&) {}));
    CHECK(refused([](PolicySpec& spec) { spec.pid = 0; }));
    CHECK(refused([](PolicySpec& spec) { spec.exe = "nginx"; }));
    CHECK(refused([](PolicySpec& spec) { spec.exe = "/" + std::string(exe_path_max, 'x'); }));
    CHECK(refused([](PolicySpec& spec) { spec.parser = "a.b"; }));
    CHECK(refused([](PolicySpec& spec) { spec.parser = ""; }));
    CHECK(refused([](PolicySpec& spec) { spec.parser = "0123456789abcdef"; }));
    CHECK(refused([](PolicySpec& spec) { spec.threshold = threshold_min - 1; }));
    CHECK(refused([](PolicySpec& spec) { spec.threshold = threshold_max + 1; }));
    CHECK(refused([](PolicySpec& spec) { spec.proof = 0; }));
    CHECK(refused([](PolicySpec& spec) { spec.proof = proof_max + 1; }));
    CHECK(refused([](PolicySpec& spec) { spec.sample = 0; }));
    CHECK(refused([](PolicySpec& spec) { spec.sample = proof_max + 1; }));
    CHECK_FALSE(refused([](PolicySpec& spec) { spec.proof = spec.sample = proof_max; }));
}

TEST_CASE("numbers beyond those that are known have a word", "[codec]") {
    CHECK(to_string(Mode::elide) == "elide");
    CHECK(to_string(static_cast<Mode>(9)) == "unknown-9");
    CHECK(to_string(static_cast<Reason>(200)) == "unknown-200");
    CHECK(mode_from_string("observe") == Mode::observe);
    CHECK_FALSE(mode_from_string("Observe"));
    for (const Mode mode : {Mode::observe, Mode::elide, Mode::verify, Mode::auto_})
        CHECK(mode_from_string(to_string(mode)) == mode);
    CHECK(static_cast<int>(Mode::verify) == LIBRA_MODE_VERIFY);
    CHECK(static_cast<int>(Mode::auto_) == LIBRA_MODE_AUTO);
    CHECK(to_string(Mode::auto_) == "auto");
    CHECK(to_string(Side::request) == "request");
    CHECK(to_string(Side::response) == "response");
    CHECK(to_string(static_cast<ClassState>(LIBRA_CLASS_WATCHED)) == "watched");
    CHECK(to_string(static_cast<ClassState>(LIBRA_CLASS_PROVEN)) == "proven");
    CHECK(to_string(static_cast<ClassState>(7)) == "unknown-7");
    CHECK(to_string(static_cast<ClassChange>(LIBRA_CHANGE_PROVEN)) == "proven");
    CHECK(to_string(static_cast<ClassChange>(LIBRA_CHANGE_ALTERED)) == "altered");
    CHECK(to_string(static_cast<ClassChange>(LIBRA_CHANGE_UNFORWARDED)) == "unforwarded");
    CHECK(to_string(static_cast<ClassChange>(LIBRA_CHANGE_SINK)) == "sink");
    CHECK(gate_words(0).empty());
    CHECK(gate_words(gate_late | gate_tls) == std::vector<std::string>{"late", "tls"});
    CHECK(gate_words(gate_exited | gate_unwatched) ==
          std::vector<std::string>{"exited", "unwatched"});
    CHECK(gate_words(1U << 31U) == std::vector<std::string>{"unknown-31"});
}
