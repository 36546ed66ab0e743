// SPDX-License-Identifier: GPL-2.0
#include <fmt/format.h>
#include <libra/client.hpp>
#include <libra/json.hpp>
#include <libra/parser_loader.hpp>

#include "format.hpp"
#include "verb.hpp"

namespace libractl {
namespace {

void options(po::options_description& options) {
    options.add_options()                                                      //
        ("replace", "put it in the place of a loaded parser of the same name") //
        ("action", po::value<std::string>(), "")                               // positional
        ("name", po::value<std::string>(), "")                                 // positional
        ;
}

std::string required_name(const Arguments& arguments) {
    auto name = arguments.text("name");
    if (!name)
        throw UsageError("name a parser");
    return *std::move(name);
}

ExitCode load(const Context& context) {
    const std::string name = required_name(context.arguments);
    // Says in time that the module is not loaded or too little is allowed
    libra::Client().config();
    const auto loaded = libra::ParserLoader().load(libra::find_parser_object(name),
                                                   context.arguments.has("replace"));
    return context.answer(Json{{"name", loaded.name},
                               {"object", loaded.object.string()},
                               {"replaced", loaded.replaced}},
                          fmt::format("parser {} {} from {}\n", loaded.name,
                                      loaded.replaced ? "replaced" : "loaded",
                                      loaded.object.string()));
}

ExitCode unload(const Context& context) {
    const std::string name = required_name(context.arguments);
    libra::Client client;
    libra::ParserLoader().unload(client, name);
    return context.answer(Json{{"name", name}}, fmt::format("parser {} unloaded\n", name));
}

ExitCode list(const Context& context) {
    const auto parsers = libra::Client().parsers();
    return context.answer(Json(parsers), format_parsers(parsers));
}

ExitCode run(const Context& context) {
    const std::string action = context.arguments.text("action").value_or("list");
    if (action != "load" && context.arguments.has("replace"))
        throw UsageError("--replace goes with load");
    if (action == "load")
        return load(context);
    if (action == "unload")
        return unload(context);
    if (action != "list")
        throw UsageError(fmt::format("parser {}: give load, list or unload", action));
    if (context.arguments.has("name"))
        throw UsageError("list takes no name");
    return list(context);
}

} // namespace

const Verb verb_parser{
    .name = "parser",
    .summary = "load, list and unload parsers",
    .synopsis = "load FILE|NAME [--replace] | unload NAME | list [--json]",
    .details = "NAME is looked for as NAME.bpf.o in the directories of $LIBRA_PARSER_PATH, in\n"
               "../bpf beside libractl (a build tree), and where the parsers are installed.\n"
               "A parser that a policy names cannot be unloaded, but it can be replaced:\n"
               "streams that are under way keep their state when both have the same state\n"
               "version, else they are copied until they close.\n",
    .options = options,
    .positionals = "action name",
    .run = run,
};

} // namespace libractl
