// SPDX-License-Identifier: GPL-2.0
// [sockets] An attached socket answers every call as plain TCP does.
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <catch2/catch_test_macros.hpp>

#include "rig.hpp"
#include "toy.hpp"

using namespace guest;

namespace {

constexpr std::uint16_t port = 7000;

/// What the peer sends, and then what the toy is asked; "" sends nothing.
struct Step {
    std::string sends;
    std::vector<std::string> calls;
    bool urgent = false; ///< one more byte is sent, out of band
};

std::string body(std::size_t offset, std::size_t size) {
    std::string bytes(size, '\0');
    Pattern{77}.fill(offset, std::as_writable_bytes(std::span(bytes)));
    return bytes;
}

std::string request(std::size_t length) {
    return "POST /sink HTTP/1.1\r\nHost: libra.test\r\nContent-Length: " + std::to_string(length) +
           "\r\n\r\n";
}

/// Everything that was sent is in the toy's receive queue.
void settle(int fd) {
    eventually([fd] {
        int left = 1;
        ::ioctl(fd, SIOCOUTQ, &left);
        return left == 0;
    });
}

std::vector<std::string> play(const Net& net, const std::vector<Step>& steps, bool attached,
                              bool end) {
    Toy toy(net.proxy(), {"calls", std::to_string(port)});
    Attachment attachment;
    if (attached) {
        attachment = Attachment(toy.pid(), "", {});
    }
    std::vector<std::string> transcript;
    {
        Wire wire(connect_to(net.client(), net.proxy_address(), port));
        CHECK(toy.ask("accept") == "accepted");
        // The first read that could be elided is not: it arms the process.
        wire.write(request(20'000) + body(0, 20'000));
        settle(wire.fd());
        toy.ask("recv 100000");
        for (const Step& step : steps) {
            wire.write(step.sends);
            if (step.urgent) {
                CHECK(::send(wire.fd(), "!", 1, MSG_OOB) == 1);
            }
            settle(wire.fd());
            for (const std::string& call : step.calls) {
                transcript.push_back(call + " -> " + toy.ask(call));
            }
        }
        if (end) {
            wire.end();
            for (const char* call : {"poll", "edge 4096", "recv 10", "poll"}) {
                transcript.push_back(std::string("at the end: ") + call + " -> " + toy.ask(call));
            }
        }
    }
    toy.stop();
    return transcript;
}

void same_as_plain(const std::vector<Step>& steps, bool end = false, bool elides = true) {
    const Net net;
    const auto expected = play(net, steps, false, end);
    const Figures before = libra_module::figures();
    const auto seen = play(net, steps, true, end);
    const Figures change = libra_module::figures() - before;
    CHECK(seen == expected);
    if (!libra_module::plain() && elides) {
        INFO(change.describe());
        CHECK(change.rx_elided > 0);
    }
    check_nothing_left();
}

} // namespace

