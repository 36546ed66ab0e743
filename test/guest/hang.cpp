// SPDX-License-Identifier: GPL-2.0
#include "hang.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <limits>
#include <map>
#include <sstream>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "fd.hpp"
#include "process.hpp"

namespace guest {
namespace {

namespace fs = std::filesystem;

constexpr int frames = 12;

std::vector<fs::path> entries(const fs::path& directory) {
    std::vector<fs::path> all;
    std::error_code ended;
    for (fs::directory_iterator it(directory, ended), end; !ended && it != end;
         it.increment(ended)) {
        all.push_back(it->path());
    }
    return all;
}

/// The innermost calls, without offsets.
std::string stack_of(const fs::path& task) {
    std::istringstream lines(slurp(task / "stack"));
    std::string calls;
    int count = 0;
    for (std::string mark, call; count < frames && lines >> mark >> call; ++count) {
        lines.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
        calls += " " + call.substr(0, call.find('+'));
    }
    return calls;
}

void describe_threads(pid_t pid, std::string& text) {
    const fs::path process = fmt::format("/proc/{}", pid);
    for (const fs::path& task : entries(process / "task")) {
        std::string name = slurp(task / "comm");
        name = name.substr(0, name.find('\n'));
        text += fmt::format("{} {}:{}\n", name, task.filename().string(), stack_of(task));
    }
    for (const pid_t child : children(pid)) {
        describe_threads(child, text);
    }
}

void describe_sockets(std::string& text) {
    std::map<std::string, fs::path> namespaces;
    for (const fs::path& fd : entries("/proc/self/fd")) {
        std::error_code closed;
        const std::string to = fs::read_symlink(fd, closed).string();
        if (!closed && to.starts_with("net:[")) {
            namespaces.emplace(to, fd);
        }
    }
    for (const auto& [name, path] : namespaces) {
        const Fd ns(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        ProcessOptions options;
        options.netns = ns.get();
        // which would hang as well where a socket's lock is never given back
        text += run({"timeout", "20", "ss", "-tnoHim", "state", "connected"}, options).out;
    }
}

} // namespace

std::string describe_hang(const std::string& what) {
    std::string text = what + " hangs\n";
    describe_threads(::getpid(), text);
    describe_sockets(text);
    return text;
}

} // namespace guest
