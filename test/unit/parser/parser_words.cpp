// SPDX-License-Identifier: GPL-2.0
// module/words.h: what samples pass over, for the search for markers
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "parser_run.h"
#include "words.h"

namespace {

constexpr u8 special = 0xf5;
constexpr std::size_t marker = 32;

// In a buffer of just their size, so that ASan sees reads behind it
std::size_t passed(const std::string& bytes) {
    const std::vector<u8> data(bytes.begin(), bytes.end());
    return libra_samples_pass(data.data(), data.data() + data.size(), special);
}

std::string noise(std::size_t size, std::mt19937& dice, int highest) {
    std::string bytes(size, '\0');
    for (char& each : bytes) {
        each = static_cast<char>(dice() % static_cast<unsigned>(highest + 1));
    }
    std::replace(bytes.begin(), bytes.end(), static_cast<char>(special), 'x');
    return bytes;
}

std::string as_marker(std::string bytes) {
    for (std::size_t i = 0; i < bytes.size(); i += 2) {
        bytes[i] = static_cast<char>(special);
    }
    return bytes;
}

} // namespace

TEST_CASE("Samples never pass over the beginning of a marker, whole or cut") {
    std::mt19937 dice(1);
    for (const int highest : {0x7f, 0xff}) {
        for (std::size_t size : {40U, 128U, 159U, 160U, 300U, 700U}) {
            for (std::size_t at = 0; at < size; ++at) {
                std::string bytes = noise(size, dice, highest);
                const std::size_t length = std::min(marker, size - at);
                bytes.replace(at, length, as_marker(noise(length, dice, highest)));
                INFO("at " << at << " of " << size);
                REQUIRE(passed(bytes) <= at);
            }
        }
    }
}

TEST_CASE("Samples pass over what holds no marker, but for its end") {
    std::mt19937 dice(2);
    for (const int highest : {0x7f, 0xff}) {
        const std::string bytes = noise(10'000, dice, highest);
        CHECK(passed(bytes) > bytes.size() - 128 - marker);
    }
    // one alone, and two that stand otherwise, are no sample of a marker
    std::string bytes(1024, 'x');
    for (std::size_t i = 0; i < bytes.size(); i += 128) {
        bytes[i] = static_cast<char>(special);
        bytes[i + 33] = static_cast<char>(special);
        bytes[i + 34] = static_cast<char>(special);
    }
    CHECK(passed(bytes) == 1024 - 28);
}
