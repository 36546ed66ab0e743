// SPDX-License-Identifier: GPL-2.0
// A relay in which one of its system calls meets one failure inside the kernel: the nth allocation
// or user copy. Told on stdin, a line for each connection:
//
//   CALL NTH [cut]   the number of the call, from 0 on, and of the failure in it, from 1 on; with
//                    "cut" a head, the first bytes of what follows and the rest are sent by
//                    themselves
//
// Answers "injected" or "missed" and "calls=N errno=N in=CALL": whether it came to that, how many
// calls there were, and how that one, of this name, ended. A call that fails is made once more, as
// a patient program would.
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <iostream>
#include <optional>
#include <sstream>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "fault_injection.hpp"
#include "toy.hpp"
#include "wire.hpp"

namespace guest {
namespace {

constexpr std::size_t room = 1 << 20;

/// A connection's end, its own or by an error.
struct Over {};

class Faulty {
public:
    Faulty(Fd listener, std::string address, std::uint16_t upstream)
        : listener_(std::move(listener))
        , address_(std::move(address))
        , upstream_(upstream)
        , buffer_(room, '.') {}

    std::string serve(int call, unsigned nth, bool cut) {
        number_ = 0;
        cut_ = cut;
        chosen_ = call;
        nth_ = nth;
        injected_ = false;
        error_ = 0;
        try {
            exchange();
        } catch (const Over&) {
        }
        return fmt::format("{} calls={} errno={} in={}", injected_ ? "injected" : "missed", number_,
                           error_, call_);
    }

private:
    /// One system call; the chosen one with its failure.
    template <typename Call>
    auto run(const char* name, Call call) {
        std::optional<NthFault> fault;
        if (number_++ == chosen_) {
            fault.emplace(nth_);
            call_ = name;
        }
        auto result = call();
        const int error = errno;
        if (fault) {
            injected_ = fault->injected();
            fault.reset();
            error_ = result < 0 ? error : 0;
            if (result < 0 && error != ECONNABORTED) {
                result = call();
            }
        }
        return result;
    }

    void exchange() {
        const Fd client(
            run("accept", [this] { return ::accept(listener_.get(), nullptr, nullptr); }));
        if (!client) {
            throw Over{};
        }
        undelayed(client.get());
        const std::size_t asked = receive(client.get());
        const Fd server(
            run("socket", [] { return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }));
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(upstream_);
        ::inet_pton(AF_INET, address_.c_str(), &to.sin_addr);
        const auto* name = reinterpret_cast<const sockaddr*>(&to);
        if (!server ||
            run("connect", [&] { return ::connect(server.get(), name, sizeof(to)); }) < 0) {
            throw Over{};
        }
        undelayed(server.get());
        send(server.get(), asked);
        // until its end: an answer says "Connection: close"
        for (;;) {
            const std::size_t got = receive_some(server.get(), 0);
            if (got == 0) {
                break;
            }
            send(client.get(), got);
        }
    }

    std::size_t receive_some(int fd, std::size_t at) {
        const ssize_t got =
            run("recv", [&] { return ::recv(fd, buffer_.data() + at, buffer_.size() - at, 0); });
        if (got < 0) {
            throw Over{};
        }
        return static_cast<std::size_t>(got);
    }

    /// A request, head and body.
    std::size_t receive(int fd) {
        std::size_t size = 0;
        std::size_t whole = 0;
        while (whole == 0 || size < whole) {
            const std::size_t got = receive_some(fd, size);
            if (got == 0) {
                throw Over{};
            }
            size += got;
            const std::string_view seen(buffer_.data(), std::min<std::size_t>(size, 4096));
            const auto end = seen.find("\r\n\r\n");
            if (whole == 0 && end != std::string_view::npos) {
                const auto length = seen.find("Content-Length: ");
                whole = end + 4 +
                        (length < end ? std::stoul(std::string(seen.substr(length + 16))) : 0);
            }
        }
        return size;
    }

    /// Where sends end.
    std::vector<std::size_t> ends(std::size_t size) const {
        const auto head =
            std::string_view(buffer_.data(), std::min<std::size_t>(size, 4096)).find("\r\n\r\n");
        if (!cut_ || head == std::string_view::npos) {
            return {size};
        }
        return {head + 4, std::min(size, head + 4 + 10), size};
    }

    void send(int fd, std::size_t size) {
        std::size_t at = 0;
        for (const std::size_t end : ends(size)) {
            while (at < end) {
                const ssize_t sent = run("send", [&] {
                    return ::send(fd, buffer_.data() + at, end - at, MSG_NOSIGNAL);
                });
                if (sent < 0) {
                    throw Over{};
                }
                at += static_cast<std::size_t>(sent);
            }
        }
    }

    Fd listener_;
    std::string address_;
    std::uint16_t upstream_;
    std::vector<char> buffer_;
    int number_ = 0;
    int chosen_ = -1;
    unsigned nth_ = 0;
    bool cut_ = false;
    std::string call_;
    bool injected_ = false;
    int error_ = 0;
};

} // namespace

int faulty_toy(const std::vector<std::string>& arguments) {
    const Namespace ns = Namespace::here();
    Faulty relay(listen_on(ns, static_cast<std::uint16_t>(std::stoi(arguments.at(1)))),
                 arguments.at(2), static_cast<std::uint16_t>(std::stoi(arguments.at(3))));
    std::cout << "ready" << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        int call = 0;
        unsigned nth = 0;
        std::string cut;
        words >> call >> nth >> cut;
        std::cout << relay.serve(call, nth, cut == "cut") << std::endl;
    }
    return 0;
}

} // namespace guest
