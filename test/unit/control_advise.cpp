// SPDX-License-Identifier: GPL-2.0
#include <set>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "advise.hpp"

using namespace libra;

namespace {

/// A class of domain 1 in process 11.
MessageClass seen(const std::string& label, std::uint64_t verbatim, std::uint64_t altered = 0,
                  std::uint64_t unforwarded = 0, std::uint64_t elided = 0) {
    MessageClass each;
    each.domain = 1;
    each.pid = 11;
    each.side = Side::response;
    each.label = label;
    each.for_label = "GET";
    each.verbatim = verbatim;
    each.altered = altered;
    each.unforwarded = unforwarded;
    each.elided = elided;
    each.bytes = verbatim * 100000;
    return each;
}

Domain domain_with(std::uint32_t pid, std::uint32_t gate) {
    Domain domain;
    domain.id = pid;
    domain.pid = pid;
    domain.gate = gate;
    return domain;
}

Finding refusal() {
    return {Severity::refuse, "body", "gzip is on"};
}

} // namespace

TEST_CASE("what was seen of a class gives a verdict", "[advise]") {
    struct Row {
        MessageClass each;
        Verdict verdict;
        bool may_be_elided;
    };
    for (const Row& row : {
             Row{seen("all", 32), Verdict::verbatim, true},
             Row{seen("almost enough", 31), Verdict::few, true},
             Row{seen("one", 1), Verdict::few, true},
             Row{seen("elided ones count", 2, 0, 0, 30), Verdict::verbatim, true},
             Row{seen("one in twenty strays", 95, 0, 5), Verdict::strays, true},
             Row{seen("more than that do not", 94, 0, 6), Verdict::mixed, false},
             Row{seen("one of few", 19, 0, 1), Verdict::strays, true},
             Row{seen("too few to say stray", 18, 0, 1), Verdict::unforwarded, false},
             Row{seen("read", 0, 0, 1), Verdict::unforwarded, false},
             Row{seen("changed", 0, 1, 0), Verdict::altered, false},
             Row{seen("changed at times", 31, 1, 0), Verdict::altered, false},
             Row{seen("changed after a proof", 1000, 1, 0), Verdict::mixed, false},
             Row{seen("changed and read", 0, 1, 1), Verdict::altered, false},
             Row{seen("auto was wrong", 2, 1, 0, 30), Verdict::mixed, false},
         }) {
        INFO(row.each.label);
        Evidence evidence;
        evidence.classes = {row.each};
        const Advice advice = advise(evidence);
        REQUIRE(advice.classes.size() == 1);
        CHECK(to_string(advice.classes[0].verdict) == to_string(row.verdict));
        CHECK(advice.classes[0].may_be_elided() == row.may_be_elided);
        CHECK(advice.classes[0].label == row.each.label);
        CHECK(advice.classes[0].for_label == "GET");
        CHECK(advice.classes[0].side == Side::response);
    }
}

TEST_CASE("the policy's proof is what makes messages enough", "[advise]") {
    Evidence evidence;
    evidence.classes = {seen("a", 8)};
    CHECK(advise(evidence).classes[0].verdict == Verdict::few);
    evidence.proof = 8;
    CHECK(advise(evidence).classes[0].verdict == Verdict::verbatim);
    evidence.proof = 9;
    CHECK(advise(evidence).classes[0].verdict == Verdict::few);
}

