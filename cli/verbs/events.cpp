// SPDX-License-Identifier: GPL-2.0
#include <cerrno>

#include <fmt/format.h>
#include <libra/error.hpp>
#include <libra/events.hpp>
#include <libra/json.hpp>

#include "format.hpp"
#include "interrupt.hpp"
#include "verb.hpp"

namespace libractl {
namespace {

ExitCode run(const Context& context) {
    const Interrupt interrupt;
    libra::EventStream events;
    // from here on none is missed
    fmt::print(context.err, "waiting for events; Ctrl-C ends it\n");
    std::fflush(context.err);
    std::uint64_t lost = 0;
    while (!interrupt.is_raised()) {
        const auto event = events.next({}, interrupt.fd());
        if (events.lost() != lost)
            fmt::print(context.err, "libractl: events were lost: they came too fast\n");
        lost = events.lost();
        if (!event)
            continue;
        if (context.arguments.json())
            context.print(Json(*event).dump() + "\n");
        else
            context.print(format_event(*event));
        if (std::fflush(context.out) != 0)
            throw libra::Error(libra::ErrorKind::failed, errno, "the output cannot be written");
    }
    return exit_ok;
}

} // namespace

const Verb verb_events{
    .name = "events",
    .summary = "tell when a class of messages is proven or no longer so",
    .synopsis = "[--json]",
    .details = "One line an event, until interrupted; with --json one object a line: the class\n"
               "as in \"libractl classes --json\", and why it changed: proven, altered,\n"
               "unforwarded or sink.\n",
    .run = run,
};

} // namespace libractl
