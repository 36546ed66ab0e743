// SPDX-License-Identifier: GPL-2.0
// [gate] Programs that do to a body what a forwarder does not: the far end gets exact bytes, or a
// reset with no wrong byte before it, and never a marker.
#include <sys/socket.h>

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "rig.hpp"
#include "toy.hpp"

using namespace guest;

namespace {

constexpr std::uint16_t port = 7000;
constexpr std::uint64_t size = 200'000;

/// All that a client gets for one request, until the connection ends.
struct Heard {
    std::string head;
    std::string body;
    bool reset = false;
};

Heard hear(Client& client, const Exchange& what) {
    Heard heard;
    try {
        client.send(what);
    } catch (const Cut&) {
    }
    std::string all;
    std::vector<std::byte> block(65536);
    try {
        while (const std::size_t got = client.wire().read(block)) {
            all.append(reinterpret_cast<const char*>(block.data()), got);
        }
    } catch (const Cut& cut) {
        heard.reset = cut.reset;
    }
    const auto end = all.find("\r\n\r\n");
    heard.head = all.substr(0, end == std::string::npos ? all.size() : end + 4);
    heard.body = all.substr(heard.head.size());
    return heard;
}

/// The bytes of the pattern, in these ranges.
std::string pattern(std::uint64_t seed,
                    std::initializer_list<std::pair<std::size_t, std::size_t>> parts) {
    std::string bytes;
    for (const auto& [from, to] : parts) {
        std::string part(to - from, '\0');
        Pattern{seed}.fill(from, std::as_writable_bytes(std::span(part)));
        bytes += part;
    }
    return bytes;
}

NetOptions fast_open() {
    NetOptions options;
    options.fast_open = true;
    return options;
}

Exchange upload(std::uint64_t bytes) {
    Exchange what = post(bytes);
    what.close = true;
    return what;
}

/// Net, origin and an attached relay.
class Stage {
public:
    Stage()
        : Stage(NetOptions{}) {
        arm();
    }

    /// A relay that has not elided anything.
    explicit Stage(const NetOptions& options)
        : net(options)
        , origin(net.origin())
        , toy(net.proxy(),
              {"relay", std::to_string(port), net.origin_address(), std::to_string(origin.port())})
        , before_(libra_module::figures())
        , attachment_(toy.pid(), "", AttachOptions{}) {}

    /// From here on payload is elided.
    void arm() {
        expect_exact(relay("copy"), answer());
        learnt = token;
        if (!libra_module::plain()) {
            const Figures start = libra_module::figures();
            expect_exact(relay("copy"), answer());
            CHECK((libra_module::figures() - start).rx_elided > size / 2);
        }
    }

    /// One exchange through the relay in this mode.
    Heard relay(const std::string& mode) {
        toy.write_line(mode);
        Client client(net.client(), net.proxy_address(), port);
        Heard heard = hear(client, what);
        const std::string report = toy.read_line();
        INFO(mode << ": " << report);
        const std::string seen = report.substr(report.find("token=") + 6, 64);
        token = seen[0] == '-' ? "" : seen;
        CHECK(report.find("token=") == 0);
        error = std::stoi(report.substr(report.find("errno=") + 6));
        return heard;
    }

    /// Connections to the origin whose SYN carried data; both ends must have counted the same.
    std::uint64_t fast_opens() const {
        const std::uint64_t active = net.proxy().tcp_counter("TCPFastOpenActive");
        CHECK(net.origin().tcp_counter("TCPFastOpenPassive") == active);
        return active;
    }

    /// The body that is asked for.
    std::string answer() const {
        return pattern(what.answer.body.seed, {{0, what.answer.body.size}});
    }

    static void expect_exact(const Heard& heard, const std::string& expected) {
        CHECK_FALSE(heard.reset);
        CHECK(heard.head.starts_with("HTTP/1.1 200"));
        CHECK((heard.body == expected));
    }

