// SPDX-License-Identifier: GPL-2.0
// http1: damaged messages, and that the bytes' arrival never matters
#include <catch2/catch_test_macros.hpp>

#include <random>

#include "parser_rows.hpp"

using namespace std::string_literals;

namespace {

const std::string seed_request =
    "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde"
    "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: u\r\n\r\n"
    "HEAD / HTTP/1.0\r\n\r\n";
const std::string seed_response =
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
    "HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\n";

// Bytes that matter to the grammar, more often than others
std::string damage(std::string bytes, std::mt19937& random) {
    static const std::string alphabet = "\r\n :;,0159aAf\t-+x"s + '\0';
    const unsigned count = 1 + random() % 3;

    for (unsigned i = 0; i < count; i++) {
        const auto at = random() % bytes.size();

        switch (random() % 4) {
        case 0:
            bytes.erase(at, 1 + random() % 3);
            break;
        case 1:
            bytes.insert(at, 1, alphabet[random() % alphabet.size()]);
            break;
        case 2:
            bytes[at] = alphabet[random() % alphabet.size()];
            break;
        case 3:
            bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 20));
            break;
        }
    }
    return bytes;
}

struct Outcome {
    std::vector<Frame> requests, responses;
    Ending request_ending, response_ending;

    bool operator==(const Outcome&) const = default;
};

Outcome run(const std::string& request, const std::string& response, std::size_t step) {
    Connection connection(http1);

    for (std::size_t at = 0; at < request.size(); at += step)
        connection.feed(LIBRA_SIDE_REQUEST, request.substr(at, step));
    for (std::size_t at = 0; at < response.size(); at += step)
        connection.feed(LIBRA_SIDE_RESPONSE, response.substr(at, step));
    REQUIRE_FALSE(connection.refused());
    return {connection.frames(LIBRA_SIDE_REQUEST), connection.frames(LIBRA_SIDE_RESPONSE),
            connection.ending(LIBRA_SIDE_REQUEST), connection.ending(LIBRA_SIDE_RESPONSE)};
}

} // namespace

TEST_CASE("http1: damaged messages", "[parser][http1]") {
    std::mt19937 random(20240613);

    for (int round = 0; round < 5000; round++) {
        const std::string request = damage(seed_request, random),
                          response = damage(seed_response, random);
        const Outcome whole = run(request, response, request.size() + response.size());

        INFO("round " << round << "\n" << request << "\n" << response);
        REQUIRE(run(request, response, 1) == whole);
        REQUIRE(run(request, response, 1 + random() % 40) == whole);
    }
}
