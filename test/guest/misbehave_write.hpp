// SPDX-License-Identifier: GPL-2.0
// Every way to write to a socket.
#pragma once

#include <atomic>

#include "misbehave_calls.hpp"
#include "misbehave_memory.hpp"
#include "misbehave_plan.hpp"
#include "misbehave_report.hpp"

namespace guest::misbehave {

class Uring;

class Writer {
public:
    Writer(int fd, const Plan& plan, Report& report, int line);

    /// One call, or a few, that send some of these bytes; how many were taken.
    std::size_t write(std::vector<iovec> spans, bool more, Dice& dice);
    std::uint64_t sent() const { return sent_; }
    const char* way() const { return name_of(way_); } ///< of the last call
    void use(int fd) { fd_ = fd; }
    void use(Uring* uring) { uring_ = uring; }

private:
    std::size_t took(ssize_t got, std::size_t size, bool blocking);
    ssize_t one_call(std::vector<iovec>& spans, int flags, Dice& dice);
    std::size_t blocking(std::vector<iovec>& spans, int flags, Dice& dice);
    std::size_t impatient(std::vector<iovec>& spans, int flags, Dice& dice);
    std::size_t several(std::vector<iovec>& spans, int flags);
    std::size_t from_file(std::vector<iovec>& spans, Dice& dice);
    std::size_t from_pipe(std::vector<iovec>& spans, Dice& dice);
    std::size_t zero_copy(std::vector<iovec>& spans);
    std::size_t with_uring(std::vector<iovec>& spans, int flags, Dice& dice);
    void cork(Dice& dice);

    Way way_ = Way::send;
    int fd_;
    const Plan& plan_;
    Report& report_;
    std::atomic<std::uint64_t>& sent_;
    Arena pinned_;
    Waiter waiter_;
    Uring* uring_ = nullptr;
};

} // namespace guest::misbehave
