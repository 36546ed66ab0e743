// SPDX-License-Identifier: GPL-2.0
#include "forwarder.hpp"

#include <fcntl.h>
#include <poll.h>

#include <array>
#include <climits>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include <fmt/format.h>

#include "hoard.hpp"
#include "sockmap.hpp"
#include "wire.hpp"

namespace bench {
namespace {

using guest::check;
using guest::Fd;
using guest::Pipe;

constexpr int pipe_size = 1 << 20;

/// One direction; at most one pipe full at a time.
class Direction {
public:
    Direction(int from, int to)
        : from_(from)
        , to_(to) {
        check(::fcntl(pipe_.write.get(), F_SETPIPE_SZ, pipe_size), "F_SETPIPE_SZ");
        // splice() from a socket heeds its flags alone, not SPLICE_F_NONBLOCK
        check(::fcntl(from_, F_SETFL, O_NONBLOCK), "O_NONBLOCK");
    }

    /// What there is, until nothing more comes; false at the end.
    bool move() {
        for (;;) {
            const ssize_t got = ::splice(from_, nullptr, pipe_.write.get(), nullptr, pipe_size,
                                         SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
            if (got < 0 && errno == EAGAIN) {
                return true;
            }
            if (got <= 0) {
                return false;
            }
            for (ssize_t left = got; left > 0;) {
                const ssize_t put = ::splice(pipe_.read.get(), nullptr, to_, nullptr,
                                             static_cast<std::size_t>(left), SPLICE_F_MOVE);
                if (put < 0 && errno == EAGAIN) {
                    pollfd room{to_, POLLOUT, 0};
                    check(::poll(&room, 1, -1), "poll");
                    continue;
                }
                if (put <= 0) {
                    return false;
                }
                left -= put;
            }
        }
    }

private:
    int from_;
    int to_;
    Pipe pipe_;
};

void serve(int client, int upstream) {
    Direction up(client, upstream);
    Direction down(upstream, client);
    for (;;) {
        std::array<pollfd, 2> both{{{client, POLLIN, 0}, {upstream, POLLIN, 0}}};
        check(::poll(both.data(), both.size(), -1), "poll");
        if ((both[0].revents != 0 && !up.move()) || (both[1].revents != 0 && !down.move())) {
            return;
        }
    }
}

/// The same by read(2) and write(2), as a proxy does that copies.
void relay(int client, int upstream) {
    std::vector<char> buffer(std::size_t{256} << 10);
    const auto move = [&](int from, int to) {
        const ssize_t got = ::recv(from, buffer.data(), buffer.size(), 0);
        for (ssize_t sent = 0; sent < got;) {
            const ssize_t put = ::send(to, buffer.data() + sent,
                                       static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
            if (put <= 0) {
                return false;
            }
            sent += put;
        }
        return got > 0;
    };
    for (;;) {
        std::array<pollfd, 2> both{{{client, POLLIN, 0}, {upstream, POLLIN, 0}}};
        check(::poll(both.data(), both.size(), -1), "poll");
        if ((both[0].revents != 0 && !move(client, upstream)) ||
            (both[1].revents != 0 && !move(upstream, client))) {
            return;
        }
    }
}

/// Forwards between a client and an upstream until one of them ends.
using Serve = std::function<void(int client, int upstream)>;

Serve serving(const std::string& how) {
    if (how == "splice") {
        return serve;
    }
    if (how == "relay") {
        return relay;
    }
    if (how == "sockmap") {
        return [map = std::make_shared<Sockmap>()](int client, int upstream) {
            map->serve(client, upstream);
        };
    }
    throw std::invalid_argument("there is no way to forward called " + how);
}

/// Hoards as each line of the standard input says: so many pieces of files with so many bytes.
void obey(const guest::Namespace& ns, const std::string& address, std::uint16_t port) {
    int pieces = 0;
    std::uint64_t file_bytes = 0;
    std::optional<Hoard> hoard;
    while (std::cin >> pieces >> file_bytes) {
        if (!hoard) {
            hoard.emplace(ns, address, port, file_bytes);
        }
        try {
            hoard->grow(pieces);
            fmt::print("done\n");
        } catch (const std::exception& error) {
            fmt::print("{}\n", error.what());
        }
        std::fflush(stdout);
    }
}

} // namespace

int forward(const std::vector<std::string>& arguments) {
    const guest::Namespace ns = guest::Namespace::here();
    const Serve join = serving(arguments.at(0));
    const Fd listener =
        guest::listen_on(ns, static_cast<std::uint16_t>(std::stoi(arguments.at(1))));
    const auto port = static_cast<std::uint16_t>(std::stoi(arguments.at(3)));
    fmt::print("ready\n");
    std::fflush(stdout);
    std::jthread hoarding;
    if (arguments.at(0) == "relay") {
        hoarding = std::jthread([&] { obey(ns, arguments.at(2), port); });
    }
    for (;;) {
        Fd client(check(::accept(listener.get(), nullptr, nullptr), "accept"));
        Fd upstream = guest::connect_to(ns, arguments.at(2), port);
        std::thread([&join, client = std::move(client), upstream = std::move(upstream)] {
            join(client.get(), upstream.get());
        }).detach();
    }
}

} // namespace bench
