// SPDX-License-Identifier: GPL-2.0
#include "rows.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace bench {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Row, proxy, path, cpu, method, connections,
                                                body_bytes, proxy_instructions, guest_instructions,
                                                copied_bytes, syscalls, context_switches,
                                                retained_peak, spread, runs)

namespace {

template <typename Get>
std::uint64_t median(std::vector<Sample>& samples, Get get) {
    const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
    std::nth_element(
        samples.begin(), middle, samples.end(),
        [get](const Sample& one, const Sample& other) { return get(one) < get(other); });
    return get(*middle);
}

std::string size_of(std::uint64_t bytes) {
    if (bytes < 1 << 10) {
        return std::to_string(bytes);
    }
    return bytes < 1 << 20 ? fmt::format("{}K", bytes >> 10) : fmt::format("{}M", bytes >> 20);
}

const Row* find(const std::vector<Row>& rows, const Row& like, const std::string& path) {
    for (const Row& row : rows) {
        if (row.proxy == like.proxy && row.path == path && row.cpu == like.cpu &&
            row.method == like.method && row.connections == like.connections &&
            row.body_bytes == like.body_bytes) {
            return &row;
        }
    }
    return nullptr;
}

std::string thousands(std::uint64_t value) {
    return fmt::format("{:.1f}", static_cast<double>(value) / 1000);
}

std::string ratio(std::uint64_t of, std::uint64_t to) {
    return to == 0 ? "-" : fmt::format("{:.2f}", static_cast<double>(of) / static_cast<double>(to));
}

/// All paths of a cell.
struct Cell {
    const Row* copy;
    const Row* libra;
    const Row* splice;

    Cell(const std::vector<Row>& rows, const Row& like)
        : copy(find(rows, like, "copy"))
        , libra(find(rows, like, "libra"))
        , splice(find(rows, like, "splice")) {}

    const Row* first() const { return copy != nullptr ? copy : libra != nullptr ? libra : splice; }
};

std::string name_of(const Row& row) {
    return fmt::format("{:17} {:6} {:>4} {:>5}", row.proxy, row.method, row.connections,
                       size_of(row.body_bytes));
}

/// What was measured.
std::string line(const Row& row, const Cell& cell) {
    const auto [copy, libra, splice] = cell;
    const auto both = [](const Row* one) {
        return one == nullptr
                   ? "-"
                   : thousands(one->proxy_instructions) + "/" + thousands(one->guest_instructions);
    };
    std::string gains = "-";
    if (copy != nullptr && libra != nullptr) {
        gains = ratio(copy->proxy_instructions, libra->proxy_instructions) + "/" +
                ratio(copy->guest_instructions, libra->guest_instructions);
    }
    double spread = 0;
    for (const Row* each : {copy, libra, splice}) {
        spread = std::max(spread, each == nullptr ? 0 : each->spread);
    }
    return fmt::format("{}  {:>17} {:>17} {:>17}  {:>11}  {:5.1f} %\n", name_of(row), both(copy),
                       both(libra), both(splice), gains, spread * 100);
}

/// What was counted.
std::string counted(const Row& row, const Cell& cell) {
    const auto all = [](const Row* one) {
        return one == nullptr ? "-"
                              : fmt::format("{:.1f}/{:.1f}/{:.1f}",
                                            static_cast<double>(one->copied_bytes) / 1024,
                                            one->syscalls, one->context_switches);
    };
    return fmt::format("{}  {:>19} {:>19} {:>19}  {:>9}\n", name_of(row), all(cell.copy),
                       all(cell.libra), all(cell.splice),
                       cell.libra == nullptr ? "-"
                                             : fmt::format("{}K", cell.libra->retained_peak >> 10));
}

} // namespace

void Row::set(const Counts& counts) {
    copied_bytes = counts.copied_bytes;
    syscalls = counts.syscalls;
    context_switches = counts.context_switches;
    retained_peak = counts.retained_peak;
}

void summarise(std::vector<Sample> samples, Row& row) {
    const auto proxy = [](const Sample& sample) { return sample.proxy_instructions; };
    row.runs = static_cast<int>(samples.size());
    row.proxy_instructions = median(samples, proxy);
    row.guest_instructions =
        median(samples, [](const Sample& sample) { return sample.guest_instructions; });
    const auto [least, most] = std::minmax_element(
        samples.begin(), samples.end(),
        [proxy](const Sample& one, const Sample& other) { return proxy(one) < proxy(other); });
    row.spread = static_cast<double>(proxy(*most) - proxy(*least)) /
                 static_cast<double>(std::max<std::uint64_t>(1, row.proxy_instructions));
}

std::string to_json(const std::vector<Row>& rows) {
    return nlohmann::json(rows).dump(2) + "\n";
}

std::vector<Row> from_json(const std::string& text) {
    try {
        return nlohmann::json::parse(text).get<std::vector<Row>>();
    } catch (const nlohmann::json::exception& error) {
        throw std::runtime_error(fmt::format("not a list of rows: {}", error.what()));
    }
}

std::vector<Verdict> judge(const std::vector<Row>& kept, const std::vector<Row>& rows) {
    constexpr double tolerance = 1.05;
    const auto cost = [](const std::vector<Row>& of, const Row& like) -> std::optional<double> {
        const Row* copy = find(of, like, "copy");
        const Row* libra = find(of, like, "libra");
        if (copy == nullptr || libra == nullptr || copy->proxy_instructions == 0) {
            return std::nullopt;
        }
        return static_cast<double>(libra->proxy_instructions) /
               static_cast<double>(copy->proxy_instructions);
    };
    std::vector<Verdict> verdicts;
    for (const Row& row : kept) {
        if (row.path != "libra") {
            continue;
        }
        const auto before = cost(kept, row);
        const auto now = cost(rows, row);
        const bool right = before && now && *now <= *before * tolerance;
        verdicts.push_back(
            {right, fmt::format("{} {} {} over {}: {} of copying, kept {}", row.proxy, row.method,
                                size_of(row.body_bytes), row.connections,
                                now ? fmt::format("{:.3f}", *now) : "not measured",
                                before ? fmt::format("{:.3f}", *before) : "none")});
    }
    return verdicts;
}

std::string table(const std::vector<Row>& rows) {
    std::string text;
    std::set<std::string> cpus;
    for (const Row& row : rows) {
        cpus.insert(row.cpu);
    }
    for (const std::string& cpu : cpus) {
        const auto names = fmt::format("{:17} {:6} {:>4} {:>5}", "proxy", "method", "conn", "body");
        std::string measured = fmt::format(
            "{}: thousands of instructions a request, the proxy's own/the whole guest's\n"
            "{}  {:>17} {:>17} {:>17}  {:>11}  {:>7}\n",
            cpu, names, "copy", "libra", "splice", "copy/libra", "spread");
        std::string counts = fmt::format(
            "{}: of the proxy for a request, KB copied/system calls/context switches; and what it "
            "retained at most\n{}  {:>19} {:>19} {:>19}  {:>9}\n",
            cpu, names, "copy", "libra", "splice", "retained");
        for (const Row& row : rows) {
            const Cell cell(rows, row);
            if (row.cpu == cpu && cell.first() == &row) {
                measured += line(row, cell);
                counts += counted(row, cell);
            }
        }
        text += measured + counts;
    }
    return text;
}

} // namespace bench
