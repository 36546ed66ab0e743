// SPDX-License-Identifier: GPL-2.0
#include "meter.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

#include <fmt/format.h>

namespace bench {
namespace {

/// Nanoseconds on the processor: the first figure of a schedstat.
std::uint64_t ran(const std::filesystem::path& file) {
    std::uint64_t value = 0;
    std::ifstream in(file);
    if (!(in >> value)) {
        throw std::runtime_error(fmt::format("cannot read {}", file.string()));
    }
    return value;
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

std::filesystem::path directory_of(pid_t thread) {
    return fmt::format("/proc/{}", thread);
}

} // namespace

std::uint64_t growth(const PerThread& later, const PerThread& earlier) {
    std::uint64_t sum = 0;
    for (const auto& [thread, value] : later) {
        const auto before = earlier.find(thread);
        sum += value - (before == earlier.end() ? 0 : before->second);
    }
    return sum;
}

Spent operator-(const Work& later, const Work& earlier) {
    return {growth(later.threads, earlier.threads), later.guest - earlier.guest};
}

Work work_of(const std::vector<pid_t>& processes) {
    Work work;
    work.guest = whole_guest();
    for (const pid_t thread : threads_of(processes)) {
        work.threads[thread] = ran(directory_of(thread) / "schedstat");
    }
    return work;
}

PerThread switches_of(const std::vector<pid_t>& processes) {
    PerThread switches;
    for (const pid_t thread : threads_of(processes)) {
        std::ifstream in(directory_of(thread) / "status");
        for (std::string line; std::getline(in, line);) {
            // voluntary_ctxt_switches and nonvoluntary_ctxt_switches
            if (const auto at = line.find("voluntary_ctxt_switches:"); at != std::string::npos) {
                switches[thread] += std::stoull(line.substr(line.find(':') + 1));
            }
        }
    }
    return switches;
}

std::vector<pid_t> threads_of(const std::vector<pid_t>& processes) {
    std::vector<pid_t> threads;
    for (const pid_t process : processes) {
        for (const auto& thread :
             std::filesystem::directory_iterator(directory_of(process) / "task")) {
            threads.push_back(std::stoi(thread.path().filename()));
        }
    }
    return threads;
}

std::vector<pid_t> kworkers() {
    std::vector<pid_t> found;
    for (const auto& process : std::filesystem::directory_iterator("/proc")) {
        const std::string id = process.path().filename();
        std::string name;
        if (std::isdigit(static_cast<unsigned char>(id.front())) != 0 &&
            std::getline(std::ifstream(process.path() / "comm"), name) &&
            name.rfind("kworker/", 0) == 0) {
            found.push_back(std::stoi(id));
        }
    }
    return found;
}

} // namespace bench
