// SPDX-License-Identifier: GPL-2.0
#include <chrono>
#include <thread>

#include <fmt/format.h>
#include <libra/client.hpp>
#include <libra/json.hpp>

#include "format.hpp"
#include "size.hpp"
#include "verb.hpp"

namespace libractl {
namespace {

constexpr std::uint64_t default_seconds = 2;

void options(po::options_description& options) {
    options.add_options()                               //
        ("watch,w", "show what changes, until stopped") //
        ("seconds", po::value<std::string>(), "")       // positional
        ;
}

std::string rate_line(const libra::Stats& now, const libra::Stats& before, std::uint64_t seconds) {
    const auto rate = [&](std::string_view name) {
        return format_size((now.counter(name) - before.counter(name)) / seconds);
    };
    return fmt::format("{:>10} {:>10} {:>10} {:>10} {:>10}\n", rate("rx_elided"), rate("rx_copied"),
                       rate("tx_reused"), rate("tx_copied"), format_size(now.counter("retained")));
}

/// Until the program is stopped or standard output is gone.
[[noreturn]] void watch(const Context& context, std::uint64_t seconds) {
    libra::Client client;
    libra::Stats before = client.stats();
    if (!context.arguments.json())
        context.print(fmt::format("{:>10} {:>10} {:>10} {:>10} {:>10}\n", "rx-elided", "rx-copied",
                                  "tx-reused", "tx-copied", "retained"));
    for (;;) {
        std::fflush(context.out);
        std::this_thread::sleep_for(std::chrono::seconds(seconds));
        libra::Stats now = client.stats();
        if (context.arguments.json())
            context.print(Json(now).dump() + "\n");
        else
            context.print(rate_line(now, before, seconds));
        before = std::move(now);
    }
}

ExitCode run(const Context& context) {
    const auto seconds = context.arguments.number("seconds", 1, 86400);
    if (context.arguments.has("watch"))
        watch(context, seconds.value_or(default_seconds));
    if (seconds)
        throw UsageError("SECONDS needs --watch");
    const libra::Stats stats = libra::Client().stats();
    return context.answer(Json(stats), format_stats(stats));
}

} // namespace

const Verb verb_stats{
    .name = "stats",
    .summary = "show the counters",
    .synopsis = "[--watch [SECONDS]] [--json]",
    .details = "Counters run since the module was loaded; those that are 0 are left out, but\n"
               "not with --json. --watch shows bytes a second, every 2 seconds; with --json it\n"
               "writes all counters, one object a line.\n",
    .options = options,
    .positionals = "seconds",
    .run = run,
};

} // namespace libractl
