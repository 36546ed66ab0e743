// SPDX-License-Identifier: GPL-2.0
#include <libra/attach.hpp>

#include <cerrno>
#include <filesystem>
#include <set>

#include <fmt/format.h>

#include <libra/process.hpp>

#include "codec.hpp"

namespace libra {
namespace {

std::vector<std::uint32_t> processes_of(const PolicySpec& spec) {
    if (spec.pid != 0) {
        read_process(spec.pid); // says what is wrong with it
        return process_tree(spec.pid);
    }
    if (std::error_code error; !std::filesystem::exists(spec.exe, error))
        throw Error(ErrorKind::not_found, ENOENT, fmt::format("there is no file {}", spec.exe),
                    "give the path that /proc/PID/exe shows");
    return processes_running(spec.exe);
}

std::vector<Finding> check_elide(const PolicySpec& spec, const std::vector<std::uint32_t>& pids) {
    std::vector<Finding> findings;
    if (pids.empty())
        findings.push_back(
            {Severity::refuse, "unknown",
             fmt::format("no process runs {}: there is nothing to look at yet", spec.exe)});
    else
        findings = inspect(pids).findings;
    for (const Finding& each : findings) {
        if (each.severity == Severity::refuse && !spec.accept_risk)
            throw UnsafeError(findings);
    }
    return findings;
}

std::string name_of(const HeldSocket& socket) {
    return fmt::format("process {}: {}:{} - {}:{}", socket.pid, socket.local.address,
                       socket.local.port, socket.remote.address, socket.remote.port);
}

/// Takes the policy back unless keep() is called.
class PolicyGuard {
public:
    PolicyGuard(Client& client, std::uint32_t id)
        : client_(client)
        , id_(id) {}
    PolicyGuard(const PolicyGuard&) = delete;
    PolicyGuard& operator=(const PolicyGuard&) = delete;
    ~PolicyGuard() {
        if (kept_)
            return;
        try {
            client_.delete_policy(id_);
        } catch (const Error&) { // NOLINT(bugprone-empty-catch)
            // The failure that brought us here is what the caller must hear of
        }
    }
    void keep() noexcept { kept_ = true; }

private:
    Client& client_;
    std::uint32_t id_;
    bool kept_ = false;
};

/// Hands open sockets to the kernel, each once.
class SocketAttacher {
public:
    SocketAttacher(Client& client, AttachReport& report)
        : client_(client)
        , report_(report) {}

    void listeners(const std::vector<std::uint32_t>& pids) {
        visit_sockets(pids, [&](const HeldSocket& socket, int fd) {
            if (socket.kind == SocketKind::tcp_listener)
                attach(socket, fd);
        });
    }

    /// Connections that were accepted between the look at the descriptors and
    /// the attach of their listener are there in the next pass.
    void connections(const PolicySpec& spec) {
        constexpr int pass_limit = 4;
        std::size_t before = 0;
        for (int pass = 0; pass < pass_limit; ++pass) {
            before = seen_.size();
            visit_sockets(processes_of(spec), [&](const HeldSocket& socket, int fd) {
                if (socket.kind == SocketKind::tcp || socket.kind == SocketKind::tcp_listener)
                    attach(socket, fd);
            });
            if (seen_.size() == before)
                return;
        }
    }

private:
    void attach(const HeldSocket& socket, int fd) {
        if (!seen_.insert(socket.inode).second)
            return;
        try {
            client_.attach_socket(fd, socket.pid, report_.policy);
        } catch (const Error& error) {
            // By another policy; or by this one, which met it when it was opened a moment ago
            if (error.number() == EALREADY)
                ++report_.already;
            else if (!has_ended(error.number()))
                report_.failures.push_back(fmt::format("{}: {}", name_of(socket), error.what()));
            return;
        }
        if (socket.kind == SocketKind::tcp_listener)
            ++report_.listeners;
        else
            ++report_.connections;
    }

    /// The connection or its process, meanwhile.
    static bool has_ended(int number) { return number == ENOTCONN || number == ESRCH; }

    Client& client_;
    AttachReport& report_;
    std::set<std::uint64_t> seen_;
};

} // namespace

AttachReport attach(Client& client, const PolicySpec& spec) {
    detail::check_policy(spec);
    AttachReport report;
    const auto pids = processes_of(spec);
    if (elides(spec.mode))
        report.findings = check_elide(spec, pids);

    report.policy = client.add_policy(spec);
    PolicyGuard policy(client, report.policy);
    SocketAttacher attacher(client, report);
    attacher.listeners(pids);
    attacher.connections(spec);
    if (elides(spec.mode) && !spec.accept_risk && !report.failures.empty()) {
        std::vector<Finding> findings;
        for (const std::string& each : report.failures)
            findings.push_back({Severity::refuse, "sockets", each});
        throw UnsafeError(findings);
    }
    report.processes = static_cast<std::uint32_t>(processes_of(spec).size());
    policy.keep();
    return report;
}

} // namespace libra
