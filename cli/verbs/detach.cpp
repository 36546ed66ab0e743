// SPDX-License-Identifier: GPL-2.0
#include <filesystem>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <libra/client.hpp>
#include <libra/error.hpp>

#include "format.hpp"
#include "verb.hpp"

namespace libractl {
namespace {

void options(po::options_description& options) {
    const auto value = [](const char* name) { return po::value<std::string>()->value_name(name); };
    options.add_options()                                          //
        ("pid,p", value("PID"), "the policies for this process")   //
        ("exe", value("PATH"), "the policies for this executable") //
        ("id", value("ID"), "the policy of this number")           //
        ("all", "all policies")                                    //
        ;
}

/// What was asked for, by the one option that was given.
struct Selection {
    std::uint32_t pid = 0;
    std::string exe;
    std::uint32_t id = 0;
    bool all = false;

    bool matches(const libra::Policy& policy) const {
        return all || (id != 0 && policy.id == id) || (pid != 0 && policy.pid == pid) ||
               (!exe.empty() && policy.exe == exe);
    }
    std::string text() const {
        if (id != 0)
            return fmt::format("no policy {} is in force", id);
        if (pid != 0)
            return fmt::format("no policy for process {} is in force", pid);
        return fmt::format("no policy for {} is in force", exe);
    }
};

Selection read_selection(const Arguments& arguments) {
    const int given =
        static_cast<int>(arguments.has("pid")) + static_cast<int>(arguments.has("exe")) +
        static_cast<int>(arguments.has("id")) + static_cast<int>(arguments.has("all"));
    if (given != 1)
        throw UsageError("detach needs --pid, --exe, --id or --all, one of them");
    Selection selection;
    selection.all = arguments.has("all");
    selection.pid = arguments.pid("pid").value_or(0);
    selection.id = static_cast<std::uint32_t>(
        arguments.number("id", 1, std::numeric_limits<std::uint32_t>::max()).value_or(0));
    if (const auto exe = arguments.text("exe"); exe) {
        // The executable may be gone by now; then its path is taken as it is
        std::error_code error;
        const auto canonical = std::filesystem::canonical(*exe, error);
        selection.exe = error ? *exe : canonical.string();
    }
    return selection;
}

std::string format_detached(const std::vector<std::uint32_t>& ids) {
    if (ids.empty())
        return "nothing is attached\n";
    return fmt::format("detached {} {}\n", ids.size() == 1 ? "policy" : "policies",
                       fmt::join(ids, ", "));
}

ExitCode run(const Context& context) {
    const Selection selection = read_selection(context.arguments);
    libra::Client client;
    std::vector<std::uint32_t> ids;
    for (const libra::Policy& each : client.policies()) {
        if (each.draining || !selection.matches(each))
            continue;
        try {
            client.delete_policy(each.id);
            ids.push_back(each.id);
        } catch (const libra::Error& error) {
            // Somebody else was faster
            if (error.kind() != libra::ErrorKind::not_found)
                throw;
        }
    }
    if (ids.empty() && !selection.all)
        throw libra::Error(libra::ErrorKind::not_found, 0, selection.text(),
                           "\"libractl policies\" lists them");
    return context.answer(Json{{"detached", ids}}, format_detached(ids));
}

} // namespace

const Verb verb_detach{
    .name = "detach",
    .summary = "stop eliding and let go of a process",
    .synopsis = "(--pid PID | --exe PATH | --id ID | --all) [--json]",
    .details = "Elision stops at once. A process that ever received placeholders is watched\n"
               "until its sockets close: its policies show as draining until then, and the\n"
               "same attach brings them back.\n",
    .options = options,
    .run = run,
};

} // namespace libractl
