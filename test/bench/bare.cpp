// SPDX-License-Identifier: GPL-2.0
#include "bare.hpp"

#include <linux/perf_event.h>
#include <sys/utsname.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "counter.hpp"

namespace bench {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(BareRow, proxy, path, kernel, method, workers, connections,
                                   body_bytes, wall_us, wall_spread, proxy_us, proxy_instructions,
                                   proxy_cycles, spread, runs)

namespace {

using Clock = std::chrono::steady_clock;

/// Nothing where the processor, or what it is emulated by, does not count.
std::optional<Counter> counter(std::uint32_t type, std::uint64_t config,
                               const std::vector<pid_t>& processes) {
    try {
        return Counter({type, config}, processes);
    } catch (const std::system_error&) {
        return std::nullopt;
    }
}

/// What one request took, on average over a run.
struct Timed {
    double wall_us = 0;
    double proxy_us = 0;
    double instructions = 0;
    double cycles = 0;
};

class Timer {
public:
    explicit Timer(const std::vector<pid_t>& processes)
        : clock_({PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK}, processes)
        , instructions_(counter(PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS, processes))
        , cycles_(counter(PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, processes)) {}

    Timed run(Lane& lane, const Shape& shape) const {
        constexpr int batch = 16;
        constexpr auto enough = std::chrono::seconds(1);
        const Now before = now();
        double done = 0;
        do {
            done += static_cast<double>(lane.drive(shape, batch));
        } while (Clock::now() - before.time < enough);
        const Now after = now();
        const auto each = [done](std::uint64_t later, std::uint64_t earlier) {
            return static_cast<double>(later - earlier) / done;
        };
        const std::chrono::duration<double, std::micro> wall = after.time - before.time;
        return {wall.count() / done, each(after.clock, before.clock) / 1000,
                each(after.instructions, before.instructions), each(after.cycles, before.cycles)};
    }

private:
    struct Now {
        Clock::time_point time;
        std::uint64_t clock = 0;
        std::uint64_t instructions = 0;
        std::uint64_t cycles = 0;
    };

    Now now() const {
        return {Clock::now(), clock_.read(), instructions_ ? instructions_->read() : 0,
                cycles_ ? cycles_->read() : 0};
    }

    Counter clock_;
    std::optional<Counter> instructions_;
    std::optional<Counter> cycles_;
};

template <typename Get>
std::vector<double> sorted(const std::vector<Timed>& samples, Get get) {
    std::vector<double> values;
    values.reserve(samples.size());
    for (const Timed& sample : samples) {
        values.push_back(get(sample));
    }
    std::sort(values.begin(), values.end());
    return values;
}

BareRow row_of(const Contender& who, const Lane& lane, const Shape& shape,
               const std::vector<Timed>& samples) {
    const std::size_t middle = samples.size() / 2;
    const auto median = [&](auto get) { return sorted(samples, get)[middle]; };
    const auto whole = [&](auto get) { return static_cast<std::uint64_t>(median(get)); };
    const auto on_processor = sorted(samples, [](const Timed& one) { return one.proxy_us; });
    const auto by_clock = sorted(samples, [](const Timed& one) { return one.wall_us; });
    const auto spread = [middle](const std::vector<double>& values) {
        return (values.back() - values.front()) / std::max(1e-9, values[middle]);
    };
    utsname kernel{};
    ::uname(&kernel);
    BareRow row;
    row.proxy = who.name;
    row.path = lane.path();
    row.kernel = kernel.release;
    row.method = shape.method;
    row.workers = who.config.workers;
    row.connections = shape.connections;
    row.body_bytes = shape.body_bytes;
    row.wall_us = by_clock[middle];
    row.wall_spread = spread(by_clock);
    row.proxy_us = on_processor[middle];
    row.proxy_instructions = whole([](const Timed& one) { return one.instructions; });
    row.proxy_cycles = whole([](const Timed& one) { return one.cycles; });
    row.spread = spread(on_processor);
    row.runs = static_cast<int>(samples.size());
    return row;
}

struct Side {
    Side(const Contender& who, const std::string& path, const std::vector<std::uint64_t>& sizes)
        : lane(who, path, path == "libra" ? Attached::elide : Attached::no, sizes)
        , timer(lane.processes()) {}

