// SPDX-License-Identifier: GPL-2.0
// Accepts one connection and makes the socket calls that it is told on stdin, one a line; answers
// with what each gave. What plain TCP answers to a script, an attached socket must answer too.
#include <linux/bpf.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <array>
#include <cstring>
#include <iostream>
#include <map>
#include <sstream>
#include <vector>

#include <fmt/format.h>

#include "toy.hpp"
#include "wire.hpp"

namespace guest {
namespace {

constexpr std::size_t room = 1 << 20;

std::string result(ssize_t value) {
    return value < 0 ? std::strerror(errno) : std::to_string(value);
}

std::uint64_t hash(const char* bytes, std::size_t size) {
    std::uint64_t sum = 14695981039346656037ULL;
    for (std::size_t i = 0; i < size; ++i) {
        sum = (sum ^ static_cast<unsigned char>(bytes[i])) * 1099511628211ULL;
    }
    return sum;
}

/// Puts the socket into a new sockmap.
std::string into_sockmap(int fd) {
    bpf_attr make{};
    make.map_type = BPF_MAP_TYPE_SOCKMAP;
    make.key_size = sizeof(std::uint32_t);
    make.value_size = sizeof(std::uint32_t);
    make.max_entries = 1;
    const Fd map(static_cast<int>(::syscall(SYS_bpf, BPF_MAP_CREATE, &make, sizeof(make))));
    if (!map) {
        return fmt::format("no sockmap: {}", std::strerror(errno));
    }
    const std::uint32_t key = 0;
    const auto value = static_cast<std::uint32_t>(fd);
    bpf_attr put{};
    put.map_fd = static_cast<std::uint32_t>(map.get());
    put.key = reinterpret_cast<std::uint64_t>(&key);
    put.value = reinterpret_cast<std::uint64_t>(&value);
    return result(::syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &put, sizeof(put)));
}

class Calls {
public:
    explicit Calls(int fd)
        : fd_(fd)
        , buffer_(room, '.') {
        epoll_ = Fd(check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create"));
        epoll_event edge{EPOLLIN | EPOLLRDHUP | EPOLLET, {}};
        check(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd_, &edge), "epoll_ctl");
    }

    std::string call(const std::string& command) {
        std::istringstream words(command);
        std::string name;
        std::string argument;
        words >> name >> argument;
        const std::size_t size =
            std::min<std::size_t>(std::strtoul(argument.c_str(), nullptr, 10), room);
        if (name == "recv") {
            return result(receive(size, MSG_DONTWAIT));
        }
        if (name == "recv-blocking") {
            return result(receive(size, 0));
        }
        if (name == "waitall") {
            return result(receive(size, MSG_WAITALL));
        }
        if (name == "trunc") {
            return result(::recv(fd_, nullptr, size, MSG_TRUNC | MSG_DONTWAIT));
        }
        if (name == "peek") {
            const ssize_t got = receive(size, MSG_PEEK | MSG_DONTWAIT);
            return result(got) +
                   (got > 0 ? fmt::format(" {:x}", hash(buffer_.data(), std::size_t(got))) : "");
        }
        if (name == "head") {
            const ssize_t got = receive(size, MSG_DONTWAIT);
            return result(got) + " " + std::string(buffer_.data(), 20);
        }
        if (name == "readv") {
            return readv();
        }
        if (name == "edge") {
            return edge(size);
        }
        return option(name, argument, static_cast<int>(size));
    }

private:
    ssize_t receive(std::size_t size, int flags) {
        return ::recv(fd_, buffer_.data(), size, flags);
    }

    /// As tokio does: after an event, until a read is shorter than asked for.
    std::string edge(std::size_t size) {
        epoll_event event{};
        std::string counts = fmt::format("events {}:", ::epoll_wait(epoll_.get(), &event, 1, 2000));
        for (;;) {
            const ssize_t got = receive(size, MSG_DONTWAIT);
            counts += " " + result(got);
            if (got < static_cast<ssize_t>(size)) {
                return counts;
            }
        }
    }

