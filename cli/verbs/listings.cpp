// SPDX-License-Identifier: GPL-2.0
// The verbs that show one list of the module's.
#include <libra/client.hpp>
#include <libra/json.hpp>

#include "format.hpp"
#include "verb.hpp"

namespace libractl {
namespace {

template <auto list, auto format>
ExitCode show(const Context& context) {
    libra::Client client;
    const auto all = (client.*list)();
    return context.answer(Json(all), format(all));
}

} // namespace

const Verb verb_classes{
    .name = "classes",
    .summary = "list the classes of messages that modes verify and auto know",
    .synopsis = "[--json]",
    .details = "A class is what a process is expected to treat alike: messages of one side with\n"
               "the same label, which is what the parser says of them, and, of responses, the\n"
               "label of the request. VERBATIM went out as they came in, ALTERED began so and\n"
               "then differed, UNFORWARDED never went out. Mode auto elides a class once STREAK\n"
               "has reached the policy's proof, and goes back at the first that differs.\n",
    .run = show<&libra::Client::classes, format_classes>,
};

const Verb verb_domains{
    .name = "domains",
    .summary = "list the processes with attached sockets",
    .synopsis = "[--json]",
    .run = show<&libra::Client::domains, format_domains>,
};

const Verb verb_policies{
    .name = "policies",
    .summary = "list the policies",
    .synopsis = "[--json]",
    .run = show<&libra::Client::policies, format_policies>,
};

const Verb verb_sockets{
    .name = "sockets",
    .summary = "list the attached sockets",
    .synopsis = "[--json]",
    .run = show<&libra::Client::sockets, format_sockets>,
};

} // namespace libractl
