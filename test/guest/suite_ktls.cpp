// SPDX-License-Identifier: GPL-2.0
// [ktls] nginx with OpenSSL that hands encryption to the kernel, below Libra: on the side of its
// clients, of its upstream, or on both.
#include <linux/tls.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>
#include <openssl/crypto.h>

#include "demo_origin.hpp"
#include "https.hpp"
#include "load.hpp"
#include "offload.hpp"
#include "own_ktls.hpp"
#include "rig.hpp"
#include "test_module.hpp"
#include "toy.hpp"

using namespace guest;

namespace {

constexpr std::uint64_t kilo = 1024;
constexpr std::uint64_t mega = 1024 * kilo;

/// Which sides are encrypted, and how.
struct Secured {
    const char* name;
    bool clients;
    bool upstream;
    std::string protocol = "TLSv1.2";
    std::string ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
};

/// Of TLS 1.3 OpenSSL 3.0 leaves only what is written to the kernel.
bool reads_tls13_itself() {
    return OpenSSL_version_num() < 0x30200000UL;
}

std::vector<Secured> all_sides() {
    std::vector<Secured> all = {
        {"TLS to plain", true, false},
        {"plain to TLS", false, true},
        {"TLS to TLS", true, true},
        {"TLS to TLS, AES-256", true, true, "TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384"},
        {"TLS to TLS, ChaCha20", true, true, "TLSv1.2", "ECDHE-ECDSA-CHACHA20-POLY1305"}};
    if (!reads_tls13_itself()) {
        all.push_back({"TLS 1.3 to plain", true, false, "TLSv1.3"});
        all.push_back({"TLS 1.3 to TLS 1.3", true, true, "TLSv1.3"});
    }
    return all;
}

ProxyConfig secured(const ProxyConfig& plain, const Secured& how) {
    ProxyConfig config = with_ktls(plain);
    config.name = plain.name + ", " + how.name;
    config.https_front = how.clients;
    config.https_upstream = how.upstream;
    config.tls_protocol = how.protocol;
    config.tls_ciphers = how.protocol == "TLSv1.2" ? how.ciphers : "";
    return config;
}

std::vector<Exchange> every_body() {
    std::vector<Exchange> all;
    for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, 100UL, 16'000UL, 16'384UL,
                                     64 * kilo, 300'000UL, mega + 7}) {
        all.push_back(get(size));
        all.push_back(post(size));
        all.push_back(get(size, Framing::chunked));
        all.push_back(post(size, Framing::chunked));
    }
    return all;
}

/// How Libra sees connections of the proxy: "tls-sw/tcp synced/opaque", one a word, sorted.
std::string connections() {
    std::vector<std::string> all;
    for (const ::libra::Socket& each : libra_module::client().sockets()) {
        if (each.rx_state != ::libra::StreamState::listen) {
            all.push_back(fmt::format("{}/{} {}/{}", to_string(each.rx_lower),
                                      to_string(each.tx_lower), to_string(each.rx_state),
                                      to_string(each.tx_state)));
        }
    }
    std::sort(all.begin(), all.end());
    return fmt::format("{}", fmt::join(all, ", "));
}

constexpr std::uint64_t body = 300'000;
constexpr std::uint16_t toy_port = 7200;

std::string with_body(const std::string& head, const Body& body) {
    std::string bytes(body.size, '\0');
    Pattern{body.seed}.fill(0, std::as_writable_bytes(std::span(bytes)));
    return fmt::format("{}Content-Length: {}\r\n\r\n{}", head, body.size, bytes);
}

void write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        bytes.remove_prefix(static_cast<std::size_t>(
            check(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), "send")));
    }
}

std::string read_all(int fd, std::size_t size) {
    std::string bytes(size, '\0');
    std::size_t done = 0;
    while (done < size) {
        const auto got = check(::recv(fd, bytes.data() + done, size - done, 0), "recv");
        if (got == 0) {
            break;
        }
        done += static_cast<std::size_t>(got);
    }
    bytes.resize(done);
    return bytes;
}

/// Does anything come on this connection before it ends?
bool hears(int fd) {
    char byte = 0;
    const ssize_t got = ::recv(fd, &byte, 1, 0);
    return got > 0 || (got < 0 && errno != ECONNRESET);
}

