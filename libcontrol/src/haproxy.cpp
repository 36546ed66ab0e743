// SPDX-License-Identifier: GPL-2.0
#include "haproxy.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "findings.hpp"
#include "words.hpp"

namespace libra::detail {
namespace {

using Words = std::vector<std::string>;

const std::set<std::string, std::less<>> section_names{
    "global",      "defaults",    "frontend",    "backend", "listen", "peers",    "resolvers",
    "userlist",    "mailers",     "cache",       "program", "ring",   "fcgi-app", "crt-store",
    "http-errors", "log-forward", "log-profile", "traces",  "acme",
};

/// Sections whose lines describe proxied traffic.
bool is_proxy_section(std::string_view name) {
    return name == "defaults" || name == "frontend" || name == "backend" || name == "listen";
}

/// Filters that only count or shape, and never look at a body.
bool is_harmless_filter(std::string_view name) {
    return name == "bwlim-in" || name == "bwlim-out" || name == "fcgi-app" || name == "opentracing";
}

/// Sample fetches that read bodies; the two behind it only know its length.
bool reads_body(std::string_view word) {
    for (const std::string_view fetch : {"req.body", "res.body", "req.payload", "res.payload",
                                         "req_body", "payload(", "payload_lv("}) {
        for (std::size_t at = word.find(fetch); at != std::string_view::npos;
             at = word.find(fetch, at + 1)) {
            const std::string_view rest = word.substr(at + fetch.size());
            if (!rest.starts_with("_len") && !rest.starts_with("_size"))
                return true;
        }
    }
    return false;
}

bool contains(const Words& words, std::string_view word, std::size_t from) {
    return from < words.size() && std::find(words.begin() + static_cast<std::ptrdiff_t>(from),
                                            words.end(), word) != words.end();
}

/// True when an option of that name is there, and not as the value of another.
bool has_option(const Words& words, std::string_view option, std::size_t from) {
    for (std::size_t i = from; i < words.size(); ++i) {
        const std::string& before = words[i - 1];
        if (words[i] == option && before != "name" && before != "cookie" && before != "group" &&
            before != "user")
            return true;
    }
    return false;
}

bool is_unix_address(std::string_view address) {
    return address.starts_with('/') || address.starts_with("unix@") ||
           address.starts_with("abns@") || address.starts_with("abnsz@") ||
           address.starts_with("uxst@");
}

bool is_quic_address(std::string_view address) {
    return address.starts_with("quic4@") || address.starts_with("quic6@") ||
           address.starts_with("quic@");
}

class Inspector {
public:
    std::vector<Finding> run(std::string_view text) {
        for (std::string_view line : split(text, '\n')) {
            const Words words = haproxy_words(line);
            if (words.empty())
                continue;
            if (section_names.contains(words.front()))
                enter(words);
            else
                look_at(words);
        }
        return findings_.take();
    }

private:
    void enter(const Words& words) {
        section_ = words.front();
        place_ = words.size() > 1 ? fmt::format("{} {}", words[0], words[1]) : words[0];
        // A new "defaults" section starts anew; the others inherit from the last one
        if (section_ == "defaults")
            default_tls_ = false;
        section_tls_ = default_tls_;
    }

    std::string where(const Words& words) const {
        std::string text;
        for (const std::string& each : words)
            text += (text.empty() ? "" : " ") + each;
        constexpr std::size_t limit = 60;
        if (text.size() > limit)
            text = text.substr(0, limit) + "...";
        return fmt::format("haproxy: \"{}\" in {}", text, place_);
    }

    void tls(const Words& words) {
        findings_.refuse("tls", fmt::format("{} encrypts in user space", where(words)));
    }

    void unix_sink(const Words& words) {
        findings_.refuse("unix", fmt::format("{} carries bodies over a unix socket", where(words)));
    }

    void body(const Words& words, std::string_view reason) {
        findings_.refuse("body", fmt::format("{} {}", where(words), reason));
    }

    void other_protocol(const Words& words, std::string_view protocol) {
        findings_.note("protocol",
                       fmt::format("{} speaks {}; elision stops while such a connection is open",
                                   where(words), protocol));
    }

