// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_PARSER_OBJECT_HPP
#define LIBRA_PARSER_OBJECT_HPP

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include <bpf/libbpf.h>

namespace libra::detail {

struct ObjectDeleter {
    void operator()(bpf_object* object) const noexcept { bpf_object__close(object); }
};
struct LinkDeleter {
    void operator()(bpf_link* link) const noexcept { bpf_link__destroy(link); }
};

/// Collects what libbpf has to say on this thread instead of printing it.
/// Scopes do not nest.
class LibbpfLog {
public:
    LibbpfLog();
    LibbpfLog(const LibbpfLog&) = delete;
    LibbpfLog& operator=(const LibbpfLog&) = delete;
    ~LibbpfLog();

    const std::string& text() const noexcept { return text_; }

private:
    std::string text_;
    libbpf_print_fn_t previous_;
};

/// An object file with one parser in it.
class ParserObject {
public:
    /// Opens the file; nothing is loaded yet.
    /// @throws Error not_found, failed: not an object with exactly one parser
    explicit ParserObject(const std::filesystem::path& file);

    const std::string& name() const noexcept { return name_; }
    bpf_map* ops() const noexcept { return ops_; }
    bpf_object* object() const noexcept { return object_.get(); }

    /// Hands programs and maps to the kernel.
    /// @throws Error verifier, no_privilege, failed
    void load();

private:
    LibbpfLog log_;
    std::filesystem::path file_;
    std::unique_ptr<bpf_object, ObjectDeleter> object_;
    bpf_map* ops_ = nullptr; // belongs to object_
    std::string name_;
};

/// The verifier's log within what libbpf wrote; empty when there is none.
std::string verifier_log(std::string_view libbpf_text);

/// The line of a verifier's log that says why: the last one before its
/// statistics.
std::string verifier_verdict(std::string_view log);

/// The first line of libbpf's text, without its "libbpf: ".
std::string first_line(std::string_view libbpf_text);

} // namespace libra::detail

#endif
