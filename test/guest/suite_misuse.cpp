// SPDX-License-Identifier: GPL-2.0
// [misuse] Wrong use is refused with the right errno, and with words.
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/wait.h>

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>
#include <libra/error.hpp>

#include "genl.hpp"
#include "rig.hpp"
#include "toy.hpp"

#include "../../module/uapi/libra.h"

using namespace guest;

namespace {

constexpr std::uint16_t port = 7000;
constexpr uid_t nobody = 65534;

void refused(const GenlAnswer& answer, int error) {
    INFO("\"" << answer.text << "\"");
    CHECK(answer.error == error);
    CHECK_FALSE(answer.text.empty());
}

/// A policy that would be right, for one thing to be wrong in it.
Genl& policy(Genl& genl) {
    return genl.u32(LIBRA_POLICY_ATTR_PID, static_cast<std::uint32_t>(::getpid()))
        .string(LIBRA_POLICY_ATTR_PARSER, "http1");
}

/// The exit code of a function in a forked child.
template <typename Work>
int in_child(Work&& work) {
    const pid_t pid = check(::fork(), "fork");
    if (pid == 0) {
        int code = 255;
        try {
            code = work();
        } catch (const std::exception&) {
        }
        ::_exit(code);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

/// The errno of one command, as the caller may ask it now.
int try_genl() {
    Genl genl(LIBRA_GENL_NAME);
    if (genl.family() == 0) {
        return ENOENT;
    }
    return genl.request(LIBRA_CMD_CONFIG_GET).error;
}

/// A toy with one connection.
struct Connected {
    explicit Connected(bool attached, const std::vector<std::string>& more = {})
        : toy(net.proxy(), arguments(more)) {
        if (attached) {
            attachment = Attachment(toy.pid(), "", {});
        }
        ConnectOptions options;
        options.protocol = more.empty() ? 0 : IPPROTO_MPTCP;
        wire.emplace(connect_to(net.client(), net.proxy_address(), port, options));
        CHECK(toy.ask("accept") == "accepted");
    }
    static std::vector<std::string> arguments(const std::vector<std::string>& more) {
        std::vector<std::string> all = {"calls", std::to_string(port)};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }

    Net net;
    Toy toy;
    Attachment attachment;
    std::optional<Wire> wire;
};

} // namespace

TEST_CASE("A second ULP is refused as the kernel refuses it, but for tls", "[misuse]") {
    Connected one(true);
    CHECK(one.toy.ask("ulp? x") == "'libra'");
    CHECK(one.toy.ask("ulp nosuch") == "No such file or directory");
    CHECK(one.toy.ask("ulp libra") == "File exists");
    CHECK(one.toy.ask("ulp? x") == "'libra'");
    CHECK(one.toy.ask("ulp tls") == "0");
    CHECK(one.toy.ask("ulp? x") == "'tls'");
    CHECK(one.toy.ask("ulp libra") == "File exists");
    CHECK(one.toy.ask("ulp tls") == "File exists");
    CHECK(one.toy.ask("ulp? x") == "'tls'");
}

TEST_CASE("setsockopt(TCP_ULP) needs a policy that allows it", "[misuse]") {
    {
        Connected one(false);
        CHECK(one.toy.ask("ulp libra") == "Operation not permitted");
        CHECK(one.toy.ask("ulp? x") == "''");
    }
    check_nothing_left();
}

TEST_CASE("setsockopt(TCP_ULP) works where a policy allows it", "[misuse]") {
    {
        Connected one(false);
        ::libra::PolicySpec spec;
        spec.pid = static_cast<std::uint32_t>(one.toy.pid());
        one.attachment = Attachment(spec);
        CHECK(one.toy.ask("ulp libra") == "Operation not permitted");
        one.attachment.detach();
        spec.setsockopt = true;
        one.attachment = Attachment(spec);
        CHECK(one.toy.ask("ulp libra") == "0");
        CHECK(one.toy.ask("ulp? x") == "'libra'");
    }
    check_nothing_left();
}

TEST_CASE("An MPTCP socket stays what it is", "[misuse]") {
    Connected one(false, {"mptcp"});
    libra_module::load_parser();
    const RunResult refusal =
        libra_module::ctl({"attach", "--mode", "elide", "--pid", std::to_string(one.toy.pid())});
    INFO(refusal.out);
    CHECK(refusal.code == 6);
    CHECK(refusal.out.find("MPTCP") != std::string::npos);

    AttachOptions risk;
    risk.accept_risk = true;
    one.attachment = Attachment(one.toy.pid(), "", risk);
    const std::string text = "GET / HTTP/1.1\r\nHost: libra.test\r\n\r\n";
    one.wire->write(text);
    CHECK(eventually([&] { return one.toy.ask("fionread") == std::to_string(text.size()); }));
    CHECK(one.toy.ask("recv 1000") == std::to_string(text.size()));
    for (const ::libra::Socket& socket : libra_module::client().sockets()) {
        CHECK(socket.local.port != port);
    }
}

TEST_CASE("An MPTCP socket cannot be attached", "[misuse]") {
    libra_module::load_parser();
    ::libra::PolicySpec spec;
    spec.pid = static_cast<std::uint32_t>(::getpid());
    const std::uint32_t id = libra_module::client().add_policy(spec);
    {
        Genl genl(LIBRA_GENL_NAME);
        const auto attach = [&](int fd) {
            return genl.u32(LIBRA_SOCKET_ATTR_FD, static_cast<std::uint32_t>(fd))
                .u32(LIBRA_SOCKET_ATTR_PID, static_cast<std::uint32_t>(::getpid()))
                .u32(LIBRA_SOCKET_ATTR_POLICY, id)
                .request(LIBRA_CMD_SOCKET_ATTACH);
        };
        const Fd mptcp(check(::socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP), "mptcp"));
        refused(attach(mptcp.get()), EPROTONOSUPPORT);
        const Fd udp(check(::socket(AF_INET, SOCK_DGRAM, 0), "udp"));
        refused(attach(udp.get()), EPROTONOSUPPORT);
        const Fd file(check(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC), "open"));
        refused(attach(file.get()), ENOTSOCK);
        refused(attach(9999), EBADF);
    }
    libra_module::client().delete_policy(id);
    check_nothing_left();
}

