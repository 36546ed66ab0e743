// SPDX-License-Identifier: GPL-2.0
#include <libra/client.hpp>
#include <libra/json.hpp>

#include "format.hpp"
#include "verb.hpp"

namespace libractl {
namespace {

ExitCode run(const Context& context) {
    libra::Client client;
    const libra::Config config = client.config();
    const libra::Stats stats = client.stats();
    if (context.arguments.json()) {
        Json json = config;
        json["stats"] = stats;
        context.print_json(json);
    } else {
        context.print(format_status(config, stats));
    }
    return exit_ok;
}

} // namespace

const Verb verb_status{
    .name = "status",
    .summary = "show what is loaded, attached and saved",
    .synopsis = "[--json]",
    .details = {},
    .options = nullptr,
    .positionals = {},
    .run = run,
};

} // namespace libractl
