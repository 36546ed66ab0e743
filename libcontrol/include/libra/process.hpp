// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_PROCESS_HPP
#define LIBRA_PROCESS_HPP

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <libra/export.hpp>
#include <libra/types.hpp>

/// What /proc and the sockets' own descriptors tell of a process. Nothing here
/// stops or changes it. Process ids are those of the caller's pid namespace.
namespace libra {

struct Process {
    std::uint32_t pid = 0;
    std::uint32_t parent = 0;
    char state = 'R'; ///< as in proc(5): 'Z' is dead and not yet waited for
    std::string comm;
    std::string exe;                    ///< path within its own root, without " (deleted)"
    std::vector<std::string> arguments; ///< as /proc/PID/cmdline has them: may be rewritten
};

/// @throws Error not_found: no such process, it is dead, or a kernel thread;
///         no_privilege: its executable cannot be read
LIBRA_API Process read_process(std::uint32_t pid);

/// The process and its descendants, itself first.
LIBRA_API std::vector<std::uint32_t> process_tree(std::uint32_t pid);

/// The processes that run the file `exe`; empty when there are none.
LIBRA_API std::vector<std::uint32_t> processes_running(const std::string& exe);

enum class SocketKind {
    tcp_listener,
    tcp,      ///< connected, or on its way in or out of that
    tcp_idle, ///< neither connected nor listening yet
    udp,
    unix_stream, ///< connected or a listener
    other,       ///< of a family or protocol that Libra cannot watch
    harmless,    ///< what carries no proxied bytes: netlink, unix datagrams, packet sockets
};

/// A socket in the descriptor table of a process.
struct HeldSocket {
    std::uint32_t pid = 0;
    std::uint64_t inode = 0;
    SocketKind kind = SocketKind::harmless;
    bool listening = false;
    bool connected = false;
    Endpoint local;         ///< IP sockets
    Endpoint remote;        ///< IP sockets that are connected
    std::string local_name; ///< unix sockets: path, '@' in front of an abstract name
    std::string peer_name;
    std::uint32_t peer_pid = 0; ///< connected unix sockets: process that listened or made the pair
    std::string protocol;       ///< kind other: what it is
    std::string ulp;            ///< TCP sockets: upper layer protocol in place, or empty
};

/// `fd` is a duplicate that is open during the call only.
using SocketVisitor = std::function<void(const HeldSocket& socket, int fd)>;

/// Visits each socket of the processes once, also when several of them hold it.
/// Processes and descriptors that go away meanwhile are passed over.
/// @throws Error no_privilege: CAP_SYS_PTRACE is missing
LIBRA_API void visit_sockets(const std::vector<std::uint32_t>& pids, const SocketVisitor& visitor);

} // namespace libra

#endif
