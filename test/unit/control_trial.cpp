// SPDX-License-Identifier: GPL-2.0
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>
#include <string>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include <libra/advise.hpp>
#include <libra/client.hpp>

#include "toy_kernel.hpp"
#include "uapi/libra.h"

using namespace libra;

namespace {

constexpr std::uint32_t own_policy = 41;

/// A child that sleeps until it is told to end.
class Child {
public:
    Child()
        : pid_(fork()) {
        if (pid_ == 0) {
            pause();
            _exit(0);
        }
        REQUIRE(pid_ > 0);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() { end(); }
    std::uint32_t pid() const { return static_cast<std::uint32_t>(pid_); }
    void end() {
        if (pid_ <= 0)
            return;
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }

private:
    pid_t pid_;
};

/// The kernel, a client of it and a process.
struct Rig {
    Rig() {
        auto made = std::make_unique<test::ToyKernel>();
        kernel = made.get();
        client.emplace(std::move(made));
        spec.pid = child.pid();
        kernel->lists[LIBRA_CMD_POLICY_ADD] = {
            [](nl_msg* message) { nla_put_u32(message, LIBRA_POLICY_ATTR_ID, own_policy); }};
        kernel->on_request = [this](nlmsghdr* header) {
            if (genlmsg_hdr(header)->cmd == LIBRA_CMD_POLICY_ADD)
                added = detail::parse_policy(detail::Attributes(header));
        };
    }

    void hold_policy(Mode mode, std::uint32_t proof) {
        const std::uint32_t pid = spec.pid;
        kernel->lists[LIBRA_CMD_POLICY_GET] = {[=](nl_msg* message) {
            nla_put_u32(message, LIBRA_POLICY_ATTR_ID, 7);
            nla_put_u32(message, LIBRA_POLICY_ATTR_PID, pid);
            nla_put_u8(message, LIBRA_POLICY_ATTR_MODE, static_cast<std::uint8_t>(mode));
            nla_put_u32(message, LIBRA_POLICY_ATTR_PROOF, proof);
            nla_put_u32(message, LIBRA_POLICY_ATTR_THRESHOLD, 4096);
        }};
    }

    /// Puts a class and a domain of a process onto the kernel's lists.
    void hold_class(std::uint32_t pid, std::uint64_t verbatim) {
        kernel->lists[LIBRA_CMD_CLASS_GET] = {[=](nl_msg* message) {
            nla_put_u32(message, LIBRA_CLASS_ATTR_DOMAIN, 1);
            nla_put_u32(message, LIBRA_CLASS_ATTR_PID, pid);
            nla_put_u64(message, LIBRA_CLASS_ATTR_VERBATIM, verbatim);
        }};
        kernel->lists[LIBRA_CMD_DOMAIN_GET] = {[=](nl_msg* message) {
            nla_put_u32(message, LIBRA_DOMAIN_ATTR_ID, 1);
            nla_put_u32(message, LIBRA_DOMAIN_ATTR_PID, pid);
        }};
    }

    bool deleted(std::uint32_t id) const {
        return std::count(kernel->asked.begin(), kernel->asked.end(),
                          std::pair<std::uint8_t, std::uint32_t>(LIBRA_CMD_POLICY_DEL, id)) == 1;
    }

    Child child;
    test::ToyKernel* kernel = nullptr;
    std::optional<Client> client;
    PolicySpec spec;
    std::optional<Policy> added;
};

} // namespace

TEST_CASE("a trial has a policy in mode verify and takes it back", "[trial]") {
    Rig rig;
    rig.spec.mode = Mode::elide;
    rig.spec.proof = 8;
    rig.spec.threshold = 8192;
    bool finish = false;
    SECTION("at its end") {}
    SECTION("when told to") {
        finish = true;
    }
    {
        Trial trial(*rig.client, rig.spec);
        REQUIRE(rig.added);
        CHECK(rig.added->mode == Mode::verify);
        CHECK(rig.added->pid == rig.spec.pid);
        CHECK(trial.found() == nullptr);
        CHECK(trial.report().policy == own_policy);
        CHECK(trial.evidence().proof == 8);
        CHECK(trial.evidence().threshold == 8192);
        CHECK(rig.kernel->count(LIBRA_CMD_POLICY_DEL) == 0);
        if (finish)
            trial.finish();
        CHECK(rig.deleted(own_policy) == finish);
    }
    CHECK(rig.deleted(own_policy));
}

TEST_CASE("a policy that is taken back by somebody else is no failure", "[trial]") {
    Rig rig;
    Trial trial(*rig.client, rig.spec);
    SECTION("gone") {
        rig.kernel->refusals[LIBRA_CMD_POLICY_DEL] = ENOENT;
        CHECK_NOTHROW(trial.finish());
    }
    SECTION("refused") {
        rig.kernel->refusals[LIBRA_CMD_POLICY_DEL] = EPERM;
        CHECK_THROWS_AS(trial.finish(), Error);
    }
}

TEST_CASE("a trial uses the policy that verifies already", "[trial]") {
    Rig rig;
    const Mode mode = GENERATE(Mode::verify, Mode::auto_);
    rig.hold_policy(mode, 5);
    {
        const Trial trial(*rig.client, rig.spec);
        REQUIRE(trial.found() != nullptr);
        CHECK(trial.found()->id == 7);
        CHECK(trial.found()->mode == mode);
        CHECK(trial.evidence().proof == 5);
        CHECK(trial.evidence().threshold == 4096);
    }
    CHECK(rig.kernel->count(LIBRA_CMD_POLICY_ADD) == 0);
    CHECK(rig.kernel->count(LIBRA_CMD_POLICY_DEL) == 0);
}

TEST_CASE("a trial is refused where a policy does not verify", "[trial]") {
    Rig rig;
    rig.hold_policy(GENERATE(Mode::observe, Mode::elide), 0);
    try {
        const Trial trial(*rig.client, rig.spec);
        FAIL("not refused");
    } catch (const Error& error) {
        CHECK(error.number() == EBUSY);
        CHECK(std::string(error.what()).find("policy 7") != std::string::npos);
        CHECK(error.cure().find("detach --id 7") != std::string::npos);
    }
    CHECK(rig.kernel->count(LIBRA_CMD_POLICY_ADD) == 0);
}

TEST_CASE("a trial sees its processes until they end", "[trial]") {
    Rig rig;
    Trial trial(*rig.client, rig.spec);
    CHECK(trial.evidence().classes.empty());
    rig.hold_class(rig.spec.pid, 3);
    CHECK(trial.look());
    REQUIRE(trial.evidence().classes.size() == 1);
    CHECK(trial.evidence().classes[0].verbatim == 3);
    CHECK(trial.evidence().domains.size() == 1);
    // Of the parent, which the policy does not mean
    rig.hold_class(static_cast<std::uint32_t>(getpid()), 9);
    CHECK(trial.look());
    REQUIRE(trial.evidence().classes.size() == 1);
    CHECK(trial.evidence().classes[0].verbatim == 3);

    rig.hold_class(rig.spec.pid, 4);
    rig.child.end();
    CHECK_FALSE(trial.look());
    REQUIRE(trial.evidence().classes.size() == 1);
    CHECK(trial.evidence().classes[0].verbatim == 4);
}