TEST_CASE("An attached socket does not go into a sockmap", "[misuse]") {
    std::string plain;
    {
        Connected one(false);
        plain = one.toy.ask("sockmap");
    }
    CHECK(plain == "0");
    Connected one(true);
    CHECK(one.toy.ask("sockmap") == "Invalid argument");
}

TEST_CASE("Without privilege all of generic netlink is refused", "[misuse]") {
    CHECK(try_genl() == 0);
    CHECK(in_child([] {
              check(::setresgid(nobody, nobody, nobody), "setgid");
              check(::setresuid(nobody, nobody, nobody), "setuid");
              return try_genl();
          }) == EPERM);
}

TEST_CASE("Root of another user and network namespace is refused", "[misuse]") {
    CHECK(in_child([] {
              check(::unshare(CLONE_NEWUSER | CLONE_NEWNET), "unshare");
              return try_genl();
          }) == EPERM);
}

TEST_CASE("Malformed attributes are refused with words", "[misuse]") {
    libra_module::load_parser();
    Genl genl(LIBRA_GENL_NAME);
    REQUIRE(genl.family() != 0);
    const auto add = [&] { return genl.request(LIBRA_CMD_POLICY_ADD); };

    SECTION("an attribute that is not known") {
        policy(genl).u32(LIBRA_POLICY_ATTR_MAX + 20, 1);
        refused(add(), EINVAL);
    }
    SECTION("a number of the wrong length") {
        genl.u16(LIBRA_POLICY_ATTR_PID, 1).string(LIBRA_POLICY_ATTR_PARSER, "http1");
        refused(add(), EINVAL);
    }
    SECTION("flags that do not exist") {
        policy(genl).u32(LIBRA_POLICY_ATTR_FLAGS, 1U << 30U);
        refused(add(), EINVAL);
    }
    SECTION("a flag that only the kernel sets") {
        policy(genl).u32(LIBRA_POLICY_ATTR_FLAGS, LIBRA_POLICY_F_DRAINING);
        refused(add(), EINVAL);
    }
    SECTION("a mode that does not exist") {
        policy(genl).u8(LIBRA_POLICY_ATTR_MODE, 200);
        refused(add(), ERANGE);
    }
    SECTION("a threshold that is too low") {
        policy(genl).u32(LIBRA_POLICY_ATTR_THRESHOLD, LIBRA_THRESHOLD_MIN - 1);
        refused(add(), ERANGE);
    }
    SECTION("a threshold that is too high") {
        policy(genl).u32(LIBRA_POLICY_ATTR_THRESHOLD, LIBRA_THRESHOLD_MAX + 1);
        refused(add(), ERANGE);
    }
    SECTION("a parser that is not loaded") {
        genl.u32(LIBRA_POLICY_ATTR_PID, 1).string(LIBRA_POLICY_ATTR_PARSER, "nosuch");
        refused(add(), ENOENT);
    }
    SECTION("a parser's name without its end") {
        genl.u32(LIBRA_POLICY_ATTR_PID, 1).attr(LIBRA_POLICY_ATTR_PARSER, "http1", 5);
        refused(add(), EINVAL);
    }
    SECTION("no parser") {
        genl.u32(LIBRA_POLICY_ATTR_PID, 1);
        refused(add(), EINVAL);
    }
    SECTION("a process that does not exist") {
        genl.u32(LIBRA_POLICY_ATTR_PID, 4'000'000).string(LIBRA_POLICY_ATTR_PARSER, "http1");
        refused(add(), ESRCH);
    }
    SECTION("neither process nor executable") {
        genl.string(LIBRA_POLICY_ATTR_PARSER, "http1");
        refused(add(), EINVAL);
    }
    SECTION("an executable that is no absolute path") {
        genl.string(LIBRA_POLICY_ATTR_EXE, "nginx").string(LIBRA_POLICY_ATTR_PARSER, "http1");
        refused(add(), EINVAL);
    }
    SECTION("an id from outside") {
        policy(genl).u32(LIBRA_POLICY_ATTR_ID, 7);
        refused(add(), EINVAL);
    }
    SECTION("a policy that does not exist") {
        genl.u32(LIBRA_POLICY_ATTR_ID, 12345);
        refused(genl.request(LIBRA_CMD_POLICY_DEL), ENOENT);
    }
    SECTION("a cap for a policy that does not exist") {
        genl.u32(LIBRA_POLICY_ATTR_ID, 12345).u64(LIBRA_POLICY_ATTR_CAP, 1);
        refused(genl.request(LIBRA_CMD_POLICY_SET), ENOENT);
    }
    SECTION("a policy without its new cap") {
        genl.u32(LIBRA_POLICY_ATTR_ID, 12345);
        refused(genl.request(LIBRA_CMD_POLICY_SET), EINVAL);
    }
    SECTION("what of a policy is fixed") {
        genl.u32(LIBRA_POLICY_ATTR_ID, 12345)
            .u64(LIBRA_POLICY_ATTR_CAP, 1)
            .u32(LIBRA_POLICY_ATTR_THRESHOLD, 65536);
        refused(genl.request(LIBRA_CMD_POLICY_SET), EINVAL);
    }
    SECTION("no policy to delete") {
        refused(genl.request(LIBRA_CMD_POLICY_DEL), EINVAL);
    }
    SECTION("a switch that is neither on nor off") {
        genl.u8(LIBRA_CONFIG_ATTR_ENABLED, 2);
        refused(genl.request(LIBRA_CMD_CONFIG_SET), ERANGE);
    }
    SECTION("a limit of the wrong length") {
        genl.u32(LIBRA_CONFIG_ATTR_CAP_DOMAIN, 1);
        refused(genl.request(LIBRA_CMD_CONFIG_SET), EINVAL);
    }
    SECTION("a read-only value") {
        genl.u32(LIBRA_CONFIG_ATTR_SOCKETS, 1);
        refused(genl.request(LIBRA_CMD_CONFIG_SET), EINVAL);
    }
    SECTION("an attribute where none belongs") {
        genl.u32(1, 1);
        refused(genl.request(LIBRA_CMD_STATS_GET), EINVAL);
    }
    SECTION("a command that does not exist") {
        CHECK(genl.request(200).error == EOPNOTSUPP);
    }
    CHECK(libra_module::client().policies().empty());
}

TEST_CASE("libractl says what is wrong, and exits with the documented code", "[misuse]") {
    libra_module::load_parser();
    const auto expect = [](const std::vector<std::string>& arguments, int code) {
        const RunResult done = libra_module::ctl(arguments);
        INFO(fmt::format("libractl {} ...: {}", arguments.at(0), done.out));
        CHECK(done.code == code);
        CHECK(done.out.size() > 10);
    };
    expect({"attach", "--pid", "4000000"}, 3);
    expect({"attach", "--pid", "1", "--parser", "nosuch"}, 3);
    expect({"attach"}, 2);
    expect({"attach", "--pid", "1", "--mode", "sideways"}, 2);
    expect({"attach", "--pid", "1", "--threshold", "12"}, 2);
    expect({"detach", "--id", "4711"}, 3);
    expect({"parser", "load", "/nonexistent.bpf.o"}, 3);
    expect({"parser", "load", libra_module::parser_object()}, 1);
    expect({"frobnicate"}, 2);

    ProcessOptions unprivileged;
    unprivileged.uid = nobody;
    const RunResult done = libra_module::ctl({"status"}, unprivileged);
    INFO(done.out);
    CHECK(done.code == 4);
}