TEST_CASE("the evidence gives a recommendation", "[advise]") {
    struct Row {
        const char* what;
        std::vector<MessageClass> classes;
        std::vector<Finding> findings;
        std::uint32_t gate;
        Recommendation recommendation;
    };
    const Finding note{Severity::note, "tls", "libssl is loaded"};
    for (const Row& row : {
             Row{"nothing", {}, {}, 0, Recommendation::watch},
             Row{"nothing ended", {seen("a", 0)}, {}, 0, Recommendation::watch},
             Row{"all verbatim", {seen("a", 40), seen("b", 50)}, {}, 0, Recommendation::elide},
             Row{"a note", {seen("a", 40)}, {note}, 0, Recommendation::elide},
             Row{"few", {seen("a", 40), seen("b", 1)}, {}, 0, Recommendation::auto_},
             Row{"strays", {seen("a", 400, 0, 1)}, {}, 0, Recommendation::auto_},
             Row{"one altered", {seen("a", 40), seen("b", 0, 9)}, {}, 0, Recommendation::auto_},
             Row{"one read", {seen("a", 40), seen("b", 0, 0, 9)}, {}, 0, Recommendation::auto_},
             Row{"all altered", {seen("a", 0, 9)}, {}, 0, Recommendation::none},
             Row{"all read", {seen("a", 0, 0, 9)}, {}, 0, Recommendation::none},
             Row{"one mixed", {seen("a", 99), seen("b", 40, 9)}, {}, 0, Recommendation::none},
             Row{"a reason", {seen("a", 40)}, {refusal()}, 0, Recommendation::none},
             Row{"a reason, nothing seen", {}, {refusal()}, 0, Recommendation::none},
             Row{"TLS", {seen("a", 40)}, {}, gate_tls, Recommendation::none},
             Row{"unwatched", {seen("a", 40)}, {}, gate_unwatched, Recommendation::none},
             Row{"late", {seen("a", 40)}, {}, gate_late, Recommendation::elide},
             Row{"opaque", {seen("a", 40)}, {}, gate_opaque, Recommendation::elide},
             Row{"an exited worker",
                 {seen("a", 40)},
                 {},
                 gate_tls | gate_exited,
                 Recommendation::elide},
         }) {
        INFO(row.what);
        Evidence evidence;
        evidence.classes = row.classes;
        evidence.findings = row.findings;
        evidence.domains = {domain_with(11, row.gate), domain_with(12, 0)};
        CHECK(to_string(advise(evidence).recommendation) == to_string(row.recommendation));
    }
}

TEST_CASE("classes of all workers are one, and what may be elided comes first", "[advise]") {
    MessageClass other = seen("image", 20);
    other.domain = 2;
    other.pid = 12;
    MessageClass request = seen("image", 5);
    request.side = Side::request;
    MessageClass other_request = seen("image", 6);
    other_request.for_label = "GET gzip";
    Evidence evidence;
    evidence.classes = {seen("html", 0, 9), seen("image", 20),     other, request, other_request,
                        seen("css", 3),     seen("post", 0, 0, 10)};
    const Advice advice = advise(evidence);
    REQUIRE(advice.classes.size() == 6);
    CHECK(advice.classes[0].label == "image");
    CHECK(advice.classes[0].messages == 40);
    CHECK(advice.classes[0].bytes == 4000000);
    CHECK(advice.classes[0].verdict == Verdict::verbatim);
    CHECK(advice.classes[1].for_label == "GET gzip");
    CHECK(advice.classes[2].side == Side::request);
    CHECK(advice.classes[3].label == "css");
    CHECK(advice.classes[4].label == "post");
    CHECK(advice.classes[4].unforwarded == 10);
    CHECK(advice.classes[5].label == "html");
    CHECK(advice.classes[5].altered == 9);
    CHECK(advice.messages == 40 + 5 + 6 + 3 + 9 + 10);
    CHECK(advice.elidable == 40 + 5 + 6 + 3);
    CHECK(advice.bytes == 5400000);
}

TEST_CASE("bytes of a class that must not be elided are no gain", "[advise]") {
    Evidence evidence;
    evidence.classes = {seen("a", 100, 0, 2), seen("b", 50, 1)};
    const Advice advice = advise(evidence);
    CHECK(advice.messages == 153);
    CHECK(advice.elidable == 100);
    CHECK(advice.bytes == 10000000);
}

TEST_CASE("responses that never went out are held against all of their label", "[advise]") {
    MessageClass lost = seen("image", 0, 0, 3);
    lost.for_label.clear();
    MessageClass request = seen("image", 0, 0, 3);
    request.side = Side::request;
    Evidence evidence;
    evidence.classes = {seen("image", 57), lost, request};
    Advice advice = advise(evidence);
    REQUIRE(advice.classes.size() == 3);
    CHECK(advice.classes[0].verdict == Verdict::verbatim);
    CHECK(advice.classes[1].verdict == Verdict::strays);
    CHECK(advice.classes[2].verdict == Verdict::unforwarded);
    CHECK(advice.elidable == 57);
    evidence.classes = {seen("image", 56), lost};
    advice = advise(evidence);
    CHECK(advice.classes[1].verdict == Verdict::unforwarded);
    CHECK(advice.recommendation == Recommendation::auto_);
}