    std::string readv() {
        auto parts = std::to_array<iovec>({{buffer_.data(), 100},
                                           {buffer_.data() + 1000, 7},
                                           {buffer_.data() + 2000, 30'000},
                                           {buffer_.data() + 40'000, 50'000}});
        msghdr message{};
        message.msg_iov = parts.data();
        message.msg_iovlen = parts.size();
        const ssize_t got = ::recvmsg(fd_, &message, MSG_DONTWAIT);
        return fmt::format("{} flags {}", result(got), message.msg_flags);
    }

    std::string option(const std::string& name, const std::string& argument, int value) {
        if (name == "fionread") {
            int queued = 0;
            const int error = ::ioctl(fd_, FIONREAD, &queued);
            return error < 0 ? result(error) : std::to_string(queued);
        }
        if (name == "lowat") {
            return result(::setsockopt(fd_, SOL_SOCKET, SO_RCVLOWAT, &value, sizeof(value)));
        }
        if (name == "timeo") {
            const timeval limit{value / 1000, value % 1000 * 1000L};
            return result(::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
        }
        if (name == "poll") {
            pollfd one{fd_, POLLIN | POLLRDHUP, 0};
            const int ready = ::poll(&one, 1, 0);
            return fmt::format("{} {:x}", result(ready), one.revents);
        }
        if (name == "ulp") {
            return result(::setsockopt(fd_, IPPROTO_TCP, TCP_ULP, argument.c_str(),
                                       static_cast<socklen_t>(argument.size() + 1)));
        }
        if (name == "ulp?") {
            std::array<char, 16> ulp{};
            socklen_t size = ulp.size();
            const int error = ::getsockopt(fd_, IPPROTO_TCP, TCP_ULP, ulp.data(), &size);
            return error < 0 ? result(error) : fmt::format("'{}'", ulp.data());
        }
        if (name == "oob") {
            char byte = 0;
            const ssize_t got = ::recv(fd_, &byte, 1, MSG_OOB | MSG_DONTWAIT);
            return result(got) + (got == 1 ? fmt::format(" {}", byte) : "");
        }
        if (name == "send-oob") {
            return result(::send(fd_, "?", 1, MSG_OOB));
        }
        if (name == "disconnect") {
            sockaddr nobody{};
            nobody.sa_family = AF_UNSPEC;
            return result(::connect(fd_, &nobody, sizeof(nobody)));
        }
        if (name == "sockmap") {
            return into_sockmap(fd_);
        }
        if (name == "shutdown") {
            return result(::shutdown(fd_, SHUT_RD));
        }
        return "?";
    }

    int fd_;
    Fd epoll_;
    std::vector<char> buffer_;
};

} // namespace

int calls_toy(const std::vector<std::string>& arguments) {
    const Namespace ns = Namespace::here();
    const auto port = static_cast<std::uint16_t>(std::stoi(arguments.at(1)));
    Fd listener;
    if (arguments.size() > 2 && arguments[2] == "mptcp") {
        listener = Fd(check(::socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP), "mptcp socket"));
        sockaddr_in any{};
        any.sin_family = AF_INET;
        any.sin_port = htons(port);
        check(::bind(listener.get(), reinterpret_cast<sockaddr*>(&any), sizeof(any)), "bind");
        check(::listen(listener.get(), 8), "listen");
    } else {
        listener = listen_on(ns, port);
    }
    std::cout << "ready" << std::endl;

    std::string command;
    std::getline(std::cin, command); // "accept"
    const Fd connection(check(::accept(listener.get(), nullptr, nullptr), "accept"));
    Calls calls(connection.get());
    std::cout << "accepted" << std::endl;
    while (std::getline(std::cin, command)) {
        std::cout << calls.call(command) << std::endl;
    }
    return 0;
}

} // namespace guest
