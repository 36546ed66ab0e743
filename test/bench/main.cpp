// SPDX-License-Identifier: GPL-2.0
// What a request costs a proxy, in instructions: copying, with Libra, splicing. Runs in a guest
// with icount (scripts/bench); with --report on the host, to put the results of several guests
// together.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>
#include <memory>

#include <boost/program_options.hpp>
#include <fmt/format.h>

#include "forwarder.hpp"
#include "rows.hpp"

namespace options = boost::program_options;
using namespace bench;

namespace {

struct Plan {
    std::vector<std::uint64_t> sizes;
    std::vector<std::string> only; ///< contenders; empty: all
    std::string cpu;
    int runs = 5;
};

/// Enough that what a run costs besides its requests does not show.
int requests_for(std::uint64_t size) {
    return static_cast<int>(std::clamp<std::uint64_t>((8 << 20) / size, 12, 200));
}

class Bench {
public:
    explicit Bench(Plan plan)
        : plan_(std::move(plan)) {}

    void run(const Contender& who) {
        const std::size_t first = rows_.size();
        for (const std::string& path : who.paths) {
            count(who, path);
        }
        measure(who, first);
    }

    const std::vector<Row>& rows() const { return rows_; }

private:
    void say(const std::string& what) const { fmt::print(stderr, "    {}\n", what); }

    /// Makes a row for each size, with the bytes that are copied: a pass of its own, in mode
    /// observe, since counting costs instructions.
    void count(const Contender& who, const std::string& path) {
        Lane lane(who, path, path == "libra" ? Attached::elide : Attached::observe, plan_.sizes);
        for (const std::uint64_t size : plan_.sizes) {
            Row row;
            row.proxy = who.name;
            row.path = path;
            row.cpu = plan_.cpu;
            row.method = "GET";
            row.body_bytes = size;
            row.copied_bytes = lane.run(size, 8).copied_bytes;
            rows_.push_back(row);
        }
        lane.stop();
        check_nothing_left();
        say(fmt::format("{}, {}: copies are counted", who.name, path));
    }

    /// All paths side by side, one run of each after the other.
    void measure(const Contender& who, std::size_t first) {
        std::vector<std::unique_ptr<Lane>> lanes;
        for (const std::string& path : who.paths) {
            lanes.push_back(std::make_unique<Lane>(
                who, path, path == "libra" ? Attached::elide : Attached::no, plan_.sizes));
        }
        for (const std::uint64_t size : plan_.sizes) {
            std::vector<std::vector<Sample>> samples(lanes.size());
            for (int run = 0; run < plan_.runs; ++run) {
                for (std::size_t i = 0; i < lanes.size(); ++i) {
                    samples[i].push_back(lanes[i]->run(size, requests_for(size)));
                }
            }
            for (std::size_t i = 0; i < lanes.size(); ++i) {
                const auto row =
                    std::find_if(rows_.begin() + static_cast<std::ptrdiff_t>(first), rows_.end(),
                                 [&](const Row& one) {
                                     return one.path == lanes[i]->path() && one.body_bytes == size;
                                 });
                const std::uint64_t copied = row->copied_bytes;
                summarise(samples[i], *row);
                row->copied_bytes = copied;
            }
            say(fmt::format("{}, {} bytes: {} runs", who.name, size, plan_.runs));
        }
        for (const auto& lane : lanes) {
            lane->stop();
        }
        check_nothing_left();
    }

    Plan plan_;
    std::vector<Row> rows_;
};

int measure(const Plan& plan, const std::string& json) {
    guest::libra_module::load_parser();
    Bench bench(plan);
    for (const Contender& who : contenders()) {
        if (plan.only.empty() ||
            std::find(plan.only.begin(), plan.only.end(), who.name) != plan.only.end()) {
            bench.run(who);
        }
    }
    guest::libra_module::unload_parser();
    guest::spew(json, to_json(bench.rows()));
    return 0;
}

/// Several results as one, and their tables.
int report(const std::vector<std::string>& files, const std::string& json) {
    std::vector<Row> rows;
    for (const std::string& file : files) {
        const auto more = from_json(guest::slurp(file));
        rows.insert(rows.end(), more.begin(), more.end());
    }
    if (!json.empty()) {
        guest::spew(json, to_json(rows));
    }
    fmt::print("{}", table(rows));
    return 0;
}

int run(int argc, char** argv) {
    Plan plan;
    std::string json;
    std::vector<std::string> files;
    std::vector<std::string> forwarding;
    options::options_description all(
        "libra-bench --cpu NAME --json FILE | --report FILE... [--json FILE]");
    all.add_options()("help", "this text")("cpu", options::value(&plan.cpu),
                                           "what the rows call the processor")(
        "json", options::value(&json), "where the rows go")(
        "sizes", options::value(&plan.sizes)->multitoken(), "sizes of bodies in bytes")(
        "only", options::value(&plan.only)->multitoken(), "these proxies alone")(
        "runs", options::value(&plan.runs), "how often each cell is measured")(
        "report", options::value(&files)->multitoken(),
        "prints tables of these results")("forward", options::value(&forwarding)->multitoken(),
                                          "PORT ADDRESS PORT: be the L4 forwarder");
    options::variables_map given;
    options::store(options::parse_command_line(argc, argv, all), given);
    options::notify(given);
    if (given.count("help") != 0) {
        std::cout << all;
        return 0;
    }
    if (!forwarding.empty()) {
        return forward(forwarding);
    }
    if (!files.empty()) {
        return report(files, json);
    }
    if (plan.cpu.empty() || json.empty() || plan.sizes.empty() || plan.runs < 1) {
        throw options::error("--cpu, --json and --sizes are needed");
    }
    return measure(plan, json);
}

} // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    try {
        return run(argc, argv);
    } catch (const options::error& error) {
        fmt::print(stderr, "libra-bench: {}\n", error.what());
        return 2;
    } catch (const std::exception& error) {
        fmt::print(stderr, "libra-bench: {}\n", error.what());
        return 1;
    }
}
