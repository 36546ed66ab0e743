// SPDX-License-Identifier: GPL-2.0
#include "parser_object.hpp"

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include <bpf/btf.h>
#include <fmt/format.h>

#include <libra/error.hpp>
#include <libra/types.hpp>

#include "words.hpp"

namespace libra::detail {
namespace {

constexpr const char* ops_type = "libra_parser_ops";

// libbpf's callback takes no argument of ours
thread_local std::string* collector = nullptr;

int collect(libbpf_print_level level, const char* format, va_list arguments) {
    if (level == LIBBPF_DEBUG || collector == nullptr)
        return 0;
    va_list again;
    va_copy(again, arguments);
    // The analyzer does not see that va_copy() initializes
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized)
    const int length = std::vsnprintf(nullptr, 0, format, again);
    va_end(again);
    if (length <= 0)
        return 0;
    const std::size_t old = collector->size();
    collector->resize(old + static_cast<std::size_t>(length) + 1);
    std::vsnprintf(collector->data() + old, static_cast<std::size_t>(length) + 1, format,
                   arguments);
    collector->resize(old + static_cast<std::size_t>(length));
    return length;
}

/// True when a struct_ops map is of the parsers' type.
bool is_parser(const btf* types, const bpf_map* map) {
    const btf_type* type = btf__type_by_id(types, bpf_map__btf_value_type_id(map));
    const char* name = type != nullptr ? btf__name_by_offset(types, type->name_off) : nullptr;
    return name != nullptr && std::strcmp(name, ops_type) == 0;
}

/// The `name` member within the initial value of a parser's struct_ops map.
std::string read_name(const btf* types, bpf_map* map) {
    std::size_t size = 0;
    const auto* value = static_cast<const char*>(bpf_map__initial_value(map, &size));
    const btf_type* type = btf__type_by_id(types, bpf_map__btf_value_type_id(map));
    if (value == nullptr || type == nullptr)
        return {};
    const btf_member* members = btf_members(type);
    for (__u32 i = 0; i < btf_vlen(type); ++i) {
        const char* name = btf__name_by_offset(types, members[i].name_off);
        const std::size_t offset = btf_member_bit_offset(type, i) / 8;
        if (name == nullptr || std::strcmp(name, "name") != 0 || offset >= size)
            continue;
        const std::size_t room = std::min(size - offset, parser_name_max + 1);
        const std::string text(value + offset, room);
        return text.substr(0, text.find('\0'));
    }
    return {};
}

} // namespace

LibbpfLog::LibbpfLog()
    : previous_(libbpf_set_print(collect)) {
    collector = &text_;
}

LibbpfLog::~LibbpfLog() {
    libbpf_set_print(previous_);
    collector = nullptr;
}

std::string verifier_log(std::string_view libbpf_text) {
    constexpr std::string_view begin = "-- BEGIN PROG LOAD LOG --\n";
    constexpr std::string_view end = "-- END PROG LOAD LOG --";
    const std::size_t first = libbpf_text.find(begin);
    if (first == std::string_view::npos)
        return {};
    libbpf_text.remove_prefix(first + begin.size());
    return std::string(trim(libbpf_text.substr(0, libbpf_text.find(end))));
}

std::string verifier_verdict(std::string_view log) {
    std::string_view verdict;
    for (const std::string_view line : split(log, '\n')) {
        if (line.starts_with("processed ") || line.starts_with("verification time "))
            break;
        if (!trim(line).empty())
            verdict = trim(line);
    }
    return std::string(verdict);
}

std::string first_line(std::string_view libbpf_text) {
    std::string_view line = split(libbpf_text, '\n').front();
    constexpr std::string_view prefix = "libbpf: ";
    if (line.starts_with(prefix))
        line.remove_prefix(prefix.size());
    return std::string(trim(line));
}

ParserObject::ParserObject(const std::filesystem::path& file)
    : file_(file) {
    if (std::error_code error; !std::filesystem::is_regular_file(file, error))
        throw Error(ErrorKind::not_found, ENOENT,
                    fmt::format("there is no parser object {}", file.string()),
                    "give the path of a .bpf.o file, or a name that \"libractl parser load "
                    "--help\" can find");
    object_.reset(bpf_object__open_file(file.c_str(), nullptr));
    if (!object_) {
        const int number = errno;
        throw Error(ErrorKind::failed, number,
                    fmt::format("{} is no BPF object that can be read: {}", file.string(),
                                std::strerror(number)),
                    "build it with clang -O2 -g -target bpf", log_.text());
    }
    const btf* types = bpf_object__btf(object_.get());
    bpf_map* map = nullptr;
    int parsers = 0;
    bpf_object__for_each_map(map, object_.get()) {
        if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS && types != nullptr &&
            is_parser(types, map)) {
            ops_ = map;
            ++parsers;
        }
    }
    if (parsers != 1)
        throw Error(ErrorKind::failed, EINVAL,
                    fmt::format("{} has {} parsers in it, not one", file.string(), parsers),
                    "define one struct libra_parser_ops in SEC(\".struct_ops.link\")");
    name_ = read_name(types, ops_);
    if (!is_parser_name(name_))
        throw Error(ErrorKind::failed, EINVAL,
                    fmt::format("{}: \"{}\" is no usable name of a parser", file.string(), name_),
                    "names are 1 to 15 letters, digits, '-' and '_'");
}

void ParserObject::load() {
    const int result = bpf_object__load(object_.get());
    if (result == 0)
        return;
    const std::string log = verifier_log(log_.text());
    if (!log.empty())
        throw Error(
            ErrorKind::verifier, -result,
            fmt::format("the verifier rejected {}: {}", file_.string(), verifier_verdict(log)),
            "mend the parser; -v shows the whole log", log_.text());
    const ErrorKind kind = kind_of_errno(-result) == ErrorKind::no_privilege
                               ? ErrorKind::no_privilege
                               : ErrorKind::failed;
    throw Error(kind, -result,
                fmt::format("{} cannot be loaded: {}", file_.string(),
                            log_.text().empty() ? std::strerror(-result) : first_line(log_.text())),
                kind == ErrorKind::no_privilege
                    ? "run it as root: CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN are needed"
                    : "the module and the parser may be of different versions; -v shows more",
                log_.text());
}

} // namespace libra::detail
