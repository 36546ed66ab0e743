// SPDX-License-Identifier: GPL-2.0
// Accepts one connection and, told on stdin, a line each, answers requests over it with their own
// bodies:
//
//   READ WRITE    by which door the request is read, and by which the answer is written
//
// Says "done", or what went wrong.
#include <fcntl.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstring>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <vector>

#include <fmt/format.h>
#include <liburing.h>

#include "toy.hpp"
#include "wire.hpp"

namespace guest {
namespace {

constexpr std::size_t room = 1 << 20;
constexpr std::size_t piece = 32'768;

/// Memory whose second half a program may not touch, for now.
class Halved {
public:
    Halved()
        : bytes_(static_cast<char*>(::mmap(nullptr, 2 * piece, PROT_READ | PROT_WRITE,
                                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
        std::memset(bytes_, '.', 2 * piece);
    }
    Halved(const Halved&) = delete;
    Halved& operator=(const Halved&) = delete;
    ~Halved() { ::munmap(bytes_, 2 * piece); }

    char* bytes() { return bytes_; }
    void close() { ::mprotect(bytes_ + piece, piece, PROT_NONE); }
    void open() { ::mprotect(bytes_ + piece, piece, PROT_READ | PROT_WRITE); }

private:
    char* bytes_;
};

/// A ring for a call at a time.
class Ring {
public:
    Ring() { must(::io_uring_queue_init(4, &ring_, 0), "io_uring"); }
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;
    ~Ring() { ::io_uring_queue_exit(&ring_); }

    void know(const iovec& memory) {
        must(::io_uring_register_buffers(&ring_, &memory, 1), "io_uring_register_buffers");
    }
    io_uring_sqe* call() { return ::io_uring_get_sqe(&ring_); }

    /// Result and errno as of a system call, when the kernel has let go of the memory too.
    ssize_t complete() {
        int result = 0;
        must(::io_uring_submit(&ring_), "io_uring_submit");
        for (bool more = true; more;) {
            io_uring_cqe* done = nullptr;
            must(::io_uring_wait_cqe(&ring_, &done), "io_uring_wait_cqe");
            // what follows with "more" is the notification of a zero-copy send
            if ((done->flags & IORING_CQE_F_NOTIF) == 0) {
                result = done->res;
            }
            more = (done->flags & IORING_CQE_F_MORE) != 0;
            ::io_uring_cqe_seen(&ring_, done);
        }
        errno = result < 0 ? -result : 0;
        return result < 0 ? -1 : result;
    }

private:
    static void must(int result, const char* what) {
        if (result < 0) {
            throw std::system_error(-result, std::generic_category(), what);
        }
    }

    io_uring ring_{};
};

class Doors {
public:
    explicit Doors(int fd)
        : fd_(fd)
        , store_(room, '.') {}

    void serve(const std::string& reading, const std::string& writing) {
        size_ = 0;
        std::size_t whole = 0;
        while (whole == 0 || size_ < whole) {
            if (read_by(reading) == 0) {
                throw std::runtime_error("the connection ends");
            }
            const std::string_view seen(store_.data(), std::min<std::size_t>(size_, 4096));
            const auto end = seen.find("\r\n\r\n");
            const auto length = seen.find("Content-Length: ");
            if (whole == 0 && end != std::string_view::npos && length != std::string_view::npos) {
                head_ = end + 4;
                whole = head_ + std::stoul(std::string(seen.substr(length + 16)));
            }
        }
        const std::string head =
            fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", size_ - head_);
        check(::send(fd_, head.data(), head.size(), MSG_MORE), "send");
        for (std::size_t at = head_; at < size_;) {
            at += write_by(writing, at);
        }
    }

private:
    char* here() { return store_.data() + size_; }
    std::size_t left() const { return room - size_; }

    template <typename T>
    void set(int level, int option, T value, const char* what) const {
        check(::setsockopt(fd_, level, option, &value, sizeof(value)), what);
    }

    /// With a control buffer, as programs have that want time stamps.
    ssize_t receive_message() {
        std::array<char, 512> control{};
        iovec span{here(), left()};
        msghdr message{};
        message.msg_iov = &span;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        return ::recvmsg(fd_, &message, 0);
    }

    ssize_t receive_mapped() {
        char* window = static_cast<char*>(::mmap(nullptr, piece, PROT_READ, MAP_SHARED, fd_, 0));
        if (window == MAP_FAILED) {
            return -1;
        }
        tcp_zerocopy_receive ask{};
        ask.address = reinterpret_cast<std::uint64_t>(window);
        ask.length = piece;
        socklen_t size = sizeof(ask);
        const int error = ::getsockopt(fd_, IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE, &ask, &size);
        if (error == 0 && ask.length != 0) {
            std::memcpy(here(), window, ask.length);
        }
        ::munmap(window, piece);
        if (error < 0) {
            return -1;
        }
        return ask.length != 0 ? ask.length : ::recv(fd_, here(), piece, 0);
    }

    ssize_t receive_by_pipe() {
        const Pipe pipe;
        const ssize_t moved = ::splice(fd_, nullptr, pipe.write.get(), nullptr, piece, 0);
        return moved <= 0 ? moved : ::read(pipe.read.get(), here(), left());
    }

    ssize_t receive_peeked() {
        std::vector<char> seen(piece);
        check(::recv(fd_, seen.data(), seen.size(), MSG_PEEK), "peek");
        return ::recv(fd_, here(), left(), 0);
    }

    /// The second half of the buffer appears when the call has failed, or given less.
    ssize_t receive_halved() {
        Halved memory;
        memory.close();
        ssize_t got = ::recv(fd_, memory.bytes() + 1000, 2 * piece - 1000, 0);
        memory.open();
        if (got < 0 && errno == EFAULT) {
            got = ::recv(fd_, memory.bytes() + 1000, 2 * piece - 1000, 0);
        }
        if (got > 0) {
            std::memcpy(here(), memory.bytes() + 1000, static_cast<std::size_t>(got));
        }
        return got;
    }

    ssize_t receive_provided() {
        Ring ring;
        ::io_uring_prep_provide_buffers(ring.call(), here(), static_cast<int>(piece), 1, 7, 0);
        ring.complete();
        io_uring_sqe* call = ring.call();
        ::io_uring_prep_recv(call, fd_, nullptr, piece, 0);
        call->flags |= IOSQE_BUFFER_SELECT;
        call->buf_group = 7;
        return ring.complete();
    }

    /// Into memory that a ring knows already.
    ssize_t receive_registered() {
        Ring ring;
        const iovec memory{here(), piece};
        ring.know(memory);
        ::io_uring_prep_read_fixed(ring.call(), fd_, here(), piece, 0, 0);
        return ring.complete();
    }

    ssize_t receive_many() {
        std::array<iovec, 2> spans{{{here(), 1000}, {here() + 1000, left() - 1000}}};
        std::array<mmsghdr, 2> messages{};
        for (std::size_t i = 0; i < 2; ++i) {
            messages.at(i).msg_hdr.msg_iov = &spans.at(i);
            messages.at(i).msg_hdr.msg_iovlen = 1;
        }
        const int count = ::recvmmsg(fd_, messages.data(), 2, MSG_WAITFORONE, nullptr);
        if (count < 0) {
            return -1;
        }
        return messages[0].msg_len + (count == 2 ? messages[1].msg_len : 0);
    }

    ssize_t receive_ready() {
        pollfd one{fd_, POLLIN, 0};
        ::poll(&one, 1, -1);
        return ::recv(fd_, here(), left(), MSG_DONTWAIT);
    }

    std::size_t read_by(const std::string& door) {
        const std::map<std::string, std::function<ssize_t()>> doors = {
            {"recv", [this] { return ::recv(fd_, here(), left(), 0); }},
            {"read", [this] { return ::read(fd_, here(), left()); }},
            {"nonblocking", [this] { return receive_ready(); }},
            {"peek", [this] { return receive_peeked(); }},
            {"peek-off",
             [this] {
                 set(SOL_SOCKET, SO_PEEK_OFF, 0, "SO_PEEK_OFF");
                 const ssize_t got = receive_peeked();
                 set(SOL_SOCKET, SO_PEEK_OFF, -1, "SO_PEEK_OFF");
                 return got;
             }},
            {"recvmmsg", [this] { return receive_many(); }},
            {"busy-poll",
             [this] {
                 set(SOL_SOCKET, SO_BUSY_POLL, 50, "SO_BUSY_POLL");
                 return ::recv(fd_, here(), left(), 0);
             }},
            {"oob-inline",
             [this] {
                 set(SOL_SOCKET, SO_OOBINLINE, 1, "SO_OOBINLINE");
                 return ::recv(fd_, here(), left(), 0);
             }},
            {"provided-buffers", [this] { return receive_provided(); }},
            {"registered-buffer", [this] { return receive_registered(); }},
            {"fault", [this] { return receive_halved(); }},
            {"timestamp",
             [this] {
                 set(SOL_SOCKET, SO_TIMESTAMPNS, 1, "SO_TIMESTAMPNS");
                 return receive_message();
             }},
            {"timestamping",
             [this] {
                 set(SOL_SOCKET, SO_TIMESTAMPING,
                     SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE, "SO_TIMESTAMPING");
                 return receive_message();
             }},
            {"inq",
             [this] {
                 set(IPPROTO_TCP, TCP_INQ, 1, "TCP_INQ");
                 return receive_message();
             }},
            {"zerocopy", [this] { return receive_mapped(); }},
            {"splice", [this] { return receive_by_pipe(); }},
            {"repair",
             [this] {
                 set(IPPROTO_TCP, TCP_REPAIR, 1, "TCP_REPAIR");
                 set(IPPROTO_TCP, TCP_REPAIR, -1, "TCP_REPAIR");
                 return ::recv(fd_, here(), left(), 0);
             }},
        };
        const auto got = static_cast<std::size_t>(check(doors.at(door)(), door));
        size_ += got;
        return got;
    }

    ssize_t send_file(std::size_t at) {
        const Fd file(check(::memfd_create("body", MFD_CLOEXEC), "memfd_create"));
        check(::write(file.get(), store_.data() + at, size_ - at), "write");
        off_t from = 0;
        return ::sendfile(fd_, file.get(), &from, size_ - at);
    }

    ssize_t send_by_pipe(std::size_t at) {
        const Pipe pipe;
        const ssize_t put =
            ::write(pipe.write.get(), store_.data() + at, std::min(size_ - at, piece));
        return put <= 0 ? put
                        : ::splice(pipe.read.get(), nullptr, fd_, nullptr,
                                   static_cast<std::size_t>(put), SPLICE_F_MORE);
    }

    ssize_t send_zerocopy(std::size_t at) {
        set(SOL_SOCKET, SO_ZEROCOPY, 1, "SO_ZEROCOPY");
        const ssize_t sent = ::send(fd_, store_.data() + at, size_ - at, MSG_ZEROCOPY);
        pollfd one{fd_, 0, 0};
        if (sent <= 0 || ::poll(&one, 1, -1) != 1) {
            return sent;
        }
        std::array<char, 200> control{};
        msghdr notice{};
        notice.msg_control = control.data();
        notice.msg_controllen = control.size();
        check(::recvmsg(fd_, &notice, MSG_ERRQUEUE), "the error queue");
        return sent;
    }

    ssize_t send_uring(std::size_t at) {
        Ring ring;
        ::io_uring_prep_send_zc(ring.call(), fd_, store_.data() + at, size_ - at, MSG_WAITALL, 0);
        return ring.complete();
    }

    /// What can be read goes out first; the rest when it is there.
    ssize_t send_halved(std::size_t at) {
        Halved memory;
        const std::size_t size = std::min(size_ - at, 2 * piece);
        std::memcpy(memory.bytes(), store_.data() + at, size);
        memory.close();
        ssize_t sent = ::send(fd_, memory.bytes(), size, 0);
        memory.open();
        if (sent < 0 && errno == EFAULT) {
            sent = ::send(fd_, memory.bytes(), size, 0);
        }
        return sent;
    }

    ssize_t send_many(std::size_t at) {
        const std::size_t half = (size_ - at + 1) / 2;
        std::array<iovec, 2> spans{
            {{store_.data() + at, half}, {store_.data() + at + half, size_ - at - half}}};
        std::array<mmsghdr, 2> messages{};
        for (std::size_t i = 0; i < 2; ++i) {
            messages.at(i).msg_hdr.msg_iov = &spans.at(i);
            messages.at(i).msg_hdr.msg_iovlen = 1;
        }
        const int count = ::sendmmsg(fd_, messages.data(), 2, 0);
        if (count < 0) {
            return -1;
        }
        return messages[0].msg_len + (count == 2 ? messages[1].msg_len : 0);
    }

    std::size_t write_by(const std::string& door, std::size_t at) {
        const char* from = store_.data() + at;
        const std::size_t size = size_ - at;
        const std::map<std::string, std::function<ssize_t()>> doors = {
            {"send", [&] { return ::send(fd_, from, size, 0); }},
            {"write", [&] { return ::write(fd_, from, size); }},
            {"eor", [&] { return ::send(fd_, from, size, MSG_EOR); }},
            {"more",
             [&] {
                 return ::send(fd_, from, std::min<std::size_t>(size, 9000),
                               size > 9000 ? MSG_MORE : 0);
             }},
            {"cork",
             [&] {
                 set(IPPROTO_TCP, TCP_CORK, 1, "TCP_CORK");
                 const ssize_t sent = ::send(fd_, from, size, 0);
                 set(IPPROTO_TCP, TCP_CORK, 0, "TCP_CORK");
                 return sent;
             }},
            {"sendmmsg", [&] { return send_many(at); }},
            {"sendfile", [&] { return send_file(at); }},
            {"splice", [&] { return send_by_pipe(at); }},
            {"fault", [&] { return send_halved(at); }},
            {"zerocopy", [&] { return send_zerocopy(at); }},
            {"send-zc", [&] { return send_uring(at); }},
        };
        return static_cast<std::size_t>(check(doors.at(door)(), door));
    }

    int fd_;
    std::vector<char> store_;
    std::size_t size_ = 0;
    std::size_t head_ = 0;
};

} // namespace

int doors_toy(const std::vector<std::string>& arguments) {
    const Namespace ns = Namespace::here();
    const Fd listener = listen_on(ns, static_cast<std::uint16_t>(std::stoi(arguments.at(1))));
    std::cout << "ready" << std::endl;
    Fd connection;
    for (std::string line; std::getline(std::cin, line);) {
        std::string answer = "done";
        std::istringstream words(line);
        std::string reading;
        std::string writing;
        words >> reading >> writing;
        try {
            if (reading == "accept") {
                connection.reset();
                connection = Fd(check(::accept(listener.get(), nullptr, nullptr), "accept"));
                undelayed(connection.get());
            } else {
                Doors(connection.get()).serve(reading, writing);
            }
        } catch (const std::exception& error) {
            answer = error.what();
        }
        std::cout << answer << std::endl;
    }
    return 0;
}

} // namespace guest