    void look_at(const Words& words) {
        if (!is_proxy_section(section_))
            return;
        const std::string& name = words.front();
        if (name == "bind")
            look_at_bind(words);
        else if (name == "server" || name == "server-template")
            look_at_server(words);
        else if (name == "default-server")
            look_at_default_server(words);
        else if (name == "compression")
            look_at_compression(words);
        else if (name == "filter")
            look_at_filter(words);
        else if (name == "mode" && contains(words, "tcp", 1))
            findings_.note("protocol",
                           fmt::format("{} forwards a byte stream, which is copied", where(words)));
        else if (name == "use-fcgi-app")
            other_protocol(words, "FastCGI");
        else if (contains(words, "cache-use", 1) || contains(words, "cache-store", 1))
            body(words, "keeps responses for other requests");
        if (std::any_of(words.begin(), words.end(), reads_body) || contains(words, "check_post", 1))
            body(words, "reads bodies");
        else if (std::any_of(words.begin(), words.end(),
                             [](const std::string& each) { return each.starts_with("lua."); }))
            body(words, "runs a script that may read bodies");
    }

    void look_at_bind(const Words& words) {
        if (words.size() < 2)
            return;
        for (const std::string_view address : split(words[1], ',')) {
            if (is_quic_address(address))
                findings_.refuse("quic", fmt::format("{} serves HTTP/3 over UDP", where(words)));
            if (is_unix_address(address))
                unix_sink(words);
        }
        if (has_option(words, "ssl", 2))
            tls(words);
    }

    void look_at_server(const Words& words) {
        // server <name> <address>; server-template <prefix> <count> <address>
        const std::size_t address = words.front() == "server" ? 2 : 3;
        if (words.size() <= address)
            return;
        if (is_unix_address(words[address]))
            unix_sink(words);
        if (is_quic_address(words[address]))
            findings_.refuse("quic", fmt::format("{} speaks HTTP/3 over UDP", where(words)));
        const std::size_t options = address + 1;
        if (has_option(words, "ssl", options) ||
            (section_tls_ && !has_option(words, "no-ssl", options)))
            tls(words);
        else if (has_option(words, "check-ssl", options))
            findings_.note("tls", fmt::format("{} checks over TLS; elision stops while a check "
                                              "is under way",
                                              where(words)));
        for (std::size_t i = options; i + 1 < words.size(); ++i) {
            if (words[i] == "proto" && words[i + 1] != "h1")
                other_protocol(words, words[i + 1]);
        }
    }

    void look_at_default_server(const Words& words) {
        const bool on = has_option(words, "ssl", 1);
        const bool off = has_option(words, "no-ssl", 1);
        if (!on && !off)
            return;
        section_tls_ = on;
        if (section_ == "defaults")
            default_tls_ = on;
    }

    void look_at_compression(const Words& words) {
        if (contains(words, "algo", 1) || contains(words, "algo-res", 1) ||
            contains(words, "algo-req", 1))
            body(words, "compresses bodies");
    }

    void look_at_filter(const Words& words) {
        if (words.size() > 1 && !is_harmless_filter(words[1]))
            body(words, "may read bodies");
    }

    std::string section_;
    std::string place_;
    bool default_tls_ = false; // "default-server ssl" of the last defaults section
    bool section_tls_ = false;
    Findings findings_;
};

} // namespace

std::vector<std::string> haproxy_words(std::string_view line) {
    Words words;
    std::string word;
    bool in_word = false;
    char quote = '\0';
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (quote != '\0') {
            if (c == quote)
                quote = '\0';
            else if (c == '\\' && quote == '"' && i + 1 < line.size())
                word += line[++i];
            else
                word += c;
            continue;
        }
        if (c == '#')
            break;
        if (c == ' ' || c == '\t' || c == '\r') {
            if (in_word)
                words.push_back(std::exchange(word, {}));
            in_word = false;
            continue;
        }
        in_word = true;
        if (c == '"' || c == '\'')
            quote = c;
        else if (c == '\\' && i + 1 < line.size())
            word += line[++i];
        else
            word += c;
    }
    if (in_word)
        words.push_back(word);
    return words;
}

std::vector<Finding> inspect_haproxy(std::string_view text) {
    return Inspector().run(text);
}

HaproxyOptions haproxy_options(const std::vector<std::string>& arguments) {
    HaproxyOptions options;
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        if (arguments[i] == "--") {
            options.files.insert(options.files.end(),
                                 arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                                 arguments.end());
            break;
        }
        if (i + 1 == arguments.size())
            break;
        if (arguments[i] == "-f")
            options.files.push_back(arguments[++i]);
        else if (arguments[i] == "-C")
            options.directory = arguments[++i];
    }
    return options;
}

} // namespace libra::detail
