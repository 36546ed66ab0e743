// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_PROC_FILES_HPP
#define LIBRA_PROC_FILES_HPP

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <libra/unique_fd.hpp>

namespace libra::detail {

/// What is read of one file at most, bytes: a configuration that is larger is
/// not believed to be one.
inline constexpr std::size_t file_limit = 16U << 20U;

/// The rest of an open file; nothing on an error or beyond `file_limit`.
std::optional<std::string> read_all(int fd);

/// The content of a file; nothing when it cannot be read.
std::optional<std::string> read_file(const std::filesystem::path& path);

/// /proc/<pid>/<entry>
std::filesystem::path proc_path(std::uint32_t pid, std::string_view entry);

/// A pidfd; none when there is no such process.
UniqueFd open_process(std::uint32_t pid);

/// True when both processes run the same file.
bool same_executable(std::uint32_t one, std::uint32_t other);

/// True when both processes are in the same namespace of a kind ("mnt", "user").
bool same_namespace(std::uint32_t one, std::uint32_t other, std::string_view kind);

} // namespace libra::detail

#endif
