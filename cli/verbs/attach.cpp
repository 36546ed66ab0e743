// SPDX-License-Identifier: GPL-2.0
#include <filesystem>
#include <limits>
#include <optional>

#include <fmt/format.h>
#include <libra/attach.hpp>
#include <libra/client.hpp>
#include <libra/json.hpp>
#include <libra/process.hpp>

#include "format.hpp"
#include "needed_parser.hpp"
#include "verb.hpp"

namespace libractl {
namespace {

namespace fs = std::filesystem;

void options(po::options_description& options) {
    const auto value = [](const char* name) { return po::value<std::string>()->value_name(name); };
    options.add_options()                                                                    //
        ("pid,p", value("PID"), "the process and its descendants")                           //
        ("exe", value("PATH"), "all processes that run this executable, now and later")      //
        ("parser", value("NAME"), "what reads the bytes (default http1); loaded if need be") //
        ("mode", value("MODE"), "observe (default), verify, elide or auto: see below")       //
        ("proof", value("N"), "messages in a row that prove a class (default 32)")           //
        ("sample", value("N"), "of a proven class verify one in N (default 64)")             //
        ("threshold", value("BYTES"), "least payload that is worth it (default 16K)")        //
        ("cap", value("BYTES"), "what its processes may pin together (default: no limit)")   //
        ("lport", value("PORT"), "elide only on sockets with this local port")               //
        ("rport", value("PORT"), "elide only on sockets with this remote port")              //
        ("accept-risk", "attach in spite of what was found")                                 //
        ;
}

/// An absolute path without links, as the kernel sees it.
std::string executable(const std::string& path) {
    std::error_code error;
    const fs::path canonical = fs::canonical(path, error);
    if (error)
        throw libra::Error(libra::ErrorKind::not_found, error.value(),
                           fmt::format("there is no file {}", path),
                           "give the path that \"ls -l /proc/PID/exe\" shows");
    return canonical.string();
}

std::optional<std::uint32_t> message_count(const Arguments& arguments, const char* option) {
    const auto value = arguments.number(option, 1, libra::proof_max);
    return value ? std::optional(static_cast<std::uint32_t>(*value)) : std::nullopt;
}

libra::PolicySpec read_spec(const Arguments& arguments) {
    libra::PolicySpec spec;
    const auto pid = arguments.pid("pid");
    const auto exe = arguments.text("exe");
    if (pid.has_value() == exe.has_value())
        throw UsageError("attach needs --pid or --exe, one of both");
    spec.pid = pid.value_or(0);
    spec.exe = exe ? executable(*exe) : "";
    spec.parser = arguments.text("parser").value_or(spec.parser);
    if (!libra::is_parser_name(spec.parser))
        throw UsageError(fmt::format("--parser {}: names are 1 to 15 letters, digits, '-' and '_'",
                                     spec.parser));
    if (const auto word = arguments.text("mode"); word) {
        const auto mode = libra::mode_from_string(*word);
        if (!mode)
            throw UsageError(fmt::format("--mode {}: give observe, verify, elide or auto", *word));
        spec.mode = *mode;
    }
    if (!libra::verifies(spec.mode) && (arguments.has("proof") || arguments.has("sample")))
        throw UsageError("--proof and --sample go with --mode verify or auto");
    spec.proof = message_count(arguments, "proof");
    spec.sample = message_count(arguments, "sample");
    spec.threshold = static_cast<std::uint32_t>(
        arguments.size("threshold", libra::threshold_min, libra::threshold_max)
            .value_or(spec.threshold));
    spec.cap = arguments.size("cap", 1, std::numeric_limits<std::int64_t>::max()).value_or(0);
    spec.lport = arguments.port("lport").value_or(0);
    spec.rport = arguments.port("rport").value_or(0);
    spec.accept_risk = arguments.has("accept-risk");
    return spec;
}

ExitCode run(const Context& context) {
    const libra::PolicySpec spec = read_spec(context.arguments);
    libra::Client client;
    client.config(); // says in time that too little is allowed
    if (spec.pid != 0)
        libra::read_process(spec.pid);
    NeededParser parser(client, spec.parser);
    const libra::AttachReport report = libra::attach(client, spec);
    parser.keep();
    Json json = report;
    json["parser_loaded"] = parser.object().has_value();
    std::string text;
    if (parser.object())
        text = fmt::format("parser {} loaded from {}\n", spec.parser, parser.object()->string());
    return context.answer(json, text + format_attach(spec, report));
}

} // namespace

const Verb verb_attach{
    .name = "attach",
    .summary = "attach a process: its sockets that are open, and those to come",
    .synopsis = "(--pid PID | --exe PATH) [OPTION]...",
    .details =
        "Mode observe copies everything and counts what could be left out. Verify also compares\n"
        "what goes out with what came in, for each class of messages (\"libractl classes\").\n"
        "Elide leaves payload in the kernel. Auto verifies a class of messages first, elides it\n"
        "after N that went out verbatim, and goes back at the first that did not.\n"
        "Elide and auto first look at the process, and refuse (exit code 6) when they find TLS\n"
        "in user space, unix sockets or QUIC that carry bodies, or features that read bodies\n"
        "(compression, caches, filters). For nginx they run the process's own \"nginx -T\", with\n"
        "that process's rights. --accept-risk goes on all the same: such bodies may then be\n"
        "corrupted, unless the kernel sees it coming and stops elision itself.\n"
        "All TCP sockets of the process are attached; --lport and --rport choose those that\n"
        "elide. PATH must be absolute or be found from here. BYTES takes K or M behind it.\n",
    .options = options,
    .run = run,
};

} // namespace libractl
