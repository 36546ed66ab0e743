// SPDX-License-Identifier: GPL-2.0
// Carries out a plan over connected sockets.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "misbehave_read.hpp"
#include "misbehave_report.hpp"
#include "misbehave_uring.hpp"
#include "misbehave_write.hpp"

namespace guest::misbehave {

class Run {
public:
    /// `uring`: where calls go in the family of that name.
    Run(const Plan& plan, Report& report, std::array<Fd, line_count> sockets, Uring* uring);

    /// Until the plan is done or a connection broke; then all are closed.
    void all();

private:
    /// One connection of the proxy.
    struct Channel {
        Channel(Fd socket, const Plan& plan, const Line& line, Report& report, int number);
        Fd fd;
        Store store;
        Reader reader;
        Writer writer;
    };

    /// How far an output is.
    struct Progress {
        const Output* output;
        Store* memory; ///< of the lane that sends it
        std::size_t part = 0;
        std::uint64_t in_part = 0;
        bool done() const { return part == output->parts.size(); }
    };

    void lane(int number);
    void move(const Move& move, Dice& dice);
    void in_pieces(const Move& move, Dice& dice);
    void read(const Move& move, Dice& dice);
    void receive(const Move& move, Dice& dice);
    void stop(const Move& move, Dice& dice);
    void send_all(const Move& move, Dice& dice);
    void send(Progress& progress, Dice& dice);
    bool sendable(const Progress& progress) const;
    std::vector<iovec> gather(const Progress& progress, std::uint64_t limit, Dice& dice);
    std::uint64_t inside_marker(const Progress& progress, Dice& dice) const;
    void advance(Progress& progress, std::uint64_t count) const;
    void forget(const Move& move, std::uint64_t before, Dice& dice);
    void look_for_short_cut(const Progress& progress, int line);
    void look_for_blind_spots(const Output& output, std::uint64_t base);
    void leave(int line, Dice& dice);

    /// In processes and threads other than this one.
    void elsewhere(const Move& move, Dice& dice);
    void in_child(const std::function<void()>& work);
    void by_program(const Output& output, Dice& dice);

    Channel& channel(int line) const { return *channels_.at(static_cast<std::size_t>(line)); }

    const Plan& plan_;
    Report& report_;
    Uring* uring_;
    std::array<std::unique_ptr<Channel>, line_count> channels_;
};

/// The program that Run::by_program() starts: sends a file's bytes, through memory of its own.
int send_file(const std::vector<std::string>& arguments);

} // namespace guest::misbehave
