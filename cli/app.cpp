// SPDX-License-Identifier: GPL-2.0
#include "app.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <sstream>

#include <fmt/format.h>
#include <libra/inspect.hpp>
#include <libra/version.hpp>

#include "exit_code.hpp"
#include "verb.hpp"

namespace libractl {
namespace {

constexpr std::array verbs{
    &verb_status, &verb_advise,   &verb_attach,  &verb_detach,  &verb_on,
    &verb_off,    &verb_policies, &verb_sockets, &verb_domains, &verb_classes,
    &verb_events, &verb_stats,    &verb_limits,  &verb_parser,
};

constexpr std::string_view exit_codes = "Exit codes:\n"
                                        "  0  done\n"
                                        "  1  failed, or refused by the kernel\n"
                                        "  2  wrong usage\n"
                                        "  3  no such process, policy or parser\n"
                                        "  4  no privilege\n"
                                        "  5  the module is not loaded\n"
                                        "  6  refused to elide; the reasons are printed\n"
                                        "  7  the verifier rejected the parser\n";

const Verb* find_verb(std::string_view name) {
    const auto* found = std::find_if(verbs.begin(), verbs.end(),
                                     [&](const Verb* each) { return each->name == name; });
    return found == verbs.end() ? nullptr : *found;
}

po::options_description common_options() {
    po::options_description options("Options of all verbs");
    options.add_options()                                                  //
        ("help,h", "show this help")                                       //
        ("json", "write JSON")                                             //
        ("verbose,v", "show details of a failure, such as a verifier log") //
        ;
    return options;
}

po::options_description own_options(const Verb& verb) {
    po::options_description options("Options");
    if (verb.options != nullptr)
        verb.options(options);
    return options;
}

std::string general_help() {
    std::string text = "Usage: libractl [VERB] [OPTION]...\n"
                       "Controls the Libra kernel module. Without a verb: status.\n\n"
                       "Verbs:\n";
    for (const Verb* verb : verbs)
        text += fmt::format("  {:<10} {}\n", verb->name, verb->summary);
    text += fmt::format("  {:<10} {}\n\n", "help", "this text, or help on a verb");
    text += "Options: --help, --version, --json, --verbose\n\n";
    text += exit_codes;
    text += "\nSee libractl(8).\n";
    return text;
}

std::string verb_help(const Verb& verb) {
    std::ostringstream text;
    text << "Usage: libractl " << verb.name << (verb.synopsis.empty() ? "" : " ") << verb.synopsis
         << '\n'
         << verb.summary << "\n\n";
    const auto own = own_options(verb);
    po::options_description shown("Options");
    // What stands without "--" is in the synopsis
    for (const auto& option : own.options()) {
        if (!option->description().empty())
            shown.add(option);
    }
    if (!shown.options().empty())
        text << shown << '\n';
    text << common_options();
    if (!verb.details.empty())
        text << '\n' << verb.details;
    return text.str();
}

Arguments parse(const Verb& verb, const std::vector<std::string>& arguments) {
    po::options_description all;
    all.add(own_options(verb)).add(common_options());
    po::positional_options_description positions;
    std::istringstream names{std::string(verb.positionals)};
    for (std::string name; names >> name;)
        positions.add(name.c_str(), 1);
    // Abbreviated options would change their meaning when one is added
    const auto style = po::command_line_style::default_style &
                       ~static_cast<unsigned>(po::command_line_style::allow_guessing);
    po::variables_map values;
    po::store(po::command_line_parser(arguments)
                  .options(all)
                  .positional(positions)
                  .style(static_cast<int>(style))
                  .run(),
              values);
    po::notify(values);
    return Arguments(values);
}

/// The verb that is meant, which is taken out of the arguments: the first one
/// that is no option.
std::string take_verb(std::vector<std::string>& arguments) {
    const auto found =
        std::find_if(arguments.begin(), arguments.end(),
                     [](const std::string& each) { return each.empty() || each.front() != '-'; });
    if (found == arguments.end())
        return "status";
    std::string name = *found;
    arguments.erase(found);
    return name;
}

const Verb& require_verb(const std::string& name) {
    if (const Verb* verb = find_verb(name); verb != nullptr)
        return *verb;
    throw UsageError(fmt::format(R"(there is no verb "{}"; "libractl help" lists them)", name));
}

bool contains(const std::vector<std::string>& list, std::string_view value) {
    return std::find(list.begin(), list.end(), value) != list.end();
}

int dispatch(std::vector<std::string> arguments, std::FILE* out, std::FILE* err) {
    const bool bare = std::none_of(arguments.begin(), arguments.end(), [](const std::string& each) {
        return each.empty() || each.front() != '-';
    });
    if (bare && contains(arguments, "--version")) {
        fmt::print(out, "libractl {}\n", libra::version);
        return exit_ok;
    }
    if (bare && (contains(arguments, "--help") || contains(arguments, "-h"))) {
        fmt::print(out, "{}", general_help());
        return exit_ok;
    }
    const std::string name = take_verb(arguments);
    if (name == "help") {
        if (arguments.size() > 1)
            throw UsageError("help takes one verb");
        fmt::print(out, "{}",
                   arguments.empty() ? general_help() : verb_help(require_verb(arguments.front())));
        return exit_ok;
    }
    const Verb& verb = require_verb(name);
    const Arguments parsed = parse(verb, arguments);
    if (parsed.has("help")) {
        fmt::print(out, "{}", verb_help(verb));
        return exit_ok;
    }
    return verb.run({parsed, out, err});
}

int usage_error(std::FILE* err, std::string_view what) {
    fmt::print(err, "libractl: {}; see \"libractl help\"\n", what);
    return exit_usage;
}

} // namespace

void Context::print(std::string_view text) const {
    fmt::print(out, "{}", text);
}

void Context::print_json(const Json& json) const {
    fmt::print(out, "{}\n", json.dump(2));
}

ExitCode Context::answer(const Json& json, std::string_view text) const {
    if (arguments.json())
        print_json(json);
    else
        print(text);
    return exit_ok;
}

std::string format_error(const libra::Error& error, bool verbose) {
    std::string text = fmt::format("libractl: {}", error.what());
    if (!error.cure().empty())
        text += fmt::format("; {}", error.cure());
    text += '\n';
    if (const auto* refused = dynamic_cast<const libra::UnsafeError*>(&error); refused != nullptr) {
        for (const libra::Finding& each : refused->findings()) {
            if (each.severity == libra::Severity::refuse)
                text += fmt::format("  {}: {}\n", each.topic, each.text);
        }
    }
    if (verbose && !error.detail().empty())
        text += error.detail() + (error.detail().ends_with('\n') ? "" : "\n");
    return text;
}

int run(const std::vector<std::string>& arguments, std::FILE* out, std::FILE* err) {
    try {
        const int code = dispatch(arguments, out, err);
        // A full disk or a closed pipe behind standard output is a failure too
        if (std::fflush(out) != 0) {
            fmt::print(err, "libractl: the output cannot be written\n");
            return exit_failed;
        }
        return code;
    } catch (const UsageError& error) {
        return usage_error(err, error.what());
    } catch (const po::error& error) {
        return usage_error(err, error.what());
    } catch (const libra::Error& error) {
        const bool verbose = contains(arguments, "-v") || contains(arguments, "--verbose");
        fmt::print(err, "{}", format_error(error, verbose));
        return exit_code_of(error.kind());
    } catch (const std::exception& error) {
        fmt::print(err, "libractl: {}\n", error.what());
        return exit_failed;
    }
}

} // namespace libractl
