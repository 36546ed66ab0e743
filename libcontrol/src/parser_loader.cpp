// SPDX-License-Identifier: GPL-2.0
#include <libra/parser_loader.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <libra/error.hpp>
#include <libra/unique_fd.hpp>

#include "parser_object.hpp"
#include "words.hpp"

namespace libra {
namespace {

namespace fs = std::filesystem;
using detail::ParserObject;
using Link = std::unique_ptr<bpf_link, detail::LinkDeleter>;

constexpr const char* link_pin = "link";
constexpr const char* ops_pin = "ops";

/// How long the kernel may take to let an unpinned parser go.
constexpr std::chrono::seconds unload_patience{30};

[[noreturn]] void fail(int number, const std::string& what, std::string cure = {}) {
    ErrorKind kind = kind_of_errno(number);
    if (kind == ErrorKind::no_privilege && cure.empty())
        cure = "run it as root: CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN are needed";
    if (kind == ErrorKind::not_found)
        kind = ErrorKind::failed;
    throw Error(kind, number, fmt::format("{}: {}", what, std::strerror(number)), std::move(cure));
}

void check_module() {
    if (!fs::exists("/sys/module/libra"))
        throw Error(ErrorKind::no_module, ENOENT, "the kernel module is not loaded",
                    "modprobe libra");
    if (!fs::exists("/sys/kernel/btf/libra"))
        throw Error(ErrorKind::failed, ENOENT, "the loaded module has no BTF",
                    "rebuild it with dwarves installed, against headers that have a vmlinux");
}

bool is_bpffs(const fs::path& path) {
    struct statfs info = {};
    return statfs(path.c_str(), &info) == 0 && info.f_type == BPF_FS_MAGIC;
}

void make_directory(const fs::path& path) {
    if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
        fail(errno, fmt::format("cannot make the directory {}", path.string()));
}

/// The pin root, made when it is missing; on a system whose init does not mount
/// bpffs that too, as bpftool does.
void prepare_pin_root(const fs::path& root) {
    const fs::path mount_point = root.parent_path();
    if (!is_bpffs(mount_point) && mount("bpf", mount_point.c_str(), "bpf", 0, "mode=0700") != 0)
        fail(errno, fmt::format("{} is no BPF file system", mount_point.string()));
    make_directory(root);
}

void remove_pins(const fs::path& directory) {
    std::error_code ignored;
    std::vector<fs::path> pins;
    for (const auto& entry : fs::directory_iterator(directory, ignored))
        pins.push_back(entry.path());
    for (const fs::path& pin : pins) {
        if (unlink(pin.c_str()) != 0 && errno != ENOENT)
            fail(errno, fmt::format("cannot remove {}", pin.string()));
    }
    if (rmdir(directory.c_str()) != 0 && errno != ENOENT)
        fail(errno, fmt::format("cannot remove {}", directory.string()));
}

/// Pins that are taken away again unless keep() is called.
class PinDirectory {
public:
    explicit PinDirectory(fs::path path)
        : path_(std::move(path)) {
        make_directory(path_);
    }
    PinDirectory(const PinDirectory&) = delete;
    PinDirectory& operator=(const PinDirectory&) = delete;
    ~PinDirectory() {
        if (kept_)
            return;
        try {
            remove_pins(path_);
        } catch (const Error&) { // NOLINT(bugprone-empty-catch)
            // The failure that brought us here is what the caller must hear of
        }
    }

    /// Pins the maps that a person may want to look at; those of the compiler
    /// (.rodata, .bss) have names that bpffs refuses.
    void pin_maps(const ParserObject& parser) const {
        bpf_map* map = nullptr;
        bpf_object__for_each_map(map, parser.object()) {
            if (bpf_map__is_internal(map))
                continue;
            const fs::path pin = path_ / (map == parser.ops() ? ops_pin : bpf_map__name(map));
            unlink(pin.c_str()); // of the parser that is being replaced
            if (bpf_obj_pin(bpf_map__fd(map), pin.c_str()) != 0)
                fail(errno, fmt::format("cannot pin {}", pin.string()));
        }
    }

    void pin_link(const Link& link) const {
        const fs::path pin = path_ / link_pin;
        if (bpf_obj_pin(bpf_link__fd(link.get()), pin.c_str()) != 0)
            fail(errno, fmt::format("cannot pin {}", pin.string()));
    }

