// SPDX-License-Identifier: GPL-2.0
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include <libra/inspect.hpp>

#include "app.hpp"
#include "exit_code.hpp"

using namespace libractl;

namespace {

struct FileCloser {
    void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, FileCloser>;

struct Outcome {
    int code = -1;
    std::string out;
    std::string err;
};

std::string content(std::FILE* file) {
    std::string text;
    std::rewind(file);
    for (int c = 0; (c = std::fgetc(file)) != EOF;)
        text += static_cast<char>(c);
    return text;
}

Outcome call(const std::vector<std::string>& arguments) {
    const File out(std::tmpfile());
    const File err(std::tmpfile());
    REQUIRE(out);
    REQUIRE(err);
    Outcome outcome;
    outcome.code = run(arguments, out.get(), err.get());
    outcome.out = content(out.get());
    outcome.err = content(err.get());
    return outcome;
}

} // namespace

TEST_CASE("each kind of failure has its exit code", "[cli]") {
    CHECK(exit_code_of(libra::ErrorKind::failed) == 1);
    CHECK(exit_code_of(libra::ErrorKind::invalid) == 2);
    CHECK(exit_code_of(libra::ErrorKind::not_found) == 3);
    CHECK(exit_code_of(libra::ErrorKind::no_privilege) == 4);
    CHECK(exit_code_of(libra::ErrorKind::no_module) == 5);
    CHECK(exit_code_of(libra::ErrorKind::unsafe) == 6);
    CHECK(exit_code_of(libra::ErrorKind::verifier) == 7);
    CHECK(libra::kind_of_errno(EPERM) == libra::ErrorKind::no_privilege);
    CHECK(libra::kind_of_errno(ESRCH) == libra::ErrorKind::not_found);
    CHECK(libra::kind_of_errno(EBUSY) == libra::ErrorKind::failed);
}

TEST_CASE("help is there for the whole and for every verb", "[cli]") {
    const Outcome general = call({"help"});
    CHECK(general.code == 0);
    CHECK(general.err.empty());
    CHECK(call({"--help"}).out == general.out);
    for (const char* verb :
         {"status", "attach", "detach", "on", "off", "policies", "sockets", "domains", "stats",
          "limits", "parser", "advise", "classes", "events"}) {
        INFO(verb);
        CHECK(general.out.find(std::string("\n  ") + verb + " ") != std::string::npos);
        const Outcome help = call({"help", verb});
        CHECK(help.code == 0);
        CHECK(help.out.starts_with(std::string("Usage: libractl ") + verb));
        CHECK(call({verb, "--help"}).out == help.out);
        CHECK(call({"--help", verb}).out == help.out);
    }
    for (int code = 0; code <= 7; ++code)
        CHECK(general.out.find("\n  " + std::to_string(code) + "  ") != std::string::npos);
    CHECK(call({"--version"}).out.starts_with("libractl "));
}

TEST_CASE("wrong usage is exit code 2 and one line", "[cli]") {
    using Line = std::vector<std::string>;
    for (const Line& line : {
             Line{"frobnicate"},
             Line{"--frobnicate"},
             Line{"status", "surplus"},
             Line{"help", "frobnicate"},
             Line{"help", "attach", "detach"},
             Line{"attach"},
             Line{"attach", "--pid"},
             Line{"attach", "--pid", "0"},
             Line{"attach", "--pid", "-1"},
             Line{"attach", "--pid", "12x"},
             Line{"attach", "--pid", "4294967297"},
             Line{"attach", "--pid", "1", "--exe", "/bin/sh"},
             Line{"attach", "--pid", "1", "--mode", "fast"},
             Line{"attach", "--pid", "1", "--threshold", "1"},
             Line{"attach", "--pid", "1", "--threshold", "65M"},
             Line{"attach", "--pid", "1", "--lport", "65536"},
             Line{"attach", "--pid", "1", "--parser", "a.b"},
             Line{"attach", "--pi", "1"},
             Line{"attach", "--pid", "1", "--mode", "auto", "--proof", "0"},
             Line{"attach", "--pid", "1", "--mode", "auto", "--proof", "65536"},
             Line{"attach", "--pid", "1", "--mode", "verify", "--sample", "0"},
             Line{"attach", "--pid", "1", "--mode", "elide", "--proof", "8"},
             Line{"attach", "--pid", "1", "--sample", "8"},
             Line{"advise"},
             Line{"advise", "--pid", "0"},
             Line{"advise", "--pid", "1", "--for", "0"},
             Line{"advise", "--pid", "1", "--for", "soon"},
             Line{"advise", "--pid", "1", "--for", "169h"},
             Line{"advise", "--pid", "1", "--parser", "a.b"},
             Line{"classes", "surplus"},
             Line{"events", "surplus"},
             Line{"detach"},
             Line{"detach", "--all", "--id", "1"},
             Line{"limits", "--total", "much"},
             Line{"stats", "5"},
             Line{"stats", "--watch", "0"},
             Line{"parser", "drop"},
             Line{"parser", "load"},
             Line{"parser", "list", "http1"},
             Line{"parser", "unload", "http1", "--replace"},
         }) {
        std::string shown;
        for (const std::string& each : line)
            shown += each + " ";
        INFO(shown);
        const Outcome outcome = call(line);
        CHECK(outcome.code == 2);
        CHECK(outcome.out.empty());
        CHECK(outcome.err.starts_with("libractl: "));
        CHECK(outcome.err.find('\n') == outcome.err.size() - 1);
    }
}

TEST_CASE("an executable that is not there is exit code 3", "[cli]") {
    const Outcome outcome = call({"attach", "--exe", "/no/such/file"});
    CHECK(outcome.code == 3);
    CHECK(outcome.err.find("/no/such/file") != std::string::npos);
}

TEST_CASE("a failure is one line, with reasons or details below", "[cli]") {
    const libra::Error plain(libra::ErrorKind::failed, EBUSY, "it is busy", "wait", "long\nlog");
    CHECK(format_error(plain, false) == "libractl: it is busy; wait\n");
    CHECK(format_error(plain, true) == "libractl: it is busy; wait\nlong\nlog\n");
    CHECK(format_error(libra::Error(libra::ErrorKind::failed, 0, "x"), true) == "libractl: x\n");
    const libra::UnsafeError refused(
        {{libra::Severity::refuse, "tls", "reason"}, {libra::Severity::note, "unknown", "fact"}});
    const std::string text = format_error(refused, false);
    CHECK(text.starts_with("libractl: refused to elide, for 1 reason; "));
    CHECK(text.ends_with("\n  tls: reason\n"));
}
