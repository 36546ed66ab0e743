// SPDX-License-Identifier: GPL-2.0
#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <libra/advise.hpp>
#include <libra/client.hpp>
#include <libra/inspect.hpp>
#include <libra/json.hpp>
#include <libra/process.hpp>
#include <unistd.h>

#include "format.hpp"
#include "interrupt.hpp"
#include "needed_parser.hpp"
#include "verb.hpp"

namespace libractl {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr std::uint64_t default_seconds = 60;
/// What never goes out is known for that after 10 seconds: who looks for less sees
/// only what does.
constexpr std::uint64_t seconds_min = 15;
constexpr std::uint64_t seconds_max = std::uint64_t{7} * 86400;

void options(po::options_description& options) {
    const auto value = [](const char* name) { return po::value<std::string>()->value_name(name); };
    options.add_options()                                                       //
        ("pid,p", value("PID"), "the process and its descendants")              //
        ("for", value("TIME"), "how long to watch, in s, m or h (default 60s)") //
        ("parser", value("NAME"), "what reads the bytes (default http1)")       //
        ;
}

/// How far it is, on standard error: one line that is written over on a
/// terminal, one line at all elsewhere.
class Progress {
public:
    Progress(std::FILE* err, std::uint32_t pid, std::uint64_t limit)
        : err_(err)
        , terminal_(isatty(fileno(err)) != 0)
        , limit_(limit) {
        fmt::print(err_, "watching process {} for {}; Ctrl-C ends it early\n", pid,
                   count(limit, "second", "seconds"));
        std::fflush(err_);
    }
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    ~Progress() {
        if (shown_)
            fmt::print(err_, "\r\x1b[K");
        std::fflush(err_);
    }

    void show(std::uint64_t passed, const libra::Evidence& evidence) {
        if (!terminal_)
            return;
        std::uint64_t messages = 0;
        for (const libra::MessageClass& each : evidence.classes)
            messages += each.verbatim + each.altered + each.unforwarded + each.elided;
        fmt::print(err_, "\r\x1b[K{} of {} s: {} in {}", passed, limit_,
                   count(messages, "message", "messages"),
                   count(evidence.classes.size(), "class", "classes"));
        std::fflush(err_);
        shown_ = true;
    }

private:
    std::FILE* err_;
    bool terminal_;
    bool shown_ = false;
    std::uint64_t limit_;
};

/// Looks every second until the time is over, a signal comes or the process
/// ends. @return seconds
std::uint64_t watch(libra::Trial& trial, const Interrupt& interrupt, std::uint64_t limit,
                    Progress& progress) {
    const auto start = steady_clock::now();
    const auto passed = [&] {
        return static_cast<std::uint64_t>(
            std::chrono::round<seconds>(steady_clock::now() - start).count());
    };
    while (trial.look()) {
        progress.show(passed(), trial.evidence());
        const auto left = start + seconds(limit) - steady_clock::now();
        if (left <= seconds(0))
            break;
        if (interrupt.wait(std::chrono::ceil<std::chrono::milliseconds>(
                std::min<steady_clock::duration>(left, seconds(1)))))
            break;
    }
    trial.look();
    return passed();
}

ExitCode run(const Context& context) {
    const Arguments& arguments = context.arguments;
    libra::PolicySpec spec;
    const auto pid = arguments.pid("pid");
    if (!pid)
        throw UsageError("advise needs --pid");
    spec.pid = *pid;
    spec.mode = libra::Mode::verify;
    spec.parser = arguments.text("parser").value_or(spec.parser);
    if (!libra::is_parser_name(spec.parser))
        throw UsageError(fmt::format("--parser {}: names are 1 to 15 letters, digits, '-' and '_'",
                                     spec.parser));
    const auto limit = arguments.seconds("for", 1, seconds_max);

    libra::Client client;
    client.config(); // says in time that too little is allowed
    libra::read_process(spec.pid);
    const auto processes = libra::process_tree(spec.pid);
    const libra::Inspection inspection = libra::inspect(processes);
    // From here on a signal must not leave the policy behind
    const Interrupt interrupt;
    const NeededParser parser(client, spec.parser);
    libra::Trial trial(client, spec);

    Watched watched;
    watched.pid = spec.pid;
    watched.spec = spec;
    watched.processes = inspection.processes;
    watched.late = trial.report().connections;
    watched.unattached = static_cast<std::uint32_t>(trial.report().failures.size());
    if (const libra::Policy* found = trial.found(); found != nullptr) {
        watched.spec = *found;
        watched.found = found->id;
        fmt::print(context.err,
                   "policy {} (mode {}) is in force for it already: its classes are "
                   "used\n",
                   found->id, to_string(found->mode));
    }
    // What was there has seen enough, unless more time was asked for
    if (watched.found == 0 || limit) {
        const std::uint64_t time = std::max(limit.value_or(default_seconds), seconds_min);
        Progress progress(context.err, spec.pid, time);
        watched.seconds = watch(trial, interrupt, time, progress);
    } else {
        trial.look();
    }
    trial.finish();

    libra::Evidence evidence = trial.evidence();
    evidence.findings = inspection.findings;
    const libra::Advice advice = libra::advise(evidence);
    Json json{{"pid", watched.pid},
              {"policy", libra::json_or_null<Json>(watched.found)},
              {"seconds", watched.seconds}};
    json.update(Json(advice));
    json["command"] = libra::json_or_null<Json>(recommend_command(advice, watched));
    return context.answer(json, format_advice(advice, watched));
}

} // namespace

const Verb verb_advise{
    .name = "advise",
    .summary = "watch a process, and tell what eliding would gain and what it would break",
    .synopsis = "--pid PID [--for TIME] [--parser NAME] [--json]",
    .details =
        "Attaches the process in mode verify, which copies everything and compares what\n"
        "goes out with what came in, detaches it after TIME or at Ctrl-C, and ends with the\n"
        "command that is recommended. What inspection finds, as before an attach in mode\n"
        "elide, counts too. A policy in mode verify or auto that is in force already is used\n"
        "instead, and without --for what it has seen so far; one in another mode must be\n"
        "detached first. Only what passes meanwhile is seen: take a time with usual traffic,\n"
        "15 seconds at least, since it takes 10 to know what is never sent on.\n",
    .options = options,
    .run = run,
};

} // namespace libractl