    void keep() noexcept { kept_ = true; }

private:
    fs::path path_;
    bool kept_ = false;
};

/// Puts a map that was refused with EEXIST (and is ready by that) under the link
/// that is pinned.
void replace_ops(const ParserObject& parser, const fs::path& directory) {
    const UniqueFd link(bpf_obj_get((directory / link_pin).c_str()));
    if (!link)
        throw Error(
            ErrorKind::failed, EEXIST,
            fmt::format("parser {} is loaded, but not from {}", parser.name(), directory.string()),
            "unload it the way it was loaded");
    if (bpf_link_update(link.get(), bpf_map__fd(parser.ops()), nullptr) != 0)
        fail(errno, fmt::format("parser {} cannot be replaced", parser.name()));
}

bool is_registered(const std::vector<Parser>& parsers, const std::string& name) {
    return std::any_of(parsers.begin(), parsers.end(),
                       [&](const Parser& each) { return each.name == name; });
}

} // namespace

std::vector<fs::path> parser_search_path() {
    std::vector<fs::path> path;
    // NOLINTNEXTLINE(concurrency-mt-unsafe)
    if (const char* value = std::getenv("LIBRA_PARSER_PATH"); value != nullptr) {
        for (const std::string_view part : detail::split(value, ':')) {
            if (!part.empty())
                path.emplace_back(part);
        }
    }
    std::error_code error;
    if (const fs::path exe = fs::read_symlink("/proc/self/exe", error); !error) {
        const fs::path beside = exe.parent_path().parent_path();
        path.push_back(beside / "bpf");
        path.push_back(beside / LIBRA_PARSER_RELATIVE_DIR);
    }
    path.emplace_back(LIBRA_PARSER_DIR);
    return path;
}

fs::path find_parser_object(std::string_view name, const std::vector<fs::path>& search) {
    if (name.find('/') != std::string_view::npos || name.ends_with(".o"))
        return name;
    for (const fs::path& directory : search) {
        fs::path candidate = directory / fmt::format("{}.bpf.o", name);
        if (std::error_code error; fs::is_regular_file(candidate, error))
            return candidate;
    }
    std::string places;
    for (const fs::path& directory : search)
        places += fmt::format("{}{}", places.empty() ? "" : ", ", directory.string());
    throw Error(ErrorKind::not_found, ENOENT, fmt::format("there is no parser {}", name),
                fmt::format("put {}.bpf.o into one of {}; or name its path", name, places));
}

ParserLoader::ParserLoader(fs::path pin_root)
    : pin_root_(std::move(pin_root)) {}

LoadedParser ParserLoader::load(const fs::path& object, bool replace) {
    ParserObject parser(object);
    check_module();
    prepare_pin_root(pin_root_);
    parser.load();

    const fs::path path = pin_root_ / parser.name();
    const Link link(bpf_map__attach_struct_ops(parser.ops()));
    if (link) {
        // Left over from a parser that the kernel does not have any more
        remove_pins(path);
        PinDirectory pins(path);
        pins.pin_maps(parser);
        pins.pin_link(link);
        pins.keep();
        return {parser.name(), object, false};
    }
    const int number = errno;
    if (number != EEXIST)
        fail(number, fmt::format("the module refused parser {}", parser.name()));
    if (!replace)
        throw Error(ErrorKind::failed, EEXIST,
                    fmt::format("a parser {} is loaded already", parser.name()),
                    "add --replace to put this one in its place");
    replace_ops(parser, path);
    PinDirectory pins(path);
    pins.keep();
    pins.pin_maps(parser);
    return {parser.name(), object, true};
}

void ParserLoader::unload(Client& client, const std::string& name) {
    const std::vector<Parser> parsers = client.parsers();
    const auto found = std::find_if(parsers.begin(), parsers.end(),
                                    [&](const Parser& each) { return each.name == name; });
    const fs::path path = pin_root_ / name;
    const bool has_pins = is_parser_name(name) && fs::exists(path);
    if (found == parsers.end() && !has_pins)
        throw Error(ErrorKind::not_found, ENOENT, fmt::format("no parser {} is loaded", name),
                    "\"libractl parser list\" shows those that are");
    if (found != parsers.end() && found->users > 0)
        throw Error(ErrorKind::failed, EBUSY,
                    fmt::format("{} {} parser {}", found->users,
                                found->users == 1 ? "policy names" : "policies name", name),
                    "detach first; \"libractl policies\" shows the ids");
    if (!has_pins)
        throw Error(ErrorKind::failed, EBUSY,
                    fmt::format("parser {} is not held by pins in {}", name, path.string()),
                    "unload it the way it was loaded");

    {
        // Detaching takes effect at once, unpinning alone somewhat later; kernels before 6.11
        // know only the latter.
        const UniqueFd link(bpf_obj_get((path / link_pin).c_str()));
        if (link)
            bpf_link_detach(link.get());
    }
    remove_pins(path);
    const auto deadline = std::chrono::steady_clock::now() + unload_patience;
    while (is_registered(client.parsers(), name)) {
        if (std::chrono::steady_clock::now() > deadline)
            throw Error(ErrorKind::failed, EBUSY,
                        fmt::format("the kernel still holds parser {}", name),
                        "another process has its link open; it goes with that process");
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

std::vector<std::string> ParserLoader::pinned() const {
    std::vector<std::string> names;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(pin_root_, ignored))
        names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

} // namespace libra
