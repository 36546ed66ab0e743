// SPDX-License-Identifier: GPL-2.0
#include "nginx.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fnmatch.h>

#include "findings.hpp"
#include "words.hpp"

namespace libra::detail {
namespace {

using Directives = std::vector<NginxDirective>;
/// Directives in force at a place, by name.
using Settings = std::map<std::string, const NginxDirective*, std::less<>>;

/// Splits the text of one file into words, ';', '{' and '}'.
class Lexer {
public:
    explicit Lexer(std::string_view text)
        : text_(text) {}

    struct Token {
        enum class Kind { word, semicolon, open, close, end } kind = Kind::end;
        std::string word;
    };

    Token next() {
        skip_blank();
        if (at_ == text_.size())
            return {};
        switch (text_[at_]) {
        case ';':
            ++at_;
            return {Token::Kind::semicolon, {}};
        case '{':
            ++at_;
            return {Token::Kind::open, {}};
        case '}':
            ++at_;
            return {Token::Kind::close, {}};
        case '"':
        case '\'':
            return {Token::Kind::word, quoted()};
        default:
            return {Token::Kind::word, bare()};
        }
    }

    /// Skips the rest of a block of another language, behind its '{'.
    void skip_block() {
        for (int depth = 1; at_ < text_.size() && depth > 0; ++at_) {
            if (text_[at_] == '{')
                ++depth;
            else if (text_[at_] == '}')
                --depth;
        }
    }

private:
    static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

    void skip_blank() {
        while (at_ < text_.size()) {
            if (text_[at_] == '#')
                at_ = std::min(text_.find('\n', at_), text_.size());
            else if (is_blank(text_[at_]))
                ++at_;
            else
                return;
        }
    }

    std::string quoted() {
        const char quote = text_[at_++];
        std::string word;
        while (at_ < text_.size() && text_[at_] != quote) {
            if (text_[at_] == '\\' && at_ + 1 < text_.size())
                ++at_;
            word += text_[at_++];
        }
        if (at_ < text_.size())
            ++at_;
        return word;
    }

