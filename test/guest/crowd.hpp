// SPDX-License-Identifier: GPL-2.0
// Work in several threads at once, and what went wrong in any of them.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace guest {

/// What went wrong, from any thread.
class Faults {
public:
    void add(const std::string& what);
    /// All of it, a line each; empty when nothing did.
    std::string text() const;

private:
    mutable std::mutex lock_;
    std::vector<std::string> list_;
    std::size_t more_ = 0;
};

/// Calls `work(i)` in `count` threads at once; what they throw becomes a fault.
void in_threads(int count, Faults& faults, const std::function<void(int)>& work);

} // namespace guest
