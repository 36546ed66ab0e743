// SPDX-License-Identifier: GPL-2.0
#include <cstdint>
#include <limits>

#include <catch2/catch_test_macros.hpp>

#include "size.hpp"

using libractl::format_size;
using libractl::parse_duration;
using libractl::parse_number;
using libractl::parse_size;

namespace {

constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();

}

TEST_CASE("sizes are read with and without a suffix", "[size]") {
    CHECK(parse_size("0", most) == 0);
    CHECK(parse_size("512", most) == 512);
    CHECK(parse_size("16K", most) == 16384);
    CHECK(parse_size("16k", most) == 16384);
    CHECK(parse_size("3M", most) == 3U << 20U);
    CHECK(parse_size("2G", most) == 2ULL << 30U);
    CHECK(parse_size("18446744073709551615", most) == most);
}

TEST_CASE("what is no size is refused", "[size]") {
    for (const char* text : {"", "K", "-1", "+1", " 1", "1 ", "1KB", "1.5K", "0x10", "1T",
                             "18446744073709551616", "99999999999999999999"}) {
        INFO(text);
        CHECK_FALSE(parse_size(text, most));
    }
}

TEST_CASE("a size beyond its limit is refused, also by way of the suffix", "[size]") {
    CHECK(parse_size("64M", 64U << 20U));
    CHECK_FALSE(parse_size("65M", 64U << 20U));
    CHECK_FALSE(parse_size("67108865", 64U << 20U));
    CHECK_FALSE(parse_size("17179869184G", most));
    CHECK_FALSE(parse_number("65536", 65535));
}

TEST_CASE("sizes are written with one digit behind the point", "[size]") {
    CHECK(format_size(0) == "0");
    CHECK(format_size(1023) == "1023");
    CHECK(format_size(1024) == "1.0K");
    CHECK(format_size(16384) == "16.0K");
    CHECK(format_size(1536) == "1.5K");
    CHECK(format_size((1U << 20U) - 1) == "1.0M");
    CHECK(format_size(most) == "16.0E");
}

TEST_CASE("durations are seconds, with s, m or h", "[size]") {
    CHECK(parse_duration("60", 100) == 60U);
    CHECK(parse_duration("60s", 100) == 60U);
    CHECK(parse_duration("2m", 120) == 120U);
    CHECK(parse_duration("1h", 3600) == 3600U);
    CHECK_FALSE(parse_duration("101", 100));
    CHECK_FALSE(parse_duration("3m", 179));
    CHECK_FALSE(parse_duration("18446744073709551615h", ~0ULL));
    CHECK_FALSE(parse_duration("", 100));
    CHECK_FALSE(parse_duration("s", 100));
    CHECK_FALSE(parse_duration("1ms", 100));
    CHECK_FALSE(parse_duration("-1", 100));
    CHECK_FALSE(parse_duration("1d", 100));
}
