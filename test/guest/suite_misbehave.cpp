// SPDX-License-Identifier: GPL-2.0
// [misbehave] Whatever a proxy does: exact, or reset with nothing wrong before it.
//
// A seed is one short life of a few connections, see misbehave_plan.hpp. LIBRA_TEST_SEED repeats
// one, LIBRA_TEST_SEEDS says how many each case tries (from LIBRA_TEST_FIRST_SEED on).
#include <cstdlib>
#include <numeric>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "misbehave_rig.hpp"
#include "rig.hpp"

using namespace guest;
using misbehave::Family;

namespace {

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// Which ones to try; `usual`: how many unless told otherwise.
std::vector<std::uint64_t> seeds_to_try(std::uint64_t usual) {
    if (std::getenv("LIBRA_TEST_SEED") != nullptr) {
        return {number_from("LIBRA_TEST_SEED", 0)};
    }
    std::vector<std::uint64_t> seeds(number_from("LIBRA_TEST_SEEDS", usual));
    std::iota(seeds.begin(), seeds.end(), number_from("LIBRA_TEST_FIRST_SEED", 1));
    return seeds;
}

/// Tries one family.
void try_family(Family family, std::uint64_t usual, Elided elided = Elided::some) {
    const Figures before = libra_module::figures();
    Faults faults;
    misbehave::Tally tally;
    misbehave::try_seeds(family, seeds_to_try(usual), faults, tally);
    const Figures change = libra_module::figures() - before;
    fmt::print(stderr,
               "    {}: {} seeds, {} connections reset, {} not looked at to their end; {}\n",
               misbehave::name_of(family), tally.seeds.load(), tally.resets.load(),
               tally.blind.load(), change.describe());
    CHECK(faults.text() == "");
    std::string ways;
    for (const auto way : misbehave::ways_of(family)) {
        const std::uint64_t count = tally.ways.at(static_cast<std::size_t>(way));
        ways += fmt::format(" {} {},", misbehave::name_of(way), count);
        // how often follows from the seeds, and nearly not from what goes on beside it
        if (tally.seeds >= usual) {
            INFO(misbehave::name_of(way));
            CHECK(count > 0);
        }
    }
    fmt::print(stderr, "   {}\n", ways);
    if (elided == Elided::some && !libra_module::plain() && tally.seeds > 20) {
        CHECK(change.rx_elided > 0);
        CHECK(change.tx_reused > 0);
    }
    check_nothing_left();
}

/// Seeds of mangled bodies that once failed.
void try_again(const std::vector<std::uint64_t>& seeds) {
    Faults faults;
    misbehave::Tally tally;
    misbehave::try_seeds(Family::mangles, seeds, faults, tally);
    CHECK(faults.text() == "");
    check_nothing_left();
}

} // namespace

TEST_CASE("A slice of a copied placeholder, in chunks shorter than a marker interval",
          "[misbehave]") {
    try_again({100019, 100091, 100267, 100316, 100468});
}

TEST_CASE(
    "A slice of a placeholder that was sent already, in chunks shorter than a marker interval",
    "[misbehave]") {
    try_again({100176, 100483, 100485});
}

TEST_CASE("A placeholder with a hole near its end", "[misbehave]") {
    try_again({100461, 100378});
}

TEST_CASE("Every way to read", "[misbehave]") {
    try_family(Family::reads, 400);
}

TEST_CASE("Every way to write", "[misbehave]") {
    try_family(Family::writes, 400);
}

TEST_CASE("Bodies that are copied in memory, and sent to two peers", "[misbehave]") {
    try_family(Family::copies, 400);
}

TEST_CASE("Bodies that leave in other order, or not all of them", "[misbehave]") {
    try_family(Family::mangles, 400);
}

TEST_CASE("Requests and answers in two threads", "[misbehave]") {
    try_family(Family::threads, 200);
}

TEST_CASE("Descriptors and memory of several processes", "[misbehave]") {
    try_family(Family::processes, 100);
}

TEST_CASE("Calls through io_uring", "[misbehave]") {
    try_family(Family::uring, 240);
}

TEST_CASE("Connections that end at any moment", "[misbehave]") {
    try_family(Family::ends, 300);
}
