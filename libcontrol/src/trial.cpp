// SPDX-License-Identifier: GPL-2.0
#include <libra/advise.hpp>

#include <cerrno>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include <libra/process.hpp>

#include "advise.hpp"
#include "process.hpp"

namespace libra {
namespace {

/// The processes that a policy means, of those that run.
std::vector<std::uint32_t> members_of(const Policy& policy) {
    if (policy.pid == 0)
        return processes_running(policy.exe);
    return process_tree(policy.pid);
}

std::string name_target(const Policy& policy) {
    return policy.pid != 0 ? fmt::format("process {}", policy.pid) : policy.exe;
}

} // namespace

class Trial::Impl {
public:
    Impl(Client& client, PolicySpec spec)
        : client_(client)
        , pid_(spec.pid) {
        remember_processes();
        const auto policies = client_.policies();
        if (const Policy* policy = detail::policy_in_force(policies, pids_, members_of);
            policy != nullptr) {
            if (!verifies(policy->mode))
                throw Error(ErrorKind::failed, EBUSY,
                            fmt::format("policy {} ({}, mode {}) is in force for it", policy->id,
                                        name_target(*policy), to_string(policy->mode)),
                            fmt::format("let go of it first: libractl detach --id {}", policy->id));
            found = *policy;
            evidence.proof = policy->proof.value_or(proof_default);
            evidence.threshold = policy->threshold;
            return;
        }
        spec.mode = Mode::verify;
        evidence.proof = spec.proof.value_or(proof_default);
        evidence.threshold = spec.threshold;
        report = attach(client_, spec);
        own_ = report.policy;
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    ~Impl() {
        try {
            finish();
        } catch (const Error&) { // NOLINT(bugprone-empty-catch)
            // Whoever must know calls finish()
        }
    }

    bool look() {
        remember_processes();
        detail::merge(evidence, client_.classes(), client_.domains(), pids_);
        const auto stat = detail::read_stat(pid_);
        return stat && stat->state != 'Z' && stat->state != 'X';
    }

    void finish() {
        // Only one try: what fails once will fail again
        if (const std::uint32_t policy = std::exchange(own_, 0); policy != 0)
            delete_policy(policy);
    }

    std::optional<Policy> found;
    AttachReport report;
    Evidence evidence;

private:
    void delete_policy(std::uint32_t id) {
        try {
            client_.delete_policy(id);
        } catch (const Error& error) {
            // Its process has ended, or somebody else was faster
            if (error.kind() != ErrorKind::not_found)
                throw;
        }
    }

    /// Processes that have ended stay: what they did was seen.
    void remember_processes() {
        for (const std::uint32_t each : process_tree(pid_))
            pids_.insert(each);
    }

    Client& client_;
    std::uint32_t pid_;
    std::set<std::uint32_t> pids_;
    std::uint32_t own_ = 0;
};

Trial::Trial(Client& client, PolicySpec spec)
    : impl_(std::make_unique<Impl>(client, std::move(spec))) {}
Trial::Trial(Trial&&) noexcept = default;
Trial& Trial::operator=(Trial&&) noexcept = default;
Trial::~Trial() = default;

const Policy* Trial::found() const noexcept {
    return impl_->found ? &*impl_->found : nullptr;
}

const AttachReport& Trial::report() const noexcept {
    return impl_->report;
}

bool Trial::look() {
    return impl_->look();
}

const Evidence& Trial::evidence() const noexcept {
    return impl_->evidence;
}

void Trial::finish() {
    impl_->finish();
}

} // namespace libra
