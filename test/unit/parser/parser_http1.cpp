// SPDX-License-Identifier: GPL-2.0
// http1: what well-formed connections look like
#include <catch2/catch_test_macros.hpp>

#include "parser_rows.hpp"

namespace {

const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const std::string ok_chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

// The size line of a chunk that is not a body's first
Frame chunk(const std::string& line, std::uint64_t payload) {
    return {"\r\n" + line + "\r\n", payload, 0};
}

Frame chunked_head(const std::string& meta) {
    return {meta, 0, answers};
}
Frame first_chunk(const std::string& line, std::uint64_t payload) {
    return {line + "\r\n", payload, 0};
}
Frame end_of_chunks(const std::string& trailers = "") {
    return {"\r\n0\r\n" + trailers + "\r\n", 0, last};
}

} // namespace

TEST_CASE("http1: requests", "[parser][http1]") {
    const std::vector<Row> rows = {
        {.name = "no fields", .requests = {request("GET / HTTP/1.1\r\n\r\n")}},
        {.name = "HTTP/1.0", .requests = {request("GET / HTTP/1.0\r\n\r\n")}},
        {.name = "fields",
         .requests = {request("GET /x?y=%20#z HTTP/1.1\r\nHost: a:80\r\nA-b_c.1: \t v w\t "
                              "\r\nEmpty:\r\nUtf: \xc3\xa4\r\n\r\n")}},
        {.name = "bytes above ASCII in the target",
         .requests = {request("GET /\xc3\xa4 HTTP/1.1\r\n\r\n")}},
        {.name = "body",
         .requests = {request("POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n", 100)}},
        {.name = "empty body",
         .requests = {request("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n")}},
        {.name = "a body in a GET",
         .requests = {request("GET / HTTP/1.1\r\ncontent-length:7\r\n\r\n", 7)}},
        {.name = "space around the length",
         .requests = {request("PUT / HTTP/1.1\r\nCONTENT-LENGTH: \t 12 \t\r\n\r\n", 12)}},
        {.name = "leading zeros",
         .requests = {request("PUT / HTTP/1.1\r\nContent-Length: 0000000000000012\r\n\r\n", 12)}},
        {.name = "names of the same length",
         .requests = {request(
             "GET / HTTP/1.1\r\nAccept-Charset: 5\r\nX-ransfer-Encoding: 6\r\n\r\n")}},
        {.name = "names that begin alike",
         .requests = {request("GET / HTTP/1.1\r\nContent-Length2: 5\r\nContent-Lengt: 5\r\n\r\n")}},
        {.name = "pipelined",
         .requests = {request(get), request("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n", 3),
                      request(get)}},
        {.name = "one empty line before",
         .requests = {request("\r\n" + get), request("\r\n" + get)}},
        {.name = "other methods",
         .requests = {request("M-SEARCH * HTTP/1.1\r\n\r\n"), request("OPTIONS * HTTP/1.1\r\n\r\n"),
                      request("HEADS / HTTP/1.1\r\n\r\n"), request("CONNECTS / HTTP/1.1\r\n\r\n")}},
        {.name = "upgrade with a body",
         .requests = {request(
             "POST / HTTP/1.1\r\nUpgrade: x\r\nConnection: upgrade\r\nContent-Length: 4\r\n\r\n", 4,
             upgrades)}},
        {.name = "largest length",
         .requests = {request("PUT / HTTP/1.1\r\nContent-Length: 999999999999999999\r\n\r\n",
                              999999999999999999)},
         .request_ending = Ending::inside},
    };
    for (Row row : rows) {
        // The payload of the largest is more than memory: only its head
        if (row.request_ending == Ending::inside) {
            Connection connection(http1);
            connection.feed(LIBRA_SIDE_REQUEST, row.requests[0].meta + "abc");
            CHECK(connection.frames(LIBRA_SIDE_REQUEST) == row.requests);
            continue;
        }
        check(http1, row);
    }
}

TEST_CASE("http1: unfinished heads wait", "[parser][http1]") {
    for (std::size_t cut = 1; cut < get.size(); cut++)
        check(http1, {.name = "cut",
                      .requests = {request(get)},
                      .request_tail = get.substr(0, cut),
                      .request_ending = Ending::inside});
    check(http1, {.name = "empty line", .request_tail = "\r\n", .request_ending = Ending::inside});
    check(http1,
          {.name = "half an empty line", .request_tail = "\r", .request_ending = Ending::inside});
}

TEST_CASE("http1: requests in chunks", "[parser][http1]") {
    const Frame post = {"POST / HTTP/1.1\r\ntransfer-encoding: Chunked \r\n\r\n", 0, opens, any};

    check(http1, {.name = "one chunk",
                  .requests = {post, first_chunk("5", 5), end_of_chunks(), request(get)}});
    check(http1, {.name = "no chunk", .requests = {post, {"0\r\n\r\n", 0, last}, request(get)}});
    check(http1, {.name = "pipelined",
                  .requests = {post, first_chunk("1F", 31), chunk("a", 10), end_of_chunks(), post,
                               first_chunk("1", 1), end_of_chunks()}});
    check(http1, {.name = "CRLF of the data not here yet",
                  .requests = {post, first_chunk("5", 5)},
                  .request_tail = "\r",
                  .request_ending = Ending::inside});
}