    Lane lane;
    Timer timer;
};

} // namespace

std::vector<BareRow> bare(const Contender& who, const std::vector<Shape>& shapes, int runs) {
    std::vector<std::uint64_t> sizes;
    sizes.reserve(shapes.size());
    for (const Shape& shape : shapes) {
        sizes.push_back(shape.body_bytes);
    }
    std::vector<std::unique_ptr<Side>> sides;
    for (const std::string& path : who.paths) {
        sides.push_back(std::make_unique<Side>(who, path, sizes));
    }
    std::vector<BareRow> rows;
    for (const Shape& shape : shapes) {
        std::vector<std::vector<Timed>> samples(sides.size());
        for (int run = 0; run <= runs; ++run) {
            for (std::size_t i = 0; i < sides.size(); ++i) {
                const Timed timed = sides[i]->timer.run(sides[i]->lane, shape);
                if (run != 0) { // the first warms caches and opens connections
                    samples[i].push_back(timed);
                }
            }
        }
        for (std::size_t i = 0; i < sides.size(); ++i) {
            rows.push_back(row_of(who, sides[i]->lane, shape, samples[i]));
        }
        fmt::print(stderr, "    {}, {} of {} bytes, {} at once: {} runs\n", who.name, shape.method,
                   shape.body_bytes, shape.connections, runs);
    }
    for (const auto& side : sides) {
        side->lane.stop();
    }
    check_nothing_left();
    return rows;
}

std::string to_json(const std::vector<BareRow>& rows) {
    return nlohmann::json(rows).dump(2) + "\n";
}

std::vector<BareRow> bare_from_json(const std::string& text) {
    return nlohmann::json::parse(text).get<std::vector<BareRow>>();
}

std::string speedup_table(const std::vector<BareRow>& few, const std::vector<BareRow>& many) {
    std::string text = fmt::format(
        "requests a second, with the spread of the time that they took\n"
        "{:17} {:>8} {:6}  {:>18} {:>18}  {:>6}\n",
        "proxy", "bytes", "path", fmt::format("{} worker(s)", few.empty() ? 0 : few[0].workers),
        fmt::format("{} worker(s)", many.empty() ? 0 : many[0].workers), "times");
    const auto rate = [](const BareRow& row) {
        return fmt::format("{:.0f} ({:.1f} %)", 1e6 / row.wall_us, row.wall_spread * 100);
    };
    for (const BareRow& one : few) {
        const auto other = std::find_if(many.begin(), many.end(), [&](const BareRow& row) {
            return row.proxy == one.proxy && row.path == one.path && row.method == one.method &&
                   row.connections == one.connections && row.body_bytes == one.body_bytes;
        });
        if (other != many.end()) {
            text +=
                fmt::format("{:17} {:>8} {:6}  {:>18} {:>18}  {:6.2f}\n", one.proxy, one.body_bytes,
                            one.path, rate(one), rate(*other), one.wall_us / other->wall_us);
        }
    }
    return text;
}

std::string table(const std::vector<BareRow>& rows) {
    const auto counted = [](std::uint64_t value) {
        return value == 0 ? "-" : fmt::format("{:.1f}", static_cast<double>(value) / 1000);
    };
    std::string text = fmt::format(
        "of a request: microseconds by the clock and of the proxy on a processor; thousands of its "
        "instructions and cycles (-: this machine does not count them)\n"
        "{:17} {:6} {:>4} {:>8} {:6}  {:>10} {:>10} {:>12} {:>10}  {:>7}\n",
        "proxy", "method", "conn", "bytes", "path", "clock", "processor", "instructions", "cycles",
        "spread");
    for (const BareRow& row : rows) {
        text += fmt::format(
            "{:17} {:6} {:>4} {:>8} {:6}  {:>10.1f} {:>10.1f} {:>12} {:>10}  {:5.1f} %\n",
            row.proxy, row.method, row.connections, row.body_bytes, row.path, row.wall_us,
            row.proxy_us, counted(row.proxy_instructions), counted(row.proxy_cycles),
            row.spread * 100);
    }
    return text;
}

} // namespace bench
