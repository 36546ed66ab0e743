// SPDX-License-Identifier: GPL-2.0
// module/frame.h: what the module accepts of a parser
#include <catch2/catch_test_macros.hpp>

#include "parser_run.h"

namespace {

libra_frame request() {
    libra_frame frame = {};

    frame.avail = 10;
    frame.side = LIBRA_SIDE_REQUEST;
    frame.meta_len = 10;
    return frame;
}

libra_frame response(u32 exchange) {
    libra_frame frame = request();

    frame.side = LIBRA_SIDE_RESPONSE;
    frame.exchange = exchange;
    return frame;
}

template <typename Change>
bool valid(libra_frame frame, Change change) {
    change(frame);
    return libra_frame_valid(&frame);
}

} // namespace

TEST_CASE("frame: accepted", "[parser][frame]") {
    CHECK(valid(request(), [](auto&) {}));
    CHECK(valid(response(0), [](auto&) {}));
    CHECK(valid(request(), [](auto& f) { f.meta_len = 1; }));
    CHECK(valid(request(), [](auto& f) { f.payload_len = (1ULL << 62) - 1; }));
    CHECK(valid(request(), [](auto& f) { f.payload_len = LIBRA_PAYLOAD_EOF; }));
    CHECK(valid(request(), [](auto& f) { f.flags = LIBRA_FRAME_OPENS, f.tag = 1; }));
    CHECK(valid(request(), [](auto& f) { f.flags = LIBRA_FRAME_OPENS, f.tag = 255; }));
    CHECK(valid(response(1), [](auto& f) { f.flags = LIBRA_FRAME_ANSWERS | LIBRA_FRAME_LAST; }));
    CHECK(valid(response(1), [](auto& f) { f.flags = LIBRA_FRAME_ANSWERS | LIBRA_FRAME_TUNNEL; }));
}

TEST_CASE("frame: refused", "[parser][frame]") {
    CHECK_FALSE(valid(request(), [](auto& f) { f.meta_len = 0; }));
    CHECK_FALSE(valid(request(), [](auto& f) { f.meta_len = 11; }));
    CHECK_FALSE(valid(request(), [](auto& f) { f.meta_len = ~0u; }));
    CHECK_FALSE(valid(request(), [](auto& f) { f.flags = 1u << 4; }));
    CHECK_FALSE(valid(request(), [](auto& f) { f.flags = 1u << 31; }));
    CHECK_FALSE(valid(request(), [](auto& f) { f.flow = 1; }));
    CHECK_FALSE(valid(request(), [](auto& f) { f.payload_len = 1ULL << 62; }));
    CHECK_FALSE(valid(request(), [](auto& f) { f.payload_len = LIBRA_PAYLOAD_EOF - 1; }));
    CHECK_FALSE(valid(request(), [](auto& f) { f.flags = LIBRA_FRAME_OPENS; }));
    CHECK_FALSE(valid(request(), [](auto& f) { f.flags = LIBRA_FRAME_OPENS, f.tag = 256; }));
    CHECK_FALSE(valid(request(), [](auto& f) { f.tag = 1; }));
    CHECK_FALSE(valid(response(1), [](auto& f) { f.flags = LIBRA_FRAME_OPENS, f.tag = 1; }));
    CHECK_FALSE(valid(request(), [](auto& f) { f.flags = LIBRA_FRAME_ANSWERS; }));
    CHECK_FALSE(valid(response(0), [](auto& f) { f.flags = LIBRA_FRAME_ANSWERS; }));
    CHECK_FALSE(valid(request(), [](auto& f) { f.flags = LIBRA_FRAME_TUNNEL, f.payload_len = 1; }));
}
