// SPDX-License-Identifier: GPL-2.0
#include <string>

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <libra/json.hpp>

#include "format.hpp"

using namespace libra;
using libractl::Watched;
using Json = nlohmann::ordered_json;

namespace {

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

Watched watched_12() {
    Watched watched;
    watched.pid = 12;
    watched.spec.pid = 12;
    watched.spec.mode = Mode::verify;
    watched.seconds = 60;
    watched.processes = 1;
    return watched;
}

Advice with(Recommendation recommendation) {
    Advice advice;
    advice.recommendation = recommendation;
    return advice;
}

/// Two classes that may be elided and two that must not.
Advice some_advice() {
    Advice advice = with(Recommendation::auto_);
    advice.classes = {
        {Side::response, "200 image/png", "GET", Verdict::strays, false, 61, 0, 1, 3U << 20U},
        {Side::request, "PUT", "", Verdict::few, false, 1, 0, 0, 1U << 20U},
        {Side::response, "200 text/html", "GET gzip", Verdict::altered, false, 30, 29, 1, 0},
        {Side::request, "POST", "", Verdict::unforwarded, false, 9, 0, 9, 0},
    };
    advice.messages = 101;
    advice.elidable = 61;
    advice.bytes = 4U << 20U;
    advice.findings = {{Severity::refuse, "tls", "a reason"}, {Severity::note, "gate", "a fact"}};
    return advice;
}

} // namespace

TEST_CASE("advice in plain words", "[format]") {
    Watched watched = watched_12();
    watched.processes = 3;
    watched.late = 2;
    watched.unattached = 1;
    CHECK(
        libractl::format_advice(some_advice(), watched) ==
        "process 12 and 2 others under it, watched for 60 seconds\n"
        "  2 connections were open already and not compared: only new ones are\n"
        "  1 socket could not be attached\n"
        "would be gained: 4.0M that went out as they came in, in 61 of 101 messages (60 %)\n"
        "  responses \"200 image/png\" to \"GET\": 61 messages, 3.0M; 1 never went out, as when a "
        "client goes away\n"
        "  requests \"PUT\": 1 message, 1.0M; too few to be sure\n"
        "must not be elided:\n"
        "  tls: a reason\n"
        "  responses \"200 text/html\" to \"GET gzip\": 29 of 30 altered: the process changes "
        "these bodies: compression, filters; 1 of 30 never sent on as they came: read, "
        "cached, compressed or dropped here\n"
        "  requests \"POST\": 9 of 9 never sent on as they came: read, cached, "
        "compressed or dropped here\n"
        "note: a fact\n"
        "recommended: mode auto, which elides a class of messages when it is proven and not "
        "before\n"
        "  libractl attach --pid 12 --mode auto\n");
}

TEST_CASE("a class without a clear line says so", "[format]") {
    Advice advice = with(Recommendation::none);
    advice.classes = {{Side::response, "200", "GET", Verdict::mixed, false, 100, 1, 0, 500}};
    advice.messages = 100;
    const std::string text = libractl::format_advice(advice, watched_12());
    CHECK(has(text, "would be gained: nothing, of 100 messages\n"));
    CHECK(has(text, "1 of 100 altered"));
    CHECK(has(text, "nothing tells which will\n"));
    CHECK(text.ends_with("recommended: elide nothing in this process\n"
                         "  do not attach it in mode elide or auto\n"));
}

TEST_CASE("what is too small, and whose answers are not known, is said", "[format]") {
    Advice advice = with(Recommendation::none);
    advice.classes = {
        {Side::response, "200 json", "GET", Verdict::verbatim, true, 50, 0, 0, 5000},
        {Side::response, "200 html", "", Verdict::unforwarded, false, 9, 0, 9, 0},
        {Side::response, "200 css", "", Verdict::altered, false, 8, 8, 0, 0},
        {Side::request, "post", "", Verdict::altered, false, 7, 7, 0, 0},
    };
    advice.messages = 74;
    const std::string text = libractl::format_advice(advice, watched_12());
    CHECK(has(text,
              "would be gained: nothing, of 74 messages\n"
              "  responses \"200 json\" to \"GET\": 50 messages, 4.9K; below the threshold of "
              "16.0K on average, and so copied\n"));
    CHECK(has(text, "dropped here; which requests they answered is not known\n"));
    CHECK(has(text, "8 of 8 altered: the process changes these bodies: compression, filters; which "
                    "requests they answered is not known\n"));
    CHECK(has(text, "7 of 7 altered: the process changes these bodies: compression, filters\n"));
}

