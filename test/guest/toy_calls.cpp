// SPDX-License-Identifier: GPL-2.0
// Accepts one connection and makes the socket calls that it is told on stdin, one a line; answers
// with what each gave. What plain TCP answers to a script, an attached socket must answer too.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/errqueue.h>
#include <linux/kcm.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <iostream>
#include <latch>
#include <map>
#include <span>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "own_ktls.hpp"
#include "ring_tls.hpp"
#include "toy.hpp"
#include "wire.hpp"

namespace guest {
namespace {

constexpr std::size_t room = 1 << 20;

std::string result(ssize_t value) {
    return value < 0 ? std::strerror(errno) : std::to_string(value);
}

/// The same of a call that has its errno in its result.
std::string outcome(int value) {
    return value < 0 ? std::strerror(-value) : std::to_string(value);
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

/// A socket filter for KCM: every message is this long.
Fd messages_of(std::int32_t size) {
    const auto code = std::to_array<bpf_insn>({
        {BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, size},
        {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
    });
    bpf_attr load{};
    load.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
    load.insns = reinterpret_cast<std::uint64_t>(code.data());
    load.insn_cnt = code.size();
    load.license = reinterpret_cast<std::uint64_t>("GPL");
    return Fd(check(static_cast<int>(::syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load))),
                    "BPF_PROG_LOAD"));
}

class Calls {
public:
    Calls(Fd socket, int first_listener)
        : first_listener_(first_listener)
        , socket_(std::move(socket))
        , fd_(socket_.get())
        , buffer_(room, '.') {
        epoll_ = Fd(check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create"));
        epoll_event edge{EPOLLIN | EPOLLRDHUP | EPOLLET, {}};
        check(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd_, &edge), "epoll_ctl");
    }

