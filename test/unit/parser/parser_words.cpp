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

// In buffers of just their size, so that ASan sees reads behind them
std::size_t passed(const std::string& bytes, std::size_t piece = SIZE_MAX) {
    std::size_t run = 0;
    for (std::size_t at = 0; at < bytes.size() && run == at;
         at += std::min(piece, bytes.size() - at)) {
        const std::string part = bytes.substr(at, piece);
        const std::vector<u8> data(part.begin(), part.end());
        run += libra_samples_run(data.data(), data.data() + data.size(), special);
    }
    return libra_samples_pass(run);
}

// Bytes of any kind, one in `often` of them the special one
std::string noise(std::size_t size, std::mt19937& dice, unsigned often) {
    std::string bytes(size, '\0');
    for (char& each : bytes) {
        each = static_cast<char>(dice());
    }
    std::replace(bytes.begin(), bytes.end(), static_cast<char>(special), 'x');
    for (char& each : bytes) {
        each = often != 0 && dice() % often == 0 ? static_cast<char>(special) : each;
    }
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
    for (const unsigned often : {0U, 100U, 10U, 3U}) {
        for (std::size_t size : {40U, 128U, 159U, 160U, 300U, 700U}) {
            for (std::size_t at = 0; at < size; ++at) {
                std::string bytes = noise(size, dice, often);
                const std::size_t length = std::min(marker, size - at);
                bytes.replace(at, length, as_marker(noise(length, dice, often)));
                for (const std::size_t piece : {32U, 64U, 96U, 128U, 160U, 1000U}) {
                    INFO("at " << at << " of " << size << " in pieces of " << piece);
                    REQUIRE(passed(bytes, piece) <= at);
                }
            }
        }
    }
}

TEST_CASE("Samples pass over what holds no marker, but for its end") {
    std::mt19937 dice(2);
    const std::string without = noise(10'000, dice, 0);
    CHECK(passed(without) > without.size() - 2 * marker);
    CHECK(passed(without, 4096) == passed(without));
    // one alone, and two that stand otherwise, are no sample of a marker
    std::string bytes(1024, 'x');
    for (std::size_t i = 128; i < bytes.size(); i += 128) {
        bytes[i] = static_cast<char>(special);
        bytes[i + 33] = static_cast<char>(special);
        bytes[i + 34] = static_cast<char>(special);
    }
    CHECK(passed(bytes) == 1024 - 30);
}
