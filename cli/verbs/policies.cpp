// SPDX-License-Identifier: GPL-2.0
#include <libra/client.hpp>
#include <libra/json.hpp>

#include "format.hpp"
#include "verb.hpp"

namespace libractl {
namespace {

ExitCode run(const Context& context) {
    const auto list = libra::Client().policies();
    if (context.arguments.json())
        context.print_json(Json(list));
    else
        context.print(format_policies(list));
    return exit_ok;
}

} // namespace

const Verb verb_policies{
    .name = "policies",
    .summary = "list the policies",
    .synopsis = "[--json]",
    .details = {},
    .options = nullptr,
    .positionals = {},
    .run = run,
};

} // namespace libractl
