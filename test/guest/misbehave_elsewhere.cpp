// SPDX-License-Identifier: GPL-2.0
// The same work in other processes and threads, over descriptors and memory that they share.
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <thread>

#include "misbehave_run.hpp"

namespace guest::misbehave {
namespace {

enum Exit { exit_good = 0, exit_broken = 1 };

/// A descriptor that went through a unix socket.
Fd passed(int fd) {
    std::array<int, 2> ends{};
    check(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends.data()), "socketpair");
    const Fd in(ends[0]);
    const Fd out(ends[1]);
    char byte = 'x';
    iovec data{&byte, 1};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control{};
    auto* rights = reinterpret_cast<cmsghdr*>(control.data());
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(control.data() + CMSG_LEN(0), &fd, sizeof(fd));
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    check(::sendmsg(in.get(), &message, 0), "send rights");
    message.msg_controllen = control.size();
    check(::recvmsg(out.get(), &message, MSG_CMSG_CLOEXEC), "receive rights");
    std::memcpy(&fd, control.data() + CMSG_LEN(0), sizeof(fd));
    return Fd(fd);
}

bool ended_well(pid_t pid) {
    int status = 0;
    check(::waitpid(pid, &status, 0), "waitpid");
    if (!WIFEXITED(status)) {
        throw Wrong("a child died");
    }
    return WEXITSTATUS(status) == exit_good;
}

} // namespace

void Run::in_child(const std::function<void()>& work) {
    const pid_t pid = check(::fork(), "fork");
    if (pid == 0) {
        int code = exit_good;
        try {
            work();
        } catch (const Broken&) {
            code = exit_broken;
        } catch (const std::exception& error) {
            report_.wrong(error.what());
            code = exit_broken;
        }
        ::_exit(code);
    }
    if (!ended_well(pid)) {
        throw Broken("in a child");
    }
}

/// The bytes of a message as they lie in memory, sent by a program that knows nothing of them.
void Run::by_program(const Output& output, Dice& dice) {
    const Progress progress{&output, &channel(output.line).store};
    const Fd body(check(::memfd_create("body", 0), "memfd_create"));
    const Fd socket(check(::dup(channel(output.line).fd.get()), "dup")); // not closed by exec
    for (const iovec& span : gather(progress, UINT64_MAX, dice)) {
        check(::write(body.get(), span.iov_base, span.iov_len), "write to a file");
    }
    const pid_t pid = check(::fork(), "fork");
    if (pid == 0) {
        const std::string in = std::to_string(body.get());
        const std::string out = std::to_string(socket.get());
        ::execl("/proc/self/exe", "libra-guest", "--toy", "misbehave-send", in.c_str(), out.c_str(),
                nullptr);
        ::_exit(exit_broken);
    }
    const bool good = ended_well(pid);
    // the program leaves the file's position where its sending ended
    report_.sent(output.line) += static_cast<std::uint64_t>(::lseek(body.get(), 0, SEEK_CUR));
    if (!good) {
        throw Broken("in another program");
    }
}

void Run::elsewhere(const Move& move, Dice& dice) {
    Channel& from = channel(move.line);
    const auto way = dice.between(0, 6);
    if (way == 0) {
        report_.did(Way::fork_all);
        in_child([&] {
            receive(move, dice);
            send_all(move, dice);
        });
        return;
    }
    const bool passes = dice.between(0, 1) == 0;
    const Fd other = passes ? passed(from.fd.get()) : Fd(check(::dup(from.fd.get()), "dup"));
    report_.did(passes ? Way::pass_descriptor : Way::dup_descriptor);
    from.reader.use(other.get());
    receive(move, dice);
    from.reader.use(from.fd.get());
    if (way == 1) {
        report_.did(Way::fork_sender);
        in_child([&] { send_all(move, dice); });
    } else if (way == 2) {
        report_.did(Way::exec_sender);
        for (const Output& output : move.outputs) {
            by_program(output, dice);
        }
    } else if (way == 3) {
        std::exception_ptr failed;
        std::thread([&] {
            try {
                send_all(move, dice);
            } catch (...) {
                failed = std::current_exception();
            }
        }).join();
        if (failed) {
            std::rethrow_exception(failed);
        }
    } else {
        send_all(move, dice);
    }
}

int send_file(const std::vector<std::string>& arguments) {
    const int file = std::stoi(arguments.at(1));
    const int socket = std::stoi(arguments.at(2));
    const off_t size = check(::lseek(file, 0, SEEK_END), "lseek");
    std::vector<char> bytes(static_cast<std::size_t>(size));
    check(::pread(file, bytes.data(), bytes.size(), 0), "pread");
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t sent =
            ::send(socket, bytes.data() + done, std::min<std::size_t>(bytes.size() - done, 50'000),
                   MSG_NOSIGNAL);
        if (sent < 0) {
            break;
        }
        done += static_cast<std::size_t>(sent);
    }
    check(::lseek(file, static_cast<off_t>(done), SEEK_SET), "lseek");
    return done == bytes.size() ? exit_good : exit_broken;
}

} // namespace guest::misbehave
