// SPDX-License-Identifier: GPL-2.0
#include "run_in_process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc_files.hpp"
#include "words.hpp"

namespace libra::detail {
namespace {

constexpr std::chrono::seconds patience{30};
constexpr int capability_bits = 64;

/// All that the child needs, made ready before the fork: between fork and exec
/// only system calls are allowed, since other threads may hold any lock.
struct Plan {
    UniqueFd mount_namespace;
    UniqueFd net_namespace;
    UniqueFd root;
    UniqueFd directory;
    UniqueFd executable;
    Credentials credentials;
    UniqueFd output;
    UniqueFd error;
};

UniqueFd open_entry(std::uint32_t pid, std::string_view entry, int flags) {
    return UniqueFd(open(proc_path(pid, entry).c_str(), flags | O_CLOEXEC));
}

bool drop_from_bounding_set(std::uint64_t capabilities) noexcept {
    for (int each = 0; each < capability_bits; ++each) {
        // Beyond the kernel's last one it answers EINVAL, and there is nothing to drop
        if (((capabilities >> static_cast<unsigned>(each)) & 1U) == 0 &&
            prctl(PR_CAPBSET_DROP, each, 0, 0, 0) != 0 && errno != EINVAL)
            return false;
    }
    return true;
}

bool limit_capabilities(std::uint64_t capabilities) noexcept {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
    if (syscall(SYS_capget, &header, data.data()) != 0)
        return false;
    for (std::size_t i = 0; i < data.size(); ++i) {
        const auto allowed = static_cast<std::uint32_t>(capabilities >> (32 * i));
        data[i].effective &= allowed;
        data[i].permitted &= allowed;
        data[i].inheritable = 0;
    }
    return syscall(SYS_capset, &header, data.data()) == 0;
}

/// Becomes the process of the plan. Never returns; exits with 126 when it cannot.
[[noreturn]] void run_child(const Plan& plan, char* const* arguments,
                            char* const* environment) noexcept {
    const Credentials& who = plan.credentials;
    // Not to be looked into by processes of the namespaces that are entered
    const bool ready =
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
        setns(plan.net_namespace.get(), CLONE_NEWNET) == 0 &&
        setns(plan.mount_namespace.get(), CLONE_NEWNS) == 0 && fchdir(plan.root.get()) == 0 &&
        chroot(".") == 0 && fchdir(plan.directory.get()) == 0 &&
        drop_from_bounding_set(who.capabilities) &&
        setgroups(who.groups.size(), who.groups.data()) == 0 &&
        setresgid(who.gid, who.gid, who.gid) == 0 && setresuid(who.uid, who.uid, who.uid) == 0 &&
        limit_capabilities(who.capabilities) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
    const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (ready && dup2(plan.output.get(), STDOUT_FILENO) >= 0 &&
        dup2(plan.error.get(), STDERR_FILENO) >= 0) {
        if (null >= 0)
            dup2(null, STDIN_FILENO);
        else
            close(STDIN_FILENO);
        syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
        syscall(SYS_execveat, plan.executable.get(), "", arguments, environment, AT_EMPTY_PATH);
    }
    _exit(126);
}

/// Reads both pipes until they end or time is up; false in the latter case.
bool drain(int output, int error, RunResult& result, std::string& errors) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    std::array<pollfd, 2> waits{{{output, POLLIN, 0}, {error, POLLIN, 0}}};
    std::array<std::string*, 2> texts{&result.output, &errors};
    while (waits[0].fd >= 0 || waits[1].fd >= 0) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0)
            return false;
        if (poll(waits.data(), waits.size(), static_cast<int>(left.count())) < 0 && errno != EINTR)
            return false;
        for (std::size_t i = 0; i < waits.size(); ++i) {
            if (waits[i].fd < 0 || waits[i].revents == 0)
                continue;
            std::array<char, 16384> chunk{};
            const ssize_t length = read(waits[i].fd, chunk.data(), chunk.size());
            if (length > 0 && texts[i]->size() < file_limit)
                texts[i]->append(chunk.data(), static_cast<std::size_t>(length));
            else if (length == 0 || (length < 0 && errno != EINTR))
                waits[i].fd = -1;
        }
    }
    return true;
}

