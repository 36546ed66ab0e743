// SPDX-License-Identifier: GPL-2.0
// module/window.h, against the obvious way to say the same
#include <catch2/catch_test_macros.hpp>

#include <cctype>
#include <random>
#include <string>
#include <vector>

#include "parser_run.h"

namespace {

// A window in a buffer of just its size, so that ASan sees reads behind it
struct Window {
    explicit Window(const std::string& bytes)
        : data(bytes.begin(), bytes.end())
        , window{data.data(), static_cast<u32>(data.size())} {}

    operator const libra_window*() const { return &window; }

    std::vector<u8> data;
    libra_window window;
};

int byte(const std::string& bytes, u32 at) {
    return libra_window_byte(Window(bytes), at);
}

int find(const std::string& bytes, u32 at, const char* pattern) {
    return libra_window_find(Window(bytes), at, pattern);
}

int match(const std::string& bytes, u32 at, const char* pattern, u32 flags = 0) {
    return libra_window_match(Window(bytes), at, pattern, flags);
}

u32 span(const std::string& bytes, u32 at, u32 kinds) {
    return libra_window_span(Window(bytes), at, kinds);
}

int line(const std::string& bytes, u32 at, u32 kinds) {
    return libra_window_line(Window(bytes), at, kinds);
}

s64 parse_uint(const std::string& bytes, u32 at, u32 end, u32 base) {
    return libra_window_parse_uint(Window(bytes), at, end, base);
}

s64 parse_all(const std::string& bytes, u32 base) {
    return parse_uint(bytes, 0, static_cast<u32>(bytes.size()), base);
}

int field(const std::string& bytes, u32 at, libra_field& found) {
    return libra_window_field(Window(bytes), at, &found);
}

int field_of(const std::string& bytes, u32 at, u32 lengths, libra_field& found) {
    return libra_window_field_of(Window(bytes), at, lengths, &found);
}

// One line after the other, until the name is one of those that are wanted
int next_field_of(const std::string& bytes, u32 at, u32 lengths, libra_field& found) {
    for (;;) {
        const int is = field(bytes, at, found);
        if (is != 1) {
            found.end = at;
            return is;
        }
        if (found.name_len < LIBRA_FIELD_LENGTHS && (lengths >> found.name_len & 1) != 0) {
            return 1;
        }
        at = found.end;
    }
}

// Byte by byte, as RFC 9112 has it
int field_line(const std::string& bytes, std::size_t at, std::string& name, std::string& value) {
    const auto is = [&](std::size_t i, u32 kinds) {
        return (libra_ch[static_cast<u8>(bytes[i])] & kinds) != 0;
    };
    std::size_t p = at;
    while (p < bytes.size() && is(p, LIBRA_CH_TOKEN))
        p++;
    if (p >= bytes.size())
        return -EAGAIN;
    if (p == at || bytes[p] != ':')
        return 0;
    name = bytes.substr(at, p - at);
    std::size_t from = ++p;
    while (p < bytes.size() && is(p, LIBRA_CH_TEXT))
        p++;
    std::size_t to = p;
    if (p == bytes.size())
        return -EAGAIN;
    if (bytes[p] != '\r' || (p + 1 < bytes.size() && bytes[p + 1] != '\n'))
        return 0;
    if (p + 1 == bytes.size())
        return -EAGAIN;
    while (from < to && is(from, LIBRA_CH_SPACE))
        from++;
    while (from < to && is(to - 1, LIBRA_CH_SPACE))
        to--;
    value = bytes.substr(from, to - from);
    return 1;
}

} // namespace

TEST_CASE("window: kinds of bytes", "[parser][window]") {
    const std::string tchar = "!#$%&'*+-.^_`|~";

    for (int c = 0; c < 256; c++) {
        const auto ascii = c < 128;

        INFO("byte " << c);
        CHECK(!!(libra_ch[c] & LIBRA_CH_SPACE) == (c == ' ' || c == '\t'));
        CHECK(!!(libra_ch[c] & LIBRA_CH_DIGIT) == (ascii && std::isdigit(c)));
        CHECK(!!(libra_ch[c] & LIBRA_CH_XDIGIT) == (ascii && std::isxdigit(c)));
        CHECK(!!(libra_ch[c] & LIBRA_CH_TOKEN) ==
              (ascii && c &&
               (std::isalnum(c) || tchar.find(static_cast<char>(c)) != std::string::npos)));
        CHECK(!!(libra_ch[c] & LIBRA_CH_VISIBLE) == (c > ' ' && c != 0x7f));
    }
}

TEST_CASE("window: byte", "[parser][window]") {
    CHECK(byte("a\xff", 1) == 0xff);
    CHECK(byte("ab", 2) == -ENOENT);
    CHECK(byte("ab", ~0u) == -ENOENT);
    CHECK(byte("", 0) == -ENOENT);
}