    /// An answer is exact whose token leaves in two chunks, and counts as such a one.
    void expect_cut_token_exact(const std::string& mode, std::size_t cut) {
        const std::string body = answer();
        const std::string expected = fmt::format(
            "12c\r\n{}\r\n{:x}\r\n{}{}\r\n{:x}\r\n{}\r\n0\r\n\r\n", std::string(300, 'x'),
            100 + cut, std::string(100, 'y'), body.substr(0, cut), size - cut, body.substr(cut));
        const Figures start = libra_module::figures();
        expect_exact(relay(fmt::format("{} {}", mode, cut)), expected);
        if (!libra_module::plain()) {
            CHECK((libra_module::figures() - start).counters["tokens_cut"] == 1);
        }
    }

    /// Exact, or a reset after nothing but right bytes.
    void expect_exact_or_reset(const Heard& heard, const std::string& expected) {
        INFO("reset " << heard.reset << " after " << heard.body.size() << " bytes of body");
        CHECK((heard.body == expected || (heard.reset && expected.starts_with(heard.body))));
        expect_no_marker(heard);
    }

    /// Nothing that the program saw in place of payload may come out.
    void expect_no_marker(const Heard& heard) {
        if (libra_module::plain()) {
            return;
        }
        for (const std::string& hex : {token, learnt}) {
            const auto bytes = from_hex(hex);
            const std::string marker(reinterpret_cast<const char*>(bytes.data()), bytes.size());
            if (!marker.empty() && marker != pattern(what.answer.body.seed, {{0, 32}})) {
                CHECK(heard.head.find(marker) == std::string::npos);
                CHECK(heard.body.find(marker) == std::string::npos);
            }
        }
    }

    void expect_reset(const Heard& heard) {
        if (!libra_module::plain()) {
            INFO("after " << heard.body.size() << " bytes of body");
            // Nothing at all is as good: then the relay's upstream was what was reset.
            CHECK((heard.reset || heard.head.empty()));
            CHECK((libra_module::figures() - before_).all_resets() > 0);
        }
    }

    /// The gate is closed: what comes is copied.
    void expect_copied() {
        const Figures start = libra_module::figures();
        for (int i = 0; i < 2; ++i) {
            expect_exact(relay("copy"), answer());
        }
        CHECK((libra_module::figures() - start).rx_elided == 0);
    }

    void finish() {
        CHECK(origin.failures().empty());
        toy.stop();
        attachment_.detach();
        check_nothing_left();
    }

    Net net;
    Origin origin;
    Toy toy;
    Exchange what = closing_get();
    std::string token;  ///< what stood at the start of the last body
    std::string learnt; ///< of the first
    int error = 0;      ///< what the relay's last exchange failed with

private:
    static Exchange closing_get() {
        Exchange get_it = get(size);
        get_it.close = true;
        return get_it;
    }

    Figures before_;
    Attachment attachment_;
};

} // namespace

