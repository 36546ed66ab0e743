// SPDX-License-Identifier: GPL-2.0
#include "counter.hpp"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

#include "meter.hpp"
#include "process.hpp"

namespace bench {

using guest::check;
using guest::Fd;

Event system_calls() {
    constexpr const char* file = "/sys/kernel/tracing/events/raw_syscalls/sys_enter/id";
    const std::string id = guest::slurp(file);
    if (id.empty()) {
        throw std::runtime_error(std::string("system calls cannot be counted: no ") + file);
    }
    return {PERF_TYPE_TRACEPOINT, std::stoull(id)};
}

Counter::Counter(const Event& event, const std::vector<pid_t>& processes) {
    perf_event_attr attributes{};
    attributes.size = sizeof(attributes);
    attributes.type = event.type;
    attributes.config = event.config;
    attributes.inherit = 1;
    for (const pid_t thread : threads_of(processes)) {
        Fd fd(static_cast<int>(
            ::syscall(SYS_perf_event_open, &attributes, thread, -1, -1, PERF_FLAG_FD_CLOEXEC)));
        if (!fd && errno == ESRCH) {
            continue; // has ended meanwhile, as the kernel's workers may
        }
        check(fd.get(), "perf_event_open");
        threads_.push_back(std::move(fd));
    }
}

std::uint64_t Counter::read() const {
    std::uint64_t sum = 0;
    for (const Fd& thread : threads_) {
        std::uint64_t value = 0;
        check(::read(thread.get(), &value, sizeof(value)), "perf counter");
        sum += value;
    }
    return sum;
}

} // namespace bench
