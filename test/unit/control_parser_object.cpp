// SPDX-License-Identifier: GPL-2.0
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <catch2/catch_test_macros.hpp>
#include <unistd.h>

#include <libra/error.hpp>
#include <libra/parser_loader.hpp>

#include "parser_object.hpp"

using namespace libra;
using namespace libra::detail;
namespace fs = std::filesystem;

namespace {

/// A directory that goes away with the test.
class Scratch {
public:
    Scratch() {
        std::string name = fs::temp_directory_path() / "libra-unit-XXXXXX";
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() { fs::remove_all(path_); }

    fs::path file(const std::string& name, const std::string& content = "") const {
        std::ofstream(path_ / name) << content;
        return path_ / name;
    }
    const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

ErrorKind kind_of_opening(const fs::path& path) {
    try {
        const ParserObject object(path);
    } catch (const Error& error) {
        CHECK_FALSE(error.cure().empty());
        return error.kind();
    }
    FAIL("it was opened");
    return {};
}

constexpr const char* rejection =
    "libbpf: prog 'parse': BPF program load failed: Permission denied\n"
    "libbpf: prog 'parse': -- BEGIN PROG LOAD LOG --\n"
    "0: R1=ctx() R10=fp0\n"
    "; int x = *p;\n"
    "3: (61) r0 = *(u32 *)(r6 +0)\n"
    "R6 invalid mem access 'scalar'\n"
    "processed 4 insns (limit 1000000) max_states_per_insn 0\n"
    "-- END PROG LOAD LOG --\n"
    "libbpf: prog 'parse': failed to load: -13\n";

} // namespace

TEST_CASE("the verifier's verdict is the last line before its statistics", "[parser-object]") {
    const std::string log = verifier_log(rejection);
    CHECK(log.starts_with("0: R1"));
    CHECK(log.ends_with("max_states_per_insn 0"));
    CHECK(verifier_verdict(log) == "R6 invalid mem access 'scalar'");
    CHECK(verifier_log("libbpf: something else\n").empty());
    CHECK(verifier_verdict("").empty());
    CHECK(verifier_verdict("only\nthis\n\n") == "this");
    CHECK(first_line("libbpf: failed to find it\nlibbpf: more\n") == "failed to find it");
}

TEST_CASE("a parser is found by name in the directories' order", "[parser-object]") {
    const Scratch first;
    const Scratch second;
    const fs::path later = second.file("http1.bpf.o");
    CHECK(find_parser_object("http1", {first.path(), second.path()}) == later);
    const fs::path earlier = first.file("http1.bpf.o");
    CHECK(find_parser_object("http1", {first.path(), second.path()}) == earlier);
    CHECK(find_parser_object("./x", {first.path()}) == "./x");
    CHECK(find_parser_object("x.bpf.o", {first.path()}) == "x.bpf.o");
    try {
        find_parser_object("resp", {first.path(), second.path()});
        FAIL("found");
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::not_found);
        CHECK(error.cure().find(second.path().string()) != std::string::npos);
    }
}

TEST_CASE("the environment comes first in the search, the build tree next", "[parser-object]") {
    setenv("LIBRA_PARSER_PATH", "/a::/b", 1);
    const auto path = parser_search_path();
    unsetenv("LIBRA_PARSER_PATH");
    REQUIRE(path.size() >= 4);
    CHECK(path[0] == "/a");
    CHECK(path[1] == "/b");
    CHECK(path[2].filename() == "bpf");
    CHECK(path.back().filename() == "parsers");
    CHECK(parser_search_path().size() == path.size() - 2);
}

TEST_CASE("files that are no parsers are refused with a cure", "[parser-object]") {
    const Scratch scratch;
    CHECK(kind_of_opening(scratch.path() / "missing.bpf.o") == ErrorKind::not_found);
    CHECK(kind_of_opening(scratch.path()) == ErrorKind::not_found);
    CHECK(kind_of_opening(scratch.file("text.bpf.o", "not an object")) == ErrorKind::failed);
    CHECK(kind_of_opening("/proc/self/exe") == ErrorKind::failed);
}

TEST_CASE("the name is read from the object", "[parser-object]") {
    const fs::path object = LIBRA_BUILD "/bpf/http1.bpf.o";
    if (!fs::exists(object))
        SKIP("built without parsers");
    CHECK(ParserObject(object).name() == "http1");
}
