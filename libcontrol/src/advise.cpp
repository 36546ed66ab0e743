// SPDX-License-Identifier: GPL-2.0
#include "advise.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "findings.hpp"

namespace libra {
namespace {

using namespace std::string_view_literals;

constexpr std::array verdict_names{"verbatim"sv,    "few"sv,     "strays"sv,
                                   "unforwarded"sv, "altered"sv, "mixed"sv};
constexpr std::array recommendation_names{"watch"sv, "none"sv, "auto"sv, "elide"sv};

/// Of messages that went out, one in so many may go missing: clients go away
/// before their answer has begun, and that is no sign of a process that reads.
constexpr std::uint64_t stray_share = 20;

/// @param alike messages of the same side and label, this class's included
Verdict judge(const ClassAdvice& seen, std::uint64_t alike, std::uint32_t proof) {
    const std::uint64_t verbatim = seen.messages - seen.altered - seen.unforwarded;
    if (seen.altered == 0 && seen.unforwarded == 0)
        return verbatim >= proof ? Verdict::verbatim : Verdict::few;
    if (seen.altered == 0 && seen.unforwarded <= alike / stray_share)
        return Verdict::strays;
    if (verbatim >= proof)
        return Verdict::mixed;
    return seen.altered != 0 ? Verdict::altered : Verdict::unforwarded;
}

std::vector<ClassAdvice> judge_classes(const std::vector<MessageClass>& classes,
                                       std::uint32_t proof, std::uint32_t threshold) {
    std::map<std::tuple<Side, std::string, std::string>, ClassAdvice> merged;
    // Of a response that never went out nobody knows whose request it answered: it
    // is counted in a class without one, and has to be held against all of its label
    std::map<std::tuple<Side, std::string>, std::uint64_t> alike;
    std::map<const ClassAdvice*, std::uint64_t> compared;
    for (const MessageClass& each : classes) {
        const std::uint64_t messages =
            each.verbatim + each.altered + each.unforwarded + each.elided;
        // Its first message is on its way
        if (messages == 0)
            continue;
        ClassAdvice& sum = merged[{each.side, each.label, each.for_label}];
        sum.side = each.side;
        sum.label = each.label;
        sum.for_label = each.for_label;
        sum.messages += messages;
        sum.altered += each.altered;
        sum.unforwarded += each.unforwarded;
        sum.bytes += each.bytes;
        alike[{each.side, each.label}] += messages;
        // Those that were elided have no bytes here
        compared[&sum] += each.verbatim;
    }
    std::vector<ClassAdvice> advice;
    for (auto& [key, each] : merged) {
        each.verdict = judge(each, alike[{each.side, each.label}], proof);
        const std::uint64_t known = compared[&each];
        each.small = known != 0 && each.bytes / known < threshold;
        advice.push_back(std::move(each));
    }
    std::stable_sort(
        advice.begin(), advice.end(), [](const ClassAdvice& one, const ClassAdvice& other) {
            const auto rank = [](const ClassAdvice& of) {
                return std::tuple(of.may_be_elided(), !of.small, of.bytes, of.messages);
            };
            return rank(one) > rank(other);
        });
    return advice;
}

/// "process 12", "processes 12, 13, 14", "processes 12, 13, 14 and 5 more"
std::string name_processes(const std::vector<std::uint32_t>& pids) {
    constexpr std::size_t shown = 3;
    const std::vector<std::uint32_t> first(
        pids.begin(), pids.begin() + static_cast<std::ptrdiff_t>(std::min(shown, pids.size())));
    std::string text =
        fmt::format("{} {}", pids.size() == 1 ? "process" : "processes", fmt::join(first, ", "));
    if (pids.size() > shown)
        text += fmt::format(" and {} more", pids.size() - shown);
    return text;
}

/// A proxy's workers are alike: one finding a reason, not one a process.
void judge_gates(const std::vector<Domain>& domains, detail::Findings& findings) {
    const auto closed_by = [&](std::uint32_t bit) {
        std::vector<std::uint32_t> pids;
        for (const Domain& each : domains) {
            if ((each.gate & bit) != 0 && (each.gate & gate_exited) == 0)
                pids.push_back(each.pid);
        }
        return pids;
    };
    if (const auto pids = closed_by(gate_tls); !pids.empty())
        findings.refuse("gate", fmt::format("an outgoing connection was unreadable from its first "
                                            "byte, as TLS is ({})",
                                            name_processes(pids)));
    if (const auto pids = closed_by(gate_unwatched); !pids.empty())
        findings.refuse("gate", fmt::format("a TCP socket cannot be watched: inherited, received, "
                                            "or MPTCP ({})",
                                            name_processes(pids)));
    if (const auto pids = closed_by(gate_opaque); !pids.empty())
        findings.note("gate", fmt::format("a connection that the parser cannot read is open; as "
                                          "long as one is, nothing is elided ({})",
                                          name_processes(pids)));
    if (const auto pids = closed_by(gate_late); !pids.empty())
        findings.note("gate", fmt::format("connections from before the attach are open; until they "
                                          "close nothing is elided ({})",
                                          name_processes(pids)));
}

Recommendation recommend(const Advice& advice) {
    const auto any = [&](auto... verdicts) {
        return std::any_of(
            advice.classes.begin(), advice.classes.end(),
            [&](const ClassAdvice& each) { return ((each.verdict == verdicts) || ...); });
    };
    const bool refused =
        std::any_of(advice.findings.begin(), advice.findings.end(),
                    [](const Finding& each) { return each.severity == Severity::refuse; });
    if (refused || any(Verdict::mixed))
        return Recommendation::none;
    if (advice.classes.empty())
        return Recommendation::watch;
    if (advice.elidable == 0)
        return Recommendation::none;
    return any(Verdict::few, Verdict::strays, Verdict::unforwarded, Verdict::altered)
               ? Recommendation::auto_
               : Recommendation::elide;
}

} // namespace

bool ClassAdvice::may_be_elided() const noexcept {
    return verdict == Verdict::verbatim || verdict == Verdict::few || verdict == Verdict::strays;
}

Advice advise(const Evidence& evidence) {
    Advice advice;
    advice.classes = judge_classes(evidence.classes, evidence.proof, evidence.threshold);
    for (const ClassAdvice& each : advice.classes) {
        advice.messages += each.messages;
        if (!each.may_be_elided() || each.small)
            continue;
        advice.elidable += each.messages - each.unforwarded;
        advice.bytes += each.bytes;
    }
    detail::Findings findings;
    findings.add_all(evidence.findings);
    judge_gates(evidence.domains, findings);
    advice.findings = findings.take();
    advice.recommendation = recommend(advice);
    return advice;
}

std::string to_string(Verdict verdict) {
    return std::string(verdict_names.at(static_cast<std::size_t>(verdict)));
}

std::string to_string(Recommendation recommendation) {
    return std::string(recommendation_names.at(static_cast<std::size_t>(recommendation)));
}

namespace detail {

void merge(Evidence& seen, const std::vector<MessageClass>& classes,
           const std::vector<Domain>& domains, const std::set<std::uint32_t>& pids) {
    for (const MessageClass& each : classes) {
        if (!pids.contains(each.pid))
            continue;
        const auto known =
            std::find_if(seen.classes.begin(), seen.classes.end(), [&](const MessageClass& other) {
                return other.domain == each.domain && other.side == each.side &&
                       other.label == each.label && other.for_label == each.for_label;
            });
        if (known == seen.classes.end())
            seen.classes.push_back(each);
        else
            *known = each;
    }
    for (const Domain& each : domains) {
        if (!pids.contains(each.pid))
            continue;
        const auto known = std::find_if(seen.domains.begin(), seen.domains.end(),
                                        [&](const Domain& other) { return other.id == each.id; });
        if (known == seen.domains.end())
            seen.domains.push_back(each);
        else
            *known = each;
    }
}

const Policy*
policy_in_force(const std::vector<Policy>& policies, const std::set<std::uint32_t>& pids,
                const std::function<std::vector<std::uint32_t>(const Policy&)>& members) {
    const Policy* found = nullptr;
    for (const Policy& each : policies) {
        if (each.draining)
            continue;
        const auto meant = members(each);
        if (std::none_of(meant.begin(), meant.end(),
                         [&](std::uint32_t pid) { return pids.contains(pid); }))
            continue;
        if (found == nullptr || !verifies(each.mode))
            found = &each;
    }
    return found;
}

} // namespace detail
} // namespace libra