TEST_CASE("A range cut from the middle of a payload is reset", "[gate]") {
    for (const char* buffer : {"", " untouched"}) {
        Stage stage;
        const std::uint64_t seed = stage.what.answer.body.seed;
        for (const auto& [from, to] : {std::pair<std::size_t, std::size_t>{50'001, 150'001},
                                       {16, 100'000},
                                       {8192, 12'500},
                                       {100'000, 200'000}}) {
            const Heard heard = stage.relay(fmt::format("slice {} {}{}", from, to, buffer));
            stage.expect_exact_or_reset(heard, pattern(seed, {{from, to}}));
            stage.expect_reset(heard);
        }
        stage.finish();
    }
}

TEST_CASE("A range from the start of a payload is exact or reset", "[gate]") {
    for (const char* buffer : {"", " untouched"}) {
        Stage stage;
        const std::uint64_t seed = stage.what.answer.body.seed;
        for (const std::size_t to : {17, 5000, 65'536, 199'999}) {
            const Heard heard = stage.relay(fmt::format("slice 0 {}{}", to, buffer));
            stage.expect_exact_or_reset(heard, pattern(seed, {{0, to}}));
        }
        stage.finish();
    }
}

TEST_CASE("A body sent again is exact while its payload is kept", "[gate]") {
    Stage stage;
    const std::string body = pattern(stage.what.answer.body.seed, {{0, size}});
    stage.expect_exact_or_reset(stage.relay("copy"), body);
    stage.expect_exact_or_reset(stage.relay("again"), body);
    stage.expect_exact_or_reset(stage.relay("again"), body);
    stage.finish();
}

TEST_CASE("A dead token is reset although nothing is live any more", "[gate]") {
    ::libra::ConfigChange none_kept;
    none_kept.cap_sent = 0;
    const LimitScope scope(none_kept);
    Stage stage;
    const std::string body = pattern(stage.what.answer.body.seed, {{0, size}});
    stage.expect_exact_or_reset(stage.relay("copy"), body);
    if (!libra_module::plain()) {
        const Figures now = libra_module::figures();
        CHECK(now.live == 0);
        CHECK(now.counters.at("sent") == 0);
        // its pages go with the segments, when the client's last ACK has come
        CHECK(eventually([] { return libra_module::figures().retained == 0; }));
    }
    const Heard heard = stage.relay("again");
    stage.expect_exact_or_reset(heard, body);
    stage.expect_reset(heard);
    stage.finish();
}

TEST_CASE("A token in a header is reset and does not leave", "[gate]") {
    Stage stage;
    const Heard heard = stage.relay("header");
    stage.expect_no_marker(heard);
    stage.expect_reset(heard);
    stage.finish();
}

TEST_CASE("A token that stands for less than its placeholder is reset", "[gate]") {
    Stage stage;
    const Heard heard = stage.relay("token");
    stage.expect_no_marker(heard);
    stage.expect_reset(heard);
    stage.finish();
}

TEST_CASE("Nothing leaves before a marker that the end of a chunk cuts", "[gate]") {
    Stage stage;
    const Heard heard = stage.relay("cut-marker");
    stage.expect_no_marker(heard);
    stage.expect_reset(heard);
    if (!libra_module::plain()) {
        INFO(heard.body.size());
        CHECK(std::string_view("7dd\r\n").starts_with(heard.body));
    }
    stage.finish();
}

TEST_CASE("A token in chunks of one byte is exact", "[gate]") {
    for (const char* mode : {"crumbs", "crumbs-at-once"}) {
        Stage stage;
        const std::string body = stage.answer();
        constexpr std::size_t crumbs = 40;
        std::string expected;
        for (const char each : body.substr(0, crumbs)) {
            expected += fmt::format("1\r\n{}\r\n", each);
        }
        expected += fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", size - crumbs, body.substr(crumbs));
        const Figures before = libra_module::figures();
        Stage::expect_exact(stage.relay(mode), expected);
        if (!libra_module::plain()) {
            CHECK((libra_module::figures() - before).counters["tokens_cut"] == 1);
        }
        stage.finish();
    }
}

TEST_CASE("A token that framing cuts is found among older markers", "[gate]") {
    Stage stage;
    for (const std::size_t cut : {1, 2, 3, 4, 7, 8, 9, 16, 31}) {
        INFO("behind its byte " << cut);
        stage.expect_cut_token_exact("cut-among-old", cut);
    }
    stage.finish();
}

TEST_CASE("A token that framing cuts is not taken for an older marker that goes on like framing",
          "[gate]") {
    Stage stage;
    // One marker of 256 is such a one. Until it was seen no token is said.
    for (int tries = 0; tries < 100 && !libra_module::plain(); ++tries) {
        Stage::expect_exact(stage.relay("look-for-like"), stage.answer());
        if (!stage.token.empty()) {
            break;
        }
    }
    CHECK(stage.token.empty() == libra_module::plain());
    stage.expect_cut_token_exact("cut-among-like", 9);
    stage.finish();
}

TEST_CASE("Halves that change places are exact or reset", "[gate]") {
    for (const char* mode : {"swap", "swap untouched"}) {
        Stage stage;
        const Heard heard = stage.relay(mode);
        stage.expect_exact_or_reset(
            heard, pattern(stage.what.answer.body.seed, {{size / 2, size}, {0, size / 2}}));
        stage.finish();
    }
}

TEST_CASE("A placeholder whose markers were overwritten is reset", "[gate]") {
    Stage stage;
    const Heard heard = stage.relay("edit");
    const std::string body = pattern(stage.what.answer.body.seed, {{0, size}});
    // Without Libra the edit goes out. With it, it hit a marker, or is not seen.
    if (!libra_module::plain()) {
        stage.expect_exact_or_reset(heard, body);
    }
    stage.finish();
}

TEST_CASE("A token that comes back from the peer is not honoured", "[gate]") {
    for (const bool in_header : {true, false}) {
        Stage stage;
        const Heard first = stage.relay("copy");
        const std::string replayed = stage.token;
        if (in_header) {
            stage.what.answer.token_header = replayed;
        } else {
            // Small: this body is copied, and what is copied is searched.
            stage.what.answer.body.size = 4000;
            stage.what.answer.replay = replayed;
        }
        const Heard heard = stage.relay("copy");
        stage.expect_reset(heard);
        stage.expect_no_marker(heard);
        stage.finish();
    }
}

TEST_CASE("A token from the peer inside a large body goes through as the bytes that it is",
          "[gate]") {
    Stage stage;
    stage.relay("copy");
    const auto replayed = from_hex(stage.token);
    stage.what.answer.replay = stage.token;
    stage.learnt.clear();
    const Heard heard = stage.relay("copy");
    stage.token.clear();
    std::string expected = pattern(stage.what.answer.body.seed, {{0, size}});
    std::copy(replayed.begin(), replayed.end(), reinterpret_cast<std::byte*>(expected.data()));
    stage.expect_exact_or_reset(heard, expected);
    stage.finish();
}

TEST_CASE("A child that inherited memory and socket cannot send placeholders", "[gate]") {
    Stage stage;
    const Heard heard = stage.relay("fork");
    stage.expect_exact_or_reset(heard, pattern(stage.what.answer.body.seed, {{0, size}}));
    stage.finish();
}

TEST_CASE("A child that inherited only the socket forwards exact bytes", "[gate]") {
    Stage stage;
    for (int i = 0; i < 2; ++i) {
        const Heard heard = stage.relay("fork-first");
        stage.expect_exact_or_reset(heard, pattern(stage.what.answer.body.seed, {{0, size}}));
    }
    stage.finish();
}

TEST_CASE("MSG_FASTOPEN sends while nothing was elided and not a byte after that", "[gate]") {
    Stage stage(fast_open());
    const Exchange download = stage.what;
    // Too small to be elided: what the program sends is its own, the first of it in the SYN.
    stage.what = upload(4000);
    stage.expect_exact(stage.relay("fastopen"), stage.answer());
    CHECK(stage.fast_opens() == 1);

    stage.what = download;
    // Nobody parses that connection, so while it lasts the gate is closed.
    CHECK(eventually([] { return libra_module::gates() == 0; }));
    stage.arm();
    const std::uint64_t requests = stage.origin.requests();
    for (const std::uint64_t bytes : {std::uint64_t{4000}, size}) {
        stage.what = upload(bytes);
        const Heard heard = stage.relay("fastopen");
        if (libra_module::plain()) {
            stage.expect_exact(heard, stage.answer());
        } else {
            CHECK(heard.head.empty());
            CHECK(stage.error == EPIPE);
            CHECK(stage.origin.requests() == requests);
            CHECK(stage.origin.cut_bodies() == 0);
            CHECK(stage.fast_opens() == 1);
        }
    }
    stage.finish();
}

TEST_CASE("A body behind TCP_FASTOPEN_CONNECT is forwarded without copying", "[gate]") {
    Stage stage(fast_open());
    stage.arm();
    stage.what = upload(size);
    const Figures before = libra_module::figures();
    for (int i = 0; i < 3; ++i) {
        stage.expect_exact(stage.relay("fastopen-connect"), stage.answer());
    }
    CHECK(stage.fast_opens() == 3);
    if (!libra_module::plain()) {
        const Figures change = libra_module::figures() - before;
        INFO(change.describe());
        CHECK(change.tx_reused > 3 * size / 2);
        CHECK(change.all_resets() == 0);
    }
    stage.finish();
}

TEST_CASE("A socket that listened before it connects sends no placeholder", "[gate]") {
    for (const char* mode : {"listened", "listened-unspec"}) {
        INFO(mode);
        Stage stage;
        stage.what = upload(size);
        const Heard heard = stage.relay(mode);
        if (libra_module::plain()) {
            stage.expect_exact(heard, stage.answer());
        } else {
            stage.expect_reset(heard);
        }
        stage.what = upload(4000);
        stage.expect_exact(stage.relay(mode), stage.answer());
        stage.finish();
    }
}

namespace {

/// What this kernel has of protocols over TCP. The debug kernel has no SMC, which needs InfiniBand.
std::vector<std::string> hiding_tcp() {
    std::vector<std::string> modes{"mptcp"};
    const Fd smc(::socket(AF_SMC, SOCK_STREAM, 0));
    if (smc.get() >= 0) {
        modes.emplace_back("smc");
    }
    return modes;
}

} // namespace

TEST_CASE("A connection of a protocol that hides TCP is not made once placeholders may be about",
          "[gate]") {
    for (const std::string& mode : hiding_tcp()) {
        INFO(mode);
        Stage stage;
        const Exchange download = stage.what;
        const std::uint64_t requests = stage.origin.requests();
        stage.what = upload(size);
        const Heard heard = stage.relay(mode);
        if (libra_module::plain()) {
            stage.expect_exact(heard, stage.answer());
        } else {
            CHECK(heard.head.empty());
            CHECK(stage.error == EPIPE);
            CHECK(stage.origin.requests() == requests);
            CHECK((libra_module::gates() & ::libra::gate_unwatched) != 0);
        }
        stage.what = download;
        stage.expect_copied();
        stage.finish();
    }
}

TEST_CASE("Nothing is elided after a stream of a protocol that hides TCP", "[gate]") {
    for (const std::string& mode : hiding_tcp()) {
        INFO(mode);
        Stage stage(NetOptions{});
        stage.expect_exact(stage.relay(mode), stage.answer());
        stage.expect_copied();
        stage.finish();
    }
    Stage stage;
    CHECK(stage.toy.ask("listen-mptcp") == "listen-mptcp");
    stage.expect_copied();
    stage.finish();
}

TEST_CASE("A connection that is received closes the gate for good", "[gate]") {
    Stage stage;
    const Fd connection =
        connect_to(stage.net.proxy(), stage.net.origin_address(), stage.origin.port());
    CHECK(stage.toy.ask(fmt::format("take {} {}", ::getpid(), connection.get())) == "take");
    if (!libra_module::plain()) {
        CHECK(eventually([&] {
            Stage::expect_exact(stage.relay("copy"), stage.answer());
            return (libra_module::gates() & ::libra::gate_unwatched) != 0;
        }));
    }
    stage.expect_copied();
    CHECK(stage.toy.ask("drop") == "drop");
    // the next look at its descriptors is a second later
    ::usleep(1'500'000);
    stage.expect_copied();
    stage.finish();
}
