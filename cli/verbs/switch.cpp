// SPDX-License-Identifier: GPL-2.0
#include <libra/client.hpp>

#include "verb.hpp"

namespace libractl {
namespace {

ExitCode set_enabled(const Context& context, bool enabled) {
    libra::Client client;
    client.set_config({.enabled = enabled,
                       .cap_total = {},
                       .cap_domain = {},
                       .cap_user = {},
                       .cap_sent = {},
                       .cap_spill = {}});
    if (context.arguments.json())
        context.print_json(Json{{"enabled", enabled}});
    else
        context.print(enabled ? "on: policies in mode elide are in force\n"
                              : "off: nothing is elided; connections and policies stay\n");
    return exit_ok;
}

} // namespace

const Verb verb_on{
    .name = "on",
    .summary = "allow elision again",
    .synopsis = "[--json]",
    .details = {},
    .options = nullptr,
    .positionals = {},
    .run = [](const Context& context) { return set_enabled(context, true); },
};

const Verb verb_off{
    .name = "off",
    .summary = "stop elision everywhere, at once",
    .synopsis = "[--json]",
    .details = "Payload that is on its way is still sent. Connections, policies and parsers\n"
               "stay, so that \"libractl on\" takes up again where this left off.\n",
    .options = nullptr,
    .positionals = {},
    .run = [](const Context& context) { return set_enabled(context, false); },
};

} // namespace libractl
