// SPDX-License-Identifier: GPL-2.0
// The parser that docs/parsers.md shows
#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <sstream>

#include "parser_rows.hpp"

using namespace std::string_literals;

namespace {

std::string contents(const std::string& path) {
    std::ifstream file(LIBRA_ROOT "/" + path);
    std::ostringstream text;

    text << file.rdbuf();
    return text.str();
}

} // namespace

TEST_CASE("example: frames", "[parser][example]") {
    const Frame empty = {"\0\0\0\0"s, 0, last}, some = {"\0\0\1\2"s, 258, last};

    check(example,
          {.name = "both sides", .requests = {some, empty, some}, .responses = {empty, some}});
    check(example, {.name = "unfinished",
                    .requests = {some},
                    .request_tail = "\0\0\0"s,
                    .request_ending = Ending::inside});
    check(example, {.name = "too long",
                    .requests = {some},
                    .request_tail = "\1\0\0\1"s,
                    .request_ending = Ending::gave_up});
}

TEST_CASE("example: what the manual shows is what is tested", "[parser][example]") {
    const std::string source = contents("test/unit/parser/example.bpf.c");
    const std::string code = source.substr(source.find("#include"));

    REQUIRE_FALSE(code.empty());
    CHECK(contents("docs/parsers.md").find(code) != std::string::npos);
}
