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
    Json json = config;
    json["stats"] = stats;
    return context.answer(json, format_status(config, stats));
}

} // namespace

const Verb verb_status{
    .name = "status",
    .summary = "show what is loaded, attached and saved",
    .synopsis = "[--json]",
    .run = run,
};

} // namespace libractl
