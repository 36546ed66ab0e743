// SPDX-License-Identifier: GPL-2.0
#include "crowd.hpp"

#include <thread>

#include <fmt/format.h>

namespace guest {

void Faults::add(const std::string& what) {
    if (what.empty()) {
        return;
    }
    const std::lock_guard guard(lock_);
    if (list_.size() < 12) {
        list_.push_back(what);
    } else {
        ++more_;
    }
}

std::string Faults::text() const {
    const std::lock_guard guard(lock_);
    std::string all;
    for (const std::string& fault : list_) {
        all += fault + "\n";
    }
    return more_ == 0 ? all : all + fmt::format("and {} more\n", more_);
}

void in_threads(int count, Faults& faults, const std::function<void(int)>& work) {
    std::vector<std::jthread> threads;
    threads.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
        threads.emplace_back([&faults, &work, i] {
            try {
                work(i);
            } catch (const std::exception& error) {
                faults.add(error.what());
            }
        });
    }
}

} // namespace guest
