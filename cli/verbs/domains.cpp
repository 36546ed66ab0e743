// SPDX-License-Identifier: GPL-2.0
#include <libra/client.hpp>
#include <libra/json.hpp>

#include "format.hpp"
#include "verb.hpp"

namespace libractl {
namespace {

ExitCode run(const Context& context) {
    const auto list = libra::Client().domains();
    if (context.arguments.json())
        context.print_json(Json(list));
    else
        context.print(format_domains(list));
    return exit_ok;
}

} // namespace

const Verb verb_domains{
    .name = "domains",
    .summary = "list the processes with attached sockets",
    .synopsis = "[--json]",
    .details = {},
    .options = nullptr,
    .positionals = {},
    .run = run,
};

} // namespace libractl
