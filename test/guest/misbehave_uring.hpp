// SPDX-License-Identifier: GPL-2.0
// Socket calls through io_uring.
#pragma once

#include <liburing.h>

#include <array>
#include <memory>
#include <vector>

#include "misbehave_report.hpp"
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
    int receive(int fd, std::vector<iovec>& room, Report& report, Dice& dice);
    /// `zero_copy`: IORING_OP_SEND_ZC, which waits for the notification too.
    int send(int fd, std::vector<iovec>& spans, int flags, bool zero_copy, Report& report,
             Dice& dice);
    /// Lets go of the sockets that were registered.
    void forget_files();

private:
    int complete();
    int receive_provided(int fd, const iovec& room, Report& report, Dice& dice);
    void choose(io_uring_sqe* call, int fd, Report& report, Dice& dice);
    int slot_of(int fd);

    io_uring ring_{};
    std::array<int, line_count> files_; ///< which descriptor is registered where, or -1
};

} // namespace guest::misbehave