    std::string bare() {
        std::string word;
        while (at_ < text_.size()) {
            const char c = text_[at_];
            // "${name}" is the one place where a brace belongs to a word
            const bool variable = c == '{' && !word.empty() && word.back() == '$';
            if (is_blank(c) || c == ';' || (c == '{' && !variable))
                break;
            if (variable) {
                const std::size_t end = std::min(text_.find('}', at_), text_.size() - 1);
                word += text_.substr(at_, end + 1 - at_);
                at_ = end + 1;
                continue;
            }
            if (c == '\\' && at_ + 1 < text_.size())
                word += text_[at_++];
            word += text_[at_++];
        }
        return word;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

Directives parse_block(Lexer& lexer, const std::string& file, int depth) {
    constexpr int depth_limit = 64;
    Directives directives;
    std::vector<std::string> words;
    for (;;) {
        Lexer::Token token = lexer.next();
        switch (token.kind) {
        case Lexer::Token::Kind::word:
            words.push_back(std::move(token.word));
            continue;
        case Lexer::Token::Kind::close:
        case Lexer::Token::Kind::end:
            return directives;
        case Lexer::Token::Kind::semicolon:
        case Lexer::Token::Kind::open:
            break;
        }
        NginxDirective directive;
        directive.file = file;
        if (!words.empty()) {
            directive.name = std::move(words.front());
            directive.arguments.assign(std::make_move_iterator(words.begin() + 1),
                                       std::make_move_iterator(words.end()));
            words.clear();
        }
        if (token.kind == Lexer::Token::Kind::open) {
            if (directive.name.ends_with("_by_lua_block") || depth == depth_limit)
                lexer.skip_block();
            else
                directive.block = parse_block(lexer, file, depth + 1);
        }
        if (!directive.name.empty())
            directives.push_back(std::move(directive));
    }
}

struct DumpedFile {
    std::string path;
    std::string text;
    bool used = false;
};

std::vector<DumpedFile> split_dump(std::string_view dump) {
    constexpr std::string_view head = "# configuration file ";
    std::vector<DumpedFile> files;
    for (const std::string_view line : split(dump, '\n')) {
        if (line.starts_with(head) && line.ends_with(':'))
            files.push_back(
                {std::string(line.substr(head.size(), line.size() - head.size() - 1)), {}, false});
        else if (!files.empty())
            files.back().text.append(line).append("\n");
    }
    return files;
}

class Includer {
public:
    explicit Includer(std::vector<DumpedFile> files)
        : files_(std::move(files)) {}

    Directives all() {
        if (files_.empty())
            return {};
        base_ = std::filesystem::path(files_.front().path).parent_path();
        Directives directives = parse(files_.front(), 0);
        // An include that could not be followed must not hide what it brings
        for (DumpedFile& file : files_) {
            if (!file.used)
                append(directives, parse(file, 0));
        }
        return directives;
    }

private:
    static void append(Directives& to, Directives&& from) {
        to.insert(to.end(), std::make_move_iterator(from.begin()),
                  std::make_move_iterator(from.end()));
    }

    Directives parse(DumpedFile& file, int depth) {
        file.used = true;
        Lexer lexer(file.text);
        return resolve(parse_block(lexer, file.path, 0), depth);
    }

    Directives resolve(Directives&& directives, int depth) {
        constexpr int depth_limit = 16;
        Directives resolved;
        for (NginxDirective& each : directives) {
            each.block = resolve(std::move(each.block), depth);
            if (each.name != "include" || each.arguments.empty() || depth == depth_limit) {
                resolved.push_back(std::move(each));
                continue;
            }
            const std::string pattern = (base_ / each.arguments.front()).string();
            for (DumpedFile& file : files_) {
                if (fnmatch(pattern.c_str(), file.path.c_str(), FNM_PATHNAME) == 0)
                    append(resolved, parse(file, depth + 1));
            }
        }
        return resolved;
    }

    std::vector<DumpedFile> files_;
    std::filesystem::path base_;
};

// Blocks whose entries are data, not directives
const std::set<std::string, std::less<>> data_blocks{
    "types", "map", "geo", "split_clients", "charset_map", "match", "perl_set"};

struct Feature {
    std::string_view name;
    std::string_view reason;
    bool has_off = true; ///< "off" switches it off; else it is an argument like any other
};

/// Filters that read or rewrite the bodies that pass through a location.
constexpr std::array body_filters{
    Feature{"gzip", "compresses responses"},
    Feature{"gunzip", "decompresses responses"},
    Feature{"brotli", "compresses responses"},
    Feature{"zstd", "compresses responses"},
    Feature{"ssi", "reads responses"},
    Feature{"sub_filter", "rewrites responses", false},
    Feature{"subs_filter", "rewrites responses", false},
    Feature{"xslt_stylesheet", "rewrites responses", false},
    Feature{"image_filter", "rewrites responses"},
    Feature{"override_charset", "rewrites responses"},
    Feature{"source_charset", "rewrites responses", false},
    Feature{"proxy_cache", "keeps responses for other requests"},
    Feature{"proxy_store", "keeps responses in files"},
    Feature{"mirror", "sends request bodies twice"},
    Feature{"modsecurity", "reads bodies"},
    Feature{"js_body_filter", "reads responses"},
};

/// What uses up a body wherever it stands.
constexpr std::array body_readers{
    Feature{"dav_methods", "writes request bodies to files"},
    Feature{"client_body_in_file_only", "keeps request bodies in files"},
    Feature{"perl", "may read bodies"},
    Feature{"perl_set", "may read bodies", false},
    Feature{"js_content", "may read bodies"},
};

/// What reaches an upstream in another protocol than HTTP/1.
constexpr std::array other_protocols{
    Feature{"grpc_pass", "gRPC"},           Feature{"fastcgi_pass", "FastCGI"},
    Feature{"uwsgi_pass", "uwsgi"},         Feature{"scgi_pass", "SCGI"},
    Feature{"memcached_pass", "memcached"},
};

bool contains(const std::vector<std::string>& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_off(const NginxDirective& directive) {
    return directive.arguments.empty() || directive.arguments.front() == "off" ||
           directive.arguments.front() == "none";
}

bool is_on(const Feature& feature, const NginxDirective& directive) {
    return feature.has_off ? !is_off(directive) : !directive.arguments.empty();
}

class Inspector {
public:
    std::vector<Finding> run(const Directives& directives) {
        walk(directives, {}, false);
        return findings_.take();
    }

private:
    static std::string where(const NginxDirective& directive) {
        return fmt::format("nginx: \"{}\" in {}", directive.text(), directive.file);
    }

    void walk(const Directives& block, Settings settings, bool stream) {
        forget_commands(block, settings);
        for (const NginxDirective& each : block) {
            if (each.block.empty())
                settings[key_of(each)] = &each;
        }
        bool proxies = false;
        for (const NginxDirective& each : block) {
            look_at(each, settings, stream);
            proxies = proxies || (each.name == "proxy_pass" && !stream);
            if (!each.block.empty() && !data_blocks.contains(each.name))
                walk(each.block, settings, stream || each.name == "stream");
        }
        if (proxies)
            look_at_filters(settings);
    }

    static bool is_command(const NginxDirective& directive) {
        return directive.name.ends_with("ssl_conf_command");
    }

    /// A command for OpenSSL says in its first argument what it is.
    static std::string key_of(const NginxDirective& directive) {
        return is_command(directive) && !directive.arguments.empty()
                   ? directive.name + " " + directive.arguments.front()
                   : directive.name;
    }

    /// A block that has some of its own inherits none.
    static void forget_commands(const Directives& block, Settings& settings) {
        for (const NginxDirective& each : block) {
            if (is_command(each))
                std::erase_if(settings, [&](const auto& setting) {
                    return setting.second->name == each.name;
                });
        }
    }

    /// Is OpenSSL told to hand encryption over to the kernel? `prefix`: towards whom.
    static bool has_ktls(const Settings& settings, const std::string& prefix) {
        const auto found = settings.find(prefix + "ssl_conf_command Options");
        if (found == settings.end() || found->second->arguments.size() < 2)
            return false;
        const auto options = split(found->second->arguments[1], ',');
        return std::find(options.begin(), options.end(), "KTLS") != options.end();
    }

    void look_at_filters(const Settings& settings) {
        for (const Feature& feature : body_filters) {
            const auto found = settings.find(feature.name);
            if (found != settings.end() && is_on(feature, *found->second))
                findings_.refuse("body",
                                 fmt::format("{} {}", where(*found->second), feature.reason));
        }
    }

    void look_at(const NginxDirective& directive, const Settings& settings, bool stream) {
        if (directive.name == "listen")
            look_at_listen(directive, settings);
        else if (directive.name == "server" && directive.block.empty())
            look_at_server(directive);
        else if (directive.name.ends_with("_pass"))
            look_at_pass(directive, settings, stream);
        else if ((directive.name == "ssl" || (directive.name == "proxy_ssl" && stream)) &&
                 !is_off(directive))
            tls(directive, has_ktls(settings, directive.name == "ssl" ? "" : "proxy_"));
        else if (directive.name.find("_by_lua") != std::string::npos)
            findings_.refuse("body", fmt::format("{} may read bodies", where(directive)));
        for (const Feature& feature : body_readers) {
            if (directive.name == feature.name && is_on(feature, directive))
                findings_.refuse("body", fmt::format("{} {}", where(directive), feature.reason));
        }
        const bool logs_body = std::any_of(
            directive.arguments.begin(), directive.arguments.end(), [](const std::string& each) {
                return each.find("$request_body") != std::string::npos &&
                       each.find("$request_body_file") == std::string::npos;
            });
        if (logs_body)
            findings_.refuse("body", fmt::format("{} reads request bodies", where(directive)));
    }

    void tls(const NginxDirective& directive, bool ktls) {
        if (ktls)
            findings_.note("tls", fmt::format("{} leaves encryption to the kernel where OpenSSL "
                                              "can; elision stops while a connection is open for "
                                              "which it cannot",
                                              where(directive)));
        else
            findings_.refuse("tls", fmt::format("{} encrypts in user space", where(directive)));
    }

    void unix_sink(const NginxDirective& directive) {
        findings_.refuse("unix",
                         fmt::format("{} carries bodies over a unix socket", where(directive)));
    }

    void look_at_listen(const NginxDirective& directive, const Settings& settings) {
        if (contains(directive.arguments, "ssl"))
            tls(directive, has_ktls(settings, ""));
        if (contains(directive.arguments, "quic") || contains(directive.arguments, "http3"))
            findings_.refuse("quic", fmt::format("{} serves HTTP/3 over UDP", where(directive)));
        if (!directive.arguments.empty() && directive.arguments.front().starts_with("unix:"))
            unix_sink(directive);
    }

    void look_at_server(const NginxDirective& directive) {
        if (!directive.arguments.empty() && directive.arguments.front().starts_with("unix:"))
            unix_sink(directive);
    }

    void look_at_pass(const NginxDirective& directive, const Settings& settings, bool stream) {
        if (directive.arguments.empty())
            return;
        const std::string& target = directive.arguments.front();
        if (target.starts_with("https://"))
            tls(directive, has_ktls(settings, "proxy_"));
        if (target.starts_with("grpcs://"))
            tls(directive, has_ktls(settings, "grpc_"));
        if (target.starts_with("unix:") || target.find("//unix:") != std::string::npos)
            unix_sink(directive);
        if (target.starts_with('$'))
            findings_.note("unknown",
                           fmt::format("{} is decided for each request; a TLS or other "
                                       "unreadable connection stops elision while it is open",
                                       where(directive)));
        if (stream)
            findings_.note("protocol", fmt::format("{} forwards a byte stream, which is copied",
                                                   where(directive)));
        for (const Feature& feature : other_protocols) {
            if (directive.name == feature.name)
                findings_.note("protocol",
                               fmt::format("{} speaks {}; elision stops while such a connection "
                                           "is open",
                                           where(directive), feature.reason));
        }
    }

    Findings findings_;
};

} // namespace

std::string NginxDirective::text() const {
    std::string text = name;
    for (const std::string& each : arguments)
        text += " " + each;
    // A log format may be pages long
    constexpr std::size_t limit = 60;
    return text.size() <= limit ? text : text.substr(0, limit) + "...";
}

std::vector<NginxDirective> parse_nginx(std::string_view dump) {
    return Includer(split_dump(dump)).all();
}

std::vector<Finding> inspect_nginx(std::string_view dump) {
    const Directives directives = parse_nginx(dump);
    if (directives.empty())
        return {{Severity::refuse, "unknown", "nginx: its configuration is empty"}};
    return Inspector().run(directives);
}

std::vector<std::string> nginx_options(const std::vector<std::string>& arguments) {
    std::vector<std::string> words;
    // A master's title is "nginx: master process /usr/sbin/nginx -g daemon off;", one text
    if (arguments.size() == 1)
        words = split_words(arguments.front());
    else
        words = arguments;
    std::vector<std::string> options;
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        if (words[i] == "-c" || words[i] == "-p" || words[i] == "-e") {
            options.push_back(words[i]);
            options.push_back(words[i + 1]);
            ++i;
        }
    }
    return options;
}

std::string nginx_complaint(std::string_view errors) {
    const auto lines = split(errors, '\n');
    const auto found = std::find_if(lines.begin(), lines.end(), [](std::string_view line) {
        return line.find("[emerg]") != std::string_view::npos ||
               line.find("[alert]") != std::string_view::npos;
    });
    return std::string(found == lines.end() ? lines.front() : *found);
}

} // namespace libra::detail
