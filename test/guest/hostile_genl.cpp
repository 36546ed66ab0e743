// SPDX-License-Identifier: GPL-2.0
// [hostile] Generic netlink messages of chance, from whoever may send them. LIBRA_TEST_SEED says
// which chance, LIBRA_TEST_SEEDS how many messages root sends.
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "genl.hpp"
#include "hostile_plan.hpp"
#include "rig.hpp"

#include "../../module/uapi/libra.h"

using namespace guest;
using namespace guest::hostile;

namespace {

constexpr uid_t nobody = 65534;

/// An attribute of chance; most of them have something right.
void add_attribute(Genl& genl, Dice& dice, std::uint32_t a_policy) {
    const auto type = static_cast<std::uint16_t>(dice.between(0, LIBRA_SOCKET_ATTR_MAX + 3) |
                                                 (dice.between(0, 15) == 0   ? 0x8000U
                                                  : dice.between(0, 15) == 0 ? 0x4000U
                                                                             : 0U));
    switch (dice.between(0, 9)) {
    case 0:
        genl.u8(type, static_cast<std::uint8_t>(dice.between(0, 5)));
        return;
    case 1:
        genl.u16(type, static_cast<std::uint16_t>(dice.next()));
        return;
    case 2:
        genl.u32(type, static_cast<std::uint32_t>(dice.between(0, 20'000)));
        return;
    case 3:
        genl.u32(type, dice.between(0, 1) == 0 ? a_policy : static_cast<std::uint32_t>(::getpid()));
        return;
    case 4:
        genl.u64(type, dice.next() >> dice.between(0, 63));
        return;
    case 5:
        genl.string(type, dice.between(0, 1) == 0 ? "http1" : "/usr/sbin/nosuch");
        return;
    case 6:
        genl.string(type, std::string(dice.between(0, 400), 'x'));
        return;
    case 7: { // a nest of nonsense
        std::vector<std::uint32_t> inner(dice.between(0, 40));
        std::generate(inner.begin(), inner.end(),
                      [&dice] { return static_cast<std::uint32_t>(dice.next() & 0x000f000f); });
        genl.attr(type, inner.data(), inner.size() * sizeof(inner[0]));
        return;
    }
    default: { // bytes that need not be an attribute at all
        std::vector<std::byte> bytes(dice.between(0, 40));
        std::generate(bytes.begin(), bytes.end(),
                      [&dice] { return static_cast<std::byte>(dice.next() & 0x3f); });
        if (dice.between(0, 3) == 0) {
            genl.raw(bytes.data(), bytes.size());
        } else {
            genl.attr(type, bytes.data(), bytes.size());
        }
        return;
    }
    }
}

GenlAnswer ask(Genl& genl, Dice& dice, std::uint32_t a_policy, std::uint8_t& command) {
    command = static_cast<std::uint8_t>(dice.between(0, LIBRA_CMD_MAX + 2));
    if (command == LIBRA_CMD_POLICY_ADD && dice.between(0, 1) == 0) {
        genl.u32(LIBRA_POLICY_ATTR_PID, static_cast<std::uint32_t>(::getpid()))
            .string(LIBRA_POLICY_ATTR_PARSER, "http1");
    } else if ((command == LIBRA_CMD_POLICY_DEL || command == LIBRA_CMD_POLICY_SET) &&
               dice.between(0, 1) == 0) {
        genl.u32(LIBRA_POLICY_ATTR_ID, a_policy);
    }
    for (std::uint64_t i = dice.between(0, 7) / 2; i > 0; --i) {
        add_attribute(genl, dice, a_policy);
    }
    constexpr auto dumps =
        std::to_array<int>({LIBRA_CMD_POLICY_GET, LIBRA_CMD_SOCKET_GET, LIBRA_CMD_DOMAIN_GET,
                            LIBRA_CMD_PARSER_GET, LIBRA_CMD_CLASS_GET});
    const bool dump = std::find(dumps.begin(), dumps.end(), command) != dumps.end();
    return genl.request(command, dump != (dice.between(0, 7) == 0));
}

/// The exit code of messages sent by a child that has made itself somebody else: 0 when all of
/// them were refused for want of privilege.
template <typename Become>
int all_refused(Become&& become) {
    const pid_t pid = check(::fork(), "fork");
    if (pid == 0) {
        int code = 0;
        try {
            become();
            Genl genl(LIBRA_GENL_NAME);
            Dice dice(number_from("LIBRA_TEST_SEED", 2));
            for (int i = 0; i < 1000 && code == 0; ++i) {
                std::uint8_t command = 0;
                const int error = ask(genl, dice, 1, command).error;
                // there are no other commands than those that need privilege
                code = error == EPERM || error == EOPNOTSUPP ? 0 : error == 0 ? 254 : error;
            }
        } catch (const std::exception& error) {
            fmt::print(stderr, "{}\n", error.what());
            code = 255;
        }
        ::_exit(code);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

} // namespace

TEST_CASE("Netlink messages of chance from root do what they say or are refused", "[hostile]") {
    if (libra_module::plain()) {
        return;
    }
    libra_module::load_parser();
    const ::libra::Config before = libra_module::client().config();
    const LimitScope restore({});
    Genl genl(LIBRA_GENL_NAME);
    REQUIRE(genl.family() != 0);
    Dice dice(number_from("LIBRA_TEST_SEED", 1));
    const std::set<int> right = {EINVAL,   ERANGE,          ENOENT, ESRCH,    EBADF, EOPNOTSUPP,
                                 ENOTSOCK, EPROTONOSUPPORT, EEXIST, EMSGSIZE, EPERM};
    std::map<int, std::uint64_t> errors;
    std::uint64_t silent = 0;
    const std::uint64_t count = number_from("LIBRA_TEST_SEEDS", 4000);
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto policies = libra_module::client().policies();
        std::uint8_t command = 0;
        const GenlAnswer answer =
            ask(genl, dice, policies.empty() ? 1 : policies.front().id, command);
        ++errors[answer.error];
        if (answer.error != 0 && right.count(answer.error) == 0) {
            FAIL_CHECK("message " << i << ", command " << int(command) << ": " << answer.error
                                  << " \"" << answer.text << "\"");
        }
        silent += answer.error != 0 && answer.error != EOPNOTSUPP && answer.text.empty() ? 1 : 0;
        if (answer.error == 0 && command == LIBRA_CMD_CONFIG_SET) {
            ::libra::ConfigChange on;
            on.enabled = true;
            libra_module::client().set_config(on);
        }
        if (policies.size() > 4) {
            for (const ::libra::Policy& policy : policies) {
                libra_module::client().delete_policy(policy.id);
            }
        }
    }
    std::string text;
    for (const auto& [error, times] : errors) {
        text += fmt::format(" {}={}", error == 0 ? "done" : strerrorname_np(error), times);
    }
    fmt::print(stderr, "    {} messages:{}\n", count, text);
    CHECK(silent == 0);
    CHECK(errors[0] > count / 50);
    CHECK(errors[EINVAL] > count / 4);
    for (const ::libra::Policy& policy : libra_module::client().policies()) {
        libra_module::client().delete_policy(policy.id);
    }
    CHECK(libra_module::client().config().enabled == before.enabled);
    check_nothing_left();
}

TEST_CASE("Netlink messages of chance from nobody are refused", "[hostile]") {
    if (libra_module::plain()) {
        return;
    }
    libra_module::load_parser();
    const ::libra::Config before = libra_module::client().config();
    CHECK(all_refused([] {
              check(::setresgid(nobody, nobody, nobody), "setgid");
              check(::setresuid(nobody, nobody, nobody), "setuid");
          }) == 0);
    CHECK(all_refused([] { check(::unshare(CLONE_NEWUSER | CLONE_NEWNET), "unshare"); }) == 0);
    const ::libra::Config after = libra_module::client().config();
    CHECK(after.policies == before.policies);
    CHECK(after.cap_total == before.cap_total);
    CHECK(after.enabled == before.enabled);
    check_nothing_left();
}
