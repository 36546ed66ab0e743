// SPDX-License-Identifier: GPL-2.0
// [hostile] Files that an attached nginx sends itself: a marker in one does not leave, and what has
// none is searched once.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <filesystem>
#include <functional>
#include <map>
#include <utility>

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "elsewhere.hpp"
#include "rig.hpp"
#include "wire.hpp"

using namespace guest;

namespace {

constexpr std::uint16_t port = 8090;
const std::string memory_root = "/tmp/libra-files";
const std::string disk_root = "/tmp/libra-disk";

/// ext4 on a disk of memory: unlike a tmpfs it notices who writes through a mapping.
class Disk {
public:
    Disk() {
        if (!std::filesystem::exists("/dev/ram0")) {
            CHECK(run({"modprobe", "brd", "rd_nr=1", "rd_size=65536"}).code == 0);
        }
        const RunResult made = run({"mkfs.ext4", "-q", "-F", "/dev/ram0"});
        INFO(made.out);
        CHECK(made.code == 0);
        std::filesystem::create_directories(disk_root);
        check(::mount("/dev/ram0", disk_root.c_str(), "ext4", 0, nullptr), "mount");
    }
    ~Disk() { ::umount2(disk_root.c_str(), MNT_DETACH); }
    Disk(const Disk&) = delete;
    Disk& operator=(const Disk&) = delete;
};

ProxyConfig with_files() {
    ProxyConfig config = nginx_large();
    config.http_lines = fmt::format("sendfile on;\nserver {{\nlisten {};\nroot {};\n"
                                    "location /memory/ {{\nalias {}/;\n}}\n}}\n",
                                    port, disk_root, memory_root);
    return config;
}

/// What comes until the connection ends, in whatever way.
std::string all_of(Fd socket, const std::string& file, const std::string& fields) {
    Wire wire(std::move(socket));
    std::string all;
    std::array<std::byte, 65'536> bytes;
    try {
        wire.write(fmt::format("GET /{} HTTP/1.0\r\n{}\r\n", file, fields));
        while (const std::size_t got = wire.read(bytes)) {
            all.append(reinterpret_cast<const char*>(bytes.data()), got);
        }
    } catch (const Cut&) {
    }
    return all;
}

/// Asks nginx for its own files.
class Asker {
public:
    explicit Asker(const Rig& rig)
        : rig_(rig) {}

    std::string get(const std::string& file, const std::string& fields = "") {
        before_ = libra_module::figures();
        return all_of(connect_to(rig_.net.client(), rig_.net.proxy_address(), port), file, fields);
    }
    /// Since the last get().
    Figures figures() const { return libra_module::figures() - before_; }
    std::uint64_t unchanged() const { return figures().counters.at("tx_unchanged"); }

private:
    const Rig& rig_;
    Figures before_;
};

std::string clean_body() {
    std::string body(300'000, '\0');
    Pattern{5}.fill(0, std::as_writable_bytes(std::span(body)));
    return body;
}

void put_at(const Fd& file, const std::string& bytes, off_t at) {
    CHECK(::pwrite(file.get(), bytes.data(), bytes.size(), at) ==
          static_cast<ssize_t>(bytes.size()));
}

Fd open_file(const std::string& path, int flags) {
    return Fd(check(::open(path.c_str(), flags | O_CLOEXEC), path));
}

/// Seconds, of a file, after which it may be remembered what it holds.
constexpr long quiet = 10;

long age(const std::string& path) {
    struct stat file {};
    check(::stat(path.c_str(), &file), path);
    struct timespec now {};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec - file.st_ctim.tv_sec;
}

/// The first bytes of a file in memory that writes to it.
class Mapped {
public:
    explicit Mapped(const std::string& path)
        : at_(static_cast<char*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED,
                                        open_file(path, O_RDWR).get(), 0))) {
        check(at_ == MAP_FAILED ? -1 : 0, "mmap");
    }
    ~Mapped() { ::munmap(at_, size); }
    Mapped(const Mapped&) = delete;
    Mapped& operator=(const Mapped&) = delete;

