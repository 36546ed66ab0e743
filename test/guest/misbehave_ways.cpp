// SPDX-License-Identifier: GPL-2.0
#include "misbehave_ways.hpp"

#include <array>

#include "proxy.hpp"

namespace guest::misbehave {
namespace {

// clang-format off
constexpr std::array<const char*, way_count> way_names = {
    "plain", "impatient", "all", "low water", "peek", "peek count", "many", "by pipe",
    "by mapping", "by ring", "discard", "two readers", "to the end", "send", "send impatient",
    "send several", "send file", "send pipe", "send zero copy", "send by ring", "provided buffer",
    "fixed file", "fork all", "fork sender", "exec sender", "dup descriptor", "pass descriptor",
    "leave by shutdown", "leave by reset", "leave by close"};
// clang-format on

} // namespace

const char* name_of(Way way) {
    return way_names.at(static_cast<std::size_t>(way));
}

namespace {

/// By tls, or not the same there.
bool is_refused_by_ktls(Way way) {
    switch (way) {
    case Way::peek_count:
    case Way::by_pipe:
    case Way::by_mapping:
    case Way::discard:
    case Way::send_several:
    case Way::send_zero_copy:
        return true;
    default:
        return false;
    }
}

} // namespace

std::vector<Way> ways_of(Family family) {
    std::vector<Way> ways = {Way::plain, Way::impatient, Way::send, Way::to_the_end};
    const auto also = [&ways](const std::vector<Way>& more) {
        ways.insert(ways.end(), more.begin(), more.end());
    };
    switch (family) {
    case Family::reads:
        also({Way::by_pipe, Way::by_mapping, Way::discard});
        [[fallthrough]];
    case Family::threads:
        also({Way::all, Way::low_water, Way::peek, Way::peek_count, Way::many, Way::two_readers});
        break;
    case Family::writes:
        also({Way::send_impatient, Way::send_several, Way::send_file, Way::send_pipe,
              Way::send_zero_copy});
        break;
    case Family::processes:
        also({Way::fork_all, Way::fork_sender, Way::exec_sender, Way::dup_descriptor,
              Way::pass_descriptor});
        break;
    case Family::uring:
        also({Way::by_ring, Way::send_by_ring, Way::provided_buffer, Way::fixed_file});
        break;
    case Family::ends:
        also({Way::leave_by_shutdown, Way::leave_by_reset, Way::leave_by_close});
        break;
    case Family::mangles:
        return {Way::plain, Way::impatient, Way::send};
    case Family::copies:
        break;
    }
    if (told_ktls()) {
        std::erase_if(ways, is_refused_by_ktls);
    }
    return ways;
}

} // namespace guest::misbehave