int wait_for(pid_t child) {
    int status = -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

std::uint32_t number(const std::string& text, int base) {
    std::uint32_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value, base);
    return value;
}

} // namespace

Credentials parse_credentials(const std::string& status) {
    Credentials credentials;
    for (const std::string_view line : split(status, '\n')) {
        const auto words = split_words(line);
        if (words.size() < 2)
            continue;
        if (words[0] == "Uid:" && words.size() > 2) {
            credentials.uid = number(words[2], 10);
        } else if (words[0] == "Gid:" && words.size() > 2) {
            credentials.gid = number(words[2], 10);
        } else if (words[0] == "Groups:") {
            for (auto word = words.begin() + 1; word != words.end(); ++word)
                credentials.groups.push_back(number(*word, 10));
        } else if (words[0] == "CapPrm:") {
            std::from_chars(words[1].data(), words[1].data() + words[1].size(),
                            credentials.capabilities, 16);
        }
    }
    return credentials;
}

RunResult run_in_process(std::uint32_t pid, const std::vector<std::string>& arguments) {
    RunResult result;
    if (!same_namespace(pid, static_cast<std::uint32_t>(getpid()), "user")) {
        result.error = "it is in a user namespace of its own";
        return result;
    }
    const auto status = read_file(proc_path(pid, "status"));
    std::array<int, 2> output_pipe{-1, -1};
    std::array<int, 2> error_pipe{-1, -1};
    if (!status || pipe2(output_pipe.data(), O_CLOEXEC) != 0) {
        result.error = std::strerror(errno);
        return result;
    }
    const UniqueFd output(output_pipe[0]);
    Plan plan;
    plan.output.reset(output_pipe[1]);
    if (pipe2(error_pipe.data(), O_CLOEXEC) != 0) {
        result.error = std::strerror(errno);
        return result;
    }
    const UniqueFd error(error_pipe[0]);
    plan.error.reset(error_pipe[1]);
    plan.mount_namespace = open_entry(pid, "ns/mnt", O_RDONLY);
    plan.net_namespace = open_entry(pid, "ns/net", O_RDONLY);
    plan.root = open_entry(pid, "root", O_PATH | O_DIRECTORY);
    plan.directory = open_entry(pid, "cwd", O_PATH | O_DIRECTORY);
    plan.executable = open_entry(pid, "exe", O_PATH);
    plan.credentials = parse_credentials(*status);
    if (!plan.mount_namespace || !plan.net_namespace || !plan.root || !plan.directory ||
        !plan.executable) {
        result.error = std::strerror(errno);
        return result;
    }

    std::vector<std::string> copies = arguments;
    std::vector<char*> argument_pointers;
    std::transform(copies.begin(), copies.end(), std::back_inserter(argument_pointers),
                   [](std::string& each) { return each.data(); });
    argument_pointers.push_back(nullptr);
    std::string path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    std::string locale = "LC_ALL=C";
    const std::array<char*, 3> environment{path.data(), locale.data(), nullptr};

    const pid_t child = fork();
    if (child < 0) {
        result.error = std::strerror(errno);
        return result;
    }
    if (child == 0)
        run_child(plan, argument_pointers.data(), environment.data());
    plan.output.reset();
    plan.error.reset();
    std::string errors;
    const bool in_time = drain(output.get(), error.get(), result, errors);
    if (!in_time)
        kill(child, SIGKILL);
    const int exit_status = wait_for(child);
    result.ok = in_time && WIFEXITED(exit_status) && WEXITSTATUS(exit_status) == 0;
    if (result.ok)
        return result;
    if (!in_time)
        result.error = fmt::format("it did not end within {} seconds", patience.count());
    else if (!trim(errors).empty())
        result.error = trim(errors);
    else
        result.error = "its executable could not be run in its namespaces";
    return result;
}

} // namespace libra::detail
