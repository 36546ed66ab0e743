// SPDX-License-Identifier: GPL-2.0
#include "needed_parser.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <libra/error.hpp>

namespace libractl {

NeededParser::NeededParser(libra::Client& client, std::string name)
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
    throw libra::Error(
        libra::ErrorKind::failed, 0,
        fmt::format("{} holds the parser {}, not {}", loaded.object.string(), loaded.name, name_),
        fmt::format("attach with --parser {}", loaded.name));
}

NeededParser::~NeededParser() {
    if (kept_ || !object_)
        return;
    try {
        loader_.unload(client_, name_);
    } catch (const libra::Error&) { // NOLINT(bugprone-empty-catch)
        // The failure that brought us here is what the user must hear of
    }
}

} // namespace libractl