TEST_CASE("window: find", "[parser][window]") {
    CHECK(find("abcabc", 0, "bc") == 1);
    CHECK(find("abcabc", 2, "bc") == 4);
    CHECK(find("abcabc", 5, "bc") == -ENOENT);
    CHECK(find("abcabc", 6, "b") == -ENOENT);
    CHECK(find("abcabc", ~0u, "b") == -ENOENT);
    CHECK(find("abc", 0, "abcd") == -ENOENT);
    CHECK(find("abc", 0, "") == -ENOENT);
    CHECK(find("", 0, "a") == -ENOENT);
    CHECK(find("\r\r\n\r\r\n\r\n", 0, "\r\n\r\n") == 4);
    CHECK(find("\xff\xfe", 0, "\xfe") == 1);
}

TEST_CASE("window: find agrees with std::string", "[parser][window]") {
    std::mt19937 random(1);

    for (int round = 0; round < 20000; round++) {
        std::string bytes(random() % 40, '\0');
        for (char& c : bytes)
            c = "\r\nab\x80\x8d\x0c"[random() % 7];
        const u32 at = random() % 42;
        const char* pattern = random() % 2 ? "\r\n" : "\r\n\r";
        const auto expected = at > bytes.size() ? std::string::npos : bytes.find(pattern, at);

        REQUIRE(find(bytes, at, pattern) ==
                (expected == std::string::npos ? -ENOENT : static_cast<int>(expected)));
    }
}

TEST_CASE("window: match", "[parser][window]") {
    CHECK(match("GET /", 0, "GET ") == 1);
    CHECK(match("GET /", 1, "ET") == 1);
    CHECK(match("GET /", 0, "get") == 0);
    CHECK(match("GeT /", 0, "get", LIBRA_NOCASE) == 1);
    CHECK(match("GET", 0, "GET ") == -EAGAIN);
    CHECK(match("GEX", 0, "GET ") == 0);
    CHECK(match("", 0, "G") == -EAGAIN);
    CHECK(match("GET", 3, "") == 1);
    CHECK(match("GET", ~0u, "G") == -EAGAIN);
    // Only letters have a case: '[' and '{' differ in the same bit
    CHECK(match("[", 0, "{", LIBRA_NOCASE) == 0);
    CHECK(match("@", 0, "`", LIBRA_NOCASE) == 0);
    CHECK(match("\xc4", 0, "\xe4", LIBRA_NOCASE) == 0);
}

TEST_CASE("window: span agrees with one byte at a time", "[parser][window]") {
    std::mt19937 random(2);

    for (int round = 0; round < 50000; round++) {
        std::string bytes(random() % 40, '\0');
        for (char& c : bytes)
            c = static_cast<char>(random() % 8 ? 'a' + random() % 26 : random());
        const u32 at = random() % 42, kinds = random() % 32;
        u32 expected = at;
        while (expected < bytes.size() && (libra_ch[static_cast<u8>(bytes[expected])] & kinds))
            expected++;
        expected = std::min(expected, static_cast<u32>(bytes.size()));

        REQUIRE(span(bytes, at, kinds) == expected);
        REQUIRE(span(bytes, at, LIBRA_CH_TEXT) >= span(bytes, at, LIBRA_CH_VISIBLE));
    }
    CHECK(span("abc", ~0u, LIBRA_CH_TEXT) == 3);
    CHECK(span("a\tb c\x80 lots of text\x7f", 0, LIBRA_CH_TEXT) == 19);
}

TEST_CASE("window: line agrees with one byte at a time", "[parser][window]") {
    std::mt19937 random(4);

    for (int round = 0; round < 50000; round++) {
        std::string bytes(random() % 40, '\0');
        for (char& c : bytes)
            c = static_cast<char>(random() % 30 ? 'a' + random() % 26
                                                : "\r\n\t\x80 \x7f"[random() % 6]);
        if (random() % 2)
            bytes += "\r\n";
        const u32 at = random() % 42, kinds = random() % 2 ? random() % 32 : LIBRA_CH_TEXT;
        const u32 end = span(bytes, at, kinds);
        const std::string rest = at < bytes.size() ? bytes.substr(end, 2) : "";
        int expected = rest == "\r\n" ? static_cast<int>(end) + 2 : 0;
        if (rest.empty() || rest == "\r")
            expected = -EAGAIN;

        REQUIRE(line(bytes, at, kinds) == expected);
    }
    CHECK(line("HTTP/1.1\r\n", 8, 0) == 10);
    CHECK(line("a\r\n", 0, 0) == 0);
    CHECK(line("a", ~0u, LIBRA_CH_TEXT) == -EAGAIN);
}