    void put(const std::string& bytes, std::size_t at) { bytes.copy(at_ + at, bytes.size()); }

private:
    static constexpr std::size_t size = 65'536;
    char* at_;
};

constexpr off_t marker_at = 8'777;

/// In each of these ways a marker gets into a file.
const std::map<std::string, std::function<void(const std::string&, const std::string&)>> ways = {
    {"write",
     [](const std::string& path, const std::string& marker) {
         put_at(open_file(path, O_WRONLY), marker, marker_at);
     }},
    {"mmap", [](const std::string& path,
                const std::string& marker) { Mapped(path).put(marker, marker_at); }},
    {"direct",
     [](const std::string& path, const std::string& marker) {
         alignas(4096) std::array<char, 4096> block{};
         marker.copy(block.data() + marker_at % 4096, marker.size());
         const Fd file = open_file(path, O_WRONLY | O_DIRECT);
         CHECK(::pwrite(file.get(), block.data(), block.size(), marker_at / 4096 * 4096) ==
               static_cast<ssize_t>(block.size()));
     }},
    {"rename",
     [](const std::string& path, const std::string& marker) {
         std::string body = clean_body();
         body.replace(marker_at, marker.size(), marker);
         spew(path + ".new", body);
         std::filesystem::rename(path + ".new", path);
     }},
};

void expect_caught(Asker& asker, const std::string& file, const std::string& marker) {
    INFO("a marker in the file " << file);
    const std::string seen = asker.get(file);
    CHECK(asker.figures().all_resets() > 0);
    CHECK(seen.find(marker) == std::string::npos);
}

} // namespace

