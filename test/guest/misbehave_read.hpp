// SPDX-License-Identifier: GPL-2.0
// Every way to read from a socket, each checked against what plain TCP answers.
#pragma once

#include <atomic>

#include "misbehave_calls.hpp"
#include "misbehave_inspect.hpp"
#include "misbehave_memory.hpp"
#include "misbehave_plan.hpp"

namespace guest::misbehave {

class Uring;

class Reader {
public:
    Reader(int fd, const Plan& plan, const Script& script, Store& store,
           std::atomic<std::uint64_t>& position);

    /// One call that reads something. More than `until` will not come by itself.
    void read(std::uint64_t until, Dice& dice);
    std::uint64_t position() const { return position_; }
    const Inspector& inspector() const { return inspector_; }
    const char* way() const { return way_; } ///< of the last call
    void use(int fd) { fd_ = fd; }
    void use(Uring* uring) { uring_ = uring; }

private:
    struct Call {
        std::size_t size;        ///< asked for
        std::size_t least;       ///< what must come: what was queued, or more if it waits for more
        std::uint64_t until;     ///< so much of the stream will come by itself
        std::vector<iovec> room; ///< where to
    };

    Call prepare(std::uint64_t until, Dice& dice);
    void took(Call& call, ssize_t got);
    void filled(Call& call, std::size_t got);
    int queued() const;

    void plain(Call& call, Dice& dice);
    void impatient(Call& call, Dice& dice);
    void all(Call& call, Dice& dice);
    void low_water(Call& call, Dice& dice);
    void peek(Call& call, Dice& dice);
    void many(Call& call, Dice& dice);
    void by_pipe(Call& call);
    void with_uring(Call& call, Dice& dice);
    ssize_t one_call(Call& call, int flags, Dice& dice);

    const char* way_ = "";
    int fd_;
    const Plan& plan_;
    const Script& script_;
    Store& store_;
    std::atomic<std::uint64_t>& position_; ///< in what the connection carries
    Inspector inspector_;
    Waiter waiter_;
    Uring* uring_ = nullptr;
};

} // namespace guest::misbehave
