// SPDX-License-Identifier: GPL-2.0
// http1: what is said of a message, by which modes verify and auto tell classes apart
#include <set>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "parser_connection.hpp"

namespace {

std::string label_of(const std::string& request, const std::string& response = "") {
    Connection connection(http1);
    connection.feed(LIBRA_SIDE_REQUEST, request);
    if (!response.empty()) {
        connection.feed(LIBRA_SIDE_RESPONSE, response);
    }
    REQUIRE(connection.ending(LIBRA_SIDE_REQUEST) == Ending::between);
    return parser_label();
}

const std::string get = "GET / HTTP/1.1\r\n\r\n";

} // namespace

TEST_CASE("http1: requests are told apart by what decides about their answers", "[parser][http1]") {
    CHECK(label_of("GET /a HTTP/1.1\r\nHost: x\r\n\r\n") == "get");
    CHECK(label_of("GET /b HTTP/1.1\r\nHost: y\r\n\r\n") == "get");
    CHECK(label_of("HEAD / HTTP/1.1\r\n\r\n") == "head");
    CHECK(label_of("GET / HTTP/1.1\r\nAccept-Encoding: gzip, BR\r\n\r\n") ==
          "get accept-encoding:gzip,br");
    CHECK(label_of("GET / HTTP/1.1\r\nRange: bytes=1-2\r\n\r\n") == "get range:");
    CHECK(label_of("POST / HTTP/1.1\r\nContent-Type: text/plain; q=1\r\n"
                   "Content-Length: 0\r\n\r\n") == "post text/plain");
}

TEST_CASE("http1: answers are told apart by status, type and encoding", "[parser][http1]") {
    CHECK(label_of(get, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") == "200");
    CHECK(label_of(get, "HTTP/1.1 206 Partial\r\nContent-Length: 0\r\n\r\n") == "206");
    CHECK(label_of(get, "HTTP/1.1 200 OK\r\nContent-Type: Text/HTML; charset=utf-8\r\n"
                        "Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n") ==
          "200 text/html content-encoding:gzip");
}

TEST_CASE("http1: no field says in a label what another one does", "[parser][http1]") {
    std::set<std::string> labels;
    const std::vector<std::string> fields = {
        "Accept-Encoding: gzip",
        "Content-Encoding: gzip",
        "Content-Type: gzip",
        "Content-Type: a/gzip",
        "Range: gzip",
        "Content-Type: range:",
        "Range: x",
    };
    for (const std::string& field : fields) {
        labels.insert(label_of("GET / HTTP/1.1\r\n" + field + "\r\n\r\n"));
    }
    // two ask for a range
    CHECK(labels.size() == fields.size() - 1);
    CHECK(labels.count("get gzip") == 0);
}

TEST_CASE("http1: a label is cut where it is too long", "[parser][http1]") {
    const std::string label =
        label_of("GET / HTTP/1.1\r\nAccept-Encoding: " + std::string(300, 'x') + "\r\n\r\n");
    CHECK(label.size() == PARSER_LABEL_MAX - 1);
    CHECK(label.starts_with("get accept-encoding:xxx"));
}