    std::string call(const std::string& command) {
        std::istringstream words(command);
        std::string name;
        std::string argument;
        std::string more;
        words >> name >> argument >> more;
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
        if (name == "splice") {
            return splice(size);
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
        if (name == "answer") {
            return answer(size, std::stoul(more), 0);
        }
        if (name == "answer-zerocopy") {
            return answer_zerocopy(size);
        }
        if (name == "next") {
            socket_ = Fd(::accept(first_listener_, nullptr, nullptr));
            fd_ = socket_.get();
            return socket_ ? "accepted" : result(-1);
        }
        if (name == "key12" || name == "key13") {
            return keys(name == "key12" ? TLS_1_2_VERSION : TLS_1_3_VERSION, size);
        }
        if (name == "renew-tx") {
            return beside([this] { return result(renew_tx(fd_)); });
        }
        if (name == "renew-rx") {
            return beside([this] { return result(renew_rx(fd_)); });
        }
        if (name == "record") {
            return record(static_cast<unsigned char>(size), std::stoul(more));
        }
        if (name == "outgoing") {
            return outgoing(argument, more);
        }
        if (name == "keys-at-once") {
            return keys_at_once();
        }
        if (name == "send-while") {
            return send_while(argument, std::chrono::microseconds(std::stoul(more)));
        }
        if (name == "send-handshake") {
            const auto bytes = body_seen(size, std::stoul(more));
            return result(send_handshake(
                fd_, {reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()}));
        }
        if (name == "send-while-closed") {
            return send_while_closed(std::chrono::milliseconds(size));
        }
        if (name == "send-while-ring") {
            return outcome(send_while_ring_asks_for_tls(fd_, body_seen(0, 60'000),
                                                        std::chrono::milliseconds(size)));
        }
        if (name == "send-while-ring-alone") {
            return outcome(send_while_ring_asks_for_tls(std::move(socket_), body_seen(0, 60'000),
                                                        std::chrono::milliseconds(size)));
        }
        if (name == "answer-without") {
            return answer_without(size, std::stoul(more));
        }
        if (name == "slice") {
            return slice(size, std::stoul(more));
        }
        if (name == "send-blocked") {
            return send_blocked(size);
        }
        if (name == "send-some") {
            return send_some(size);
        }
        if (name == "sent?") {
            sender_.join();
            return sent_ == static_cast<ssize_t>(blocked_.size()) ? "all" : "not all";
        }
        if (name == "connect") {
            return connect(argument, more);
        }
        if (name == "reconnect") {
            disconnect();
            return connect(argument, more);
        }
        if (name == "listen") {
            return listen(static_cast<std::uint16_t>(size));
        }
        return option(name, argument, static_cast<int>(size));
    }

private:
    ssize_t receive(std::size_t size, int flags) {
        return ::recv(fd_, buffer_.data(), size, flags);
    }

    /// All of it, through a pipe.
    std::string splice(std::size_t size) {
        const Pipe pipe;
        std::size_t done = 0;
        while (done < size) {
            const ssize_t moved =
                ::splice(fd_, nullptr, pipe.write.get(), nullptr, size - done, SPLICE_F_MOVE);
            if (moved <= 0) {
                return result(moved);
            }
            for (ssize_t left = moved; left > 0;) {
                const ssize_t got = check(
                    ::read(pipe.read.get(), buffer_.data() + done, static_cast<std::size_t>(left)),
                    "read");
                left -= got;
                done += static_cast<std::size_t>(got);
            }
        }
        return std::to_string(done);
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

    /// In one call: a head, and so many bytes of the body that was read last.
    std::string answer(std::size_t length, std::size_t size, int flags) {
        const std::string_view seen(buffer_.data(), 4096);
        std::string head = fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", length);
        std::array<iovec, 2> parts{
            {{head.data(), head.size()}, {buffer_.data() + seen.find("\r\n\r\n") + 4, size}}};
        msghdr message{};
        message.msg_iov = parts.data();
        message.msg_iovlen = parts.size();
        return result(::sendmsg(fd_, &message, flags | MSG_NOSIGNAL));
    }

    /// The body of 60'000 bytes that was read last, copied, but for so many from an offset on.
    std::string answer_without(std::size_t offset, std::size_t size) const {
        constexpr std::size_t length = 60'000;
        const std::string_view seen(buffer_.data(), 4096);
        const std::string_view body(buffer_.data() + seen.find("\r\n\r\n") + 4, length);
        const std::string bytes =
            fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}{}", length,
                        body.substr(0, offset), body.substr(offset + size));
        return result(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
    }

    /// kTLS, as if so many records had been read before; none was written.
    std::string keys(std::uint16_t version, std::uint64_t records) const {
        if (ask_for_tls(fd_) < 0) {
            return result(-1);
        }
        const int tx = own_key(fd_, TLS_TX, version, 0);
        return result(tx < 0 ? tx : own_key(fd_, TLS_RX, version, records));
    }

    /// As a TLS library writes it: of this type, with so many bytes in it.
    std::string record(unsigned char type, std::size_t size) const {
        std::string bytes(5 + size, '.');
        bytes[0] = static_cast<char>(type);
        bytes[1] = 3;
        bytes[2] = 3;
        bytes[3] = static_cast<char>(size >> 8U);
        bytes[4] = static_cast<char>(size);
        return result(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
    }

    /// From here on the calls go to a connection of this process's own.
    std::string outgoing(const std::string& address, const std::string& port) {
        socket_ = Fd(check(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
        fd_ = socket_.get();
        return connect(address, port);
    }

    /// By a second thread: the files are shared, and nobody else is in a call.
    static std::string beside(const std::function<std::string()>& call) {
        std::string said;
        std::jthread([&] { said = call(); }).join();
        return said;
    }

    /// By three threads, and nothing in between.
    std::string keys_at_once() const {
        std::latch start(3);
        const auto at_once = [&](auto call) {
            return std::jthread([this, &start, call] {
                start.arrive_and_wait();
                call(fd_);
            });
        };
        const auto asking = at_once([](int fd) { ask_for_tls(fd); });
        const auto tx = at_once([](int fd) { own_key(fd, TLS_TX, TLS_1_2_VERSION, 0); });
        const auto rx = at_once([](int fd) { own_key(fd, TLS_RX, TLS_1_2_VERSION, 0); });
        return "done";
    }

    /// The body of 60'000 bytes that was read last, while another thread asks for TLS or sets keys:
    /// what was sent.
    std::string send_while(const std::string& what, std::chrono::microseconds later) const {
        if (what != "asking") {
            ask_for_tls(fd_);
        }
        if (what == "rx-behind-tx") {
            own_key(fd_, TLS_TX, TLS_1_2_VERSION, 0);
        }
        std::latch start(2);
        const std::jthread other([&] {
            start.arrive_and_wait();
            if (what == "asking") {
                ask_for_tls(fd_);
            } else {
                own_key(fd_, what == "tx" ? TLS_TX : TLS_RX, TLS_1_2_VERSION, 0);
            }
        });
        start.arrive_and_wait();
        const auto until = std::chrono::steady_clock::now() + later;
        while (std::chrono::steady_clock::now() < until) {
        }
        return slice(0, 60'000);
    }

    /// The same while one thread asks for TLS and a third one closes the file: each begins when
    /// the one before had its `turn`.
    std::string send_while_closed(std::chrono::milliseconds turn) {
        std::string sent;
        {
            const std::jthread asking([fd = fd_] { ask_for_tls(fd); });
            std::this_thread::sleep_for(turn);
            const std::jthread sending([&] { sent = slice(0, 60'000); });
            std::this_thread::sleep_for(turn);
            socket_.reset();
        }
        return sent;
    }

    /// So many bytes of the body that was read last, from an offset on.
    std::string slice(std::size_t offset, std::size_t size) const {
        const auto bytes = body_seen(offset, size);
        return result(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
    }
    std::span<const char> body_seen(std::size_t offset, std::size_t size) const {
        const std::string_view seen(buffer_.data(), 4096);
        return std::span(buffer_).subspan(seen.find("\r\n\r\n") + 4 + offset, size);
    }

    /// An answer of which so many bytes can be read, and no more.
    std::string send_some(std::size_t size) const {
        constexpr std::size_t page = 4096;
        const std::size_t readable = (size + page - 1) / page * page;
        void* const memory = ::mmap(nullptr, readable + page, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) {
            return result(-1);
        }
        char* const end = static_cast<char*>(memory) + readable;
        check(::mprotect(end, page, PROT_NONE), "mprotect");
        const std::string head =
            fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 2 * size);
        std::memset(memory, 'x', readable);
        std::memcpy(end - size, head.data(), head.size());
        const std::string sent = result(::send(fd_, end - size, size + page, MSG_NOSIGNAL));
        ::munmap(memory, readable + page);
        return sent;
    }

    /// A thread that sends an answer of so many bytes and more, until it waits for room.
    std::string send_blocked(std::size_t length) {
        blocked_ = fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", length * 100);
        blocked_.append(length * 100, 'x');
        sender_ = std::jthread([this, fd = fd_] {
            sent_ = ::send(fd, blocked_.data(), blocked_.size(), MSG_NOSIGNAL);
        });
        int before = -1;
        return eventually([&] {
            int queued = 0;
            ::usleep(20'000);
            ::ioctl(fd_, SIOCOUTQ, &queued);
            return queued > 0 && std::exchange(before, queued) == queued;
        })
                   ? "waits"
                   : "does not wait";
    }

    ssize_t disconnect() const {
        sockaddr nobody{};
        nobody.sa_family = AF_UNSPEC;
        return ::connect(fd_, &nobody, sizeof(nobody));
    }

    /// And what the error queue says when the kernel has read it.
    std::string answer_zerocopy(std::size_t length) {
        const int on = 1;
        check(::setsockopt(fd_, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)), "SO_ZEROCOPY");
        const std::string sent = answer(length, length, MSG_ZEROCOPY);
        return sent + " " + notices();
    }

    /// The error queue when all that was sent has arrived.
    std::string notices() const {
        std::string all;
        if (!eventually([this] {
                int left = 0;
                return ::ioctl(fd_, SIOCOUTQ, &left) < 0 || left == 0;
            })) {
            all = "not all was acknowledged, ";
        }
        for (;;) {
            std::array<char, 256> control{};
            msghdr message{};
            message.msg_control = control.data();
            message.msg_controllen = control.size();
            if (::recvmsg(fd_, &message, MSG_ERRQUEUE) < 0) {
                return all + result(-1);
            }
            for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr;
                 one = CMSG_NXTHDR(&message, one)) {
                if ((one->cmsg_level == SOL_IPV6 && one->cmsg_type == IPV6_RECVERR) ||
                    (one->cmsg_level == SOL_IP && one->cmsg_type == IP_RECVERR)) {
                    sock_extended_err error{};
                    std::memcpy(&error, CMSG_DATA(one), sizeof(error));
                    all += fmt::format("{}: {} to {}, ", error.ee_origin, error.ee_info,
                                       error.ee_data);
                }
            }
        }
    }

    std::string connect(const std::string& address, const std::string& port) const {
        sockaddr_in6 where{};
        where.sin6_family = AF_INET6;
        where.sin6_port = htons(static_cast<std::uint16_t>(std::stoi(port)));
        ::inet_pton(AF_INET6, ("::ffff:" + address).c_str(), &where.sin6_addr);
        return result(::connect(fd_, reinterpret_cast<sockaddr*>(&where), sizeof(where)));
    }

    std::string listen(std::uint16_t port) const {
        const int on = 1;
        check(::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), "SO_REUSEADDR");
        sockaddr_in6 any{};
        any.sin6_family = AF_INET6;
        any.sin6_port = htons(port);
        if (::bind(fd_, reinterpret_cast<sockaddr*>(&any), sizeof(any)) < 0) {
            return result(-1);
        }
        return result(::listen(fd_, 8));
    }

    /// From here on the calls go to a connection that this socket accepts.
    std::string accept() {
        Fd child(::accept(fd_, nullptr, nullptr));
        if (!child) {
            return result(-1);
        }
        listener_ = std::move(socket_);
        socket_ = std::move(child);
        fd_ = socket_.get();
        return "accepted";
    }

    /// The kernel reads the stream for a KCM socket, in messages of 1000 bytes.
    std::string by_kcm(std::size_t count) {
        if (!kcm_) {
            kcm_ = Fd(check(::socket(AF_KCM, SOCK_SEQPACKET | SOCK_CLOEXEC, KCMPROTO_CONNECTED),
                            "AF_KCM"));
            tame(kcm_.get());
            const Fd program = messages_of(1000);
            kcm_attach attach{fd_, program.get()};
            check(::ioctl(kcm_.get(), SIOCKCMATTACH, &attach), "SIOCKCMATTACH");
        }
        std::string all;
        for (; count > 0; --count) {
            const ssize_t got = ::recv(kcm_.get(), buffer_.data(), room, 0);
            all += result(got) +
                   (got > 0 ? fmt::format(" {:x}, ", hash(buffer_.data(), std::size_t(got))) : "");
        }
        return all;
    }

    std::string option(const std::string& name, const std::string& argument, int value) {
        if (name == "fionread") {
            int queued = 0;
            const int error = ::ioctl(fd_, FIONREAD, &queued);
            return error < 0 ? result(error) : std::to_string(queued);
        }
        if (name == "outq") {
            int queued = 0;
            const int error = ::ioctl(fd_, SIOCOUTQ, &queued);
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
        if (name == "close") {
            socket_.reset();
            return "closed";
        }
        if (name == "disconnect") {
            return result(disconnect());
        }
        if (name == "sockmap") {
            return into_sockmap(fd_);
        }
        if (name == "shutdown") {
            return result(::shutdown(fd_, argument == "wr"     ? SHUT_WR
                                          : argument == "rdwr" ? SHUT_RDWR
                                                               : SHUT_RD));
        }
        if (name == "peek-off") {
            return result(::setsockopt(fd_, SOL_SOCKET, SO_PEEK_OFF, &value, sizeof(value)));
        }
        if (name == "peek-off?") {
            socklen_t size = sizeof(value);
            const int error = ::getsockopt(fd_, SOL_SOCKET, SO_PEEK_OFF, &value, &size);
            return error < 0 ? result(error) : std::to_string(value);
        }
        if (name == "say") {
            return result(::send(fd_, argument.data(), argument.size(), MSG_NOSIGNAL));
        }
        if (name == "stamps") {
            const int flags = SOF_TIMESTAMPING_TX_ACK | SOF_TIMESTAMPING_SOFTWARE |
                              SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY;
            return result(::setsockopt(fd_, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof(flags)));
        }
        if (name == "notices") {
            return notices();
        }
        if (name == "accept") {
            return accept();
        }
        if (name == "kcm") {
            return by_kcm(static_cast<std::size_t>(value));
        }
        return "?";
    }

    int first_listener_;
    Fd socket_;
    Fd listener_;
    int fd_;
    Fd kcm_;
    Fd epoll_;
    std::vector<char> buffer_;
    std::string blocked_;
    std::atomic<ssize_t> sent_ = 0;
    std::jthread sender_;
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
    Calls calls(Fd(check(::accept(listener.get(), nullptr, nullptr), "accept")), listener.get());
    std::cout << "accepted" << std::endl;
    while (std::getline(std::cin, command)) {
        std::cout << calls.call(command) << std::endl;
    }
    return 0;
}

} // namespace guest
