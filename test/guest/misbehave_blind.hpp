// SPDX-License-Identifier: GPL-2.0
// What a mangled body carries that the kernel cannot recognise.
#pragma once

#include <functional>
#include <optional>

#include "misbehave_inspect.hpp"
#include "misbehave_plan.hpp"

namespace guest::misbehave {

/// The offset in an output of the first piece of a placeholder that is shorter than a marker
/// interval, by the cut itself or by the chunks that it is sent in: docs/architecture.md promises
/// nothing for such ones.
std::optional<std::uint64_t>
first_blind_spot(const Output& output,
                 const std::function<std::vector<Placeholder>(int line)>& placeholders);

} // namespace guest::misbehave
