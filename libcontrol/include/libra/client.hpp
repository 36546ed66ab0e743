// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_CLIENT_HPP
#define LIBRA_CLIENT_HPP

#include <cstdint>
#include <memory>
#include <vector>

#include <libra/export.hpp>
#include <libra/message_class.hpp>
#include <libra/types.hpp>

namespace libra {
namespace detail {
class Transport;
}

/// Talks to the module over generic netlink. Needs CAP_NET_ADMIN in the initial
/// user namespace. Not for use by several threads at once.
///
/// Every call throws Error: ErrorKind::no_privilege, ErrorKind::no_module, and
/// what is said below; what() carries the kernel's own text where it gave one.
class LIBRA_API Client {
public:
    /// Connects and finds the family.
    Client();
    /// Over something else than the kernel, for tests.
    LIBRA_HIDDEN explicit Client(std::unique_ptr<detail::Transport> transport);
    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client();

    Config config();
    void set_config(const ConfigChange& change);

    /// Installs a policy and answers its id.
    /// @throws Error not_found: no such process or parser; invalid: threshold,
    ///         proof or sample out of bounds, neither pid nor exe, unusable parser name or path
    std::uint32_t add_policy(const PolicySpec& spec);

    /// Stops elision for what the policy attached and lets it drain.
    /// @throws Error not_found
    void delete_policy(std::uint32_t id);

    /// What the processes of a policy may pin together from now on, in bytes; 0: any.
    /// @throws Error not_found; failed with EBUSY: it is detached and drains
    void set_policy_cap(std::uint32_t id, std::uint64_t cap);

    /// Attaches an open TCP socket of `pid` that the caller holds as `fd`.
    /// @throws Error not_found: no such policy or process; failed: not a TCP
    ///         socket, or another ULP is in its place
    void attach_socket(int fd, std::uint32_t pid, std::uint32_t policy);

    /// Listings. A listing that changes while it is read is read again, a few
    /// times. @throws Error failed with EAGAIN when it never holds still
    std::vector<Policy> policies();
    std::vector<Socket> sockets();
    std::vector<Domain> domains();
    std::vector<Parser> parsers();
    /// What the modes verify and auto know, of all processes.
    std::vector<MessageClass> classes();

    Stats stats();

private:
    class LIBRA_HIDDEN Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace libra

#endif