TEST_CASE("window: parse_uint", "[parser][window]") {
    CHECK(parse_all("0", 10) == 0);
    CHECK(parse_all("0019", 10) == 19);
    CHECK(parse_all("fF", 16) == 255);
    CHECK(parse_all("101", 2) == 5);
    CHECK(parse_all("4611686018427387903", 10) == (1LL << 62) - 1);
    CHECK(parse_all("4611686018427387904", 10) == -ERANGE);
    CHECK(parse_all("3fffffffffffffff", 16) == (1LL << 62) - 1);
    CHECK(parse_all("4000000000000000", 16) == -ERANGE);
    CHECK(parse_all("99999999999999999999999999", 10) == -ERANGE);
    CHECK(parse_all("ffffffffffffffffffffffff", 16) == -ERANGE);
    CHECK(parse_all("18446744073709551616", 10) == -ERANGE);
    CHECK(parse_all("", 10) == -EINVAL);
    CHECK(parse_all("5a", 10) == -EINVAL);
    CHECK(parse_all(" 5", 10) == -EINVAL);
    CHECK(parse_all("+5", 10) == -EINVAL);
    CHECK(parse_all("2", 2) == -EINVAL);
    CHECK(parse_all("5", 1) == -EINVAL);
    CHECK(parse_all("5", 17) == -EINVAL);
    CHECK(parse_all("g", 16) == -EINVAL);
    CHECK(parse_uint("x12y", 1, 3, 10) == 12);
    CHECK(parse_uint("12", 1, 1, 10) == -EINVAL);
    CHECK(parse_uint("12", 1, 0, 10) == -EINVAL);
    CHECK(parse_uint("12", 0, 3, 10) == -EINVAL);
    CHECK(parse_uint("12", ~0u, ~0u, 10) == -EINVAL);
}

TEST_CASE("window: field agrees with one byte at a time", "[parser][window]") {
    const std::string some = "aZ-:: \t\r\n\r\n\x80\x7f@[`{";
    std::mt19937 random(3);
    int whole = 0;

    for (int round = 0; round < 200000; round++) {
        std::string bytes(random() % 60, '\0');
        for (char& c : bytes)
            c = static_cast<char>(random() % 8 ? 'A' + random() % 58
                                               : some[random() % some.size()]);
        if (random() % 2)
            bytes += "\r\n";
        const u32 at = random() % 4;
        std::string name, value;
        libra_field found = {};
        const int expected = field_line(bytes, at, name, value);

        REQUIRE(field(bytes, at, found) == expected);
        if (expected != 1)
            continue;
        whole++;
        REQUIRE(found.name_len == name.size());
        REQUIRE(bytes.substr(found.value, found.value_end - found.value) == value);
        REQUIRE(bytes.substr(found.end - 2, 2) == "\r\n");
        std::string key(LIBRA_FIELD_KEY, '\0');
        for (std::size_t i = 0; i < key.size() && i < name.size(); i++)
            key[i] = static_cast<char>(std::tolower(name[i]));
        REQUIRE(std::string(reinterpret_cast<const char*>(found.key), sizeof(found.key)) == key);
    }
    CHECK(whole > 1000);
    libra_field found = {};
    CHECK(field("a:b\r\n", ~0u, found) == -EAGAIN);
    CHECK(field("a:\r\n", 0, found) == 1);
    CHECK(found.value == found.value_end);
}

TEST_CASE("window: field_of agrees with one field after the other", "[parser][window]") {
    const std::string some = "aZ-:: \t\r\n\r\n\x80\x7f@[`{";
    std::mt19937 random(4);
    int whole = 0;
    int skipped = 0;

    for (int round = 0; round < 100000; round++) {
        std::string bytes;
        for (u32 lines = random() % 5; lines != 0; lines--) {
            bytes +=
                std::string(random() % 36, 'n') + ": " + std::string(random() % 20, 'v') + "\r\n";
        }
        bytes += random() % 2 ? "\r\n" : "";
        for (u32 wrong = random() % 3; wrong != 0 && !bytes.empty(); wrong--) {
            bytes[random() % bytes.size()] = some[random() % some.size()];
        }
        bytes.resize(bytes.size() - (random() % 4 ? 0 : random() % (bytes.size() + 1)));
        const u32 at = random() % 3;
        const u32 lengths = random() & random();
        libra_field found = {};
        libra_field expected = {};
        const int is = next_field_of(bytes, at, lengths, expected);

        REQUIRE(field_of(bytes, at, lengths, found) == is);
        if (is == 0) {
            skipped += expected.end != at;
            REQUIRE(found.end == expected.end);
        }
        if (is == 1) {
            whole++;
            REQUIRE(std::memcmp(&found, &expected, sizeof(found)) == 0);
        }
    }
    CHECK(whole > 1000);
    CHECK(skipped > 1000);
    libra_field found = {};
    CHECK(field_of("a:b\r\n", ~0u, ~0u, found) == -EAGAIN);
    CHECK(field_of(":b\r\n", 0, ~0u, found) == 0);
}
