// SPDX-License-Identifier: GPL-2.0
// The misbehaving proxy. Told on stdin, a line each:
//
//   batch         a child begins to serve, in memory of its own, until "end"
//   FAMILY SEED PORT PORT
//                 one seed, with the clients that come from these ports
//
// The answer to a seed is a Report's text.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>

#include <fmt/format.h>

#include "misbehave_run.hpp"
#include "own_ktls.hpp"
#include "toy.hpp"
#include "wire.hpp"

namespace guest {
namespace {

using namespace misbehave;

/// Unbuffered: children go on where their parent stopped reading.
std::string read_line() {
    std::string line;
    for (char c = 0; ::read(0, &c, 1) == 1 && c != '\n';) {
        line += c;
    }
    return line;
}

/// Nothing when the peer has gone.
std::optional<std::uint16_t> peer_port(int fd) {
    sockaddr_in6 peer{};
    socklen_t size = sizeof(peer);
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) < 0) {
        return std::nullopt;
    }
    return ntohs(peer.sin6_port);
}

class Server {
public:
    explicit Server(const std::vector<std::string>& arguments)
        : listener_(listen_on(ns_, static_cast<std::uint16_t>(std::stoi(arguments.at(1)))))
        , address_(arguments.at(2))
        , upstream_(static_cast<std::uint16_t>(std::stoi(arguments.at(3)))) {}

    std::string serve(const std::string& command) {
        std::istringstream words(command);
        std::string name;
        std::uint64_t seed = 0;
        std::array<std::uint16_t, 2> ports{};
        words >> name >> seed >> ports[0] >> ports[1];
        const Plan plan = make_plan(family_named(name).value(), seed);
        Report report;
        try {
            Run(plan, report, connect(plan, ports), uring(plan)).all();
        } catch (const Broken&) {
            // before it began
        } catch (const std::exception& error) {
            report.wrong(error.what());
        }
        return report.text();
    }

private:
    /// Rings stay: the end of one interrupts system calls for a while.
    Uring* uring(const Plan& plan) {
        if (plan.family != Family::uring) {
            return nullptr;
        }
        const bool polled = plan.seed % 8 == 0;
        auto& ring = polled ? polled_ring_ : ring_;
        if (!ring) {
            ring = std::make_unique<Uring>(polled);
        }
        return ring.get();
    }

    std::array<Fd, line_count> connect(const Plan& plan,
                                       const std::array<std::uint16_t, 2>& ports) {
        std::array<Fd, line_count> sockets;
        for (const int line : {origin0, origin1}) {
            if (plan.lines.at(static_cast<std::size_t>(line)).used) {
                Fd& origin = sockets.at(static_cast<std::size_t>(line));
                origin = connect_to(ns_, address_, upstream_);
                own_ktls_if_told(origin.get()); // where it has left, the first call says so
            }
        }
        bool all = true;
        for (std::size_t i = 0; i < ports.size() && ports.at(i) != 0; ++i) {
            Fd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            const auto port = client ? peer_port(client.get()) : std::nullopt;
            if (!port) {
                all = false; // it has left already
                continue;
            }
            tame(client.get());
            if (!own_ktls_if_told(client.get())) {
                all = false;
                continue;
            }
            sockets.at(*port == ports[0] ? client0 : client1) = std::move(client);
        }
        if (!all) {
            throw Broken("a client has left");
        }
        return sockets;
    }

    Namespace ns_ = Namespace::here();
    Fd listener_;
    std::string address_;
    std::uint16_t upstream_;
    std::unique_ptr<Uring> ring_;
    std::unique_ptr<Uring> polled_ring_;
};

} // namespace

int misbehave_toy(const std::vector<std::string>& arguments) {
    std::cout << "ready" << std::endl;
    while (read_line() == "batch") {
        const pid_t pid = check(::fork(), "fork");
        if (pid == 0) {
            Server server(arguments);
            std::cout << "serving" << std::endl;
            for (std::string line; !(line = read_line()).empty() && line != "end";) {
                std::cout << server.serve(line) << std::endl;
            }
            ::_exit(0);
        }
        int status = 0;
        check(::waitpid(pid, &status, 0), "waitpid");
        std::cout << (WIFEXITED(status) ? "ended" : "died") << std::endl;
    }
    return 0;
}

} // namespace guest
