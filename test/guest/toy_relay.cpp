// SPDX-License-Identifier: GPL-2.0
// A blocking HTTP relay, one exchange at a time. Before each it is told on stdin how to treat the
// answer; after it, it says on stdout what it saw and how its sending went.
//
//   copy              as it came
//   slice FROM TO     that range of the body, as a 206
//   again             the answer before, out of the same memory, without asking upstream
//   cut-marker        a slice, copied together, of which the end of a chunk cuts the first marker
//   header            as it came, and the first 32 bytes of the body in a header
//   token             a body of those 32 bytes and zeros
//   swap              the second half of the body before the first
//   edit              with a few bytes of the body overwritten
//   crumbs            in chunks: each of its first bytes one of its own, sent from where it lies
//   crumbs-at-once    the same, copied together and sent by one call
//   cut-among-old K   in chunks, copied together: of its own bytes, of more of them and the first K
//                     of the body, and of the rest; the answer's memory held older markers before
//   look-for-like     as it came; a token is said if it had a marker that goes on behind its byte 9
//                     as framing begins
//   cut-among-like K  as cut-among-old, with that one as the older marker
//   fork              sent by a child that has inherited socket and memory
//   fork-first        all of it done by a child that has inherited the client's socket
//   fastopen          to an upstream that is connected by MSG_FASTOPEN
//   fastopen-connect  the same by TCP_FASTOPEN_CONNECT
//   listened          to an upstream that is connected by a socket that listened and was shut down
//   listened-unspec   the same, disconnected
//   mptcp, smc        to an upstream that is connected by a socket of that protocol
// "untouched" behind a mode: buffers that nobody has written to before.
// Without an exchange: "take PID FD" gets a copy of another process's descriptor, "listen-mptcp"
// listens, "drop" closes both.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cstring>
#include <iostream>
#include <sstream>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "http.hpp"
#include "toy.hpp"
#include "wire.hpp"

namespace guest {
namespace {

constexpr std::size_t room = 8 << 20;
constexpr std::string_view line_end = "\r\n";
constexpr std::string_view last_chunk = "\r\n0\r\n\r\n";
constexpr std::size_t marker_length = 32;
constexpr std::size_t marker_step = 4096;

/// Where the first marker at or behind `from` stands that has one on either side; 0: none does.
std::size_t find_marker(std::string_view body, std::size_t from) {
    const std::string_view magic = body.substr(0, 4);
    for (std::size_t at = std::max(from, marker_step); at + marker_step + 4 <= body.size(); ++at) {
        if (body.substr(at - marker_step, 4) == magic && body.substr(at, 4) == magic &&
            body.substr(at + marker_step, 4) == magic) {
            return at;
        }
    }
    return 0;
}

/// The first marker that looks like one cut behind its byte 9: a line's end follows.
std::string like_cut_marker(std::string_view body) {
    const std::string_view magic = body.substr(0, 8);
    for (std::size_t at = body.find(magic, marker_step);
         at != std::string_view::npos && at + marker_length <= body.size();
         at = body.find(magic, at + 1)) {
        if (body[at + 9] == '\r') {
            return std::string(body.substr(at, marker_length));
        }
    }
    return {};
}

/// Memory of its own, and the message in it.
class Message {
public:
    /// Memory that is full of `before`, and untouched when that is empty.
    explicit Message(std::string_view before)
        : bytes_(static_cast<char*>(
              ::mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
        for (std::size_t at = 0; !before.empty() && at + before.size() <= room;
             at += before.size()) {
            std::memcpy(bytes_ + at, before.data(), before.size());
        }
    }
    Message(const Message&) = delete;
    Message& operator=(const Message&) = delete;
    ~Message() { ::munmap(bytes_, room); }

    /// Reads a head and as much as its Content-Length says; false at an end or an error.
    bool receive(int fd) {
        while (head_ == 0) {
            if (!more(fd)) {
                return false;
            }
            const std::string_view seen(bytes_, std::min<std::size_t>(size_, 8192));
            if (const auto end = seen.find("\r\n\r\n"); end != std::string_view::npos) {
                head_ = end + 4;
            }
        }
        const std::size_t whole = head_ + length();
        while (size_ < whole) {
            if (!more(fd)) {
                return false;
            }
        }
        return true;
    }

    std::string_view head() const { return {bytes_, head_}; }
    std::string_view body() const { return {bytes_ + head_, size_ - head_}; }
    char* body_bytes() { return bytes_ + head_; }
    std::string_view all() const { return {bytes_, size_}; }
    int error() const { return error_; }

    /// The head with another Content-Length and one more line.
    std::string head_with(std::size_t length, const std::string& line = {}) const {
        return head_without_length() + fmt::format("Content-Length: {}\r\n", length) + line +
               "\r\n";
    }

    std::string head_in_chunks() const {
        return head_without_length() + "Transfer-Encoding: chunked\r\n\r\n";
    }

private:
    bool more(int fd) {
        const ssize_t got = ::recv(fd, bytes_ + size_, room - size_, 0);
        if (got <= 0) {
            error_ = got < 0 ? errno : 0;
            return false;
        }
        size_ += static_cast<std::size_t>(got);
        return true;
    }

    std::string head_without_length() const {
        std::istringstream lines{std::string(head())};
        std::string text;
        for (std::string each; std::getline(lines, each);) {
            if (each != "\r" && !is_length(each)) {
                text += each + "\n";
            }
        }
        return text;
    }

    static bool is_length(const std::string& line) {
        return ::strncasecmp(line.c_str(), "content-length:", 15) == 0;
    }

    std::size_t length() const {
        std::istringstream lines{std::string(head())};
        for (std::string each; std::getline(lines, each);) {
            if (is_length(each)) {
                return std::stoull(each.substr(15));
            }
        }
        return 0;
    }

    char* bytes_;
    std::size_t size_ = 0;
    std::size_t head_ = 0;
    int error_ = 0;
};

int send_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0) {
            return errno;
        }
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return 0;
}

class Relay {
public:
    Relay(std::uint16_t port, std::string address, std::uint16_t upstream)
        : ns_(Namespace::here())
        , listener_(listen_on(ns_, port))
        , address_(std::move(address))
        , upstream_(upstream) {}

