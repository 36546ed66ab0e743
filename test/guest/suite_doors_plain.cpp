// SPDX-License-Identifier: GPL-2.0
// [doors] What a socket is used for once it has elided: every answer, every byte at the far end and
// every entry of the error queue is that of the same calls on plain TCP.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "rig.hpp"
#include "scene.hpp"

using namespace guest;

namespace {

constexpr std::uint16_t port = Scene::port;
constexpr std::uint16_t other_port = Scene::other_port;

std::string body(std::size_t offset, std::size_t size) {
    return Scene::body(offset, size);
}

std::string request(std::size_t length) {
    return Scene::request(length);
}

} // namespace

TEST_CASE("SO_PEEK_OFF moves back when bytes are read, as on plain TCP", "[doors]") {
    same_as_plain([](Scene& scene) {
        scene.arm();
        scene.change();
        scene.send(request(100'000) + body(0, 50'000));
        scene.ask({"peek-off 0", "peek 1000", "peek 1000", "recv 500", "peek-off?", "peek 3000",
                   "recv 30000", "peek-off?", "peek 1000", "peek 1000", "recv 1500", "peek 100"});
        scene.send(body(50'000, 50'000));
        scene.ask({"peek 2000", "recv 60000", "peek-off?", "peek 2000", "recv 60000", "peek 10",
                   "peek-off -1", "peek 10"});
        scene.expect_elided();
    });
}

