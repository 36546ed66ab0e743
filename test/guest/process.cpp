// SPDX-License-Identifier: GPL-2.0
#include "process.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "hang.hpp"

namespace guest {
namespace {

using Block = std::array<char, 4096>;

/// Between fork and exec: system calls only.
[[noreturn]] void become(char** argv, const ProcessOptions& options, int in, int out, int err) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (in >= 0) {
        ::dup2(in, 0);
    }
    if (out >= 0) {
        ::dup2(out, 1);
    }
    if (err >= 0) {
        ::dup2(err, 2);
    }
    if (options.netns >= 0 && ::setns(options.netns, CLONE_NEWNET) < 0) {
        ::_exit(126);
    }
    if (options.uid) {
        if (::setgroups(0, nullptr) < 0 || ::setgid(*options.uid) < 0 ||
            ::setuid(*options.uid) < 0) {
            ::_exit(126);
        }
    }
    ::execvp(argv[0], argv);
    ::_exit(127);
}

pid_t start(const std::vector<std::string>& argv, const ProcessOptions& options, int in, int out,
            int err) {
    std::vector<char*> args;
    args.reserve(argv.size() + 1);
    for (const std::string& arg : argv) {
        args.push_back(const_cast<char*>(arg.c_str()));
    }
    args.push_back(nullptr);
    // vfork would be cheaper, but the child changes its namespace and its user.
    const pid_t pid = check(::fork(), "fork");
    if (pid == 0) {
        become(args.data(), options, in, out, err);
    }
    return pid;
}

int exit_code(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

} // namespace

std::chrono::seconds hang_guard_from_environment() {
    const char* text = std::getenv("LIBRA_TEST_HANG_GUARD");
    return std::chrono::seconds(text == nullptr ? 60 : std::strtol(text, nullptr, 10));
}

bool await(std::span<pollfd> fds, std::chrono::milliseconds guard) {
    constexpr std::chrono::milliseconds slice(1000);
    for (std::chrono::milliseconds waited{0}; waited < guard; waited += slice) {
        const auto left = std::min(slice, guard - waited);
        if (check(uninterrupted([&] {
                      return ::poll(fds.data(), fds.size(), static_cast<int>(left.count()));
                  }),
                  "poll") > 0) {
            return true;
        }
    }
    return false;
}

Process::Process(const std::vector<std::string>& argv, const ProcessOptions& options) {
    Fd log;
    if (!options.output.empty()) {
        log = Fd(
            check(::open(options.output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644),
                  options.output));
    }
    if (options.pipes) {
        Pipe in;
        Pipe out;
        pid_ = start(argv, options, in.read.get(), out.write.get(), log.get());
        in_ = std::move(in.write);
        out_ = std::move(out.read);
    } else {
        pid_ = start(argv, options, -1, log.get(), log.get());
    }
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1))
    , in_(std::move(other.in_))
    , out_(std::move(other.out_))
    , pending_(std::move(other.pending_)) {}

Process& Process::operator=(Process&& other) noexcept {
    if (this != &other) {
        kill();
        pid_ = std::exchange(other.pid_, -1);
        in_ = std::move(other.in_);
        out_ = std::move(other.out_);
        pending_ = std::move(other.pending_);
    }
    return *this;
}

Process::~Process() {
    kill();
}

void Process::signal(int number) const {
    if (pid_ > 0) {
        ::kill(pid_, number);
    }
}

std::optional<int> Process::wait(std::chrono::milliseconds guard) {
    if (pid_ <= 0) {
        return std::nullopt;
    }
    int status = 0;
    if (!eventually([&] { return ::waitpid(pid_, &status, WNOHANG) != 0; }, guard)) {
        return std::nullopt;
    }
    pid_ = -1;
    return exit_code(status);
}

void Process::stop() {
    in_.reset();
    signal(SIGTERM);
    if (!wait()) {
        kill();
    }
}

void Process::kill() {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
}

void Process::write_line(const std::string& line) {
    const std::string whole = line + "\n";
    check(::write(in_.get(), whole.data(), whole.size()), "write to child");
}

std::string Process::read_line() {
    Block block;
    for (;;) {
        if (const auto end = pending_.find('\n'); end != std::string::npos) {
            std::string line = pending_.substr(0, end);
            pending_.erase(0, end + 1);
            return line;
        }
        pollfd wait_for{out_.get(), POLLIN, 0};
        if (!await({&wait_for, 1})) {
            throw std::runtime_error(describe_hang("a child process"));
        }
        const ssize_t got =
            check(::read(out_.get(), block.data(), block.size()), "read from child");
        if (got == 0) {
            return std::exchange(pending_, {});
        }
        pending_.append(block.data(), static_cast<std::size_t>(got));
    }
}

RunResult run(const std::vector<std::string>& argv, const ProcessOptions& options,
              const std::string& input) {
    Pipe in;
    Pipe out;
    const pid_t pid = start(argv, options, in.read.get(), out.write.get(), out.write.get());
    in.read.reset();
    out.write.reset();
    if (!input.empty()) {
        check(::write(in.write.get(), input.data(), input.size()), "write to " + argv[0]);
    }
    in.write.reset();

    RunResult result;
    Block block;
    for (;;) {
        pollfd wait_for{out.read.get(), POLLIN, 0};
        if (!await({&wait_for, 1})) {
            result.out += "\n(killed) " + describe_hang(argv[0]);
            ::kill(pid, SIGKILL);
            break;
        }
        const ssize_t got = check(::read(out.read.get(), block.data(), block.size()), argv[0]);
        if (got == 0) {
            break;
        }
        result.out.append(block.data(), static_cast<std::size_t>(got));
    }
    int status = 0;
    check(::waitpid(pid, &status, 0), "waitpid");
    result.code = exit_code(status);
    return result;
}

std::vector<pid_t> children(pid_t pid) {
    const std::string id = std::to_string(pid);
    std::istringstream list(slurp("/proc/" + id + "/task/" + id + "/children"));
    return {std::istream_iterator<pid_t>(list), std::istream_iterator<pid_t>()};
}

std::string slurp(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    // a process whose file this is may end meanwhile: that is not thrown on
    text << file.rdbuf();
    return text.str();
}

void spew(const std::string& path, const std::string& text) {
    std::ofstream file(path, std::ios::trunc);
    file << text;
    if (!file.flush()) {
        throw std::runtime_error("cannot write " + path);
    }
}

} // namespace guest
