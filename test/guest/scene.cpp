// SPDX-License-Identifier: GPL-2.0
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <future>
#include <span>

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "pattern.hpp"
#include "scene.hpp"

namespace guest {

Scene::Scene(bool attached, const NetOptions& options)
    : net(options)
    , toy_(net.proxy(), {"calls", std::to_string(port)})
    , attached_(attached) {
    if (attached) {
        attachment_ = Attachment(toy_.pid(), "", {});
    }
}

std::string Scene::body(std::size_t offset, std::size_t size) {
    std::string bytes(size, '\0');
    Pattern{78}.fill(offset, std::as_writable_bytes(std::span(bytes)));
    return bytes;
}

std::string Scene::request(std::size_t length) {
    return fmt::format("POST /sink HTTP/1.1\r\nHost: libra.test\r\nContent-Length: {}\r\n\r\n",
                       length);
}

Wire& Scene::arm() {
    return arm(Wire(connect_to(net.client(), net.proxy_address(), port)));
}

Wire& Scene::arm(Wire connected) {
    wire_.emplace(std::move(connected));
    CHECK(toy_.ask("accept") == "accepted");
    send(request(20'000) + body(0, 20'000));
    toy_.ask("recv 100000");
    return *wire_;
}

namespace {

/// Until its peer has acknowledged all that was sent.
void wait_until_arrived(const Wire& wire) {
    eventually([&] {
        int left = 1;
        ::ioctl(wire.fd(), SIOCOUTQ, &left);
        return left == 0;
    });
}

} // namespace

void Scene::send(Wire& wire, const std::string& bytes) {
    wire.write(bytes);
    wait_until_arrived(wire);
}

void Scene::end() {
    wire_->end();
    wait_until_arrived(*wire_);
}

void Scene::ask(const std::vector<std::string>& calls) {
    for (const std::string& call : calls) {
        said.push_back(call + " -> " + toy_.ask(call));
    }
}

void Scene::wait_for_reset() {
    const auto hung_up = fmt::format("1 {:x}", POLLIN | POLLERR | POLLHUP | POLLRDHUP);
    CHECK(eventually([&] { return toy_.ask("poll") == hung_up; }));
}

void Scene::hear(Wire& wire, std::size_t size) {
    std::string all(size, '\0');
    for (std::size_t at = 0; at < size;) {
        const std::size_t got = wire.read(std::as_writable_bytes(std::span(all).subspan(at)));
        if (got == 0) {
            all.resize(at);
            break;
        }
        at += got;
    }
    heard.push_back(std::move(all));
}

void Scene::hear_while(Wire& wire, std::size_t size, const std::vector<std::string>& calls) {
    auto heard_all = std::async(std::launch::async, [&] { hear(wire, size); });
    ask(calls);
    heard_all.get();
}

Figures Scene::change() {
    const Figures now = libra_module::figures();
    const Figures since = now - before_;
    before_ = now;
    return since;
}

void Scene::expect_copied(Wire& wire) {
    change();
    send(wire, request(60'000) + body(0, 60'000));
    ask({"peek 100000", "recv 100000"});
    CHECK(change().rx_elided == 0);
}

void Scene::expect_elided() {
    if (attached_) {
        CHECK(change().rx_elided > 0);
    }
}

void Scene::expect_reused(bool reused) {
    if (attached_) {
        const Figures since = change();
        INFO(since.describe());
        CHECK((since.tx_reused > 0) == reused);
        CHECK(since.tx_reused == since.rx_elided);
        CHECK(since.all_resets() == 0);
    }
}

void Scene::expect_more(const char* counter) {
    if (attached_) {
        Figures since = change();
        INFO(since.describe());
        CHECK(since.counters[counter] > 0);
        CHECK(since.all_resets() == 0);
    }
}

void Scene::expect_counted(const char* reason) {
    if (attached_) {
        const Figures since = change();
        INFO(since.describe());
        CHECK(since.fallbacks.contains(reason));
        CHECK(since.fallbacks.at(reason) > 0);
        CHECK(since.all_resets() == 0);
    }
}

void Scene::expect_reset(const char* reason) {
    if (attached_) {
        const Figures since = change();
        INFO(since.describe());
        CHECK(since.resets.contains(reason));
        CHECK(since.resets.at(reason) > 0);
    }
}

void Scene::finish() {
    wire_.reset();
    toy_.stop();
    attachment_.detach();
}

void same_as_plain(const std::function<void(Scene&)>& play, const NetOptions& options) {
    std::vector<std::string> said;
    std::vector<std::string> heard;
    for (const bool attached : {false, true}) {
        Scene scene(attached, options);
        play(scene);
        scene.finish();
        if (attached) {
            CHECK(scene.said == said);
            CHECK((scene.heard == heard));
        }
        said = scene.said;
        heard = scene.heard;
    }
    check_nothing_left();
}

} // namespace guest