TEST_CASE("bodies below the threshold are no gain and no harm", "[advise]") {
    MessageClass little = seen("json", 40);
    little.bytes = 40 * 16384 - 1;
    MessageClass elided = seen("elided", 0, 0, 0, 50);
    Evidence evidence;
    evidence.classes = {little, seen("image", 40), elided};
    Advice advice = advise(evidence);
    CHECK(advice.recommendation == Recommendation::elide);
    CHECK(advice.elidable == 90);
    CHECK(advice.bytes == 4000000);
    CHECK(advice.classes[2].label == "json");
    CHECK(advice.classes[2].small);
    CHECK_FALSE(advice.classes[1].small);
    evidence.classes = {little};
    CHECK(advise(evidence).recommendation == Recommendation::none);
    evidence.threshold = 16383;
    advice = advise(evidence);
    CHECK_FALSE(advice.classes[0].small);
    CHECK(advice.recommendation == Recommendation::elide);
}

TEST_CASE("closed gates become one finding a reason", "[advise]") {
    Evidence evidence;
    evidence.findings = {{Severity::note, "body", "a note"}};
    evidence.domains = {domain_with(11, gate_late | gate_tls), domain_with(12, gate_tls),
                        domain_with(13, gate_tls), domain_with(14, gate_tls),
                        domain_with(15, gate_tls | gate_exited)};
    const auto findings = advise(evidence).findings;
    REQUIRE(findings.size() == 3);
    CHECK(findings[0].severity == Severity::refuse);
    CHECK(findings[0].topic == "gate");
    CHECK(findings[0].text.ends_with("as TLS is (processes 11, 12, 13 and 1 more)"));
    CHECK(findings[1].text == "a note");
    CHECK(findings[2].severity == Severity::note);
    CHECK(findings[2].text.find("before the attach") != std::string::npos);
    CHECK(findings[2].text.ends_with("(process 11)"));
}

TEST_CASE("what was seen of a process that has ended is kept", "[advise]") {
    Evidence evidence;
    const std::set<std::uint32_t> pids{11, 12};
    MessageClass stranger = seen("a", 1);
    stranger.domain = 7;
    stranger.pid = 13;
    detail::merge(evidence, {seen("a", 1), seen("b", 1), stranger},
                  {domain_with(11, gate_late), domain_with(13, gate_tls)}, pids);
    MessageClass worker = seen("a", 4);
    worker.domain = 2;
    worker.pid = 12;
    MessageClass request = seen("a", 5);
    request.side = Side::request;
    detail::merge(evidence, {seen("a", 2), worker, request},
                  {domain_with(11, 0), domain_with(12, gate_opaque)}, pids);
    REQUIRE(evidence.classes.size() == 4);
    CHECK(evidence.classes[0].verbatim == 2);
    CHECK(evidence.classes[1].label == "b");
    CHECK(evidence.classes[2].verbatim == 4);
    CHECK(evidence.classes[3].verbatim == 5);
    REQUIRE(evidence.domains.size() == 2);
    CHECK(evidence.domains[0].gate == 0);
    CHECK(evidence.domains[1].gate == gate_opaque);
}

TEST_CASE("the policy in force is found, one in the way before others", "[advise]") {
    const auto policy = [](std::uint32_t pid, Mode mode, bool draining = false) {
        Policy made;
        made.id = pid * 10 + static_cast<std::uint32_t>(mode);
        made.pid = pid;
        made.mode = mode;
        made.draining = draining;
        return made;
    };
    // Policy 1 means a parent of the processes and them, too
    const auto members = [](const Policy& each) -> std::vector<std::uint32_t> {
        return each.pid == 1 ? std::vector<std::uint32_t>{1, 11, 12} : std::vector{each.pid};
    };
    const std::set<std::uint32_t> pids{11, 12};
    const auto found = [&](const std::vector<Policy>& policies) -> std::uint32_t {
        const Policy* which = detail::policy_in_force(policies, pids, members);
        return which == nullptr ? 0 : which->id;
    };
    CHECK(found({}) == 0);
    CHECK(found({policy(2, Mode::elide), policy(13, Mode::verify)}) == 0);
    CHECK(found({policy(11, Mode::verify, true)}) == 0);
    CHECK(found({policy(12, Mode::verify)}) == 122);
    CHECK(found({policy(1, Mode::auto_)}) == 13);
    CHECK(found({policy(12, Mode::verify), policy(1, Mode::observe)}) == 10);
    CHECK(found({policy(1, Mode::elide), policy(12, Mode::verify)}) == 11);
    CHECK(found({policy(11, Mode::verify), policy(12, Mode::auto_)}) == 112);
}
