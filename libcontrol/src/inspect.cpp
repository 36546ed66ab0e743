// SPDX-License-Identifier: GPL-2.0
#include "inspect.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "findings.hpp"
#include "haproxy.hpp"
#include "nginx.hpp"
#include "proc_files.hpp"
#include "process.hpp"
#include "run_in_process.hpp"
#include "words.hpp"

namespace libra {
namespace {

namespace fs = std::filesystem;
using detail::Findings;

bool contains(const std::vector<std::uint32_t>& list, std::uint32_t value) {
    return std::find(list.begin(), list.end(), value) != list.end();
}

/// The topmost process of the same executable: it has the command line with the
/// configuration, which nginx's workers do not.
std::uint32_t master_of(std::uint32_t pid) {
    for (;;) {
        const auto stat = detail::read_stat(pid);
        if (!stat || stat->parent == 0 || !detail::same_executable(pid, stat->parent))
            return pid;
        pid = stat->parent;
    }
}

void inspect_nginx_process(std::uint32_t master, Findings& findings) {
    std::vector<std::string> arguments{"nginx", "-T"};
    const auto options = detail::nginx_options(detail::parse_arguments(
        detail::read_file(detail::proc_path(master, "cmdline")).value_or("")));
    arguments.insert(arguments.end(), options.begin(), options.end());
    const detail::RunResult result = detail::run_in_process(master, arguments);
    if (result.ok)
        findings.add_all(detail::inspect_nginx(result.output));
    else
        findings.refuse("unknown", fmt::format("the configuration of nginx (process {}) cannot be "
                                               "read: {}",
                                               master, detail::nginx_complaint(result.error)));
}

/// Opens a path as a process with that root would, links included.
UniqueFd open_in_root(const fs::path& root, const fs::path& path, int flags) {
    const UniqueFd directory(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
    how.resolve = RESOLVE_IN_ROOT;
    return UniqueFd(
        static_cast<int>(syscall(SYS_openat2, directory.get(), path.c_str(), &how, sizeof(how))));
}

/// Content of a configuration file, or of all *.cfg of a directory, in order.
std::optional<std::string> read_configuration(const fs::path& root, const fs::path& path) {
    const UniqueFd fd = open_in_root(root, path, O_RDONLY);
    struct stat info = {};
    if (!fd || fstat(fd.get(), &info) != 0)
        return std::nullopt;
    if (!S_ISDIR(info.st_mode))
        return detail::read_all(fd.get());
    std::set<std::string> names;
    std::error_code error;
    for (const auto& entry :
         fs::directory_iterator(fmt::format("/proc/self/fd/{}", fd.get()), error)) {
        const std::string name = entry.path().filename().string();
        if (name.ends_with(".cfg") && !name.starts_with('.'))
            names.insert(name);
    }
    std::string all;
    for (const std::string& name : names) {
        const auto text = read_configuration(root, path / name);
        if (!text)
            return std::nullopt;
        all += *text + "\n";
    }
    return error ? std::nullopt : std::optional(all);
}

/// Where a process's files may be: its own root, and, since HAProxy puts itself
/// into an empty one, that of its parent and this program's own.
std::vector<fs::path> possible_roots(const Process& process) {
    std::vector<fs::path> roots{detail::proc_path(process.pid, "root")};
    const auto self = static_cast<std::uint32_t>(getpid());
    if (process.parent != 0 && detail::same_namespace(process.pid, process.parent, "mnt"))
        roots.push_back(detail::proc_path(process.parent, "root"));
    if (detail::same_namespace(process.pid, self, "mnt"))
        roots.emplace_back("/");
    return roots;
}

void inspect_haproxy_process(std::uint32_t master, Findings& findings) {
    const Process process = read_process(master);
    const auto options = detail::haproxy_options(process.arguments);
    std::error_code error;
    const fs::path directory = options.directory.empty()
                                   ? fs::read_symlink(detail::proc_path(master, "cwd"), error)
                                   : fs::path(options.directory);
    std::string text;
    for (const std::string& file : options.files) {
        std::optional<std::string> content;
        for (const fs::path& root : possible_roots(process)) {
            content = read_configuration(root, directory / file);
            if (content)
                break;
        }
        if (!content) {
            findings.refuse("unknown", fmt::format("the configuration of haproxy (process {}) "
                                                   "cannot be read: {}",
                                                   master, file));
            return;
        }
        text += *content + "\n";
    }
    if (options.files.empty())
        findings.refuse("unknown", fmt::format("haproxy (process {}) names no configuration file "
                                               "on its command line",
                                               master));
    else
        findings.add_all(detail::inspect_haproxy(text));
}

std::string list_reasons(const std::vector<Finding>& findings) {
    const auto reasons = std::count_if(findings.begin(), findings.end(), [](const Finding& each) {
        return each.severity == Severity::refuse;
    });
    return fmt::format("refused to elide, for {} reason{}", reasons, reasons == 1 ? "" : "s");
}

} // namespace

namespace detail {

bool is_system_service(std::string_view path) {
    constexpr std::array exact{
        std::string_view{"/dev/log"},
        std::string_view{"/run/nscd/socket"},
        std::string_view{"/var/run/nscd/socket"},
    };
    constexpr std::array below{
        std::string_view{"/run/systemd/"},       std::string_view{"/run/dbus/"},
        std::string_view{"/var/run/dbus/"},      std::string_view{"/run/user/"},
        std::string_view{"/var/lib/sss/pipes/"}, std::string_view{"/run/rsyslog"},
        std::string_view{"/run/syslog"},
    };
    return std::find(exact.begin(), exact.end(), path) != exact.end() ||
           std::any_of(below.begin(), below.end(),
                       [&](std::string_view each) { return path.starts_with(each); });
}

std::string mapped_tls_library(std::string_view maps) {
    for (const std::string_view line : split(maps, '\n')) {
        const std::size_t slash = line.rfind('/');
        if (slash == std::string_view::npos)
            continue;
        const std::string_view file = line.substr(slash + 1);
        for (const std::string_view library :
             {"libssl", "libgnutls", "libmbedtls", "libwolfssl", "libnss3", "libs2n"}) {
            if (file.starts_with(library))
                return std::string(library);
        }
    }
    return {};
}

std::string known_program(std::string_view exe) {
    const std::string_view name = exe.substr(exe.rfind('/') + 1);
    if (name.starts_with("nginx") || name == "openresty" || name == "angie" || name == "tengine")
        return "nginx";
    return name.starts_with("haproxy") ? "haproxy" : "";
}

std::vector<Finding> inspect_sockets(const std::vector<HeldSocket>& sockets,
                                     const std::vector<std::uint32_t>& pids,
                                     const std::vector<std::uint32_t>& unknown) {
    const std::set<std::uint16_t> tls_ports{443, 465, 563, 636, 853, 989, 990, 993, 995, 8443};
    std::set<std::uint16_t> quic_ports{443, 8443};
    for (const HeldSocket& each : sockets) {
        if (each.kind == SocketKind::tcp_listener)
            quic_ports.insert(each.local.port);
    }
    Findings findings;
    for (const HeldSocket& each : sockets) {
        const bool is_unknown = contains(unknown, each.pid);
        switch (each.kind) {
        case SocketKind::tcp_listener:
            if (is_unknown && tls_ports.contains(each.local.port))
                findings.refuse("tls", fmt::format("process {} listens on port {}, where TLS is "
                                                   "usual",
                                                   each.pid, each.local.port));
            break;
        case SocketKind::tcp:
            if (is_unknown && tls_ports.contains(each.remote.port))
                findings.refuse("tls", fmt::format("process {} is connected to port {}, where TLS "
                                                   "is usual",
                                                   each.pid, each.remote.port));
            // kTLS that is there already is copied, as what passed before the attach
            if (!each.ulp.empty() && each.ulp != "libra" && each.ulp != "tls")
                findings.refuse("tls", fmt::format("process {} has a connection with the upper "
                                                   "layer protocol \"{}\", which leaves no "
                                                   "place for Libra",
                                                   each.pid, each.ulp));
            break;
        case SocketKind::udp:
            if (!each.connected && quic_ports.contains(each.local.port))
                findings.refuse("quic", fmt::format("process {} is bound to UDP port {}: HTTP/3 "
                                                    "leaves over it",
                                                    each.pid, each.local.port));
            break;
        case SocketKind::unix_stream:
            if (each.connected && !each.peer_name.empty() && !contains(pids, each.peer_pid) &&
                !is_system_service(each.peer_name))
                findings.refuse("unix", fmt::format("process {} is connected to the unix socket {}",
                                                    each.pid, each.peer_name));
            break;
        case SocketKind::other:
            findings.refuse("protocol", fmt::format("process {} has a {} socket, which cannot be "
                                                    "watched",
                                                    each.pid, each.protocol));
            break;
        case SocketKind::tcp_idle:
        case SocketKind::harmless:
            break;
        }
    }
    return findings.take();
}

} // namespace detail

bool Inspection::is_safe() const noexcept {
    return std::none_of(findings.begin(), findings.end(),
                        [](const Finding& each) { return each.severity == Severity::refuse; });
}

UnsafeError::UnsafeError(std::vector<Finding> findings)
    : Error(
          ErrorKind::unsafe, EPERM, list_reasons(findings),
          "change the proxy's configuration, attach in mode observe or verify, or accept the risk "
          "(--accept-risk)")
    , findings_(std::move(findings)) {}

UnsafeError::~UnsafeError() = default;

Inspection inspect(const std::vector<std::uint32_t>& pids) {
    Inspection inspection;
    Findings findings;
    std::vector<std::uint32_t> unknown;
    std::set<std::uint32_t> masters;
    for (const std::uint32_t pid : pids) {
        Process process;
        try {
            process = read_process(pid);
        } catch (const Error& error) {
            // The first one was asked for; its descendants may end at any time
            if (pid == pids.front() || error.kind() != ErrorKind::not_found)
                throw;
            continue;
        }
        ++inspection.processes;
        const std::string program = detail::known_program(process.exe);
        if (inspection.program.empty())
            inspection.program = program.empty() ? process.comm : program;
        if (program.empty()) {
            unknown.push_back(pid);
            const auto maps = detail::read_file(detail::proc_path(pid, "maps"));
            const std::string library = detail::mapped_tls_library(maps.value_or(""));
            if (!library.empty())
                findings.note("tls", fmt::format("process {} ({}) has {} loaded; a TLS connection "
                                                 "stops elision while it is open",
                                                 pid, process.comm, library));
            continue;
        }
        const std::uint32_t master = master_of(pid);
        if (!masters.insert(master).second)
            continue;
        if (program == "nginx")
            inspect_nginx_process(master, findings);
        else
            inspect_haproxy_process(master, findings);
    }
    std::vector<HeldSocket> sockets;
    visit_sockets(pids, [&](const HeldSocket& socket, int) { sockets.push_back(socket); });
    for (const HeldSocket& each : sockets) {
        inspection.listeners += each.kind == SocketKind::tcp_listener ? 1 : 0;
        inspection.connections += each.kind == SocketKind::tcp ? 1 : 0;
    }
    findings.add_all(detail::inspect_sockets(sockets, pids, unknown));
    inspection.findings = findings.take();
    return inspection;
}

} // namespace libra
