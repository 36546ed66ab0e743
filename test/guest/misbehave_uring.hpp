// SPDX-License-Identifier: GPL-2.0
// Socket calls through io_uring.
#pragma once

#include <liburing.h>

#include <memory>
#include <vector>

#include "pattern.hpp"

namespace guest::misbehave {

class Uring {
public:
    /// `polled`: by a thread of the kernel's, without system calls.
    explicit Uring(bool polled);
    Uring(const Uring&) = delete;
    Uring& operator=(const Uring&) = delete;
    ~Uring();

    /// Bytes, or a negative errno.
    int receive(int fd, std::vector<iovec>& room, Dice& dice);
    /// `zero_copy`: IORING_OP_SEND_ZC, which waits for the notification too.
    int send(int fd, std::vector<iovec>& spans, int flags, bool zero_copy, Dice& dice);

private:
    int complete();

    io_uring ring_{};
};

} // namespace guest::misbehave
