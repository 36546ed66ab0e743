// SPDX-License-Identifier: GPL-2.0
// [gate] What lies across two calls, two frames or two states of a stream, done call by call.
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <chrono>
#include <deque>

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "rig.hpp"
#include "toy.hpp"

using namespace guest;

namespace {

constexpr std::uint16_t port = 7000;
constexpr std::size_t marker_length = 32;
constexpr std::size_t marker_step = 4096;
/// Of the toy's memory: behind it lies what cannot be read.
constexpr std::size_t memory_end = 4 << 20;
/// Where it keeps what it says itself.
constexpr std::size_t scratch = 2 << 20;
/// What nothing is ever read into.
constexpr std::size_t own = 3 << 20;
/// So much is elided whole: it fits into the buffers on the way.
constexpr std::size_t size = 40'000;

std::string pattern(std::size_t bytes) {
    std::string all(bytes, '\0');
    Pattern{3}.fill(0, std::as_writable_bytes(std::span(all)));
    return all;
}

std::string hex(std::string_view bytes) {
    return to_hex(std::as_bytes(std::span(bytes)));
}

std::string in_chunk(std::string_view bytes) {
    return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

/// An attached process whose hands the test guides.
class Stage {
public:
    Stage()
        : toy_(net_.proxy(), {"hands", std::to_string(port)})
        , attachment_(toy_.pid(), "", AttachOptions{})
        , before_(libra_module::figures()) {
        // what comes in first arms the process
        elide(0);
        elide(0);
    }

    /// A connection to the process; its number counts from 0.
    Wire& connect() {
        wires_.emplace_back(connect_to(net_.client(), net_.proxy_address(), port));
        CHECK(ask("accept") == std::to_string(wires_.size() - 1));
        return wires_.back();
    }
    std::size_t number() const { return wires_.size() - 1; }

    std::string ask(const std::string& line) { return toy_.ask(line); }

    /// All of it is in the process's receive queue afterwards.
    static void send(Wire& wire, const std::string& bytes) {
        wire.write(bytes);
        eventually([&] {
            int left = 1;
            ::ioctl(wire.fd(), SIOCOUTQ, &left);
            return left == 0;
        });
    }

    /// A placeholder in the memory, by a connection of its own that waits for an answer.
    Wire& elide(std::size_t at) {
        Wire& wire = upload();
        CHECK(recv(at, size) == std::to_string(size));
        return wire;
    }
    /// One whose body is there to be read, and waits for an answer.
    Wire& upload() {
        Wire& wire = connect();
        const std::string head =
            fmt::format("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", size);
        send(wire, head + pattern(size));
        CHECK(recv(memory_end - 4096, head.size()) == std::to_string(head.size()));
        return wire;
    }
    /// One that asks for something.
    Wire& request(const std::string& text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n") {
        Wire& wire = connect();
        send(wire, text);
        CHECK(recv(memory_end - 4096, text.size()) == std::to_string(text.size()));
        return wire;
    }

    std::string recv(std::size_t at, std::size_t bytes) {
        return ask(fmt::format("recv {} {} {}", number(), at, bytes));
    }
    std::string send(std::size_t at, std::size_t bytes, const std::string& flags = "") {
        return ask(fmt::format("send {} {} {} {}", number(), at, bytes, flags));
    }
    /// Over the last connection, from memory that holds nothing else.
    std::string say(const std::string& bytes, const std::string& flags = "") {
        ask(fmt::format("put {} {}", scratch, hex(bytes)));
        return send(scratch, bytes.size(), flags);
    }
    std::string memory(std::size_t at, std::size_t bytes) {
        const auto all = from_hex(ask(fmt::format("get {} {}", at, bytes)));
        return {reinterpret_cast<const char*>(all.data()), all.size()};
    }
    /// The one that stands there; without Libra something else.
    std::string marker(std::size_t at) { return memory(at, marker_length); }

    struct Heard {
        std::string bytes;
        bool reset = false;
    };
    /// What comes until there are so many bytes, or no more.
    static Heard hear(Wire& wire, std::size_t bytes) {
        Heard heard;
        std::vector<std::byte> block(65536);
        try {
            while (heard.bytes.size() < bytes) {
                const auto room = std::min(block.size(), bytes - heard.bytes.size());
                const std::size_t got = wire.read(std::span(block).first(room));
                if (got == 0) {
                    break;
                }
                heard.bytes.append(reinterpret_cast<const char*>(block.data()), got);
            }
        } catch (const Cut& cut) {
            heard.reset = cut.reset;
        }
        return heard;
    }

    void expect_reset(const Heard& heard, const std::string& marker) {
        INFO("heard " << hex(heard.bytes));
        if (!libra_module::plain()) {
            CHECK(heard.reset);
            CHECK(heard.bytes.find(marker) == std::string::npos);
        }
    }
    std::uint64_t resets() const { return (libra_module::figures() - before_).all_resets(); }

    void finish() {
        wires_.clear();
        toy_.stop();
        attachment_.detach();
        check_nothing_left();
    }

private:
    Net net_;
    Toy toy_;
    Attachment attachment_;
    Figures before_;
    std::deque<Wire> wires_;
};

} // namespace

TEST_CASE("Memory of a placeholder that a tunnel is read into is the tunnel's", "[gate]") {
    Stage stage;
    stage.elide(0).reset();
    Wire& wire =
        stage.request("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n");
    const std::string agreed =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n";
    stage.say(agreed);
    CHECK(Stage::hear(wire, agreed.size()).bytes == agreed);
    // between two markers, which both stay
    const std::string bytes = pattern(2000);
    const std::size_t gap = 2 * marker_step + 1000;
    Stage::send(wire, bytes);
    CHECK(stage.recv(gap, bytes.size()) == "2000");
    CHECK(stage.send(gap, bytes.size()) == "2000");
    CHECK((Stage::hear(wire, bytes.size()).bytes == bytes));
    CHECK(stage.resets() == 0);
    stage.finish();
}

TEST_CASE("A buffer of a vector that is used again is no placeholder", "[gate]") {
    // the next marker stands behind what is sent, and none before: that is in the other buffer
    constexpr std::size_t first = 1 << 20;
    constexpr std::size_t first_size = marker_step + 1000;
    for (const bool again : {true, false}) {
        Stage stage;
        stage.upload();
        CHECK(stage.ask(fmt::format("recvmsg {} {} {} {} {}", stage.number(), first, first_size,
                                    own, size - first_size)) == std::to_string(size));
        if (again) {
            stage.ask(fmt::format("put {} {}", own, hex(pattern(500))));
        }
        const std::string bytes = stage.memory(own + 100, 400);
        Wire& wire = stage.request();
        // not framed
        stage.send(own + 100, bytes.size(), "dontroute");
        const Stage::Heard heard = Stage::hear(wire, bytes.size());
        if (again) {
            CHECK((heard.bytes == bytes));
            CHECK(stage.resets() == 0);
        } else {
            stage.expect_reset(heard, bytes);
        }
        stage.finish();
    }
}

TEST_CASE("A placeholder that was written over where it begins is one still", "[gate]") {
    Stage stage;
    stage.elide(0);
    stage.ask(fmt::format("put 0 {}", hex(std::string(64, '!'))));
    // between two markers
    const std::size_t slice = marker_step + 100;
    const std::string bytes = stage.memory(slice, 1000);
    Wire& wire = stage.request();
    stage.send(slice, bytes.size(), "dontroute");
    stage.expect_reset(Stage::hear(wire, bytes.size()), bytes);
    stage.finish();
}

TEST_CASE("A handshake is no placeholder, wherever it lies", "[gate]") {
    Stage stage;
    stage.elide(0);
    // between two markers, which both stay
    const std::size_t gap = 2 * marker_step + 1000;
    const std::string record = std::string("\x16\x03\x03\x01\x2c", 5) + pattern(300);
    stage.ask(fmt::format("put {} {}", gap, hex(record)));
    Wire& wire = stage.connect();
    CHECK(stage.send(gap, 200) == "200");
    CHECK(stage.send(gap + 200, record.size() - 200) == std::to_string(record.size() - 200));
    CHECK((Stage::hear(wire, record.size()).bytes == record));
    CHECK(stage.resets() == 0);
    // the next one does not begin as a record does, but for its first byte
    stage.ask(fmt::format("put {} {}", gap, hex("\x17" + std::string(4, '.'))));
    const std::string slice = stage.memory(gap, 300);
    stage.send(gap, slice.size());
    stage.expect_reset(Stage::hear(wire, slice.size()), slice);
    stage.finish();
}

TEST_CASE("A marker that is cut by two writes of one head does not leave", "[gate]") {
    Stage stage;
    stage.elide(0);
    const std::string marker = stage.marker(marker_step);
    // with what follows the parser gives up
    for (const char* end : {"", "\r\nContent-Length: 0\r\n\r\n"}) {
        Wire& wire = stage.request();
        stage.say("HTTP/1.1 200 OK\r\nX: " + marker.substr(0, 1));
        stage.say(marker.substr(1) + end);
        stage.expect_reset(Stage::hear(wire, 20 + marker.size()), marker);
    }
    stage.finish();
}

TEST_CASE("A marker whose first bytes were held or let go does not leave unframed", "[gate]") {
    Stage stage;
    stage.elide(0);
    const std::string marker = stage.marker(0);
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
    for (const useconds_t pause : {0, 1'500'000}) {
        Wire& wire = stage.request();
        stage.say(head);
        stage.say(marker.substr(0, 3));
        ::usleep(pause);
        stage.say(marker.substr(3), "dontroute");
        stage.expect_reset(Stage::hear(wire, head.size() + marker.size()), marker);
    }
    stage.finish();
}

TEST_CASE("The rest of a token that was copied is waited for", "[gate]") {
    using std::chrono::steady_clock;
    Stage stage;
    const std::string head = fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", size);
    bool in_time = false;
    // a machine that stands still for about a second proves nothing
    for (int i = 0; i < 10 && !in_time; ++i) {
        stage.elide(0);
        // where nothing tells whose the first bytes are, as in a TLS library's memory
        stage.ask(fmt::format("copy {} 0 {}", own, size));
        const auto before = stage.resets();
        Wire& wire = stage.request();
        stage.say(head);
        const auto since = steady_clock::now();
        stage.send(own, 2);
        // a process that others keep from going on
        ::usleep(100'000);
        stage.send(own + 2, size - 2);
        in_time = steady_clock::now() - since < std::chrono::milliseconds(700);
        const Stage::Heard heard = Stage::hear(wire, head.size() + size);
        if (in_time) {
            CHECK(heard.bytes == head + pattern(size));
            CHECK(stage.resets() == before);
        }
    }
    CHECK(in_time);
    stage.finish();
}

TEST_CASE("Half of an old marker is no token that framing cuts", "[gate]") {
    Stage stage;
    stage.elide(0);
    // between the markers of a placeholder its memory is as it was before
    constexpr std::size_t at = 1 << 20;
    constexpr std::size_t half = 100'000;
    stage.ask(fmt::format("copy {} {} 16", half, 5 * marker_step));
    stage.ask(fmt::format("repeat {} {} {} 128", at, size, half));
    stage.elide(at);
    const std::string body = stage.memory(at, size);
    const std::size_t first = 3 * marker_step;
    const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    // the second of them lies in the first chunk's last bytes; that one is more than a segment,
    // and does not wait for what follows
    for (const std::size_t cut : {first % 128 + 460, first % 128 + 496}) {
        Wire& wire = stage.request();
        stage.say(head);
        stage.say(in_chunk(std::string_view(body).substr(first - cut - 2800, 2800)) +
                  in_chunk(std::string_view(body).substr(first - cut, 5000)) + "0\r\n\r\n");
        const auto heard = Stage::hear(wire, head.size() + 8000);
        stage.expect_reset(heard, body.substr(first, marker_length));
        if (!libra_module::plain()) {
            CHECK(std::string_view("af0\r\n").starts_with(heard.bytes.substr(head.size())));
        }
    }
    stage.finish();
}

TEST_CASE("What cannot be read behind a token that framing cuts resets nothing", "[gate]") {
    Stage stage;
    stage.elide(0);
    const std::string token = stage.marker(0);
    const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const std::string before(1500, 'x');
    const std::string bytes =
        fmt::format("5dc\r\n{}\r\n6e\r\n{}{}\r\n9c18\r\n{}{}{}", before, std::string(100, 'y'),
                    token.substr(0, 10), token.substr(10), stage.marker(5 * marker_step),
                    std::string(130, 'z'));
    Wire& wire = stage.request();
    stage.say(head);
    stage.ask(fmt::format("put {} {}", memory_end - bytes.size(), hex(bytes)));
    // up to the placeholder, which is not all there
    CHECK(stage.send(memory_end - bytes.size(), bytes.size() + 4096) ==
          std::to_string(bytes.find(token.substr(10))));
    CHECK((Stage::hear(wire, head.size() + 5 + before.size()).bytes == head + "5dc\r\n" + before));
    CHECK(stage.resets() == 0);
    stage.finish();
}