TEST_CASE("http1: responses", "[parser][http1]") {
    const std::vector<Row> rows = {
        {.name = "length",
         .responses = {response("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n", 40)}},
        {.name = "no reason",
         .responses = {response("HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\n", 1)}},
        {.name = "reason",
         .responses = {response("HTTP/1.0 404 Not \t f\xf6und!\r\nContent-Length: 0\r\n\r\n")}},
        {.name = "204", .responses = {response("HTTP/1.1 204 No Content\r\n\r\n")}},
        {.name = "204 with a length",
         .responses = {response("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n")}},
        {.name = "304 with a length",
         .responses = {response("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n")}},
        {.name = "304 with an encoding",
         .responses = {response(
             "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n")}},
        {.name = "205 is not special",
         .responses = {response("HTTP/1.1 205 Reset\r\nContent-Length: 2\r\n\r\n", 2)}},
        {.name = "chunks",
         .responses = {chunked_head(ok_chunked), first_chunk("4", 4), chunk("0A", 10),
                       end_of_chunks()}},
        {.name = "extensions",
         .responses = {chunked_head(ok_chunked),
                       first_chunk("4;a=b", 4),
                       chunk("5;c=\"d;e\" ; f", 5),
                       {"\r\n000;last\r\n\r\n", 0, last}}},
        {.name = "trailers",
         .responses = {chunked_head(ok_chunked), first_chunk("4", 4),
                       end_of_chunks("A: b\r\nC-D:\r\n")}},
        {.name = "large sizes",
         .responses = {chunked_head(ok_chunked), first_chunk("00000000000FfF", 0xfff),
                       end_of_chunks()}},
    };
    for (Row row : rows) {
        row.requests = {request(get), request(get)};
        check(http1, row);
        // The same with an answer behind it: has the end been found?
        row.responses.push_back(response("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", 3));
        check(http1, row);
    }
}

TEST_CASE("http1: until the connection closes", "[parser][http1]") {
    const std::string tail = "abc\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";

    for (std::string meta : {"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 200 OK\r\nServer: x\r\n\r\n"})
        check(http1, {.name = meta,
                      .requests = {request(get), request(get)},
                      .responses = {response(meta, LIBRA_PAYLOAD_EOF)},
                      .response_tail = tail,
                      .response_ending = Ending::inside});
}

TEST_CASE("http1: HEAD", "[parser][http1]") {
    const Frame ask = request("HEAD / HTTP/1.1\r\n\r\n", 0, head), other = request(get);
    const std::string with_length = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n";

    check(http1, {.name = "length", .requests = {ask}, .responses = {response(with_length)}});
    check(http1, {.name = "chunked", .requests = {ask}, .responses = {response(ok_chunked)}});
    check(
        http1,
        {.name = "neither", .requests = {ask}, .responses = {response("HTTP/1.1 200 OK\r\n\r\n")}});
    check(http1, {.name = "among others",
                  .requests = {ask, other, other, ask, other},
                  .responses = {response(with_length), response(with_length, 8),
                                chunked_head(ok_chunked), first_chunk("2", 2), end_of_chunks(),
                                response(ok_chunked), response(with_length, 8)}});
    check(http1, {.name = "with a body",
                  .requests = {request("HEAD / HTTP/1.1\r\nContent-Length: 6\r\n\r\n", 6, head)},
                  .responses = {response(with_length)}});
}

TEST_CASE("http1: interim answers", "[parser][http1]") {
    const Frame interim = {"HTTP/1.1 100 Continue\r\n\r\n", 0, last};
    const Frame hints = {"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 4\r\n\r\n", 0,
                         last};
    const Frame final = response("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n", 8);

    check(http1, {.name = "one", .requests = {request(get)}, .responses = {interim, final}});
    check(http1, {.name = "several",
                  .requests = {request(get), request(get)},
                  .responses = {interim, hints, final, interim, final}});
    check(http1, {.name = "before HEAD's answer",
                  .requests = {request("HEAD / HTTP/1.1\r\n\r\n", 0, head)},
                  .responses = {hints, response(final.meta)}});
    check(http1, {.name = "without a request",
                  .requests = {request(get)},
                  .responses = {final},
                  .response_tail = interim.meta,
                  .response_ending = Ending::gave_up});
}

TEST_CASE("http1: tunnels", "[parser][http1]") {
    const Frame ask = request("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 0, connects);
    const Frame upgrade = request(
        "GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 0, upgrades);
    const auto leaves = [](const std::string& meta) {
        return Frame{meta, 0, answers | last | tunnel};
    };
    Row row = {.name = {},
               .requests = {ask},
               .response_tail = "\x16\x03\x01",
               .request_ending = Ending::tunnel,
               .response_ending = Ending::tunnel};

    row.name = "CONNECT";
    row.responses = {leaves("HTTP/1.1 200 OK\r\n\r\n")};
    check(http1, row);
    row.name = "CONNECT: lengths in a 2xx mean nothing";
    row.responses = {leaves("HTTP/1.1 299 Yes\r\nContent-Length: 9\r\n\r\n")};
    check(http1, row);
    row.name = "Upgrade";
    row.requests = {upgrade};
    row.responses = {leaves("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n")};
    check(http1, row);

    check(http1, {.name = "CONNECT refused",
                  .requests = {ask},
                  .responses = {response("HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\n", 9)}});
    check(http1, {.name = "CONNECT, and more before the answer",
                  .requests = {ask},
                  .request_tail = get,
                  .request_ending = Ending::gave_up});
    check(http1, {.name = "101 that nobody asked for",
                  .requests = {request(get)},
                  .response_tail = "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n",
                  .response_ending = Ending::gave_up});
    check(http1, {.name = "Upgrade refused",
                  .requests = {upgrade, request(get)},
                  .responses = {response("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 9)}});
}

TEST_CASE("http1: how many may wait", "[parser][http1]") {
    Row row = {.name = "as many as fit",
               .requests = std::vector<Frame>(LIBRA_EXCHANGE_MAX, request(get))};

    check(http1, row);
    row.name = "one more";
    row.request_tail = get;
    row.request_ending = Ending::gave_up;
    check(http1, row);
}