TEST_CASE("A call that is stamped has one time stamp, as on plain TCP", "[doors]") {
    same_as_plain([](Scene& scene) {
        Wire& wire = scene.arm();
        scene.ask({"stamps"});
        scene.send(request(60'000) + body(0, 60'000));
        scene.ask({"recv 100000"});
        scene.change();
        scene.hear_while(wire, 43 + 400'000, {"answer 400000 400000", "notices"});
        scene.expect_counted("flags");
        scene.expect_copied(wire);
    });
}

TEST_CASE("A socket that is connected again begins anew, and is copied", "[doors]") {
    same_as_plain([](Scene& scene) {
        const Fd listener = listen_on(scene.net.origin(), other_port);
        scene.arm();
        scene.send(request(60'000) + body(0, 60'000));
        scene.change();
        // leaves in the middle of a placeholder
        scene.ask({"recv 100000", "answer 60000 30000"});
        scene.expect_elided();
        scene.ask({"disconnect", "recv 10",
                   fmt::format("connect {} {}", scene.net.origin_address(), other_port)});
        Wire again{Fd(check(::accept(listener.get(), nullptr, nullptr), "accept"))};
        scene.ask({"say hello", "fionread", "poll"});
        scene.hear(again, 5);
        scene.expect_counted("reconnect");
        scene.expect_copied(again);
        scene.ask({"say bye", "shutdown wr", "say again"});
        scene.hear(again, 10);
    });
}

TEST_CASE("What is left of a placeholder does not leave on the next connection", "[doors]") {
    Scene scene(true);
    const Fd listener = listen_on(scene.net.origin(), other_port);
    scene.arm();
    scene.send(request(60'000) + body(0, 60'000));
    scene.change();
    scene.ask({"recv 100000", "answer 60000 20000",
               fmt::format("reconnect {} {}", scene.net.origin_address(), other_port)});
    Wire again{Fd(check(::accept(listener.get(), nullptr, nullptr), "accept"))};
    // between two markers
    scene.ask({"slice 20500 3000"});
    CHECK(scene.said.back().find("-> Connection reset by peer") != std::string::npos);
    scene.expect_reset("guard");
    CHECK_THROWS_AS(scene.hear(again, 1), Cut);
    scene.finish();
    check_nothing_left();
}

TEST_CASE("A body that is copied with something left out before its end does not leave",
          "[doors]") {
    Scene scene(true);
    Wire& wire = scene.arm();
    // Memory that has held other placeholders, too.
    for (std::size_t before = 30'000; before < 60'000; before += 3'100) {
        scene.send(request(before) + body(0, before));
        scene.ask({"recv 100000"});
    }
    scene.send(request(60'000) + body(0, 60'000));
    scene.change();
    // behind the last marker but the one at the end
    scene.ask({"recv 100000", "answer-without 57500 100"});
    CHECK(scene.said.back().find("-> Connection reset by peer") != std::string::npos);
    scene.expect_reset("mismatch");
    CHECK_THROWS_AS(scene.hear(wire, 60'000), Cut);
    scene.finish();
    check_nothing_left();
}

TEST_CASE("A write that waits does not go on in the next connection", "[doors]") {
    same_as_plain([](Scene& scene) {
        const Fd listener = listen_on(scene.net.origin(), other_port);
        scene.arm();
        scene.ask({"send-blocked 100000",
                   fmt::format("reconnect {} {}", scene.net.origin_address(), other_port)});
        Wire again{Fd(check(::accept(listener.get(), nullptr, nullptr), "accept"))};
        scene.ask({"sent?", "say hello", "shutdown wr"});
        scene.hear(again, 10);
    });
}

TEST_CASE("A reset that comes while a byte is held back is told to who reads next", "[doors]") {
    same_as_plain([](Scene& scene) {
        // what a marker begins with: module/marker.c
        const std::size_t last = body(0, 3000).find('\xf5');
        REQUIRE(last != std::string::npos);
        Wire& wire = scene.arm();
        scene.send(request(60'000) + body(0, 60'000));
        scene.ask({"recv 100000"});
        scene.expect_elided();
        scene.send(request(3000) + body(0, 3000));
        scene.ask({"recv 100000", fmt::format("answer 60000 {}", last + 1)});
        wire.reset();
        scene.wait_for_reset();
        // the byte would go out now
        ::usleep(100'000);
        scene.ask({"recv 10", "recv 10"});
    });
}

TEST_CASE("A part of a body that waits for the next one leaves without it", "[doors]") {
    same_as_plain([](Scene& scene) {
        Wire& wire = scene.arm();
        scene.send(request(60'000) + body(0, 60'000));
        scene.ask({"recv 100000"});
        scene.change();
        // each is all that the far end waits for
        scene.ask({"answer 60000 20000"});
        scene.hear(wire, 42 + 20'000);
        scene.ask({"slice 20000 1000", "slice 21000 19000"});
        scene.hear(wire, 20'000);
        scene.expect_more("gathered");
        scene.ask({"slice 40000 20000"});
        scene.hear(wire, 20'000);
    });
}

TEST_CASE("A part of a body that waits for the next one leaves before the end", "[doors]") {
    for (const char* end : {"shutdown wr", "close"}) {
        INFO(end);
        same_as_plain([&](Scene& scene) {
            Wire& wire = scene.arm();
            scene.send(request(60'000) + body(0, 60'000));
            scene.ask({"recv 100000"});
            scene.change();
            scene.hear_while(wire, 42 + 60'000, {"answer 60000 20000", end});
            scene.expect_more("gathered");
        });
    }
}

TEST_CASE("A reset that comes while a part of a body waits is told to who writes next", "[doors]") {
    // in some rounds the part has left by then
    for (int round = 0; round < 4; ++round) {
        same_as_plain([](Scene& scene) {
            Wire& wire = scene.arm();
            scene.send(request(60'000) + body(0, 60'000));
            scene.ask({"recv 100000", "answer 60000 20000"});
            CHECK(eventually([&] {
                int arrived = 0;
                ::ioctl(wire.fd(), FIONREAD, &arrived);
                return arrived == 42 + 20'000;
            }));
            scene.ask({"slice 20000 1000"});
            wire.reset();
            scene.wait_for_reset();
            scene.ask({"slice 21000 1000", "slice 22000 1000", "recv 10"});
        });
    }
}

TEST_CASE("SIOCOUTQ counts what waits, as plain TCP counts what is not acknowledged", "[doors]") {
    for (const bool attached : {false, true}) {
        Scene scene(attached);
        Wire& wire = scene.arm();
        scene.send(request(60'000) + body(0, 60'000));
        scene.ask({"recv 100000", "answer 60000 0"});
        scene.hear(wire, 42);
        for (std::size_t sent = 0; sent < 50'000;) {
            scene.ask({fmt::format("slice {} 1000", sent), "outq"});
            sent += 1000;
            // what was acknowledged by then has arrived
            int arrived = 0;
            check(::ioctl(wire.fd(), FIONREAD, &arrived), "FIONREAD");
            const std::string& said = scene.said.back();
            CHECK(std::stoul(said.substr(said.rfind(' '))) + static_cast<std::size_t>(arrived) >=
                  sent);
        }
        if (attached) {
            scene.expect_more("gathered");
        }
        scene.finish();
    }
    check_nothing_left();
}

TEST_CASE("A socket that was connected can listen", "[doors]") {
    same_as_plain([](Scene& scene) {
        scene.arm();
        scene.send(request(60'000) + body(0, 60'000));
        scene.ask({"recv 100000", "disconnect", fmt::format("listen {}", other_port)});
        Wire child(connect_to(scene.net.client(), scene.net.proxy_address(), other_port));
        scene.ask({"accept"});
        Scene::send(child, request(60'000) + body(0, 60'000));
        scene.ask({"peek 100000", "recv 100000", "answer 3 0", "say abc"});
        scene.hear(child, 41);
    });
}

TEST_CASE("Each way to shut down says what plain TCP says", "[doors]") {
    for (const char* how : {"rd", "wr", "rdwr"}) {
        INFO("shutdown " << how);
        same_as_plain([how](Scene& scene) {
            Wire& wire = scene.arm();
            scene.change();
            scene.send(request(50'000) + body(0, 30'000));
            scene.ask({"recv 10000", fmt::format("shutdown {}", how), "poll", "fionread",
                       "peek 100", "recv 15000", "say abc", "recv 50000", "poll", "recv 10",
                       "shutdown rdwr", "shutdown wr", "say abc", "recv 10"});
            scene.expect_elided();
            scene.hear(wire, 10);
        });
    }
}

TEST_CASE("Behind MSG_TRUNC and urgent bytes everything is copied, and that is counted",
          "[doors]") {
    for (const char* call : {"trunc 60064", "oob", "send-oob"}) {
        INFO(call);
        same_as_plain([call](Scene& scene) {
            Wire& wire = scene.arm();
            if (std::string_view(call) == "oob") {
                CHECK(::send(wire.fd(), "!", 1, MSG_OOB) == 1);
            }
            scene.send(request(60'000) + body(0, 60'000));
            scene.change();
            scene.ask({call, "recv 100000", "recv 100000"});
            scene.expect_counted("flags");
            scene.expect_copied(wire);
        });
    }
}

TEST_CASE("A client that sends in its SYN is read without copying", "[doors]") {
    NetOptions options;
    options.fast_open = true;
    same_as_plain(
        [](Scene& scene) {
            const auto arrived = [&] {
                return scene.net.proxy().tcp_counter("TCPFastOpenPassive");
            };
            const std::uint64_t before = arrived();
            const auto open = [&] {
                const Namespace::Inside inside(scene.net.client());
                Fd fd(check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
                tame(fd.get());
                sockaddr_in where{};
                where.sin_family = AF_INET;
                where.sin_port = htons(port);
                ::inet_pton(AF_INET, scene.net.proxy_address().c_str(), &where.sin_addr);
                const std::string first = request(10'000) + body(0, 100);
                CHECK(::sendto(fd.get(), first.data(), first.size(), MSG_FASTOPEN,
                               reinterpret_cast<sockaddr*>(&where),
                               sizeof(where)) == static_cast<ssize_t>(first.size()));
                return fd;
            };
            Wire connected(open());
            Scene::send(connected, body(100, 9'900));
            Wire& wire = scene.arm(std::move(connected));
            CHECK(arrived() == before + 1);
            scene.change();
            scene.send(request(60'000) + body(0, 60'000));
            scene.ask({"peek 100000", "recv 100000", "answer 60000 60000"});
            scene.expect_elided();
            scene.hear(wire, 42 + 60'000);
        },
        options);
}

TEST_CASE("A part of the kernel that reads the stream gets its bytes (read_sock, by KCM)",
          "[doors]") {
    same_as_plain([](Scene& scene) {
        scene.arm();
        scene.change();
        scene.send(request(60'000) + body(0, 60'000));
        scene.ask({"recv 100000"});
        scene.expect_elided();
        const std::string more = request(60'000) + body(0, 60'000);
        scene.send(more.substr(0, 50'000));
        scene.ask({"kcm 50"});
        scene.expect_counted("api");
        scene.send(more.substr(50'000, 10'000));
        scene.ask({"kcm 10"});
        CHECK(scene.change().rx_elided == 0);
    });
}

TEST_CASE("What MSG_ZEROCOPY sends is reused or copied, and its notices are those of plain TCP",
          "[doors]") {
    same_as_plain([](Scene& scene) {
        Wire& wire = scene.arm();
        for (const std::size_t size : {1000, 60'000}) {
            scene.send(request(size) + body(0, size));
            scene.change();
            scene.ask({"recv 100000", fmt::format("answer-zerocopy {}", size)});
            scene.expect_reused(size > 1000);
            scene.hear(wire, size > 1000 ? 42 + size : 41 + size);
        }
        // what fails gives no notice
        scene.ask({"shutdown wr", "answer-zerocopy 1000"});
    });
}

TEST_CASE("A placeholder does not leave by a call that is stamped", "[doors]") {
    Scene scene(true);
    Wire& wire = scene.arm();
    scene.send(request(60'000) + body(0, 60'000));
    scene.change();
    scene.ask({"recv 100000", "stamps", "answer 60000 60000"});
    CHECK(scene.said.back().find("-> Connection reset by peer") != std::string::npos);
    scene.expect_reset("guard");
    CHECK_THROWS_AS(scene.hear(wire, 1), Cut);
    // there will be others like it
    Wire next(connect_to(scene.net.client(), scene.net.proxy_address(), port));
    scene.ask({"next"});
    scene.expect_copied(next);
    CHECK(scene.said.back() == "recv 100000 -> 60064");
    scene.finish();
    check_nothing_left();
}
