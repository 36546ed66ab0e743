// SPDX-License-Identifier: GPL-2.0
#include "latency.hpp"

#include <sched.h>

#include <algorithm>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "generator.hpp"

namespace bench {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(LatencyRow, proxy, path, cpu, body_bytes, connections, load,
                                   rate, throughput, p50_us, p99_us, p999_us)

namespace {

/// Keeps the processor from being idle, at the lowest of all priorities. Under icount the clock of
/// an idle guest follows its host's, and a host that is late would be measured as latency.
class Spinner {
    static void spin(const std::stop_token& stop) {
        const sched_param none{};
        ::sched_setscheduler(0, SCHED_IDLE, &none);
        while (!stop.stop_requested()) {
        }
    }

    std::jthread thread_{spin};
};

LatencyRow row_of(const Outcome& outcome, const LatencyRow& cell) {
    LatencyRow row = cell;
    row.throughput = outcome.throughput();
    row.p50_us = outcome.percentile(0.5);
    row.p99_us = outcome.percentile(0.99);
    row.p999_us = outcome.percentile(0.999);
    return row;
}

/// Requests a second in a closed loop, once all is warm.
double capacity(Generator& generator, const LatencyPlan& plan) {
    Pace pace;
    pace.time = plan.time / 3;
    generator.run(pace);
    return generator.run(pace).throughput();
}

std::string milliseconds(double microseconds) {
    return fmt::format("{:.2f}", microseconds / 1000);
}

std::string line(const LatencyRow& copy, const LatencyRow& libra) {
    const auto both = [](double of, double to) {
        return milliseconds(of) + "/" + milliseconds(to);
    };
    const double change = copy.p99_us == 0 ? 0 : libra.p99_us / copy.p99_us - 1;
    return fmt::format("{:17} {:>5}K {:5.2f} {:8.0f}  {:>13}  {:>15}  {:>17}  {:>17}  {:+8.1f} %\n",
                       copy.proxy, copy.body_bytes >> 10, copy.load, copy.rate,
                       fmt::format("{:.0f}/{:.0f}", copy.throughput, libra.throughput),
                       both(copy.p50_us, libra.p50_us), both(copy.p99_us, libra.p99_us),
                       both(copy.p999_us, libra.p999_us), change * 100);
}

} // namespace

std::vector<LatencyRow> latencies(const Contender& who, const LatencyPlan& plan) {
    std::vector<LatencyRow> rows;
    const Spinner spinner;
    for (const std::uint64_t size : plan.sizes) {
        Lane copy(who, "copy", Attached::no, {size});
        Lane libra(who, "libra", Attached::elide, {size});
        Generator copying(copy.connect(plan.connections), size);
        Generator eliding(libra.connect(plan.connections), size);
        const double most = capacity(copying, plan);
        capacity(eliding, plan);
        LatencyRow cell{who.name, "", plan.cpu, size, plan.connections};
        for (const double load : plan.loads) {
            cell.load = load;
            cell.rate = load * most;
            const Pace pace{cell.rate, plan.time};
            for (Generator* generator : {&copying, &eliding}) {
                cell.path = generator == &copying ? "copy" : "libra";
                rows.push_back(row_of(generator->run(pace), cell));
            }
            fmt::print(stderr, "    {}, {} bytes, load {} of {:.0f} a second\n", who.name, size,
                       load, most);
        }
        copy.stop();
        libra.stop();
    }
    check_nothing_left();
    return rows;
}

std::string to_json(const std::vector<LatencyRow>& rows) {
    return nlohmann::json(rows).dump(2) + "\n";
}

std::string table(const std::vector<LatencyRow>& rows) {
    std::string text =
        fmt::format("copy/libra: requests a second, and milliseconds from when a request was due\n"
                    "{:17} {:>6} {:>5} {:>8}  {:>13}  {:>15}  {:>17}  {:>17}  {:>10}\n",
                    "proxy", "body", "load", "rate", "throughput", "P50", "P99", "P999", "P99 by");
    for (const LatencyRow& row : rows) {
        const auto libra = std::find_if(rows.begin(), rows.end(), [&](const LatencyRow& other) {
            return other.path == "libra" && other.proxy == row.proxy && other.load == row.load &&
                   other.body_bytes == row.body_bytes;
        });
        if (row.path == "copy" && libra != rows.end()) {
            text += line(row, *libra);
        }
    }
    return text;
}

} // namespace bench
