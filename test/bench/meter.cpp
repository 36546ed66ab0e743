// SPDX-License-Identifier: GPL-2.0
#include "meter.hpp"

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

#include <fmt/format.h>

namespace bench {
namespace {

/// Nanoseconds on the processor, nanoseconds in wait for it, time slices.
std::array<std::uint64_t, 3> schedstat(const std::filesystem::path& file) {
    std::array<std::uint64_t, 3> values{};
    std::ifstream in(file);
    if (!(in >> values[0] >> values[1] >> values[2])) {
        throw std::runtime_error(fmt::format("cannot read {}", file.string()));
    }
    return values;
}

/// What all tasks ran on all processors: the seventh figure behind each "cpuN".
std::uint64_t whole_guest() {
    constexpr int run_time = 7;
    std::ifstream in("/proc/schedstat");
    std::uint64_t sum = 0;
    bool found = false;
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line);
        std::string name;
        if (!(words >> name) || name.rfind("cpu", 0) != 0) {
            continue;
        }
        std::uint64_t value = 0;
        for (int i = 0; i < run_time && (words >> value); ++i) {
        }
        if (!words) {
            throw std::runtime_error("/proc/schedstat is not as expected");
        }
        sum += value;
        found = true;
    }
    if (!found) {
        throw std::runtime_error("no /proc/schedstat: the kernel needs CONFIG_SCHEDSTATS");
    }
    return sum;
}

} // namespace

Work operator-(const Work& later, const Work& earlier) {
    return {later.proxy - earlier.proxy, later.guest - earlier.guest,
            later.switches - earlier.switches};
}

Work work_of(const std::vector<pid_t>& processes) {
    Work work;
    work.guest = whole_guest();
    for (const pid_t process : processes) {
        const auto threads = fmt::format("/proc/{}/task", process);
        for (const auto& thread : std::filesystem::directory_iterator(threads)) {
            const auto [run, waited, slices] = schedstat(thread.path() / "schedstat");
            work.proxy += run;
            work.switches += slices;
        }
    }
    return work;
}

} // namespace bench
