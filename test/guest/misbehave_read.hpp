// SPDX-License-Identifier: GPL-2.0
// Every way to read from a socket, each checked against what plain TCP answers.
#pragma once

#include <atomic>

#include "misbehave_calls.hpp"
#include "misbehave_inspect.hpp"
#include "misbehave_memory.hpp"
#include "misbehave_plan.hpp"
#include "misbehave_report.hpp"

namespace guest::misbehave {

class Budget;
class Uring;

/// Of a buffer to read into.
std::size_t any_size(Dice& dice);

/// Less cannot be mapped.
inline constexpr std::size_t mapped_min = 4096;

/// How far a read may go.
struct Goal {
    std::uint64_t until; ///< more will not come by itself
    bool exact;          ///< and if more is there it stays there
};

class Reader {
public:
    Reader(int fd, const Plan& plan, const Script& script, Store& store, Report& report, int line);

    /// One call that reads something.
    void read(const Goal& goal, Dice& dice);
    /// One call that takes bytes out of the stream without reading them.
    void discard(std::uint64_t until, Dice& dice);
    /// The peer has sent all, and said so.
    void end(Dice& dice);
    std::uint64_t position() const { return position_; }
    const Inspector& inspector() const { return inspector_; }
    const char* way() const { return name_of(way_); } ///< of the last call
    void use(int fd) { fd_ = fd; }
    void use(Uring* uring) { uring_ = uring; }

private:
    struct Call {
        std::size_t size;  ///< asked for
        std::size_t least; ///< what must come: what was queued, or more if it waits for more
        Goal goal;
        std::vector<iovec> room; ///< where to
    };

    Call prepare(const Goal& goal, Dice& dice);
    void took(Call& call, ssize_t got);
    void filled(const Call& call, std::size_t got);
    void put(const Call& call, std::size_t got);
    int queued() const;

    void plain(Call& call, Dice& dice);
    void impatient(Call& call, Dice& dice);
    void all(Call& call, Dice& dice);
    void low_water(Call& call, Dice& dice);
    void peek(Call& call, Dice& dice);
    void many(Call& call, Dice& dice);
    void by_pipe(Call& call);
    void by_mapping(Call& call);
    void by_two(std::uint64_t until, Dice& dice);
    void with_uring(Call& call, Dice& dice);
    std::vector<std::span<std::byte>> take_part(Budget& budget, std::span<std::byte> room,
                                                Dice dice);
    ssize_t one_call(Call& call, int flags, Dice& dice);

    Way way_ = Way::plain;
    int fd_;
    const Plan& plan_;
    const Script& script_;
    Store& store_;
    Report& report_;
    std::atomic<std::uint64_t>& position_; ///< in what the connection carries
    Inspector inspector_;
    Waiter waiter_;
    Uring* uring_ = nullptr;
};

} // namespace guest::misbehave
