// SPDX-License-Identifier: GPL-2.0
// Libra as an operator uses it: attach and detach through libractl, figures through libracontrol.
//
// With LIBRA_TEST_PLAIN=1 the proxies run without it: for work on the fixtures only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <libra/client.hpp>

#include "process.hpp"

namespace guest {

/// What Libra counted.
struct Figures {
    std::uint64_t rx_copied = 0;
    std::uint64_t rx_elided = 0;
    std::uint64_t tx_copied = 0;
    std::uint64_t tx_reused = 0;
    std::uint64_t retained = 0; ///< now
    std::uint64_t live = 0;     ///< now
    std::map<std::string, std::uint64_t> counters;
    std::map<std::string, std::uint64_t> fallbacks;
    std::map<std::string, std::uint64_t> resets;

    std::uint64_t all_resets() const;
    std::uint64_t copied() const { return rx_copied + tx_copied; }
    std::uint64_t forwarded() const { return rx_copied + rx_elided + tx_copied + tx_reused; }
    /// Copied bytes in percent of all that went in and out.
    double copied_percent() const;
    std::string describe() const;
};

/// What was counted between two looks (gauges: the later one's).
Figures operator-(const Figures& later, const Figures& earlier);

struct AttachOptions {
    std::string mode = "elide";
    std::uint32_t threshold = 0; ///< 0: the default
    bool accept_risk = false;
    bool by_executable = false;    ///< and not by pid
    std::string parser;            ///< empty: the default
    std::vector<std::string> more; ///< further options of libractl attach
};

namespace libra_module {

/// Without the module: LIBRA_TEST_PLAIN=1.
bool plain();

/// Runs libractl.
RunResult ctl(const std::vector<std::string>& arguments, const ProcessOptions& options = {});
/// The same, and it must succeed.
std::string ctl_ok(const std::vector<std::string>& arguments);

std::string libractl();
std::string parser_object();

/// A connection to the module. Not for several threads.
::libra::Client& client();

/// Loads the http1 parser unless it is loaded.
void load_parser();
void unload_parser();

Figures figures();

/// Why gates are closed now: the reasons of all domains together.
std::uint32_t gates();

/// Waits until no domain, no socket and no payload is left; false if some stay.
bool gone();
/// What is still there, for people.
std::string leftovers();

} // namespace libra_module

/// Limits that hold until the end of the scope.
class LimitScope {
public:
    explicit LimitScope(const ::libra::ConfigChange& change);
    LimitScope(const LimitScope&) = delete;
    LimitScope& operator=(const LimitScope&) = delete;
    ~LimitScope();

private:
    ::libra::ConfigChange before_;
};

/// An attached process; detached with its owner.
class Attachment {
public:
    Attachment() = default;
    Attachment(pid_t pid, const std::string& executable, const AttachOptions& options);
    /// A policy alone, of a kind that libractl would look twice at.
    explicit Attachment(const ::libra::PolicySpec& spec);
    Attachment(Attachment&& other) noexcept;
    Attachment& operator=(Attachment&& other) noexcept;
    ~Attachment();

    std::uint32_t policy() const { return policy_; }
    void detach();

private:
    std::uint32_t policy_ = 0;
};

} // namespace guest