TEST_CASE("An edge-triggered reader that trusts short reads gets the counts of plain TCP",
          "[sockets]") {
    for (const std::size_t size : {1000, 4096, 16384, 65536, 200'000}) {
        const std::string call = "edge " + std::to_string(size);
        same_as_plain({{request(150'000) + body(0, 3000), {call}},
                       {body(3000, 27'000), {call}},
                       {body(30'000, 1), {call}},
                       {body(30'001, 59'999), {call}},
                       {body(90'000, 60'000) + request(40'000) + body(0, 100), {call}},
                       {body(100, 39'900), {call}},
                       {request(0) + request(5) + "12345" + request(30'000), {call}},
                       {body(0, 30'000), {call}}},
                      true);
    }
}

TEST_CASE("The same over chunked bodies", "[sockets]") {
    const std::string head =
        "POST /sink HTTP/1.1\r\nHost: libra.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (const std::size_t size : {1000, 16384, 200'000}) {
        const std::string call = "edge " + std::to_string(size);
        same_as_plain(
            {{head + "7530\r\n" + body(0, 30'000), {call}},
             {"\r\n", {call}},
             {"9c40\r\n" + body(30'000, 20'000), {call}},
             {body(50'000, 20'000) + "\r\n1;x=y\r\n" + body(70'000, 1) + "\r\n4e20\r", {call}},
             {"\n" + body(70'001, 20'000) + "\r\n0\r\n", {call}},
             {"X: y\r\n\r\n" + head + "2710\r\n" + body(0, 10'000), {call}},
             {"\r\n0\r\n\r\n", {call}}},
            true);
    }
}

TEST_CASE("MSG_PEEK shows the bytes themselves and takes none", "[sockets]") {
    same_as_plain({{request(100'000) + body(0, 50'000),
                    {"peek 10", "peek 40000", "peek 100000", "recv 1000", "peek 1000",
                     "peek 100000", "recv 30000", "peek 30000", "recv 100000", "peek 10"}},
                   {body(50'000, 50'000), {"peek 60000", "recv 60000", "recv 10"}}});
}

TEST_CASE("FIONREAD and poll tell what plain TCP tells", "[sockets]") {
    same_as_plain({{request(60'000),
                    {"fionread", "poll", "recv 20", "fionread", "recv 1000", "fionread", "poll"}},
                   {body(0, 60'000),
                    {"fionread", "poll", "recv 20000", "fionread", "recv 39999", "fionread", "poll",
                     "recv 1", "fionread", "poll", "recv 1"}}},
                  true);
}

TEST_CASE("SO_RCVLOWAT, MSG_WAITALL, MSG_TRUNC and SO_RCVTIMEO are those of plain TCP",
          "[sockets]") {
    same_as_plain(
        {{request(100'000) + body(0, 30'000),
          {"lowat 20000", "poll", "recv 15000", "poll", "lowat 1", "poll", "waitall 10000"}},
         {body(30'000, 30'000),
          {"timeo 100", "waitall 20000", "recv-blocking 100000", "recv-blocking 10", "recv 10"}},
         {body(60'000, 40'000), {"timeo 100", "trunc 10000", "waitall 100000", "fionread"}}});
}

TEST_CASE("Reads into several buffers give the counts of plain TCP", "[sockets]") {
    same_as_plain({{request(120'000) + body(0, 60'000), {"readv", "readv"}},
                   {body(60'000, 60'000), {"readv", "readv"}}});
}

TEST_CASE("A socket that is shut down for reading says so as plain TCP does", "[sockets]") {
    same_as_plain({{request(50'000) + body(0, 20'000),
                    {"recv 10000", "shutdown", "recv 20000", "recv 10", "poll"}}});
}

TEST_CASE("Urgent bytes come and go as on plain TCP", "[sockets]") {
    same_as_plain({{request(70'000) + body(0, 30'000), {"recv 40000"}},
                   {body(30'000, 10'000), {"poll", "recv 100", "peek 20000"}, true},
                   {body(40'000, 30'000),
                    {"recv 4000", "oob", "recv 100000", "peek 100000", "recv 100000", "poll"}},
                   {request(30'000) + body(0, 30'000), {"send-oob", "recv 100000", "oob"}}});
}

TEST_CASE("A socket that is disconnected says so as plain TCP does", "[sockets]") {
    same_as_plain({{request(50'000) + body(0, 20'000),
                    {"recv 10000", "disconnect", "recv 20000", "poll", "fionread"}}});
}

TEST_CASE("ss -tie names the ULP and its state", "[sockets]") {
    Rig rig(nginx_large());
    Client client = rig.connect();
    const Exchange what = get(100'000);
    rig.faults.add(flaw(what, client.exchange(what)));
    rig.faults.add(flaw(what, client.exchange(what)));
    ProcessOptions inside;
    inside.netns = rig.net.proxy().fd();
    const RunResult listing = run({"ss", "-tie"}, inside);
    INFO(listing.out);
    CHECK(listing.code == 0);
    if (!libra_module::plain()) {
        CHECK(listing.out.find("tcp-ulp-libra") != std::string::npos);
    }
    rig.finish();
}
