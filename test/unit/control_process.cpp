// SPDX-License-Identifier: GPL-2.0
#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <catch2/catch_test_macros.hpp>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libra/error.hpp>
#include <libra/process.hpp>
#include <libra/unique_fd.hpp>

#include "proc_files.hpp"
#include "process.hpp"
#include "run_in_process.hpp"

using namespace libra;

namespace {

std::uint32_t self() {
    return static_cast<std::uint32_t>(getpid());
}

/// A child that waits to be killed.
class Child {
public:
    Child()
        : pid_(fork()) {
        if (pid_ == 0) {
            for (;;)
                pause();
        }
        REQUIRE(pid_ > 0);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        kill();
        waitpid(pid_, nullptr, 0);
    }
    std::uint32_t pid() const { return static_cast<std::uint32_t>(pid_); }
    void kill() const {
        ::kill(pid_, SIGKILL);
        siginfo_t info{};
        waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
    }

private:
    pid_t pid_;
};

UniqueFd listen_on_loopback(std::uint16_t& port) {
    UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    REQUIRE(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
    REQUIRE(listen(fd.get(), 8) == 0);
    REQUIRE(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
    port = ntohs(address.sin_port);
    return fd;
}

UniqueFd connect_to_loopback(std::uint16_t port) {
    UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    REQUIRE(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    return fd;
}

} // namespace

TEST_CASE("a process's name may hold anything", "[process]") {
    const auto stat = detail::parse_stat("12 (a) b (c) S 7 12 12 0 -1");
    REQUIRE(stat);
    CHECK(stat->comm == "a) b (c");
    CHECK(stat->state == 'S');
    CHECK(stat->parent == 7);
    CHECK_FALSE(detail::parse_stat(""));
    CHECK_FALSE(detail::parse_stat("12 (x"));
    CHECK_FALSE(detail::parse_stat("12 (x)"));
    CHECK(detail::parse_arguments(std::string("a\0\0b c\0", 7)) ==
          std::vector<std::string>{"a", "", "b c"});
    CHECK(detail::parse_arguments("").empty());
}

TEST_CASE("this process and its children are seen", "[process]") {
    const Child child;
    const Process process = read_process(self());
    CHECK(process.parent == static_cast<std::uint32_t>(getppid()));
    CHECK(process.exe == std::filesystem::read_symlink("/proc/self/exe"));
    const auto tree = process_tree(self());
    CHECK(tree.front() == self());
    CHECK(std::count(tree.begin(), tree.end(), child.pid()) == 1);
    const auto running = processes_running(process.exe);
    CHECK(std::count(running.begin(), running.end(), child.pid()) == 1);
    CHECK(processes_running("/nowhere").empty());
}

TEST_CASE("a process that is not there or dead is said to be so", "[process]") {
    const auto message = [](std::uint32_t pid) -> std::string {
        try {
            read_process(pid);
        } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::not_found);
            return error.what();
        }
        return "";
    };
    CHECK(message(std::numeric_limits<std::int32_t>::max()).find("no process") !=
          std::string::npos);
    const Child child;
    child.kill();
    CHECK(message(child.pid()).find("is dead") != std::string::npos);
}

TEST_CASE("sockets are told apart by their own descriptors", "[process]") {
    std::uint16_t port = 0;
    const UniqueFd listener = listen_on_loopback(port);
    const UniqueFd connection = connect_to_loopback(port);
    const UniqueFd idle(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const UniqueFd udp(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    std::array<int, 2> pair{-1, -1};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0);
    const UniqueFd one(pair[0]);
    const UniqueFd two(pair[1]);
    const UniqueFd again(dup(listener.get()));
    // A child that holds all of them too must not make them count twice
    const Child child;

    std::map<SocketKind, std::vector<HeldSocket>> found;
    try {
        visit_sockets(process_tree(self()), [&](const HeldSocket& socket, int fd) {
            CHECK(fd >= 0);
            found[socket.kind].push_back(socket);
        });
    } catch (const Error& error) {
        SKIP(error.what());
    }
    REQUIRE(found[SocketKind::tcp_listener].size() == 1);
    CHECK(found[SocketKind::tcp_listener][0].local.port == port);
    CHECK(found[SocketKind::tcp_listener][0].local.address == "127.0.0.1");
    CHECK(found[SocketKind::tcp_listener][0].pid == child.pid());
    REQUIRE(found[SocketKind::tcp].size() == 1);
    CHECK(found[SocketKind::tcp][0].remote.port == port);
    CHECK(found[SocketKind::tcp][0].ulp.empty());
    CHECK(found[SocketKind::tcp_idle].size() == 1);
    CHECK(found[SocketKind::udp].size() == 1);
    REQUIRE(found[SocketKind::unix_stream].size() == 2);
    CHECK(found[SocketKind::unix_stream][0].connected);
    CHECK(found[SocketKind::unix_stream][0].peer_name.empty());
    CHECK(found[SocketKind::unix_stream][0].peer_pid == self());
}

TEST_CASE("an executable runs as its process would run it", "[process]") {
    const detail::RunResult result =
        detail::run_in_process(self(), {"libra-unit", "--list-reporters"});
    if (!result.ok && geteuid() != 0)
        SKIP("needs root");
    INFO(result.error);
    REQUIRE(result.ok);
    CHECK(result.output.find("console") != std::string::npos);

    const detail::RunResult failed =
        detail::run_in_process(self(), {"libra-unit", "--no-such-option"});
    CHECK_FALSE(failed.ok);
    CHECK_FALSE(failed.error.empty());
}