TEST_CASE("nothing seen is said", "[format]") {
    const std::string text = libractl::format_advice(with(Recommendation::watch), watched_12());
    CHECK(text == "process 12, watched for 60 seconds\n"
                  "nothing seen: no body began and ended meanwhile\n"
                  "recommended: watch again, while there is traffic\n"
                  "  libractl advise --pid 12 --for 10m\n");
}

TEST_CASE("the recommended command", "[format]") {
    Watched watched = watched_12();
    const auto command = [&](Recommendation recommendation) {
        return libractl::recommend_command(with(recommendation), watched);
    };
    CHECK(command(Recommendation::elide) == "libractl attach --pid 12 --mode elide");
    CHECK(command(Recommendation::auto_) == "libractl attach --pid 12 --mode auto");
    CHECK(command(Recommendation::none).empty());

    watched.spec.parser = "resp";
    watched.spec.threshold = 4096;
    watched.spec.lport = 80;
    watched.spec.rport = 8080;
    watched.spec.proof = 8;
    watched.spec.sample = 16;
    CHECK(command(Recommendation::elide) ==
          "libractl attach --pid 12 --mode elide --parser resp --threshold 4096 --lport 80 "
          "--rport 8080");
    CHECK(command(Recommendation::auto_).ends_with("--rport 8080 --proof 8 --sample 16"));
}

TEST_CASE("the recommended command when a policy was there", "[format]") {
    Watched watched = watched_12();
    watched.found = 3;
    watched.spec.pid = 0;
    watched.spec.exe = "/opt/my proxy's/nginx";
    const auto command = [&](Recommendation recommendation) {
        return libractl::recommend_command(with(recommendation), watched);
    };
    CHECK(command(Recommendation::none) == "libractl detach --id 3");
    CHECK(command(Recommendation::elide) ==
          "libractl detach --id 3 && libractl attach --exe '/opt/my proxy'\\''s/nginx' --mode "
          "elide");
    CHECK(command(Recommendation::watch) == "libractl advise --pid 12 --for 10m");
    watched.seconds = 0;
    CHECK(libractl::format_advice(with(Recommendation::none), watched)
              .starts_with("process 12; policy 3 (mode verify) was there already, and what it saw "
                           "counts\n"));
    watched.spec.mode = Mode::auto_;
    CHECK(command(Recommendation::elide).empty());
    CHECK(command(Recommendation::auto_).empty());
    CHECK(command(Recommendation::none) == "libractl detach --id 3");
    CHECK(libractl::format_advice(with(Recommendation::auto_), watched)
              .ends_with("  leave policy 3 as it is: it is in mode auto\n"));
}

TEST_CASE("advice as JSON", "[format]") {
    const Json json = some_advice();
    CHECK(json["recommendation"] == "auto");
    CHECK(json["messages"] == 101);
    CHECK(json["elidable"] == 61);
    CHECK(json["bytes"] == 4194304);
    REQUIRE(json["classes"].size() == 4);
    CHECK(
        json["classes"][2].dump() ==
        R"({"side":"response","label":"200 text/html","for":"GET gzip","verdict":"altered","small":false,)"
        R"("messages":30,"altered":29,"unforwarded":1,"bytes":0})");
    CHECK(json["classes"][3]["for"].is_null());
    CHECK(json["findings"][1]["text"] == "a fact");
    CHECK(Json(with(Recommendation::elide))["classes"] == Json::array());
}
