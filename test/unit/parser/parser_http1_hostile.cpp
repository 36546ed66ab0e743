// SPDX-License-Identifier: GPL-2.0
// http1: what must be given up, and when
#include <catch2/catch_test_macros.hpp>

#include "parser_rows.hpp"

using namespace std::string_literals;

namespace {

const std::string get = "GET / HTTP/1.1\r\n\r\n";
const std::string post = "POST / HTTP/1.1\r\n";
const std::string ok = "HTTP/1.1 200 OK\r\n";
const Frame post_chunked = {post + "Transfer-Encoding: chunked\r\n\r\n", 0, opens, any};
const Frame ok_chunked = {ok + "Transfer-Encoding: chunked\r\n\r\n", 0, answers};

// Fields that make any head ambiguous
const std::vector<std::string> bad_fields = {
    "Content-Length: 5\r\nContent-Length: 5",
    "Content-Length: 5\r\nContent-Length: 6",
    "Content-Length: 5\r\nA: b\r\ncontent-length: 5",
    "Content-Length: 5, 5",
    "Content-Length: 5,",
    "Content-Length: 5 5",
    "Content-Length: +5",
    "Content-Length: -5",
    "Content-Length: 0x5",
    "Content-Length: 5.0",
    "Content-Length: 5a",
    "Content-Length: a",
    "Content-Length: \"5\"",
    "Content-Length: ",
    "Content-Length:",
    "Content-Length: 0000000000000000005",
    "Content-Length: 1000000000000000000",
    "Content-Length: 18446744073709551621",
    "Content-Length: 99999999999999999999999999999999999999999",
    "Content-Length: \xd9\xa5",
    "Content-Length:\v5",
    "Content-Length: 5\f",
    "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 5",
    "Transfer-Encoding: chunked\r\nContent-Length: 0",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: chunked,",
    "Transfer-Encoding: ,chunked",
    "Transfer-Encoding: chunked;q=1",
    "Transfer-Encoding: chunkedx",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunke",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: \"chunked\"",
    "Transfer-Encoding:\vchunked",
    "Transfer-Encoding: chunked\v",
    "Transfer-Encoding: ",
    "Transfer-Encoding:",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding\t: chunked",
    " Transfer-Encoding: chunked",
    "A: b\r\n Transfer-Encoding: chunked",
    "Content-Length : 5",
    "Content-Length\x00: 5"s,
    "Content-Length: 5\x00"s,
    "A: b\r\n folded",
    "A: b\r\n\tfolded",
    "A",
    "A b",
    ": b",
    "A\xc3: b",
    "A(: b",
    "A/b: c",
    "\"A\": b",
    "A: b\nC: d",
    "A: b\rC: d",
    "A: b\r\rC: d",
    "A: b\n\r\nC: d",
    "A: b\r\n\nC: d",
    "A: \x01",
    "A: b\x00"s,
    "A: \x7f",
    "A: \x1b[0m",
};

std::string many_fields(const std::string& field, unsigned count) {
    std::string fields;

    while (count--)
        fields += field + "\r\n";
    return fields;
}

// A head of exactly so many bytes
std::string head_of(const std::string& line, std::size_t size) {
    const std::string begin = line + "A: ", end = "\r\n\r\n";

    return begin + std::string(size - begin.size() - end.size(), 'x') + end;
}

std::string message(const std::string& begin, const std::string& fields,
                    const std::string& rest = {}) {
    return begin + fields + "\r\n\r\n" + rest;
}

void check_bad_request(const std::string& bytes) {
    check(http1, {.name = bytes, .request_tail = bytes, .request_ending = Ending::gave_up});
    check(http1, {.name = "second: " + bytes,
                  .requests = {request(get)},
                  .request_tail = bytes,
                  .request_ending = Ending::gave_up});
}

void check_bad_response(const std::string& bytes) {
    check(http1, {.name = bytes,
                  .requests = {request(get)},
                  .response_tail = bytes,
                  .response_ending = Ending::gave_up});
}

// Whether one window of just these bytes is enough to give up
bool known_early(libra_side side, const std::string& bytes) {
    Connection connection(http1);

    if (side == LIBRA_SIDE_RESPONSE)
        connection.feed(LIBRA_SIDE_REQUEST, get);
    connection.feed(side, bytes);
    return connection.ending(side) == Ending::gave_up;
}

} // namespace

TEST_CASE("http1: ambiguous fields", "[parser][http1]") {
    for (const std::string& fields : bad_fields) {
        check_bad_request(message(post, fields, "abcde"));
        check_bad_request(message(post, "Host: a\r\n" + fields + "\r\nB: c", "abcde"));
        check_bad_response(message(ok, fields, "abcde"));
        check_bad_response(message("HTTP/1.1 204 No\r\n", fields));
    }
}