    std::string serve(const std::string& command) {
        std::istringstream words(command);
        mode_ = {};
        words >> mode_;
        if (mode_ == "take" || mode_ == "listen-mptcp" || mode_ == "drop") {
            return keep(words);
        }
        from_ = to_ = 0;
        if (mode_ == "slice") {
            words >> from_ >> to_;
        }
        if (mode_.starts_with("cut-among-")) {
            words >> to_;
        }
        std::string more;
        touched_ = !(words >> more);
        token_ = "-";

        const Fd client(
            check(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"));
        const int error = mode_ == "fork-first" ? in_child([&] { return exchange(client.get()); })
                                                : exchange(client.get());
        return fmt::format("token={} errno={}", token_, error);
    }

private:
    int exchange(int client) {
        Message request(touched());
        if (!request.receive(client)) {
            return request.error();
        }
        if (mode_ == "again") {
            return send_all(client, before_->all());
        }
        Fd server;
        if (const int error = ask(request, server); error != 0) {
            return error;
        }
        auto answer = std::make_unique<Message>(before());
        if (!answer->receive(server.get())) {
            return answer->error() != 0 ? answer->error() : EPIPE;
        }
        if (mode_ == "look-for-like") {
            like_ = like_cut_marker(answer->body());
        }
        if (answer->body().size() >= 32 && (mode_ != "look-for-like" || !like_.empty())) {
            token_ = to_hex(std::as_bytes(std::span(answer->body().substr(0, 32))));
        }
        server.reset();
        const int error = mode_ == "fork" ? in_child([&] { return respond(client, *answer); })
                                          : respond(client, *answer);
        before_ = std::move(answer);
        return error;
    }

    std::string_view touched() const { return touched_ ? "." : ""; }

    /// What an answer's memory is full of before it comes.
    std::string_view before() const {
        if (mode_ == "cut-among-like") {
            return like_;
        }
        return mode_ == "cut-among-old" ? older_marker() : touched();
    }

    /// Of the answer before, one far behind its token.
    std::string_view older_marker() const {
        const std::string_view body = before_->body();
        return body.substr(find_marker(body, body.size() / 2), marker_length);
    }

    /// What it does without an exchange.
    std::string keep(std::istringstream& words) {
        kept_.reset();
        if (mode_ == "take") {
            pid_t pid = 0;
            int fd = -1;
            words >> pid >> fd;
            const Fd process(check(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)), "pidfd"));
            kept_ = Fd(check(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), fd, 0)),
                             "pidfd_getfd"));
        } else if (mode_ == "listen-mptcp") {
            kept_ = stream(AF_INET, IPPROTO_MPTCP);
            check(::listen(kept_.get(), 1), "listen");
        }
        return mode_;
    }

    static Fd stream(int family, int protocol) {
        return Fd(check(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, protocol), "socket"));
    }

    /// The upstream is not connected as usual.
    bool strange() const {
        return mode_.starts_with("fastopen") || mode_.starts_with("listened") || mode_ == "mptcp" ||
               mode_ == "smc";
    }

    /// A socket that is not connected yet.
    Fd upstream_socket() const {
        if (mode_ == "mptcp") {
            return stream(AF_INET, IPPROTO_MPTCP);
        }
        if (mode_ == "smc") {
            return stream(AF_SMC, 0);
        }
        Fd fd = stream(AF_INET, 0);
        if (mode_.starts_with("listened")) {
            check(::listen(fd.get(), 1), "listen");
            sockaddr none{};
            none.sa_family = AF_UNSPEC;
            check(mode_ == "listened" ? ::shutdown(fd.get(), SHUT_RD)
                                      : ::connect(fd.get(), &none, sizeof(none)),
                  "back from listening");
        }
        if (mode_ == "fastopen-connect") {
            const int on = 1;
            check(::setsockopt(fd.get(), IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on)),
                  "TCP_FASTOPEN_CONNECT");
        }
        return fd;
    }

    int ask(const Message& request, Fd& server) {
        if (!strange()) {
            server = connect_to(ns_, address_, upstream_);
            return send_all(server.get(), request.all());
        }
        server = upstream_socket();
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(upstream_);
        ::inet_pton(AF_INET, address_.c_str(), &to.sin_addr);
        const auto* address = reinterpret_cast<const sockaddr*>(&to);
        std::string_view all = request.all();
        if (mode_ == "fastopen") {
            const ssize_t sent = ::sendto(server.get(), all.data(), all.size(),
                                          MSG_FASTOPEN | MSG_NOSIGNAL, address, sizeof(to));
            if (sent < 0) {
                return errno;
            }
            all.remove_prefix(static_cast<std::size_t>(sent));
        } else if (::connect(server.get(), address, sizeof(to)) < 0) {
            return errno;
        }
        return send_all(server.get(), all);
    }

    int respond(int client, Message& answer) {
        const std::string_view body = answer.body();
        const std::string token(body.substr(0, 32));
        if (mode_ == "slice") {
            return send_both(client, answer.head_with(to_ - from_),
                             body.substr(from_, to_ - from_));
        }
        if (mode_ == "cut-marker") {
            return send_both(client, answer.head_in_chunks(), with_cut_marker(body));
        }
        if (mode_ == "header") {
            return send_both(client, answer.head_with(body.size(), "X-Token: " + token + "\r\n"),
                             body);
        }
        if (mode_ == "token") {
            return send_both(client, answer.head_with(body.size()),
                             token + std::string(body.size() - token.size(), '\0'));
        }
        if (mode_ == "swap") {
            const auto half = body.size() / 2;
            const int error = send_both(client, answer.head_with(body.size()), body.substr(half));
            return error != 0 ? error : send_all(client, body.substr(0, half));
        }
        if (mode_ == "crumbs") {
            return send_crumbs(client, answer,
                               [&](std::string_view each) { return send_all(client, each); });
        }
        if (mode_ == "crumbs-at-once") {
            std::string all;
            const int error = send_crumbs(client, answer, [&](std::string_view each) {
                all += each;
                return 0;
            });
            return error != 0 ? error : send_all(client, all);
        }
        if (mode_.starts_with("cut-among-")) {
            return send_both(client, answer.head_in_chunks(),
                             in_chunk(std::string(300, 'x')) +
                                 in_chunk(std::string(100, 'y').append(body.substr(0, to_))) +
                                 in_chunk(body.substr(to_)) + "0\r\n\r\n");
        }
        if (mode_ == "edit") {
            std::memcpy(answer.body_bytes() + body.size() / 2 / 4096 * 4096, "edited edited edited",
                        20);
        }
        return send_all(client, answer.all());
    }

    static std::string in_chunk(std::string_view bytes) {
        return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
    }

    /// 2000 bytes and 13 of a marker, the rest of it and all up to the next one.
    static std::string with_cut_marker(std::string_view body) {
        const std::size_t at = find_marker(body, marker_step);
        const std::string_view part = body.substr(at - 2000, 2000 + marker_step + 100);
        return in_chunk(part.substr(0, 2013)) + in_chunk(part.substr(2013)) + "0\r\n\r\n";
    }

    template <typename Send>
    static int send_crumbs(int client, const Message& answer, Send&& send) {
        constexpr std::size_t crumbs = 40;
        const std::string_view body = answer.body();
        int error = send_all(client, answer.head_in_chunks());
        for (std::size_t at = 0; at < crumbs && error == 0; ++at) {
            for (const auto& each : {std::string_view("1\r\n"), body.substr(at, 1), line_end}) {
                error = error != 0 ? error : send(each);
            }
        }
        const std::string size = fmt::format("{:x}\r\n", body.size() - crumbs);
        for (const auto& each : {std::string_view(size), body.substr(crumbs), last_chunk}) {
            error = error != 0 ? error : send(each);
        }
        return error;
    }

    static int send_both(int fd, const std::string& head, std::string_view body) {
        const int error = send_all(fd, head);
        return error != 0 ? error : send_all(fd, body);
    }

    template <typename Work>
    int in_child(Work&& work) {
        const pid_t pid = check(::fork(), "fork");
        if (pid == 0) {
            ::_exit(work());
        }
        int status = 0;
        ::waitpid(pid, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
    }

    Namespace ns_;
    Fd listener_;
    std::string address_;
    std::uint16_t upstream_;
    Fd kept_;
    std::string mode_;
    std::size_t from_ = 0;
    std::size_t to_ = 0;
    bool touched_ = true;
    std::string token_;
    std::unique_ptr<Message> before_;
    std::string like_; ///< see like_cut_marker()
};

} // namespace

int relay_toy(const std::vector<std::string>& arguments) {
    Relay relay(static_cast<std::uint16_t>(std::stoi(arguments.at(1))), arguments.at(2),
                static_cast<std::uint16_t>(std::stoi(arguments.at(3))));
    std::cout << "ready" << std::endl;
    for (std::string command; std::getline(std::cin, command);) {
        std::cout << relay.serve(command) << std::endl;
    }
    return 0;
}

} // namespace guest
