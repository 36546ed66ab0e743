// SPDX-License-Identifier: GPL-2.0
// What the misbehaving proxy can do. Each time is counted: a case is worth no more than what
// chance really chose in it.
#pragma once

#include <cstddef>
#include <vector>

#include "misbehave_plan.hpp"

namespace guest::misbehave {

enum class Way {
    plain,
    impatient,
    all,
    low_water,
    peek,
    peek_count,
    many,
    by_pipe,
    by_mapping,
    by_ring,
    discard,
    two_readers,
    to_the_end,
    send,
    send_impatient,
    send_several,
    send_file,
    send_pipe,
    send_zero_copy,
    send_by_ring,
    provided_buffer,
    fixed_file,
    fork_all,
    fork_sender,
    exec_sender,
    dup_descriptor,
    pass_descriptor,
    leave_by_shutdown,
    leave_by_reset,
    leave_by_close,
};

inline constexpr std::size_t way_count = static_cast<std::size_t>(Way::leave_by_close) + 1;

const char* name_of(Way way);

/// What a family must have done when it has tried its usual number of seeds.
std::vector<Way> ways_of(Family family);

} // namespace guest::misbehave
