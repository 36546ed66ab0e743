// SPDX-License-Identifier: GPL-2.0
#include <limits>

#include <libra/client.hpp>
#include <libra/json.hpp>

#include "format.hpp"
#include "verb.hpp"

namespace libractl {
namespace {

void options(po::options_description& options) {
    const auto bytes = [] { return po::value<std::string>()->value_name("BYTES"); };
    options.add_options()                                                      //
        ("total", bytes(), "what all processes together may pin")              //
        ("domain", bytes(), "what one process may pin")                        //
        ("user", bytes(), "what the processes of one user may pin")            //
        ("sent", bytes(), "sent payload that a process keeps for retries")     //
        ("spill", bytes(), "payload of a process that waits in shared memory") //
        ("policy", po::value<std::string>()->value_name("ID"), "set the limit of a policy: --cap")(
            "cap", bytes(), "what the processes of the policy may pin, 0: no limit of its own") //
        ;
}

ExitCode run(const Context& context) {
    const Arguments& arguments = context.arguments;
    constexpr std::uint64_t limit = std::numeric_limits<std::int64_t>::max();
    const libra::ConfigChange change{
        .cap_total = arguments.size("total", 0, limit),
        .cap_domain = arguments.size("domain", 0, limit),
        .cap_user = arguments.size("user", 0, limit),
        .cap_sent = arguments.size("sent", 0, limit),
        .cap_spill = arguments.size("spill", 0, limit),
    };
    const auto policy = arguments.number("policy", 1, std::numeric_limits<std::uint32_t>::max());
    const auto cap = arguments.size("cap", 0, limit);
    if (policy.has_value() != cap.has_value())
        throw UsageError("--policy and --cap go together");
    libra::Client client;
    if (policy)
        client.set_policy_cap(static_cast<std::uint32_t>(*policy), *cap);
    if (change.cap_total || change.cap_domain || change.cap_user || change.cap_sent ||
        change.cap_spill)
        client.set_config(change);
    const libra::Config config = client.config();
    const std::vector<libra::Policy> policies = client.policies();
    Json json = Json(config)["limits"];
    json["policies"] = Json::array();
    for (const libra::Policy& each : policies)
        json["policies"].push_back(
            {{"id", each.id}, {"cap", Json(each)["cap"]}, {"retained", each.retained}});
    return context.answer(json, format_limits(config, policies));
}

} // namespace

const Verb verb_limits{
    .name = "limits",
    .summary = "show or set how much memory payload may pin",
    .synopsis = "[--total BYTES] [--domain BYTES] [--user BYTES] [--sent BYTES] [--spill BYTES]\n"
                "[--policy ID --cap BYTES] [--json]",
    .details = "BYTES takes K, M or G behind it. At a limit Libra copies; it never stalls.\n"
               "Payload that waits for more than 10 seconds, or stands in the way of other\n"
               "payload at a limit, moves to shared memory, and back to be sent. Past the\n"
               "limit of that what nobody seems to wait for is dropped: a connection that\n"
               "sends it all the same is reset.\n",
    .options = options,
    .run = run,
};

} // namespace libractl
