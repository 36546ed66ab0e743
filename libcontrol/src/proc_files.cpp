// SPDX-License-Identifier: GPL-2.0
#include "proc_files.hpp"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace libra::detail {
namespace {

bool same_inode(const std::filesystem::path& one, const std::filesystem::path& other) {
    struct stat a = {};
    struct stat b = {};
    return stat(one.c_str(), &a) == 0 && stat(other.c_str(), &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

} // namespace

std::optional<std::string> read_all(int fd) {
    std::string content;
    std::array<char, 16384> chunk{};
    for (;;) {
        const ssize_t length = read(fd, chunk.data(), chunk.size());
        if (length == 0)
            return content;
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0 || content.size() + static_cast<std::size_t>(length) > file_limit)
            return std::nullopt;
        content.append(chunk.data(), static_cast<std::size_t>(length));
    }
}

std::optional<std::string> read_file(const std::filesystem::path& path) {
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd)
        return std::nullopt;
    return read_all(fd.get());
}

std::filesystem::path proc_path(std::uint32_t pid, std::string_view entry) {
    return fmt::format("/proc/{}/{}", pid, entry);
}

UniqueFd open_process(std::uint32_t pid) {
    return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

bool same_executable(std::uint32_t one, std::uint32_t other) {
    return same_inode(proc_path(one, "exe"), proc_path(other, "exe"));
}

bool same_namespace(std::uint32_t one, std::uint32_t other, std::string_view kind) {
    const std::string entry = fmt::format("ns/{}", kind);
    return same_inode(proc_path(one, entry), proc_path(other, entry));
}

} // namespace libra::detail
