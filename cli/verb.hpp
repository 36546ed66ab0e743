// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRACTL_VERB_HPP
#define LIBRACTL_VERB_HPP

#include <cstdio>
#include <string_view>

#include <nlohmann/json.hpp>

#include "arguments.hpp"
#include "exit_code.hpp"

namespace libractl {

/// Keeps the order in which the fields are written down.
using Json = nlohmann::ordered_json;

/// What a verb reads and writes.
struct Context {
    const Arguments& arguments;
    std::FILE* out;
    std::FILE* err; ///< for progress and warnings; failures are exceptions

    void print(std::string_view text) const;
    /// Pretty-printed, with a newline.
    void print_json(const Json& json) const;
    /// Whichever of the two was asked for; it went well.
    ExitCode answer(const Json& json, std::string_view text) const;
};

/// One row of the table of verbs. Failures are exceptions: libra::Error or
/// UsageError.
struct Verb {
    std::string_view name;
    std::string_view summary;
    /// The arguments behind the name, as in a synopsis.
    std::string_view synopsis;
    /// Paragraphs below the options in the help; may be empty.
    std::string_view details = {};
    /// Adds options; null: none but the common ones.
    void (*options)(po::options_description& options) = nullptr;
    /// Names of the options that stand without "--", in order, separated by
    /// blanks; each takes one argument.
    std::string_view positionals = {};
    ExitCode (*run)(const Context& context);
};

extern const Verb verb_advise;
extern const Verb verb_attach;
extern const Verb verb_classes;
extern const Verb verb_detach;
extern const Verb verb_domains;
extern const Verb verb_events;
extern const Verb verb_limits;
extern const Verb verb_off;
extern const Verb verb_on;
extern const Verb verb_parser;
extern const Verb verb_policies;
extern const Verb verb_sockets;
extern const Verb verb_stats;
extern const Verb verb_status;

} // namespace libractl

#endif
