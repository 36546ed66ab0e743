// SPDX-License-Identifier: GPL-2.0
#include "parser_rows.hpp"

#include <catch2/catch_test_macros.hpp>

namespace {

// Large streams are cut here and there only: a cut costs a whole run
constexpr std::size_t cut_everywhere = 4096;
constexpr std::size_t cut_step = 997;

struct Streams {
    std::string request, response;
};

bool as_expected(const Connection& connection, const Row& row) {
    return connection.frames(LIBRA_SIDE_REQUEST) == row.requests &&
           connection.frames(LIBRA_SIDE_RESPONSE) == row.responses &&
           connection.ending(LIBRA_SIDE_REQUEST) == row.request_ending &&
           connection.ending(LIBRA_SIDE_RESPONSE) == row.response_ending && !connection.refused();
}

void feed_cut(Connection& connection, libra_side side, const std::string& bytes, std::size_t at) {
    connection.feed(side, bytes.substr(0, at));
    if (at < bytes.size())
        connection.feed(side, bytes.substr(at));
}

bool cut(const libra_parser_ops& ops, const Row& row, const Streams& streams,
         std::size_t request_at, std::size_t response_at) {
    Connection connection(ops);

    feed_cut(connection, LIBRA_SIDE_REQUEST, streams.request, request_at);
    feed_cut(connection, LIBRA_SIDE_RESPONSE, streams.response, response_at);
    return as_expected(connection, row);
}

bool in_steps(const libra_parser_ops& ops, const Row& row, const Streams& streams,
              std::size_t step) {
    Connection connection(ops);

    for (std::size_t at = 0; at < streams.request.size(); at += step)
        connection.feed(LIBRA_SIDE_REQUEST, streams.request.substr(at, step));
    for (std::size_t at = 0; at < streams.response.size(); at += step)
        connection.feed(LIBRA_SIDE_RESPONSE, streams.response.substr(at, step));
    return as_expected(connection, row);
}

void check_whole(const libra_parser_ops& ops, const Row& row, const Streams& streams) {
    Connection connection(ops);

    connection.feed(LIBRA_SIDE_REQUEST, streams.request);
    connection.feed(LIBRA_SIDE_RESPONSE, streams.response);

    for (auto side : {LIBRA_SIDE_REQUEST, LIBRA_SIDE_RESPONSE}) {
        const auto& expected = side == LIBRA_SIDE_REQUEST ? row.requests : row.responses;
        const auto& frames = connection.frames(side);

        INFO((side == LIBRA_SIDE_REQUEST ? "requests" : "responses"));
        CHECK(frames.size() == expected.size());
        for (std::size_t i = 0; i < std::min(frames.size(), expected.size()); i++) {
            INFO("frame " << i);
            CHECK(frames[i].meta == expected[i].meta);
            CHECK(frames[i].payload == expected[i].payload);
            CHECK(frames[i].flags == expected[i].flags);
            CHECK(frames[i].tag == expected[i].tag);
        }
    }
    CHECK(connection.ending(LIBRA_SIDE_REQUEST) == row.request_ending);
    CHECK(connection.ending(LIBRA_SIDE_RESPONSE) == row.response_ending);
    CHECK_FALSE(connection.refused());
}

} // namespace

std::string wire(const std::vector<Frame>& frames, const std::string& tail) {
    static const std::string bait = "\r\n\r\nGET / HTTP/1.1\r\n0\r\n\r\n";
    std::string bytes;

    for (const Frame& frame : frames) {
        bytes += frame.meta;
        if (frame.payload == LIBRA_PAYLOAD_EOF)
            continue;
        for (std::uint64_t i = 0; i < frame.payload; i++)
            bytes += bait[i % bait.size()];
    }
    return bytes + tail;
}

void check(const libra_parser_ops& ops, const Row& row) {
    const Streams streams = {wire(row.requests, row.request_tail),
                             wire(row.responses, row.response_tail)};
    const auto longest = std::max(streams.request.size(), streams.response.size());
    const std::size_t step = longest > cut_everywhere ? cut_step : 1;

    INFO(row.name);
    check_whole(ops, row, streams);
    for (std::size_t at = 1; at < longest; at += step) {
        INFO("cut at " << at);
        if (!cut(ops, row, streams, std::min(at, streams.request.size()),
                 std::min(at, streams.response.size())))
            FAIL_CHECK("frames depend on how the bytes arrive");
    }
    if (!in_steps(ops, row, streams, step))
        FAIL_CHECK("frames depend on how the bytes arrive: in steps of " << step);
}
