// SPDX-License-Identifier: GPL-2.0
// A small model of what the module does with a parser on one connection.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "parser_run.h"

struct Frame {
    std::string meta;
    std::uint64_t payload = 0;
    unsigned flags = 0;
    unsigned tag = 0;

    bool operator==(const Frame&) const = default;
};

enum class Ending {
    between, // the stream stands at a frame's beginning
    inside,  // within metadata or payload
    gave_up,
    tunnel,
};

class Connection {
public:
    explicit Connection(const libra_parser_ops& ops)
        : ops_(ops) {}

    // Bytes that arrive together on one side
    void feed(libra_side side, const std::string& bytes);

    const std::vector<Frame>& frames(libra_side side) const { return streams_[side].frames; }
    Ending ending(libra_side side) const;
    // The parser announced something that the module refuses
    bool refused() const { return refused_; }

private:
    struct Stream {
        std::string window;
        std::uint64_t payload = 0;
        bool gave_up = false;
        std::uint64_t state[LIBRA_STATE_WORDS] = {};
        std::vector<Frame> frames;
    };

    bool parse(libra_side side);
    bool exchange(libra_frame& frame);

    const libra_parser_ops& ops_;
    Stream streams_[2];
    std::deque<unsigned> exchanges_;
    bool tunnel_ = false;
    bool refused_ = false;
};
