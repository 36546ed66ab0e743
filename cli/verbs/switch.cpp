// SPDX-License-Identifier: GPL-2.0
#include <libra/client.hpp>

#include "verb.hpp"

namespace libractl {
namespace {

ExitCode set_enabled(const Context& context, bool enabled) {
    libra::Client client;
    client.set_config({.enabled = enabled});
    return context.answer(Json{{"enabled", enabled}},
                          enabled ? "on: policies in modes elide and auto are in force\n"
                                  : "off: nothing is elided; connections and policies stay\n");
}

} // namespace

const Verb verb_on{
    .name = "on",
    .summary = "allow elision again",
    .synopsis = "[--json]",
    .run = [](const Context& context) { return set_enabled(context, true); },
};

const Verb verb_off{
    .name = "off",
    .summary = "stop elision everywhere, at once",
    .synopsis = "[--json]",
    .details = "Payload that is on its way is still sent. Connections, policies and parsers\n"
               "stay, so that \"libractl on\" takes up again where this left off.\n",
    .run = [](const Context& context) { return set_enabled(context, false); },
};

} // namespace libractl
