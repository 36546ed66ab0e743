// SPDX-License-Identifier: GPL-2.0
#include "format.hpp"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "size.hpp"

namespace libractl {
namespace {

using libra::Recommendation;
using libra::Verdict;

/// A word of a command line, quoted if a shell would not take it as it is.
std::string shell_word(const std::string& word) {
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789/._-+:@%,";
    if (!word.empty() && word.find_first_not_of(plain) == std::string::npos)
        return word;
    std::string quoted = "'";
    for (const char c : word) {
        if (c == '\'')
            quoted += "'\\''";
        else
            quoted += c;
    }
    return quoted + "'";
}

std::string attach_command(const libra::PolicySpec& spec, libra::Mode mode) {
    const libra::PolicySpec defaults;
    std::string text = "libractl attach ";
    text += spec.pid != 0 ? fmt::format("--pid {}", spec.pid)
                          : fmt::format("--exe {}", shell_word(spec.exe));
    text += fmt::format(" --mode {}", to_string(mode));
    if (spec.parser != defaults.parser)
        text += fmt::format(" --parser {}", shell_word(spec.parser));
    if (spec.threshold != defaults.threshold)
        text += fmt::format(" --threshold {}", spec.threshold);
    if (spec.lport != 0)
        text += fmt::format(" --lport {}", spec.lport);
    if (spec.rport != 0)
        text += fmt::format(" --rport {}", spec.rport);
    if (mode == libra::Mode::auto_ && spec.proof)
        text += fmt::format(" --proof {}", *spec.proof);
    if (mode == libra::Mode::auto_ && spec.sample)
        text += fmt::format(" --sample {}", *spec.sample);
    return text;
}

std::string format_head(const Watched& watched) {
    std::string text = fmt::format("process {}", watched.pid);
    if (watched.processes > 1)
        text += fmt::format(" and {}",
                            count(watched.processes - 1, "other under it", "others under it"));
    if (watched.seconds != 0)
        text += fmt::format(", watched for {}", count(watched.seconds, "second", "seconds"));
    if (watched.found != 0)
        text += fmt::format("; policy {} (mode {}) was there already, and what it saw counts",
                            watched.found, to_string(watched.spec.mode));
    text += '\n';
    if (watched.late != 0)
        text += fmt::format("  {} open already and not compared: only new ones are\n",
                            count(watched.late, "connection was", "connections were"));
    if (watched.unattached != 0)
        text += fmt::format("  {} not be attached\n",
                            count(watched.unattached, "socket could", "sockets could"));
    return text;
}

std::string format_gain(const libra::Advice& advice, const Watched& watched) {
    if (advice.messages == 0)
        return "nothing seen: no body began and ended meanwhile\n";
    std::string text = fmt::format("would be gained: nothing, of {}\n",
                                   count(advice.messages, "message", "messages"));
    if (advice.elidable != 0) {
        const double share =
            100 * static_cast<double>(advice.elidable) / static_cast<double>(advice.messages);
        text = fmt::format("would be gained: {} that went out as they came in, in {} of {} "
                           "({:.0f} %)\n",
                           format_size(advice.bytes), advice.elidable,
                           count(advice.messages, "message", "messages"), share);
    }
    for (const libra::ClassAdvice& each : advice.classes) {
        if (!each.may_be_elided())
            continue;
        text += fmt::format("  {}: {}, {}", name_class(each.side, each.label, each.for_label),
                            count(each.messages, "message", "messages"), format_size(each.bytes));
        if (each.small)
            text += fmt::format("; below the threshold of {} on average, and so copied",
                                format_size(watched.spec.threshold));
        if (each.verdict == Verdict::few)
            text += "; too few to be sure";
        if (each.verdict == Verdict::strays)
            text +=
                fmt::format("; {} never went out, as when a client goes away", each.unforwarded);
        text += '\n';
    }
    return text;
}

std::string describe_trouble(const libra::ClassAdvice& each) {
    std::string text;
    if (each.altered != 0)
        text = fmt::format("{} of {} altered: the process changes these bodies: compression, "
                           "filters",
                           each.altered, each.messages);
    if (each.unforwarded != 0)
        text += fmt::format("{}{} of {} never sent on as they came: read, cached, "
                            "compressed or dropped here",
                            text.empty() ? "" : "; ", each.unforwarded, each.messages);
    // The module knows whose answer it was only when it went out as it came in
    if (each.side == libra::Side::response && each.for_label.empty())
        text += "; which requests they answered is not known";
    if (each.verdict == Verdict::mixed)
        text += "; the others went out as they came in, and nothing tells which will";
    return text;
}

std::string format_trouble(const libra::Advice& advice) {
    std::string text;
    for (const libra::Finding& each : advice.findings) {
        if (each.severity == libra::Severity::refuse)
            text += fmt::format("  {}: {}\n", each.topic, each.text);
    }
    for (const libra::ClassAdvice& each : advice.classes) {
        if (!each.may_be_elided())
            text += fmt::format("  {}: {}\n", name_class(each.side, each.label, each.for_label),
                                describe_trouble(each));
    }
    if (!text.empty())
        text = "must not be elided:\n" + text;
    for (const libra::Finding& each : advice.findings) {
        if (each.severity == libra::Severity::note)
            text += fmt::format("note: {}\n", each.text);
    }
    return text;
}

std::string_view reason_of(Recommendation recommendation) {
    switch (recommendation) {
    case Recommendation::watch:
        return "watch again, while there is traffic";
    case Recommendation::none:
        return "elide nothing in this process";
    case Recommendation::auto_:
        return "mode auto, which elides a class of messages when it is proven and not before";
    case Recommendation::elide:
        return "mode elide: all that was seen went out as it came in";
    }
    return "";
}

} // namespace

std::string recommend_command(const libra::Advice& advice, const Watched& watched) {
    std::string detach =
        watched.found == 0 ? "" : fmt::format("libractl detach --id {}", watched.found);
    switch (advice.recommendation) {
    case Recommendation::watch:
        return fmt::format("libractl advise --pid {} --for 10m", watched.pid);
    case Recommendation::none:
        return detach;
    case Recommendation::auto_:
    case Recommendation::elide:
        break;
    }
    // It does by itself what is to be done
    if (watched.found != 0 && watched.spec.mode == libra::Mode::auto_)
        return "";
    const std::string attach = attach_command(
        watched.spec,
        advice.recommendation == Recommendation::elide ? libra::Mode::elide : libra::Mode::auto_);
    return detach.empty() ? attach : detach + " && " + attach;
}

std::string format_advice(const libra::Advice& advice, const Watched& watched) {
    const std::string command = recommend_command(advice, watched);
    std::string text = format_head(watched) + format_gain(advice, watched) + format_trouble(advice);
    text += fmt::format("recommended: {}\n", reason_of(advice.recommendation));
    if (!command.empty())
        text += fmt::format("  {}\n", command);
    else if (advice.recommendation == Recommendation::none)
        text += "  do not attach it in mode elide or auto\n";
    else
        text += fmt::format("  leave policy {} as it is: it is in mode auto\n", watched.found);
    return text;
}

} // namespace libractl
