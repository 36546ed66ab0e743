// SPDX-License-Identifier: GPL-2.0
// What the misbehaving proxy tells of one seed. In shared memory: its children write there too.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "misbehave_plan.hpp"
#include "misbehave_ways.hpp"

namespace guest::misbehave {

class Report {
public:
    Report();
    Report(const Report&) = delete;
    Report& operator=(const Report&) = delete;
    ~Report();

    /// Bytes that send calls have taken.
    std::atomic<std::uint64_t>& sent(int line) { return page_->sent.at(index(line)); }
    /// Bytes that were read.
    std::atomic<std::uint64_t>& received(int line) { return page_->received.at(index(line)); }
    /// From here on a line may carry what the kernel could not see.
    void blind(int line, std::uint64_t from);
    void did(Way way) { ++page_->ways.at(static_cast<std::size_t>(way)); }
    /// Against what plain TCP does. Only the first is kept.
    void wrong(const std::string& what);

    std::string text() const;

    /// Says what is done, with LIBRA_TEST_TRACE=1.
    template <typename Text>
    void note(Text&& make) const {
        if (traced_) {
            print(make());
        }
    }

private:
    static std::size_t index(int line) { return static_cast<std::size_t>(line); }

    struct Page {
        std::array<std::atomic<std::uint64_t>, line_count> sent;
        std::array<std::atomic<std::uint64_t>, line_count> received;
        std::array<std::atomic<std::uint64_t>, line_count> blind;
        std::array<std::atomic<std::uint64_t>, way_count> ways;
        std::atomic_flag has_wrong;
        std::array<char, 400> wrong;
    };
    static void print(const std::string& line);

    Page* page_;
    bool traced_;
};

} // namespace guest::misbehave