/// A toy with connections whose keys it sets itself.
struct OwnKeys {
    explicit OwnKeys(const NetOptions& options = {})
        : net(options)
        , toy(net.proxy(), {"calls", std::to_string(toy_port)})
        , attachment(toy.pid(), "", {}) {
        load_tls();
        wires.emplace_back(connect_to(net.client(), net.proxy_address(), toy_port));
        CHECK(toy.ask("accept") == "accepted");
    }
    /// The toy closes its connection and has another one; returns the far end of the old one.
    Fd next() {
        wires.emplace_back(connect_to(net.client(), net.proxy_address(), toy_port));
        CHECK(toy.ask("next") == "accepted");
        Fd old = std::move(wires.front());
        wires.erase(wires.begin());
        return old;
    }

    /// A request, and the toy's answer, with the same body.
    static std::string request() {
        return with_body("POST / HTTP/1.1\r\nHost: x\r\n", post(60'000).body);
    }
    /// The toy reads all of it, in one of its ways.
    void read(const std::string& request, const char* way = "waitall") {
        CHECK(toy.ask(fmt::format("{} {}", way, request.size())) == std::to_string(request.size()));
    }
    /// ... and sends what it has in the request's place.
    void answer() {
        const std::string due = with_body("HTTP/1.1 200 OK\r\n", post(60'000).body);
        CHECK(toy.ask("answer 60000 60000") == std::to_string(due.size()));
        CHECK((read_all(wires[0].get(), due.size()) == due));
    }
    /// What is counted for both.
    Figures exchange(const char* way = "waitall") {
        const Figures before = libra_module::figures();
        const std::string sent = request();
        write_all(wires[0].get(), sent);
        read(sent, way);
        answer();
        return libra_module::figures() - before;
    }

    /// The toy has a placeholder, and a connection that was not used yet.
    void elide() {
        const Figures before = libra_module::figures();
        const std::string sent = request();
        write_all(wires[0].get(), sent);
        read(sent);
        REQUIRE((libra_module::figures() - before).rx_elided > 50'000);
        next();
    }
    /// It sends the placeholder over that, as in toy_calls.cpp, and has another one afterwards:
    /// what the send returned. None of it may have left. `keyed`: with "tx" in its name the peer
    /// decrypts.
    std::string send_past(const std::string& how, std::string_view keyed) {
        const int wire = wires[0].get();
        if (keyed.ends_with("tx")) {
            check(ask_for_tls(wire), "tls");
            check(own_key(wire, TLS_RX, TLS_1_2_VERSION, 0), "TLS_RX");
        }
        const std::string said = toy.ask("send-" + how);
        CHECK_FALSE(hears(next().get()));
        REQUIRE(eventually([] { return libra_module::gates() == 0; }));
        return said;
    }

    Net net;
    Toy toy;
    Attachment attachment;
    std::vector<Fd> wires;
};

/// What was counted while this was exchanged over one connection.
Figures counted(Rig& rig, Client& client, const std::vector<Exchange>& exchanges) {
    const Figures before = libra_module::figures();
    for (const Exchange& what : exchanges) {
        rig.faults.add(flaw(what, client.exchange(what)));
    }
    return libra_module::figures() - before;
}

/// Asks for more than all buffers on the way hold, reads nothing, and waits until nothing moves.
Exchange stuck(Client& client) {
    const Exchange what = get(32 << 20);
    const Figures before = libra_module::figures();
    client.send(what);
    std::uint64_t last = 0;
    REQUIRE(eventually([&] {
        const std::uint64_t now = (libra_module::figures() - before).tx_reused;
        return std::exchange(last, now) == now && now > body;
    }));
    return what;
}

} // namespace

TEST_CASE("Bodies through nginx with kTLS on one side or both", "[ktls]") {
    for (const ProxyConfig& config : {nginx_large(), nginx_unbuffered()}) {
        for (const Secured& how : all_sides()) {
            const ProxyConfig with = secured(config, how);
            INFO(with.name);
            fmt::print(stderr, "    {}\n", with.name);
            Rig rig(with);
            const Figures before = libra_module::figures();
            rig.talk(every_body());
            const Figures change = libra_module::figures() - before;
            fmt::print(stderr, "    {}\n", change.describe());
            rig.finish();
        }
    }
}

TEST_CASE("What is encrypted leaves in as few records as without Libra", "[ktls]") {
    const std::vector<Exchange> all = {get(mega), get(body, Framing::chunked)};
    const auto records = [&](const ProxyConfig& config, bool attached) {
        RigOptions options;
        options.attached = attached;
        Rig rig(config, options);
        std::vector<std::uint64_t> records;
        for (const Exchange& what : all) {
            Client client = rig.connect();
            counted(rig, client, {what});
            std::uint64_t fewest = UINT64_MAX;
            for (int i = 0; i < 3; ++i) {
                const std::uint64_t before = client.wire().records();
                counted(rig, client, {what});
                fewest = std::min(fewest, client.wire().records() - before);
            }
            records.push_back(fewest);
        }
        rig.finish(Resets::none, attached ? Elided::some : Elided::any);
        return records;
    };
    for (const ProxyConfig& config : {nginx_large(), nginx_unbuffered()}) {
        for (const Secured& how : {all_sides()[0], all_sides()[2]}) {
            const ProxyConfig with = secured(config, how);
            const auto copied = records(with, false);
            const auto elided = records(with, true);
            for (std::size_t i = 0; i < all.size(); ++i) {
                INFO(with.name << ", " << describe(all[i]) << ": " << copied[i] << " copied, "
                               << elided[i] << " elided");
                CHECK(copied[i] >= all[i].answer.body.size / 16'384);
                // How much nginx has at once when it writes depends on the time, too; most of
                // that is gone with the fewest of three.
                CHECK(elided[i] <= copied[i] + 1 + copied[i] / 20);
            }
        }
    }
}

TEST_CASE("Connections tell what is below them, in each direction", "[ktls]") {
    Rig rig(with_ktls(nginx_large()));
    Client client = rig.connect();
    const Figures change = counted(rig, client, {get(body), post(body), get(body)});
    INFO(change.describe());
    CHECK(change.rx_elided > body);
    CHECK(change.tx_reused > body);
    CHECK(connections() == "tls-sw/tls-sw synced/synced, tls-sw/tls-sw synced/synced");
    CHECK(libra_module::gates() == 0);
    rig.finish();
}

TEST_CASE("Clients whose requests OpenSSL decrypts itself close the gate while they are there",
          "[ktls]") {
    Rig rig(secured(nginx_large(), {"TLS 1.3 to plain", true, false, "TLSv1.3"}));
    {
        Client client = rig.connect();
        const Figures change = counted(rig, client, {get(body), post(body), get(body)});
        INFO(change.describe());
        if (reads_tls13_itself()) {
            CHECK(change.rx_elided == 0);
            CHECK(change.fallbacks.at("no-ktls") > 0);
            CHECK(connections().find("tcp/tls-sw opaque/opaque") != std::string::npos);
            CHECK(libra_module::gates() != 0);
        } else {
            CHECK(change.rx_elided > body);
            CHECK(connections().find("tls-sw/tls-sw synced/synced") != std::string::npos);
        }
    }
    CHECK(eventually([] { return libra_module::gates() == 0; }));
    rig.finish(Resets::none, reads_tls13_itself() ? Elided::any : Elided::some);
}

TEST_CASE("Bodies go into an upstream whose answers OpenSSL decrypts itself", "[ktls]") {
    Rig rig(secured(nginx_large(), {"plain to TLS 1.3", false, true, "TLSv1.3"}));
    Client client = rig.connect();
    const Figures change = counted(rig, client, {get(body), post(body), get(body), post(body)});
    INFO(change.describe());
    CHECK(change.tx_reused > body);
    CHECK(libra_module::gates() == 0);
    if (reads_tls13_itself()) {
        CHECK(change.rx_elided < 2 * body);
        CHECK(connections() == "tcp/tcp synced/synced, tcp/tls-sw opaque/synced");
    }
    rig.finish();
}

TEST_CASE("curl, s_client and wrk as clients", "[ktls]") {
    Rig rig(with_ktls(nginx_large()));
    for (int i = 0; i < 2; ++i) {
        rig.faults.add(fetch_https(rig, get(body)));
        rig.faults.add(fetch_https(rig, post(body)));
        rig.faults.add(fetch_https(rig, get(body, Framing::chunked)));
    }
    rig.faults.add(load_https(rig, get(body), 3));
    Process client = start_s_client(rig);
    client.write_line("GET " + target_of(get(10).answer) + " HTTP/1.1\r\nHost: libra.test\r\n\r");
    CHECK(client.read_line().starts_with("HTTP/1.1 200"));
    client.kill();
    rig.finish();
}

TEST_CASE("kTLS that was there before the attach is copied, and goes on after the detach",
          "[ktls]") {
    RigOptions options;
    options.attached = false;
    Rig rig(with_ktls(nginx_large()), options);
    Client client = rig.connect();
    counted(rig, client, {get(body), post(body)});
    rig.attach();
    CHECK(connections() == "tls-sw/tls-sw opaque/opaque, tls-sw/tls-sw opaque/opaque");
    const Figures change = counted(rig, client, {get(body), post(body)});
    INFO(change.describe());
    CHECK(change.rx_elided == 0);
    CHECK(change.rx_copied >= 2 * body);
    rig.detach();
    CHECK(libra_module::gone());
    counted(rig, client, {get(body), post(body)});
    rig.finish(Resets::none, Elided::any);
}

TEST_CASE("A detach gives plain kTLS back to connections that never elided", "[ktls]") {
    RigOptions options;
    options.attach.mode = "observe";
    Rig rig(with_ktls(nginx_large()), options);
    Client client = rig.connect();
    const Figures change = counted(rig, client, {get(body), post(body)});
    INFO(change.describe());
    CHECK(change.rx_copied >= 2 * body);
    CHECK(change.counters.at("rx_elidable") > body);
    CHECK(connections() == "tls-sw/tls-sw synced/synced, tls-sw/tls-sw synced/synced");
    rig.detach();
    CHECK(libra_module::gone());
    const Figures after = counted(rig, client, {get(body), post(body)});
    CHECK(after.rx_copied == 0);
    rig.finish(Resets::none, Elided::any);
}

TEST_CASE("tls is itself for all others, although it met Libra first, and can be removed",
          "[ktls]") {
    const bool module = std::filesystem::exists("/sys/module/tls/refcnt");
    for (int round = 0; round < 2; ++round) {
        if (module) {
            REQUIRE(run({"rmmod", "tls"}).code == 0);
        }
        {
            Rig rig(with_ktls(nginx_large()));
            rig.talk({get(body), post(body)});
            rig.finish();
        }
        RigOptions options;
        options.attached = false;
        Rig rig(with_ktls(nginx_large()), options);
        const Figures before = libra_module::figures();
        rig.talk({get(body), post(body)});
        const Figures change = libra_module::figures() - before;
        CHECK(change.forwarded() == 0);
        rig.finish(Resets::none, Elided::any);
    }
}

TEST_CASE("A stream of which records passed before the keys were set is not framed", "[ktls]") {
    {
        OwnKeys one;
        // of TLS 1.2 the last message of the handshake has passed
        for (const auto& [keys, seen] : {std::pair{"key12 0", "synced/synced"},
                                         {"key12 1", "synced/synced"},
                                         {"key12 2", "opaque/opaque"},
                                         {"key13 0", "synced/synced"},
                                         {"key13 1", "opaque/opaque"}}) {
            INFO(keys);
            CHECK(one.toy.ask(keys) == "0");
            CHECK(connections() == fmt::format("tls-sw/tls-sw {}", seen));
            one.next();
        }
    }
    check_nothing_left();
}

TEST_CASE("Keys of TLS 1.3 are renewed between bodies", "[ktls]") {
    {
        OwnKeys one;
        const int wire = one.wires[0].get();
        check(ask_for_tls(wire), "tls");
        check(own_key(wire, TLS_TX, TLS_1_3_VERSION, 0), "TLS_TX");
        check(own_key(wire, TLS_RX, TLS_1_3_VERSION, 0), "TLS_RX");
        CHECK(one.toy.ask("key13 0") == "0");
        // Kernels before 6.14 keep to the first keys, on both ends.
        const bool renews = slurp("/proc/net/tls_stat").find("TlsTxRekeyOk") != std::string::npos;
        const std::string told = renews ? "0" : std::strerror(EBUSY);
        const auto renewed = [](int result) {
            return result == 0 ? std::string("0") : std::string(std::strerror(errno));
        };
        for (int round = 0; round < 4; ++round) {
            INFO("round " << round);
            const Figures change = one.exchange();
            INFO(change.describe());
            CHECK(change.rx_elided > 50'000);
            CHECK(change.tx_reused == change.rx_elided);
            CHECK(renewed(renew_tx(wire)) == told);
            CHECK(one.toy.ask("renew-rx") == told);
            CHECK(one.toy.ask("renew-tx") == told);
            CHECK(renewed(renew_rx(wire)) == told);
        }
        CHECK(connections() == "tls-sw/tls-sw synced/synced");
    }
    check_nothing_left();
}

TEST_CASE("Records of TLS 1.3 may be padded, and empty", "[ktls]") {
    {
        OwnKeys one;
        const int wire = one.wires[0].get();
        check(ask_for_tls(wire), "tls");
        check(own_key(wire, TLS_RX, TLS_1_3_VERSION, 0), "TLS_RX");
        CHECK(one.toy.ask("key13 0") == "0");
        std::uint64_t records = 0;
        for (const bool empties : {false, true}) {
            // The last one fills a record whatever is in it.
            for (const std::size_t padding : {0, 1, 255, 12'384}) {
                INFO(padding << " bytes of padding, empty records: " << empties);
                const Figures before = libra_module::figures();
                const std::string sent = OwnKeys::request();
                for (std::size_t at = 0; at < sent.size(); at += 4000) {
                    write_all(wire, own_record(records++, sent.substr(at, 4000), padding));
                    if (empties) {
                        write_all(wire, own_record(records++, "", padding));
                    }
                }
                one.read(sent);
                one.answer();
                const Figures change = libra_module::figures() - before;
                INFO(change.describe());
                CHECK(change.rx_elided > 50'000);
                CHECK(change.tx_reused == change.rx_elided);
                CHECK(change.all_resets() == 0);
            }
        }
        CHECK(connections() == "tls-sw/tls-sw synced/synced");
    }
    check_nothing_left();
}

TEST_CASE("What is spliced from kTLS is exact, and what comes behind it is copied", "[ktls]") {
    {
        OwnKeys one;
        REQUIRE(own_ktls(one.wires[0].get()));
        CHECK(one.toy.ask("key12 0") == "0");
        for (int round = 0; round < 3; ++round) {
            const char* way = round == 1 ? "splice" : "waitall";
            INFO(way << " in round " << round);
            const Figures change = one.exchange(way);
            INFO(change.describe());
            CHECK((change.rx_elided > 50'000) == (round == 0));
            CHECK((change.rx_copied > 50'000) == (round == 2));
        }
        CHECK(connections() == "tls-sw/tls-sw opaque/opaque");
    }
    check_nothing_left();
}

TEST_CASE("Keys that several threads set at once leave nothing behind", "[ktls]") {
    {
        OwnKeys one;
        for (int i = 0; i < rounds(100); ++i) {
            CHECK(one.toy.ask("keys-at-once") == "done");
            one.next();
        }
    }
    check_nothing_left();
}

TEST_CASE("No placeholder leaves past us while another thread sets up kTLS", "[ktls]") {
    for (const std::string what : {"asking", "tx", "rx", "rx-behind-tx"}) {
        {
            OwnKeys one;
            for (int i = 0; i < rounds(50); ++i) {
                one.elide();
                one.send_past(fmt::format("while {} {}", what, i * 37 % 50 * 4), what);
            }
        }
        check_nothing_left();
    }
}

TEST_CASE("Nor when the other one comes at the worst moment", "[ktls]") {
    struct Moment {
        const char* send;
        const char* keyed; ///< which direction the peer has, too
        const char*
            linger; ///< where another one finds tls's or TCP's own calls, and waits for a lock
        int error;  ///< of the send; ECONNRESET: it would be so in Libra's own calls, too
    };
    const char* const asking = "at=tcp_set_ulp,libra_swap_look";
    const char* const keying = "at=libra_ulp_holds,libra_swap_look";
    for (const Moment& moment : {
             Moment{"while asking 20000", "", asking, EPIPE},
             // a third thread closes the file meanwhile; a ring has it, too, or alone
             Moment{"while-closed 20", "", asking, EPIPE},
             Moment{"while-ring 20", "", asking, EPIPE},
             Moment{"while-ring-alone 20", "", asking, EPIPE},
             Moment{"while tx 20000", "tx", keying, ECONNRESET},
             Moment{"while rx 20000", "", keying, EPIPE},
             Moment{"while rx-behind-tx 20000", "tx", keying, ECONNRESET},
         }) {
        INFO(moment.send);
        {
            OwnKeys one;
            int met = 0;
            for (int i = 0; i < 20 && met < 3; ++i) {
                one.elide();
                const TestModule linger("linger", {moment.linger, "ms=60"});
                const std::string said = one.send_past(moment.send, moment.keyed);
                met += said == std::strerror(moment.error) && linger.parameter("least") > 0 ? 1 : 0;
            }
            CHECK(met > 0);
        }
        check_nothing_left();
    }
}

TEST_CASE("A record that is no data is no placeholder, wherever it lies", "[ktls]") {
    {
        OwnKeys one;
        one.elide();
        const auto before = libra_module::figures().all_resets();
        CHECK(one.toy.ask("key12") == "0");
        // between two markers, which both stay
        constexpr std::size_t size = 16;
        CHECK(one.toy.ask(fmt::format("send-handshake 5000 {}", size)) == std::to_string(size));
        constexpr std::size_t header = 5;
        constexpr std::size_t nonce = 8;
        constexpr std::size_t tag = 16;
        const std::string record = read_all(one.wires[0].get(), header + nonce + size + tag);
        CHECK(record.size() == header + nonce + size + tag);
        CHECK(libra_module::figures().all_resets() == before);
    }
    check_nothing_left();
}

TEST_CASE("Attach and detach while kTLS is set up", "[ktls]") {
    RigOptions options;
    options.attached = false;
    // the verifier, which finds no time beside this load on a kernel that checks itself
    libra_module::load_parser();
    Rig rig(with_ktls(nginx_large()), options);
    {
        Exchange what = get(20'000);
        what.close = true;
        LoadOptions load_options;
        load_options.width = 3;
        Load load(rig, {what}, load_options);
        for (int i = rounds(20); i > 0; --i) {
            AttachOptions observe;
            observe.mode = "observe";
            Attachment attachment(rig.proxy->pid(), "", observe);
            load.wait_for(2);
            attachment.detach();
            load.wait_for(1);
        }
    }
    rig.finish(Resets::none, Elided::any);
}

TEST_CASE("A device that encrypts what nginx sends", "[ktls]") {
    const Offload offload(true);
    RigOptions options;
    options.net.loopback = true;
    // tls offloads AES of TLS 1.2
    Rig rig(secured(nginx_large(), {"TLS to TLS, by the device", true, true}), options);
    Client client = rig.connect();
    const Figures change = counted(rig, client, every_body());
    INFO(change.describe());
    CHECK(change.tx_reused > body);
    CHECK(connections() == "tls-sw/tls-hw synced/synced, tls-sw/tls-hw synced/synced");
    rig.finish();
}

TEST_CASE("A device encrypts once more what was lost", "[ktls]") {
    const Offload offload(true);
    RigOptions options;
    options.net.loopback = true;
    options.net.bad_line = true;
    Rig rig(secured(nginx_large(), {"TLS to TLS, by the device", true, true}), options);
    Client client = rig.connect();
    std::uint64_t reused = 0;
    // one packet in a hundred is lost: of many records some are
    for (int round = 0; round < 20 && offload.sent_again() < 5; ++round) {
        reused += counted(rig, client, every_body()).tx_reused;
    }
    CHECK(offload.sent_again() >= 5);
    CHECK(reused > body);
    rig.finish();
}

TEST_CASE("A device that goes down leaves open connections to the kernel", "[ktls]") {
    const Offload offload(true);
    RigOptions options;
    options.net.loopback = true;
    Rig rig(secured(nginx_large(), {"TLS to TLS, by the device", true, true}), options);
    Client client = rig.connect();
    counted(rig, client, every_body());
    CHECK(connections() == "tls-sw/tls-hw synced/synced, tls-sw/tls-hw synced/synced");
    CHECK(offload.let_go() == 0);
    rig.net.proxy().ip("link set lo down\nlink set lo up\n");
    CHECK(offload.let_go() == 2);
    const Figures change = counted(rig, client, every_body());
    INFO(change.describe());
    CHECK(change.tx_reused > body);
    CHECK(offload.let_go() == 2);
    CHECK(connections() == "tls-sw/tls-hw synced/synced, tls-sw/tls-hw synced/synced");
    rig.finish();
}

TEST_CASE("Who does not read what a device encrypts keeps nobody waiting", "[ktls]") {
    const Offload offload(true);
    RigOptions options;
    options.net.loopback = true;
    Rig rig(secured(nginx_large(), {"TLS to TLS, by the device", true, true}), options);
    Client lazy = rig.connect();
    const Exchange what = stuck(lazy);
    Client other = rig.connect();
    counted(rig, other, every_body());
    CHECK(flaw(what, lazy.receive(what)).empty());
    rig.finish();
}

// tls warns when somebody else waits for room while a record of its device is left in part.
TEST_CASE("A write that waits for room behind a device goes on when there is some", "[ktls]") {
    constexpr std::size_t hundredth = 200'000;
    const Offload offload(true);
    NetOptions loopback;
    loopback.loopback = true;
    {
        OwnKeys one(loopback);
        REQUIRE(own_ktls(one.wires[0].get()));
        CHECK(one.toy.ask("key12 0") == "0");
        CHECK(connections() == "tls-sw/tls-hw synced/synced");
        const std::string asked = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        write_all(one.wires[0].get(), asked);
        CHECK(one.toy.ask("waitall " + std::to_string(asked.size())) ==
              std::to_string(asked.size()));
        CHECK(one.toy.ask(fmt::format("send-blocked {}", hundredth)) == "waits");
        const std::string due =
            fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 100 * hundredth) +
            std::string(100 * hundredth, 'x');
        CHECK((read_all(one.wires[0].get(), due.size()) == due));
        CHECK(one.toy.ask("sent?") == "all");
    }
    check_nothing_left();
}

TEST_CASE("All that a write took leaves, whether or not another one comes", "[ktls]") {
    NetOptions loopback;
    loopback.loopback = true;
    for (const bool by_device : {false, true}) {
        INFO("by a device: " << by_device);
        std::optional<Offload> offload;
        if (by_device) {
            offload.emplace(true);
        }
        {
            OwnKeys one(loopback);
            const int wire = one.wires[0].get();
            REQUIRE(own_ktls(wire));
            CHECK(one.toy.ask("key12 0") == "0");
            CHECK(connections() ==
                  (by_device ? "tls-sw/tls-hw synced/synced" : "tls-sw/tls-sw synced/synced"));
            // What is copied is searched from here on, and leaves in parts of Libra's.
            for (int i = 0; i < 2; ++i) {
                const std::string sent = OwnKeys::request();
                write_all(wire, sent);
                one.read(sent);
            }
            one.answer();
            const std::size_t took = std::stoul(one.toy.ask("send-some 100000"));
            // all that can be read
            CHECK(took == 100'000);
            tame(wire);
            CHECK(read_all(wire, took).size() == took);
        }
        check_nothing_left();
    }
}

TEST_CASE("A device that goes down in the middle of a body", "[ktls]") {
    const Offload offload(true);
    RigOptions options;
    options.net.loopback = true;
    Rig rig(secured(nginx_large(), {"TLS to TLS, by the device", true, true}), options);
    Client client = rig.connect();
    const Figures before = libra_module::figures();
    const Exchange what = stuck(client);
    const std::uint64_t reused = (libra_module::figures() - before).tx_reused;
    rig.net.proxy().ip("link set lo down\nlink set lo up\n");
    CHECK(offload.let_go() == 2);
    CHECK(flaw(what, client.receive(what)).empty());
    const Figures change = libra_module::figures() - before;
    INFO(change.describe());
    CHECK(change.tx_reused > reused + body);
    rig.finish();
}

TEST_CASE("A device that decrypts what is read, too", "[ktls]") {
    const Offload offload(false);
    NetOptions loopback;
    loopback.loopback = true;
    {
        OwnKeys one(loopback);
        REQUIRE(own_ktls(one.wires[0].get()));
        CHECK(one.toy.ask("key12 0") == "0");
        CHECK(connections() == "tls-hw/tls-hw synced/synced");
        const Figures before = libra_module::figures();
        for (int round = 0; round < 5; ++round) {
            one.exchange();
        }
        const Figures change = libra_module::figures() - before;
        INFO(change.describe());
        CHECK(change.rx_elided > 3 * 60'000);
        CHECK(change.tx_reused == change.rx_elided);
        one.wires.clear();
        CHECK(one.toy.ask("recv 10") == "0");
    }
    check_nothing_left();
}

TEST_CASE("A device encrypts retained pages where they are, but none that may change", "[ktls]") {
    const Offload offload(false);
    NetOptions loopback;
    loopback.loopback = true;
    // An origin that sends pages of its files, which their writer changes whenever he likes.
    for (const bool files : {false, true}) {
        INFO("pages of files: " << files);
        {
            const Net net(loopback);
            const FileOrigin origin(net.origin(), {body}, FileOrigin::port,
                                    {OriginTls::none, files});
            const auto proxy = Proxy::start(
                net.proxy(), secured(nginx_large(), {"TLS to plain, by the device", true, false}),
                endpoint(net.origin_address(), FileOrigin::port));
            const Attachment attachment(proxy->pid(), "", {});
            ConnectOptions options;
            options.tls = TlsRole::ktls_client;
            Client client(net.client(), net.proxy_address(), Proxy::https_port, options);
            CHECK(flaw(get(body), client.exchange(get(body))) == "");
            CHECK(connections() == "tcp/tcp synced/synced, tls-hw/tls-hw synced/synced");
            const Figures before = libra_module::figures();
            CHECK(flaw(get(body), client.exchange(get(body))) == "");
            const Figures change = libra_module::figures() - before;
            INFO(change.describe());
            CHECK(change.tx_reused > body / 2);
            CHECK(change.counters.at("tx_device") == (files ? 0 : change.tx_reused));
            client.wire().close();
            proxy->stop();
        }
        check_nothing_left();
    }
}

TEST_CASE("What a process encrypts itself is told by its records", "[ktls]") {
    enum class Who { server, client };
    struct Way {
        Who who;
        std::vector<const char*> handshake; ///< the gate is closed, for as long as it lasts
        const char* data;                   ///< from here on for good
    };
    const std::vector<Way> ways = {
        // TLS 1.2: data have a type of their own
        {Who::server,
         {"record 22 90", "record 22 800", "record 20 1", "record 22 40"},
         "record 23 90"},
        {Who::client,
         {"record 22 300", "record 22 37", "record 20 1", "record 22 40"},
         "record 23 53"},
        // TLS 1.3: they come behind Finished
        {Who::server,
         {"record 22 118", "record 20 1", "record 23 24", "record 23 900", "record 23 69"},
         "record 23 250"},
        {Who::client, {"record 22 300", "record 20 1", "record 23 53"}, "record 23 69"},
        // ... or it is a certificate of the client's
        {Who::client, {"record 22 300", "record 20 1"}, "record 23 900"},
        // early data
        {Who::client, {"record 22 300"}, "record 23 400"},
    };
    for (const Way& way : ways) {
        INFO(way.data << ", a client " << (way.who == Who::client));
        {
            OwnKeys one;
            const Fd listener = listen_on(one.net.origin(), toy_port);
            Fd upstream;
            if (way.who == Who::client) {
                CHECK(one.toy.ask(fmt::format("outgoing {} {}", one.net.origin_address(),
                                              toy_port)) == "0");
                upstream = Fd(::accept(listener.get(), nullptr, nullptr));
                one.wires.clear();
            }
            const std::uint64_t before = libra_module::figures().fallbacks.at("no-ktls");
            for (const char* record : way.handshake) {
                CHECK(std::stoi(one.toy.ask(record)) > 0);
                CHECK(connections().find("/handshake") != std::string::npos);
                CHECK(libra_module::gates() == ::libra::gate_opaque);
            }
            CHECK(libra_module::figures().fallbacks.at("no-ktls") == before);
            CHECK(std::stoi(one.toy.ask(way.data)) > 0);
            CHECK(connections() == "tcp/tcp opaque/opaque");
            CHECK(libra_module::figures().fallbacks.at("no-ktls") == before + 2);
            CHECK(((libra_module::gates() & ::libra::gate_tls) != 0) == (way.who == Who::client));
        }
        check_nothing_left();
    }
}
