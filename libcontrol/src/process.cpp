// SPDX-License-Identifier: GPL-2.0
#include <libra/process.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <map>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libra/error.hpp>

#include "proc_files.hpp"
#include "process.hpp"
#include "words.hpp"

namespace libra {
namespace fs = std::filesystem;

namespace detail {

std::optional<ProcessStat> parse_stat(std::string_view text) {
    // The name is in parentheses and may itself hold blanks and parentheses
    const std::size_t open = text.find('(');
    const std::size_t close = text.rfind(')');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open)
        return std::nullopt;
    ProcessStat result;
    result.comm = text.substr(open + 1, close - open - 1);
    const auto fields = split_words(text.substr(close + 1));
    if (fields.size() < 2)
        return std::nullopt;
    result.state = fields[0].front();
    const std::string& parent = fields[1];
    std::from_chars(parent.data(), parent.data() + parent.size(), result.parent);
    return result;
}

std::vector<std::string> parse_arguments(std::string_view cmdline) {
    while (cmdline.ends_with('\0'))
        cmdline.remove_suffix(1);
    std::vector<std::string> arguments;
    if (cmdline.empty())
        return arguments;
    for (const std::string_view part : split(cmdline, '\0'))
        arguments.emplace_back(part);
    return arguments;
}

std::vector<std::uint32_t> all_processes() {
    std::vector<std::uint32_t> pids;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator("/proc", error)) {
        const std::string name = entry.path().filename().string();
        std::uint32_t pid = 0;
        const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
        if (parsed.ec == std::errc() && parsed.ptr == name.data() + name.size())
            pids.push_back(pid);
    }
    std::sort(pids.begin(), pids.end());
    return pids;
}

std::optional<ProcessStat> read_stat(std::uint32_t pid) {
    const auto text = read_file(proc_path(pid, "stat"));
    return text ? parse_stat(*text) : std::nullopt;
}

} // namespace detail

Process read_process(std::uint32_t pid) {
    const auto stat = detail::read_stat(pid);
    if (!stat)
        throw Error(ErrorKind::not_found, ESRCH, fmt::format("there is no process {}", pid),
                    "look it up with pgrep or ps");
    if (stat->state == 'Z' || stat->state == 'X')
        throw Error(ErrorKind::not_found, ESRCH,
                    fmt::format("process {} ({}) is dead", pid, stat->comm),
                    "name the process that took its place");

    Process process;
    process.pid = pid;
    process.parent = stat->parent;
    process.state = stat->state;
    process.comm = stat->comm;
    std::error_code error;
    process.exe = fs::read_symlink(detail::proc_path(pid, "exe"), error).string();
    if (error.value() == ENOENT)
        throw Error(ErrorKind::not_found, ESRCH,
                    fmt::format("process {} ({}) has no executable: it is a kernel thread", pid,
                                stat->comm),
                    "name a process of the proxy");
    if (error)
        throw Error(ErrorKind::no_privilege, error.value(),
                    fmt::format("process {} ({}) cannot be looked at", pid, stat->comm),
                    "run it as root: CAP_SYS_PTRACE is needed");
    constexpr std::string_view deleted = " (deleted)";
    if (process.exe.ends_with(deleted))
        process.exe.resize(process.exe.size() - deleted.size());
    process.arguments =
        detail::parse_arguments(detail::read_file(detail::proc_path(pid, "cmdline")).value_or(""));
    return process;
}

std::vector<std::uint32_t> process_tree(std::uint32_t pid) {
    std::multimap<std::uint32_t, std::uint32_t> children;
    for (const std::uint32_t each : detail::all_processes()) {
        if (const auto stat = detail::read_stat(each); stat)
            children.emplace(stat->parent, each);
    }
    std::vector<std::uint32_t> tree{pid};
    for (std::size_t next = 0; next < tree.size(); ++next) {
        const auto [first, last] = children.equal_range(tree[next]);
        for (auto child = first; child != last; ++child)
            tree.push_back(child->second);
    }
    return tree;
}

std::vector<std::uint32_t> processes_running(const std::string& exe) {
    std::vector<std::uint32_t> pids;
    struct stat wanted = {};
    if (stat(exe.c_str(), &wanted) != 0)
        return pids;
    for (const std::uint32_t pid : detail::all_processes()) {
        struct stat found = {};
        if (stat(detail::proc_path(pid, "exe").c_str(), &found) == 0 &&
            found.st_dev == wanted.st_dev && found.st_ino == wanted.st_ino)
            pids.push_back(pid);
    }
    return pids;
}

} // namespace libra
