// SPDX-License-Identifier: GPL-2.0
#include "fault_injection.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

namespace guest {
namespace {

const std::string debugfs = "/sys/kernel/debug/";

void set(const std::string& kind, const std::string& name, const std::string& value) {
    const std::string path = debugfs + kind + "/" + name;
    std::ofstream file(path);
    file << value << std::flush;
    if (!file) {
        throw std::runtime_error(fmt::format(
            "cannot write {} to {}: a kernel without fault injection (scripts/debug-kernel has it)",
            value, path));
    }
}

/// The first and the last address of the module's code.
std::pair<std::uint64_t, std::uint64_t> module_code() {
    std::ifstream symbols("/proc/kallsyms");
    std::pair<std::uint64_t, std::uint64_t> range{UINT64_MAX, 0};
    for (std::string line; std::getline(symbols, line);) {
        if (!line.ends_with("[libra]")) {
            continue;
        }
        std::istringstream words(line);
        std::uint64_t address = 0;
        char type = 0;
        words >> std::hex >> address >> type;
        if (type == 't' || type == 'T') {
            range.first = std::min(range.first, address);
            range.second = std::max(range.second, address);
        }
    }
    if (range.second == 0) {
        throw std::runtime_error("no symbols of the module in /proc/kallsyms");
    }
    return range;
}

} // namespace

NthFault::NthFault(unsigned nth)
    : file_(check(::open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC), "fail-nth")) {
    const std::string text = std::to_string(nth);
    check(::write(file_.get(), text.data(), text.size()), "write to fail-nth");
}

bool NthFault::injected() {
    std::array<char, 16> text{};
    const ssize_t got = check(::pread(file_.get(), text.data(), text.size(), 0), "fail-nth");
    unsigned left = 0;
    std::from_chars(text.data(), text.data() + got, left);
    check(::pwrite(file_.get(), "0", 1, 0), "write to fail-nth");
    return left == 0;
}

NthFault::~NthFault() {
    [[maybe_unused]] const ssize_t ignored = ::pwrite(file_.get(), "0", 1, 0);
}

RandomFaults::RandomFaults(unsigned percent) {
    // no deeper than what the module itself asks for: without memory for a FIN plain TCP leaves
    // sockets behind, too
    set("failslab", "stacktrace-depth", "7");
    set("failslab", "times", "-1");
    set("failslab", "probability", std::to_string(percent));
}

RandomFaults::~RandomFaults() {
    try {
        set("failslab", "probability", "0");
        set("failslab", "times", "1");
        set("failslab", "stacktrace-depth", "32");
    } catch (const std::exception& error) {
        fmt::print(stderr, "{}\n", error.what());
    }
}

void prepare_faults() {
    const auto [first, last] = module_code();
    for (const char* kind : {"failslab", "fail_page_alloc", "fail_usercopy"}) {
        set(kind, "verbose", "0");
        set(kind, "require-start", fmt::format("{:#x}", first));
        set(kind, "require-end", fmt::format("{:#x}", last + 1));
        set(kind, "stacktrace-depth", "32");
    }
    for (const char* kind : {"failslab", "fail_page_alloc"}) {
        set(kind, "ignore-gfp-wait", "N");
    }
    set("fail_page_alloc", "min-order", "0");
}

} // namespace guest
