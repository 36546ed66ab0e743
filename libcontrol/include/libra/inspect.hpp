// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_INSPECT_HPP
#define LIBRA_INSPECT_HPP

#include <cstdint>
#include <string>
#include <vector>

#include <libra/error.hpp>
#include <libra/export.hpp>

/// Looks at a process for what the kernel module cannot see: roads on which
/// payload leaves it past TCP, and features that read bodies. Elided payload is
/// not in the process's memory: a body that goes into TLS in user space, over a
/// unix socket or through gzip would carry placeholders instead.
///
/// Evidence is the configuration (nginx, haproxy) and the open sockets (any
/// program). It is what is configured and open now: a feature that is switched
/// on by a later reload is not seen.
namespace libra {

enum class Severity {
    note,   ///< costs savings at most; good to know
    refuse, ///< eliding could corrupt what the process sends
};

struct Finding {
    Severity severity = Severity::note;
    /// "tls", "unix", "quic", "body", "protocol", "sockets", "gate" or "unknown"
    std::string topic;
    /// One line, without a period at its end.
    std::string text;

    friend bool operator==(const Finding&, const Finding&) = default;
};

struct Inspection {
    std::string program; ///< "nginx", "haproxy", or the process's name
    std::uint32_t processes = 0;
    std::uint32_t listeners = 0;   ///< TCP
    std::uint32_t connections = 0; ///< TCP
    std::vector<Finding> findings; ///< reasons to refuse first

    LIBRA_API bool is_safe() const noexcept;
};

/// Thrown where elision is refused.
class LIBRA_API UnsafeError : public Error {
public:
    explicit UnsafeError(std::vector<Finding> findings);
    UnsafeError(const UnsafeError&) = default;
    UnsafeError(UnsafeError&&) = default;
    UnsafeError& operator=(const UnsafeError&) = default;
    UnsafeError& operator=(UnsafeError&&) = default;
    ~UnsafeError() override;

    const std::vector<Finding>& findings() const noexcept { return findings_; }

private:
    std::vector<Finding> findings_;
};

/// Inspects processes that belong together. For nginx it runs the process's own
/// executable with -T, in the process's namespaces, with its ids and no more than
/// its capabilities, for 10 seconds at most.
/// @param pids see process_tree() and processes_running(); not empty
/// @throws Error not_found, no_privilege. What cannot be read is a Finding.
LIBRA_API Inspection inspect(const std::vector<std::uint32_t>& pids);

} // namespace libra

#endif
