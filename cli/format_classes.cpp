// SPDX-License-Identifier: GPL-2.0
#include "format.hpp"

#include <fmt/format.h>

#include "size.hpp"

namespace libractl {
namespace {

std::string or_dash(const std::string& text) {
    return text.empty() ? "-" : text;
}

std::string describe_change(const libra::ClassEvent& event) {
    switch (event.change) {
    case libra::ClassChange::proven:
        return fmt::format("proven: {} in a row went out as they came in",
                           count(event.streak, "message", "messages"));
    case libra::ClassChange::altered:
        return "altered: a message went out changed; its class is copied again";
    case libra::ClassChange::unforwarded:
        return "unforwarded: a message never went out; its class is copied again";
    case libra::ClassChange::sink:
        return "sink: the process sends to a kind of socket that it had not before; all its "
               "classes are copied again";
    case libra::ClassChange::none:
        break;
    }
    return to_string(event.change);
}

} // namespace

std::string name_class(libra::Side side, const std::string& label, const std::string& for_label) {
    std::string text = fmt::format("{}s \"{}\"", to_string(side), label);
    if (!for_label.empty())
        text += fmt::format(" to \"{}\"", for_label);
    return text;
}

std::string format_classes(const std::vector<libra::MessageClass>& classes) {
    Table table({"PID", "SIDE", "STATE", "STREAK", "VERBATIM", "ALTERED", "UNFORWARDED", "ELIDED",
                 "BYTES", "LABEL", "FOR"});
    // Labels have blanks in them and any length: they stand at the end
    for (const libra::MessageClass& each : classes)
        table.add({each.pid == 0 ? "-" : fmt::format("{}", each.pid), to_string(each.side),
                   to_string(each.state), fmt::format("{}", each.streak),
                   fmt::format("{}", each.verbatim), fmt::format("{}", each.altered),
                   fmt::format("{}", each.unforwarded), fmt::format("{}", each.elided),
                   format_size(each.bytes), or_dash(each.label), or_dash(each.for_label)});
    return table.text();
}

std::string format_event(const libra::ClassEvent& event) {
    const std::string who = event.pid != 0 ? fmt::format("process {}", event.pid)
                                           : fmt::format("domain {}", event.domain);
    // A new sink is one for all classes of a process
    if (event.label.empty())
        return fmt::format("{}: {}\n", who, describe_change(event));
    return fmt::format("{}: {}: {}\n", who, name_class(event.side, event.label, event.for_label),
                       describe_change(event));
}

} // namespace libractl
