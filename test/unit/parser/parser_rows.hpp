// SPDX-License-Identifier: GPL-2.0
// A row is a connection's bytes, written as the frames that a parser must see.
#pragma once

#include <string>
#include <vector>

#include "parser_connection.hpp"

struct Row {
    std::string name;
    std::vector<Frame> requests = {};
    std::vector<Frame> responses = {};
    // What follows the frames and how each direction stands after it
    std::string request_tail = {};
    std::string response_tail = {};
    Ending request_ending = Ending::between;
    Ending response_ending = Ending::between;
};

constexpr unsigned last = LIBRA_FRAME_LAST;
constexpr unsigned opens = LIBRA_FRAME_OPENS;
constexpr unsigned answers = LIBRA_FRAME_ANSWERS;
constexpr unsigned tunnel = LIBRA_FRAME_TUNNEL;

// http1's tags
constexpr unsigned any = 1;
constexpr unsigned head = 2;
constexpr unsigned connects = 3;
constexpr unsigned upgrades = 5;

inline Frame request(std::string meta, std::uint64_t payload = 0, unsigned tag = any) {
    return {std::move(meta), payload, opens | last, tag};
}

inline Frame response(std::string meta, std::uint64_t payload = 0) {
    return {std::move(meta), payload, answers | last};
}

// The wire's bytes of some frames; payload looks like what parsers look for
std::string wire(const std::vector<Frame>& frames, const std::string& tail);

// Whole, cut in two at every byte, and byte by byte: always the same frames
void check(const libra_parser_ops& ops, const Row& row);