TEST_CASE("http1: encodings in HTTP/1.0", "[parser][http1]") {
    check_bad_request(
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n");
    check_bad_response(
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n");
}

TEST_CASE("http1: bad request lines", "[parser][http1]") {
    const std::vector<std::string> lines = {
        "get / HTTP/1.1",
        " GET / HTTP/1.1",
        "\tGET / HTTP/1.1",
        "GET  / HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET /  HTTP/1.1",
        "GET /\tHTTP/1.1",
        "GET / x HTTP/1.1",
        "GET /",
        "GET",
        "GET ",
        "GET  HTTP/1.1",
        "GET / HTTP/2.0",
        "GET / HTTP/1.2",
        "GET / HTTP/1.",
        "GET / HTTP/1.10",
        "GET / HTTP/11",
        "GET / http/1.1",
        "GET / HTTP/0.9",
        "GET / HTTP/ 1.1",
        "GET / HTTP/1.1\x00"s,
        "GET /\x00 HTTP/1.1"s,
        "GET /\x7f HTTP/1.1",
        "GET / HTTP/1.1\v",
        "G(T / HTTP/1.1",
        "G\xc3T / HTTP/1.1",
        "GET / HTTPS/1.1",
        "PRI * HTTP/2.0",
        "GET / HTTP/1.1\r",
        "GET\v/ HTTP/1.1",
    };

    for (const std::string& line : lines) {
        check_bad_request(line + "\r\n\r\n");
        check_bad_request(line + "\r\nHost: a\r\n\r\n");
    }
    check_bad_request("GET / HTTP/1.1\n\n");
    check_bad_request("GET / HTTP/1.1\nHost: a\n\n");
    check_bad_request("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
}

TEST_CASE("http1: bytes before a request", "[parser][http1]") {
    for (std::string junk : {"\n", "\r\r\n", "\r\n\r\n", "\r\n\n", "\r\n ", " ", "\t", "\rX"})
        check_bad_request(junk + get);
    check_bad_request("\0"s + get);
}

TEST_CASE("http1: CONNECT has no body", "[parser][http1]") {
    check_bad_request("CONNECT a:1 HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcde");
    check_bad_request("CONNECT a:1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
}

TEST_CASE("http1: bad status lines", "[parser][http1]") {
    const std::vector<std::string> lines = {
        "HTTP/1.1 200",        "HTTP/1.1  200 OK", "HTTP/1.1\t200 OK",     "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",    "HTTP/1.1 20x OK",  "HTTP/1.1 +20 OK",      "HTTP/1.1 099 OK",
        "HTTP/1.1 600 OK",     "HTTP/1.1 200\tOK", "HTTP/1.2 200 OK",      "HTTP/2.0 200 OK",
        "HTTP/1.10 200 OK",    "http/1.1 200 OK",  "HTTP/1.1200 OK",       " HTTP/1.1 200 OK",
        "\r\nHTTP/1.1 200 OK", "ICY 200 OK",       "HTTP/1.1 200 O\x00K"s, "HTTP/1.1 200 O\x7fK",
        "HTTP/1.1 200 OK\r",   "HTTP/1.1 -10 OK",  "HTTP/1.1     OK",
    };

    for (const std::string& line : lines)
        check_bad_response(line + "\r\nContent-Length: 3\r\n\r\nabc");
    check_bad_response("HTTP/1.1 200 OK\nContent-Length: 3\n\nabc");
    check_bad_response("HTTP/1.1 200 \rOK\r\nContent-Length: 3\r\n\r\nabc");
}

TEST_CASE("http1: answers to nothing", "[parser][http1]") {
    const std::string answer = ok + "Content-Length: 3\r\n\r\n";

    check(http1, {.name = "at first", .response_tail = answer, .response_ending = Ending::gave_up});
    check(http1, {.name = "after the last",
                  .requests = {request(get)},
                  .responses = {response(answer, 3)},
                  .response_tail = answer,
                  .response_ending = Ending::gave_up});
}

TEST_CASE("http1: bad chunks", "[parser][http1]") {
    const std::vector<std::string> lines = {
        "",
        " 5",
        "5 ",
        "5\t",
        "\t5",
        "5 ;a",
        "+5",
        "-5",
        "0x5",
        "5x",
        "x",
        "5,",
        "5\r",
        "5;\x00"s,
        "5;a\x01",
        "5;a\rb",
        ";a",
        "1000000000000000",
        "0000000000000005",
        "fffffffffffffffff",
        "5\n",
        "5;a\n",
        "\r\n5",
        "\n5",
        "\xd9\xa5",
    };

    for (const std::string& line : lines) {
        const std::string tail = line + "\r\nabcde\r\n0\r\n\r\n";

        check(http1, {.name = "first " + line,
                      .requests = {post_chunked},
                      .request_tail = tail,
                      .request_ending = Ending::gave_up});
        check(http1, {.name = "second " + line,
                      .requests = {post_chunked, {"3\r\n", 3, 0}},
                      .request_tail = "\r\n" + tail,
                      .request_ending = Ending::gave_up});
        check(http1, {.name = "answer " + line,
                      .requests = {request(get)},
                      .responses = {ok_chunked},
                      .response_tail = tail,
                      .response_ending = Ending::gave_up});
    }
    for (std::string tail :
         {"0\r\n\r\n", "x\r\n0\r\n\r\n", "\n0\r\n\r\n", "\rx0\r\n\r\n", "\r0\r\n\r\n"})
        check(http1, {.name = "no CRLF behind the data: " + tail,
                      .requests = {post_chunked, {"3\r\n", 3, 0}},
                      .request_tail = tail,
                      .request_ending = Ending::gave_up});
}

TEST_CASE("http1: bad trailers", "[parser][http1]") {
    std::vector<std::string> fields = bad_fields;

    fields.insert(fields.end(), {"Content-Length: 5", "Transfer-Encoding: chunked"});
    for (const std::string& field : fields)
        check(http1, {.name = field,
                      .requests = {post_chunked, {"3\r\n", 3, 0}},
                      .request_tail = message("\r\n0\r\n", field, get),
                      .request_ending = Ending::gave_up});
    check(http1, {.name = "bare LF",
                  .requests = {post_chunked, {"3\r\n", 3, 0}},
                  .request_tail = "\r\n0\r\n\n" + get,
                  .request_ending = Ending::gave_up});
}

TEST_CASE("http1: limits", "[parser][http1]") {
    constexpr std::size_t max = 65536;
    const std::string line = "GET / HTTP/1.1\r\n";

    // only those count that are as long as one that is looked for
    check(http1,
          {.name = "fields",
           .requests = {request(line + many_fields("A: b", 9000) + many_fields("Referer: b", 128) +
                                many_fields("A: b", 1) + "\r\n")}});
    check_bad_request(line + many_fields("Referer: b", 129) + "\r\n");
    check(http1, {.name = "largest head", .requests = {request(head_of(line, max)), request(get)}});
    check_bad_request(head_of(line, max + 1));
    check_bad_request(line + "A: " + std::string(max, 'x'));
    check_bad_request("GET /" + std::string(max, 'x'));
    check_bad_request(std::string(max, 'A'));
    check_bad_response(head_of(ok, max + 1));
    check_bad_response("HTTP/1.1 200 " + std::string(max, 'x'));
    check(http1, {.name = "extension",
                  .requests = {post_chunked},
                  .request_tail = "5;" + std::string(max, 'x'),
                  .request_ending = Ending::gave_up});
    check(http1, {.name = "finished extension",
                  .requests = {post_chunked},
                  .request_tail = "5;" + std::string(max, 'x') + "\r\n",
                  .request_ending = Ending::gave_up});
    check(http1, {.name = "trailers",
                  .requests = {post_chunked},
                  .request_tail = "0\r\nA: " + std::string(max, 'x') + "\r\n\r\n",
                  .request_ending = Ending::gave_up});
}

TEST_CASE("http1: other protocols are known by their first bytes", "[parser][http1]") {
    CHECK(known_early(LIBRA_SIDE_REQUEST, "\x16"));
    CHECK(known_early(LIBRA_SIDE_REQUEST, "\0"s));
    CHECK(known_early(LIBRA_SIDE_REQUEST, "*"));
    CHECK(known_early(LIBRA_SIDE_REQUEST, "ping"));
    CHECK(known_early(LIBRA_SIDE_REQUEST, "\r\n\x16"));
    CHECK(known_early(LIBRA_SIDE_REQUEST, "SSH-2.0-OpenSSH_9.2\r\n"));
    CHECK(known_early(LIBRA_SIDE_REQUEST, "EHLO a\r\n"));
    CHECK(known_early(LIBRA_SIDE_REQUEST, "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n"));
    CHECK(known_early(LIBRA_SIDE_REQUEST, "PRI * HTTP/2"));
    CHECK(known_early(LIBRA_SIDE_RESPONSE, "\x15"));
    CHECK(known_early(LIBRA_SIDE_RESPONSE, "HTTX"));
    CHECK(known_early(LIBRA_SIDE_RESPONSE, "HTTP/2"));
    CHECK_FALSE(known_early(LIBRA_SIDE_RESPONSE, "HTTP/"));
    CHECK_FALSE(known_early(LIBRA_SIDE_REQUEST, "P"));
}
