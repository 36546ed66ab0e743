// SPDX-License-Identifier: GPL-2.0
#include "http.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <string_view>

#include <fmt/format.h>

namespace guest {
namespace {

constexpr std::size_t header_limit = 100;

char framing_letter(Framing framing) {
    switch (framing) {
    case Framing::none:
        return 'n';
    case Framing::length:
        return 'l';
    case Framing::chunked:
        return 'k';
    case Framing::close:
        return 'c';
    }
    return '?';
}

Framing framing_from(const std::string& letter) {
    for (const Framing framing : {Framing::none, Framing::length, Framing::chunked}) {
        if (letter[0] == framing_letter(framing)) {
            return framing;
        }
    }
    return Framing::close;
}

std::uint64_t number_from(std::string_view text, int base, const char* what) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
        throw Malformed(fmt::format("{}: {}", what, text));
    }
    return value;
}

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
        return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    });
    return text;
}

} // namespace

std::string target_of(const Answer& answer) {
    const Body& body = answer.body;
    std::string target =
        fmt::format("/b?len={}&seed={}&framing={}&chunks={}&status={}", body.size, body.seed,
                    framing_letter(body.framing), static_cast<int>(body.chunks), answer.status);
    const auto flag = [&target](const char* name, bool set) {
        target += set ? fmt::format("&{}=1", name) : "";
    };
    flag("ext", body.extensions);
    flag("early", answer.early);
    flag("leave", answer.leave_early);
    flag("slow", answer.slow);
    if (answer.drip != 0) {
        target += fmt::format("&drip={}", answer.drip);
    }
    if (answer.cut_after) {
        target += fmt::format("&cut={}", *answer.cut_after);
    }
    if (answer.reset_after) {
        target += fmt::format("&rst={}", *answer.reset_after);
    }
    if (!answer.replay.empty()) {
        target += "&replay=" + answer.replay;
    }
    if (!answer.token_header.empty()) {
        target += "&token=" + answer.token_header;
    }
    return target;
}

Answer answer_of(const std::string& target) {
    std::map<std::string, std::string> query;
    std::string_view rest = target;
    rest.remove_prefix(std::min(rest.find('?'), rest.size() - 1) + 1);
    while (!rest.empty()) {
        const std::string_view pair = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
        const auto equals = std::min(pair.find('='), pair.size());
        query[std::string(pair.substr(0, equals))] = pair.substr(std::min(equals + 1, pair.size()));
    }
    const auto number = [&query](const char* name) -> std::optional<std::uint64_t> {
        const auto found = query.find(name);
        if (found == query.end()) {
            return std::nullopt;
        }
        return number_from(found->second, 10, name);
    };

    Answer answer;
    answer.body.size = number("len").value_or(0);
    answer.body.seed = number("seed").value_or(1);
    if (const auto framing = query.find("framing"); framing != query.end()) {
        answer.body.framing = framing_from(framing->second);
    }
    answer.body.chunks = static_cast<Chunks>(number("chunks").value_or(2));
    answer.body.extensions = query.contains("ext");
    answer.status = static_cast<int>(number("status").value_or(200));
    answer.early = query.contains("early");
    answer.leave_early = query.contains("leave");
    answer.slow = query.contains("slow");
    answer.drip = number("drip").value_or(0);
    answer.cut_after = number("cut");
    answer.reset_after = number("rst");
    answer.replay = query["replay"];
    answer.token_header = query["token"];
    return answer;
}

std::optional<std::string> Head::find(const std::string& name) const {
    std::optional<std::string> value;
    for (const Header& header : headers) {
        if (header.first == name) {
            if (value) {
                throw Malformed("two headers " + name);
            }
            value = header.second;
        }
    }
    return value;
}

std::optional<std::uint64_t> Head::number(const std::string& name) const {
    const auto value = find(name);
    if (!value) {
        return std::nullopt;
    }
    return number_from(*value, 10, name.c_str());
}

bool Head::has_token(const std::string& name, const std::string& token) const {
    return lower(find(name).value_or("")).find(token) != std::string::npos;
}

std::optional<Head> read_head(Wire& wire) {
    if (wire.at_end()) {
        return std::nullopt;
    }
    Head head;
    head.first = wire.line();
    for (;;) {
        const std::string line = wire.line();
        if (line.empty()) {
            return head;
        }
        const auto colon = line.find(':');
        if (colon == std::string::npos || colon == 0 || line.find_first_of(" \t") < colon) {
            throw Malformed("header: " + line);
        }
        if (std::any_of(line.begin(), line.end(),
                        [](unsigned char c) { return c < 32 || c >= 127; })) {
            throw Malformed("bytes in a header that are no text");
        }
        const auto value = line.find_first_not_of(' ', colon + 1);
        head.headers.emplace_back(lower(line.substr(0, colon)),
                                  value == std::string::npos ? "" : line.substr(value));
        if (head.headers.size() > header_limit) {
            throw Malformed("too many headers");
        }
    }
}

BodyFraming framing_of(const Head& head, Framing otherwise) {
    const auto length = head.number("content-length");
    const auto coding = head.find("transfer-encoding");
    if (length && coding) {
        throw Malformed("Content-Length and Transfer-Encoding");
    }
    if (length) {
        return {Framing::length, *length};
    }
    if (coding) {
        if (lower(*coding) != "chunked") {
            throw Malformed("Transfer-Encoding: " + *coding);
        }
        return {Framing::chunked, 0};
    }
    return {otherwise, 0};
}

std::string framing_headers(const Body& body) {
    switch (body.framing) {
    case Framing::length:
        return fmt::format("Content-Length: {}\r\n", body.size);
    case Framing::chunked:
        return "Transfer-Encoding: chunked\r\n";
    default:
        return {};
    }
}

std::vector<std::byte> from_hex(const std::string& hex) {
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes.push_back(
            static_cast<std::byte>(number_from(std::string_view(hex).substr(i, 2), 16, "hex")));
    }
    return bytes;
}

std::string to_hex(std::span<const std::byte> bytes) {
    std::string hex;
    for (const std::byte byte : bytes) {
        hex += fmt::format("{:02x}", static_cast<unsigned>(byte));
    }
    return hex;
}

} // namespace guest
