// SPDX-License-Identifier: GPL-2.0
#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <libra/attach.hpp>
#include <libra/client.hpp>
#include <libra/json.hpp>
#include <libra/parser_loader.hpp>
#include <libra/process.hpp>

#include "format.hpp"
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
        ("mode", value("MODE"), "observe: copy and count (default); elide: save copies")     //
        ("threshold", value("BYTES"), "least payload that is worth it (default 16K)")        //
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
            throw UsageError(fmt::format("--mode {}: give observe or elide", *word));
        spec.mode = *mode;
    }
    spec.threshold = static_cast<std::uint32_t>(
        arguments.size("threshold", libra::threshold_min, libra::threshold_max)
            .value_or(spec.threshold));
    spec.lport = arguments.port("lport").value_or(0);
    spec.rport = arguments.port("rport").value_or(0);
    spec.accept_risk = arguments.has("accept-risk");
    return spec;
}

/// Loads the parser of a policy if it is not there, and takes it away again
/// unless keep() is called.
class NeededParser {
public:
    NeededParser(libra::Client& client, std::string name)
        : client_(client)
        , name_(std::move(name)) {
        const auto parsers = client.parsers();
        if (std::any_of(parsers.begin(), parsers.end(),
                        [&](const libra::Parser& each) { return each.name == name_; }))
            return;
        const auto loaded = loader_.load(libra::find_parser_object(name_), false);
        object_ = loaded.object;
        if (loaded.name == name_)
            return;
        loader_.unload(client_, loaded.name);
        throw libra::Error(libra::ErrorKind::failed, 0,
                           fmt::format("{} holds the parser {}, not {}", loaded.object.string(),
                                       loaded.name, name_),
                           fmt::format("attach with --parser {}", loaded.name));
    }
    NeededParser(const NeededParser&) = delete;
    NeededParser& operator=(const NeededParser&) = delete;
    ~NeededParser() {
        if (kept_ || !object_)
            return;
        try {
            loader_.unload(client_, name_);
        } catch (const libra::Error&) { // NOLINT(bugprone-empty-catch)
            // The failure that brought us here is what the user must hear of
        }
    }

    void keep() noexcept { kept_ = true; }
    /// The file that it came from if it was loaded here.
    const std::optional<fs::path>& object() const noexcept { return object_; }

private:
    libra::Client& client_;
    std::string name_;
    libra::ParserLoader loader_;
    std::optional<fs::path> object_;
    bool kept_ = false;
};

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
        "Mode elide first looks at the process, and refuses (exit code 6) when it finds TLS\n"
        "in user space, unix sockets or QUIC that carry bodies, or features that read bodies\n"
        "(compression, caches, filters). For nginx it runs the process's own \"nginx -T\", with\n"
        "that process's rights. --accept-risk goes on all the same: such bodies may then be\n"
        "corrupted, unless the kernel sees it coming and stops elision itself.\n"
        "All TCP sockets of the process are attached; --lport and --rport choose those that\n"
        "elide. PATH must be absolute or be found from here. BYTES takes K or M behind it.\n",
    .options = options,
    .run = run,
};

} // namespace libractl
