// SPDX-License-Identifier: GPL-2.0
#include "misbehave_report.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <new>

#include <fmt/format.h>

#include "fd.hpp"

namespace guest::misbehave {
namespace {

template <std::size_t size>
void put(std::array<char, size>& to, const std::string& text) {
    to[text.copy(to.data(), to.size() - 1)] = '\0';
    std::replace(to.begin(), to.end(), '\n', ' ');
}

} // namespace

Report::Report()
    : traced_(std::getenv("LIBRA_TEST_TRACE") != nullptr) {
    void* at =
        ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    check(at == MAP_FAILED ? -1 : 0, "mmap");
    page_ = new (at) Page{};
    for (auto& blind : page_->blind) {
        blind = UINT64_MAX;
    }
}

Report::~Report() {
    ::munmap(page_, sizeof(Page));
}

void Report::blind(int line, std::uint64_t from) {
    auto& blind = page_->blind.at(index(line));
    blind = std::min(blind.load(), from);
}

void Report::wrong(const std::string& what) {
    if (!page_->has_wrong.test_and_set()) {
        put(page_->wrong, what);
    }
}

void Report::print(const std::string& line) {
    fmt::print(stderr, "{}\n", line);
}

std::string Report::text() const {
    std::string text = "done";
    for (int line = 0; line < line_count; ++line) {
        text += fmt::format(" {} {}", page_->sent.at(index(line)).load(),
                            page_->blind.at(index(line)).load());
    }
    for (const auto& count : page_->ways) {
        text += fmt::format(" {}", count.load());
    }
    return fmt::format("{} {}", text, page_->wrong.data());
}

} // namespace guest::misbehave
