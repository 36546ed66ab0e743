// SPDX-License-Identifier: GPL-2.0
// Memory, and sockets that read into it and send from it, call by call as it is told on stdin: one
// line each, and one as an answer. Behind the memory lies a page that nobody can read.
//
//   accept                  the next socket, numbered from 0 on
//   recv S AT LEN           one recv(2) into the memory
//   send S AT LEN [FLAG]... one send(2) from it: more, eor, dontroute, dontwait, zerocopy
//   send-later S AT LEN MS  the same by a thread, with MSG_ZEROCOPY, which waits so long
//   sent?                   what that gave
//   sndbuf S BYTES
//   notices S               the numbers that the error queue says were sent
//   cost S AT LEN N         processor time in microseconds of N tries to send that memory a
//   thousand
//                           times, none of which may wait
//   put AT HEX              writes bytes
//   get AT LEN              and reads them
//   copy TO FROM LEN
//   repeat AT LEN FROM N    fills with what N bytes elsewhere are
#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <ctime>
#include <iostream>
#include <sstream>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "http.hpp"
#include "toy.hpp"
#include "wire.hpp"

namespace guest {
namespace {

constexpr std::size_t room = 4 << 20;

std::string result(ssize_t value) {
    return value < 0 ? std::strerror(errno) : std::to_string(value);
}

int flag(const std::string& name) {
    return name == "more"        ? MSG_MORE
           : name == "eor"       ? MSG_EOR
           : name == "dontroute" ? MSG_DONTROUTE
           : name == "dontwait"  ? MSG_DONTWAIT
           : name == "zerocopy"  ? MSG_ZEROCOPY
                                 : 0;
}

class Hands {
public:
    explicit Hands(Fd listener)
        : listener_(std::move(listener))
        , memory_(static_cast<char*>(::mmap(nullptr, room + 4096, PROT_READ | PROT_WRITE,
                                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
        std::memset(memory_, '.', room);
        check(::mprotect(memory_ + room, 4096, PROT_NONE), "mprotect");
    }

    std::string call(const std::string& command) {
        std::istringstream words(command);
        std::string name;
        words >> name;
        if (name == "accept") {
            sockets_.emplace_back(check(::accept(listener_.get(), nullptr, nullptr), "accept"));
            return std::to_string(sockets_.size() - 1);
        }
        if (name == "sent?") {
            sender_.join();
            return said_;
        }
        if (name == "put" || name == "get" || name == "copy" || name == "repeat") {
            return edit(name, words);
        }
        std::size_t number = 0;
        std::size_t at = 0;
        std::size_t size = 0;
        words >> number >> at >> size;
        const int fd = sockets_.at(number).get();
        if (name == "recv") {
            return result(::recv(fd, memory_ + at, size, 0));
        }
        if (name == "send") {
            return send(fd, at, size, words);
        }
        if (name == "send-later") {
            return send_later(fd, at, size, words);
        }
        if (name == "sndbuf") {
            const int bytes = static_cast<int>(at);
            return result(::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)));
        }
        if (name == "notices") {
            return notices(fd);
        }
        if (name == "cost") {
            return cost(fd, at, size, words);
        }
        return "?";
    }

private:
    std::string edit(const std::string& name, std::istringstream& words) {
        std::size_t at = 0;
        words >> at;
        if (name == "put") {
            std::string hex;
            words >> hex;
            const auto bytes = from_hex(hex);
            std::memcpy(memory_ + at, bytes.data(), bytes.size());
            return "done";
        }
        std::size_t first = 0;
        std::size_t second = 0;
        std::size_t third = 0;
        words >> first >> second >> third;
        if (name == "get") {
            return to_hex(std::as_bytes(std::span(memory_ + at, first)));
        }
        if (name == "copy") {
            std::memmove(memory_ + at, memory_ + first, second);
        }
        for (std::size_t done = 0; name == "repeat" && done < first; done += third) {
            std::memmove(memory_ + at + done, memory_ + second, std::min(third, first - done));
        }
        return "done";
    }

    static void want_notices(int fd) {
        const int on = 1;
        check(::setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)), "SO_ZEROCOPY");
    }

    std::string send(int fd, std::size_t at, std::size_t size, std::istringstream& words) {
        int flags = MSG_NOSIGNAL;
        for (std::string each; words >> each;) {
            flags |= flag(each);
        }
        if ((flags & MSG_ZEROCOPY) != 0) {
            want_notices(fd);
        }
        return result(::send(fd, memory_ + at, size, flags));
    }

    std::string send_later(int fd, std::size_t at, std::size_t size, std::istringstream& words) {
        int patience = 0;
        words >> patience;
        const timeval limit{patience / 1000, patience % 1000 * 1000L};
        check(::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)), "SO_SNDTIMEO");
        want_notices(fd);
        sender_ = std::jthread([this, fd, at, size] {
            said_ = result(::send(fd, memory_ + at, size, MSG_NOSIGNAL | MSG_ZEROCOPY));
        });
        ::usleep(100'000);
        return "waits";
    }

    static std::string notices(int fd) {
        std::string all;
        for (;;) {
            std::array<char, 256> control{};
            msghdr message{};
            message.msg_control = control.data();
            message.msg_controllen = control.size();
            if (::recvmsg(fd, &message, MSG_ERRQUEUE) < 0) {
                return all;
            }
            for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr;
                 one = CMSG_NXTHDR(&message, one)) {
                sock_extended_err error{};
                std::memcpy(&error, CMSG_DATA(one), sizeof(error));
                for (auto id = error.ee_info; id <= error.ee_data; ++id) {
                    all += fmt::format("{} ", id);
                }
            }
        }
    }

    std::string cost(int fd, std::size_t at, std::size_t size, std::istringstream& words) {
        int tries = 0;
        words >> tries;
        std::vector<iovec> parts(1000, iovec{memory_ + at, size});
        msghdr message{};
        message.msg_iov = parts.data();
        message.msg_iovlen = parts.size();
        timespec before{};
        timespec after{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
        for (; tries > 0; --tries) {
            ::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        }
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
        return std::to_string((after.tv_sec - before.tv_sec) * 1'000'000 +
                              (after.tv_nsec - before.tv_nsec) / 1000);
    }

    Fd listener_;
    std::vector<Fd> sockets_;
    char* memory_;
    std::string said_;
    std::jthread sender_;
};

} // namespace

int hands_toy(const std::vector<std::string>& arguments) {
    const Namespace ns = Namespace::here();
    Hands hands(listen_on(ns, static_cast<std::uint16_t>(std::stoi(arguments.at(1)))));
    std::cout << "ready" << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
        std::cout << hands.call(line) << std::endl;
    }
    return 0;
}

} // namespace guest
