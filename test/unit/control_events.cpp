// SPDX-License-Identifier: GPL-2.0
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <deque>

#include <catch2/catch_test_macros.hpp>
#include <unistd.h>

#include <libra/error.hpp>
#include <libra/unique_fd.hpp>

#include "event_reader.hpp"
#include "interrupt.hpp"
#include "toy_kernel.hpp"
#include "uapi/libra.h"

using namespace libra;
using namespace libra::detail;
using namespace std::chrono_literals;

namespace {

using Bytes = std::vector<std::byte>;

struct Pipe {
    Pipe() {
        std::array<int, 2> ends{};
        REQUIRE(pipe(ends.data()) == 0);
        read.reset(ends[0]);
        write.reset(ends[1]);
    }
    void put() const { REQUIRE(::write(write.get(), "x", 1) == 1); }
    void take() const {
        char c = 0;
        REQUIRE(::read(read.get(), &c, 1) == 1);
    }
    UniqueFd read;
    UniqueFd write;
};

/// A socket on which events come in; a pipe tells that there is one.
class EventSource final : public Transport {
public:
    int family() const noexcept override { return test::toy_family; }
    void send(nl_msg*) override { FAIL("nothing is to be sent"); }
    Bytes receive() override {
        REQUIRE_FALSE(datagrams_.empty());
        Bytes datagram = datagrams_.front();
        datagrams_.pop_front();
        pipe_.take();
        if (datagram.empty())
            throw Error(ErrorKind::failed, ENOBUFS, "lost");
        return datagram;
    }
    void push(Bytes datagram) {
        datagrams_.push_back(std::move(datagram));
        pipe_.put();
    }
    int fd() const { return pipe_.read.get(); }

private:
    Pipe pipe_;
    std::deque<Bytes> datagrams_;
};

Bytes event_bytes(std::uint32_t domain, std::uint8_t command = LIBRA_CMD_CLASS_EVENT,
                  int family = test::toy_family) {
    return test::message_bytes(
        command, 0, 0,
        [&](nl_msg* message) {
            nla_put_u32(message, LIBRA_CLASS_ATTR_DOMAIN, domain);
            nla_put_u8(message, LIBRA_CLASS_ATTR_CHANGE, LIBRA_CHANGE_ALTERED);
        },
        family);
}

Bytes operator+(Bytes one, const Bytes& two) {
    one.insert(one.end(), two.begin(), two.end());
    return one;
}

} // namespace

TEST_CASE("events come one by one, whatever datagrams they were in", "[events]") {
    EventSource source;
    EventReader reader(source, source.fd());
    source.push(event_bytes(1) + event_bytes(2));
    source.push(event_bytes(3));
    for (std::uint32_t domain = 1; domain <= 3; ++domain) {
        const auto event = reader.next(1s, -1);
        REQUIRE(event);
        CHECK(event->domain == domain);
        CHECK(event->change == ClassChange::altered);
    }
    CHECK_FALSE(reader.next(0ms, -1));
    CHECK(reader.lost() == 0);
}

TEST_CASE("what is no event of the module is passed over", "[events]") {
    EventSource source;
    EventReader reader(source, source.fd());
    source.push(event_bytes(1, LIBRA_CMD_CLASS_GET));
    source.push(event_bytes(2, LIBRA_CMD_CLASS_EVENT, test::toy_family + 1));
    source.push(Bytes(7));
    source.push(event_bytes(4));
    const auto event = reader.next(1s, -1);
    REQUIRE(event);
    CHECK(event->domain == 4);
}

TEST_CASE("the wait for an event ends in time, and when it is told to", "[events]") {
    EventSource source;
    EventReader reader(source, source.fd());
    const auto start = std::chrono::steady_clock::now();
    CHECK_FALSE(reader.next(30ms, -1));
    CHECK(std::chrono::steady_clock::now() - start >= 30ms);

    const Pipe stop;
    stop.put();
    CHECK_FALSE(reader.next({}, stop.read.get()));
    // Told to stop, it stops: also under a flood of events
    source.push(event_bytes(1));
    CHECK_FALSE(reader.next({}, stop.read.get()));
    stop.take();
    CHECK(reader.next({}, stop.read.get()));
}

TEST_CASE("lost events are counted, and the next ones come", "[events]") {
    EventSource source;
    EventReader reader(source, source.fd());
    source.push({});
    source.push(event_bytes(5));
    CHECK_FALSE(reader.next({}, -1));
    CHECK(reader.lost() == 1);
    const auto event = reader.next(1s, -1);
    REQUIRE(event);
    CHECK(event->domain == 5);
    CHECK(reader.lost() == 1);
}

TEST_CASE("a signal is heard while somebody listens, and does not end the program", "[events]") {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        const libractl::Interrupt interrupt;
        CHECK_FALSE(interrupt.is_raised());
        CHECK_FALSE(interrupt.wait(5ms));
        std::raise(signal);
        CHECK(interrupt.is_raised());
        CHECK(interrupt.wait(1min));
        CHECK(wait_readable(-1, 1min, interrupt.fd()) == Wait::stopped);
    }
}
