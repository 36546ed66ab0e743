// SPDX-License-Identifier: GPL-2.0
// Traffic in the background of a test, compared like all other.
#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "rig.hpp"

namespace guest {

struct LoadOptions {
    int width = 2;
    bool excuse_silence = false; ///< an answer that never began is no fault (reloads)
    ConnectOptions connect;
};

class Load {
public:
    Load(Rig& rig, std::vector<Exchange> exchanges, const LoadOptions& options = {});
    ~Load() { stop(); }

    std::uint64_t done() const { return done_; }
    /// Waits until so many more exchanges are done; a fault if they are not.
    void wait_for(std::uint64_t more);
    void stop();

private:
    void work(std::size_t start);

    Rig& rig_;
    std::vector<Exchange> exchanges_;
    LoadOptions options_;
    std::atomic<bool> stopping_ = false;
    std::atomic<std::uint64_t> done_ = 0;
    std::vector<std::jthread> threads_;
};

} // namespace guest