TEST_CASE("A marker in a file that nginx sends itself does not leave", "[hostile]") {
    if (libra_module::plain()) {
        return;
    }
    std::filesystem::create_directories(memory_root);
    Elsewhere elsewhere;
    Rig rig(with_files());
    Asker asker(rig);
    // in the middle of a page, across two, and where one ends
    for (const std::size_t at : {0U, 777U, 4065U, 4066U, 4080U, 4095U, 8190U, 36'850U, 39'968U}) {
        // among bytes that look as if each of them could begin a marker, too
        for (const auto& [real, around] :
             {std::pair{true, 'f'}, {false, 'f'}, {true, '\xf5'}, {false, '\xf5'}}) {
            INFO((real ? "another process's marker at " : "a forged one at ")
                 << at << " among " << static_cast<int>(around));
            std::string marker = elsewhere.marker();
            marker.back() = static_cast<char>(marker.back() ^ (real ? 0 : 0x41));
            std::string body(40'000, around);
            body.replace(at, marker.size(), marker);
            spew(memory_root + "/file", body);
            const std::string seen = asker.get("memory/file");
            CHECK((asker.figures().all_resets() > 0) == real);
            CHECK(seen.ends_with(body) != real);
            CHECK((seen.find(marker) == std::string::npos) == real);
        }
    }
    elsewhere.stop();
    rig.finish(Resets::some, Elided::any);
}

TEST_CASE("A file is searched once, and again when it has changed", "[hostile]") {
    if (libra_module::plain()) {
        return;
    }
    const std::string body = clean_body();
    const Disk disk;
    Elsewhere elsewhere;
    Rig rig(with_files());
    Asker asker(rig);

    // in a tmpfs a mapping writes and nobody is told
    std::filesystem::create_directories(memory_root);
    spew(memory_root + "/file", body);
    // who has mapped it already writes without asking again
    spew(disk_root + "/open", body);
    Mapped open(disk_root + "/open");
    open.put(body.substr(0, 1), 0);
    for (const auto& way : ways) {
        spew(disk_root + "/" + way.first, body);
    }

    for (const auto& [file, put] : ways) {
        INFO(file);
        CHECK(eventually([&, name = file] {
            CHECK(asker.get(name).ends_with(body));
            const std::uint64_t unchanged = asker.unchanged();
            if (age(disk_root + "/" + name) < quiet) {
                CHECK(unchanged == 0);
            }
            return unchanged == body.size();
        }));
    }
    for (const std::string never : {"memory/file", "open"}) {
        INFO(never);
        for (int i = 0; i < 3; ++i) {
            CHECK(asker.get(never).ends_with(body));
            CHECK(asker.unchanged() == 0);
        }
    }

    for (const auto& [file, put] : ways) {
        put(disk_root + "/" + file, elsewhere.marker());
        expect_caught(asker, file, elsewhere.marker());
    }
    open.put(elsewhere.marker(), marker_at);
    expect_caught(asker, "open", elsewhere.marker());
    elsewhere.stop();
    rig.finish(Resets::some, Elided::any);
}

TEST_CASE("What is known of a file grows from wherever it is read", "[hostile]") {
    if (libra_module::plain()) {
        return;
    }
    constexpr std::size_t part = 65'536; // what sendfile(2) sends at once
    constexpr std::size_t parts = 16;
    constexpr std::size_t piece = 15'000; // none ends where a page does
    std::string body(parts * part, '\0');
    Pattern{6}.fill(0, std::as_writable_bytes(std::span(body)));
    // nowhere, or where pieces end, what could be a marker's first byte, but for what follows
    std::replace(body.begin(), body.end(), '\xf5', 'a');
    std::string edges = body;
    for (std::size_t at = piece; at < edges.size(); at += piece) {
        edges[at - 1] = '\xf5';
    }
    const Disk disk;
    Elsewhere elsewhere;
    Rig rig(with_files());
    Asker asker(rig);
    spew(disk_root + "/edges", edges);
    spew(disk_root + "/tail", body);
    const std::string tail = fmt::format("Range: bytes=-{}\r\n", 3 * part);
    CHECK(eventually([&] {
        CHECK(asker.get("tail", tail).ends_with(body.substr(body.size() - 3 * part)));
        return asker.unchanged() == 3 * part;
    }));
    // the rest is searched once
    CHECK(asker.get("tail").ends_with(body));
    CHECK(asker.get("tail").ends_with(body));
    CHECK(asker.unchanged() == body.size());

    for (std::size_t at = 0; at < edges.size(); at += piece) {
        asker.get("edges", fmt::format("Range: bytes={}-{}\r\n", at, at + piece - 1));
    }
    // what ended each of them went on otherwise in the file
    CHECK(asker.get("edges").ends_with(edges));
    CHECK(asker.unchanged() == edges.size());
    elsewhere.stop();
    rig.finish(Resets::none, Elided::any);
}

TEST_CASE("A part of a file that was searched does not end inside a marker", "[hostile]") {
    if (libra_module::plain()) {
        return;
    }
    const Disk disk;
    Elsewhere elsewhere;
    Rig rig(with_files());
    Asker asker(rig);
    // half of a marker, which does not go on like one
    std::string body = clean_body();
    body.replace(marker_at, marker_size / 2, elsewhere.marker().substr(0, marker_size / 2));
    spew(disk_root + "/file", body);
    CHECK(eventually([&] {
        CHECK(asker.get("file").ends_with(body));
        return asker.unchanged() == body.size();
    }));
    const std::size_t end = marker_at + marker_size / 2;
    const std::string before =
        asker.get("file", fmt::format("Range: bytes=0-{}\r\n", marker_at - 1));
    CHECK(before.ends_with(body.substr(0, marker_at)));
    CHECK(asker.unchanged() == marker_at);
    asker.get("file", fmt::format("Range: bytes=0-{}\r\n", end - 1));
    CHECK(asker.figures().all_resets() == 1);
    elsewhere.stop();
    rig.finish(Resets::some, Elided::any);
}
