// SPDX-License-Identifier: GPL-2.0
// [doors] Each way into a stream and out of it: exact and without copying, or copied from then on,
// and counted. docs/compatibility.md is the table for people.
#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "rig.hpp"
#include "toy.hpp"

using namespace guest;

namespace {

constexpr std::uint16_t port = 7000;
constexpr std::uint64_t size = 60'000;

/// A door, and the reason that is counted when the stream is copied from then on.
struct Door {
    const char* name;
    const char* reason = nullptr; ///< none: nothing changes
};

/// A toy with one connection, over which it has elided already.
class Stage {
public:
    Stage()
        : toy_(net_.proxy(), {"doors", std::to_string(port)})
        , attachment_(toy_.pid(), "", AttachOptions{})
        , client_(net_.client(), net_.proxy_address(), port) {
        CHECK(toy_.ask("accept") == "done");
        exchange("recv send");
        CHECK(exchange("recv send").rx_elided > 0);
    }

    /// One request whose body comes back; what it changed.
    Figures exchange(const std::string& doors, std::uint64_t bytes = size) {
        const Figures before = libra_module::figures();
        Exchange what = post(bytes);
        what.body.seed = ++seed_;
        what.answer.body = what.body;
        toy_.write_line(doors);
        client_.send(what);
        const auto head = read_head(client_.wire());
        REQUIRE(head);
        CHECK(head->first == "HTTP/1.1 200 OK");
        const BodyResult body =
            read_body(client_.wire(), framing_of(*head, Framing::none), Pattern{seed_});
        // Only now: what it sends need not fit into the buffers on the way.
        CHECK(toy_.read_line() == "done");
        CHECK(body.complete);
        CHECK(body.wrong == "");
        return libra_module::figures() - before;
    }

    void finish() {
        client_.wire().close();
        toy_.stop();
        attachment_.detach();
        check_nothing_left();
    }

private:
    Net net_;
    Toy toy_;
    Attachment attachment_;
    Client client_;
    std::uint64_t seed_ = 0;
};

std::uint64_t counted(const Figures& change, const char* reason) {
    const auto found = change.fallbacks.find(reason);
    return found == change.fallbacks.end() ? 0 : found->second;
}

/// The door, and what passes behind it.
void pass(Stage& stage, const Door& door, const std::string& doors) {
    const Figures through = stage.exchange(doors);
    const Figures behind = stage.exchange("recv send");
    INFO("through: " << through.describe() << "\nbehind: " << behind.describe());
    CHECK(through.all_resets() + behind.all_resets() == 0);
    if (door.reason == nullptr) {
        // how much of it depends on the pieces in which it came
        CHECK(through.rx_elided > 0);
        CHECK(through.tx_reused == through.rx_elided);
        CHECK(behind.rx_elided > 0);
    } else {
        CHECK(counted(through, door.reason) > 0);
        CHECK(behind.rx_elided == 0);
    }
}

} // namespace

TEST_CASE("Every door into a stream is exact, or copied from then on", "[doors]") {
    for (const Door& door : std::to_array<Door>({
             {"read"},
             {"nonblocking"},
             {"peek"},
             {"peek-off"},
             {"recvmmsg"},
             {"busy-poll"},
             {"oob-inline"},
             {"provided-buffers"},
             {"fault"},
             {"timestamp", "flags"},
             {"timestamping", "flags"},
             {"inq", "flags"},
             {"zerocopy", "api"},
             {"splice", "api"},
             {"repair", "api"},
         })) {
        INFO("read by " << door.name);
        Stage stage;
        pass(stage, door, fmt::format("{} send", door.name));
        stage.finish();
    }
}

TEST_CASE("Every door out of a stream is exact, or copied from then on", "[doors]") {
    for (const Door& door : std::to_array<Door>({
             {"write"},
             {"eor"},
             {"more"},
             {"cork"},
             {"sendmmsg"},
             {"sendfile"},
             {"splice"},
             {"fault"},
             {"zerocopy"},
             {"send-zc"},
         })) {
        INFO("written by " << door.name);
        Stage stage;
        pass(stage, door, fmt::format("recv {}", door.name));
        stage.finish();
    }
}

TEST_CASE("What is read into registered buffers is copied, and what is read elsewhere is not",
          "[doors]") {
    Stage stage;
    const Figures through = stage.exchange("registered-buffer send");
    const Figures behind = stage.exchange("recv send");
    INFO("through: " << through.describe() << "\nbehind: " << behind.describe());
    CHECK(through.rx_elided == 0);
    CHECK(counted(through, "api") > 0);
    CHECK(behind.rx_elided > 0);
    CHECK(through.all_resets() + behind.all_resets() == 0);
    stage.finish();
}
