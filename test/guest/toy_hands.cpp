// SPDX-License-Identifier: GPL-2.0
// Memory, and sockets that read into it and send from it, call by call as it is told on stdin: one
// line each, and one as an answer. Behind the memory lies a page that nobody can read.
//
//   accept                  the next socket, numbered from 0 on
//   recv S AT LEN           one recv(2) into the memory
//   recvmsg S AT LEN AT LEN one recvmsg(2) into two pieces of it
//   send S AT LEN [FLAG]... one send(2) from it: more, eor, dontroute, dontwait
//   put AT HEX              writes bytes
//   get AT LEN              and reads them
//   copy TO FROM LEN
//   repeat AT LEN FROM N    fills with what N bytes elsewhere are
#include <arpa/inet.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <iostream>
#include <sstream>
#include <vector>

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
        if (name == "recvmsg") {
            return receive_scattered(fd, at, size, words);
        }
        if (name == "send") {
            return send(fd, at, size, words);
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

    std::string receive_scattered(int fd, std::size_t at, std::size_t size,
                                  std::istringstream& words) {
        std::size_t second_at = 0;
        std::size_t second_size = 0;
        words >> second_at >> second_size;
        std::array<iovec, 2> pieces{{{memory_ + at, size}, {memory_ + second_at, second_size}}};
        msghdr message{};
        message.msg_iov = pieces.data();
        message.msg_iovlen = pieces.size();
        return result(::recvmsg(fd, &message, 0));
    }

    std::string send(int fd, std::size_t at, std::size_t size, std::istringstream& words) {
        int flags = MSG_NOSIGNAL;
        for (std::string each; words >> each;) {
            flags |= flag(each);
        }
        return result(::send(fd, memory_ + at, size, flags));
    }
    Fd listener_;
    std::vector<Fd> sockets_;
    char* memory_;
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
