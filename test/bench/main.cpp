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

#include "bare.hpp"
#include "forwarder.hpp"
#include "latency.hpp"
#include "locks.hpp"
#include "offload.hpp"
#include "profile.hpp"
#include "rows.hpp"
#include "scale.hpp"

namespace options = boost::program_options;
using namespace bench;

namespace {

struct Plan {
    std::vector<std::uint64_t> sizes;
    std::vector<std::string> methods = {"GET"};
    std::vector<int> connections = {1};
    std::vector<std::string> only;  ///< contenders; empty: all
    std::vector<std::string> paths; ///< of theirs; empty: all
    std::string disk;               ///< for the files of nginx-static; empty: anywhere
    std::string cpu;
    int runs = 5;
    std::vector<double> loads; ///< parts of what the copying path can do: latencies are measured
    int seconds = 30;          ///< of guest time, for each of these
    bool bare = false;         ///< a real machine
    int workers = 0;           ///< of each proxy, there; 0: what its configuration says
    int locks = 0;             ///< requests during which the kernel counts them; 0: none
    std::vector<int> scale;    ///< most connections, most payloads: their influence is measured
    std::string kallsyms; ///< where the kernel's symbols go while all is loaded; empty: nowhere
};

/// Enough that what a run costs besides its requests does not show.
int requests_for(const Shape& shape) {
    const auto some = std::clamp<std::uint64_t>((8 << 20) / shape.body_bytes, 12, 200);
    return std::max(static_cast<int>(some), 2 * shape.connections);
}

/// All that is asked of a contender. Files are not posted to; many large bodies at once fill the
/// memory of the guest and tell nothing new.
std::vector<Shape> shapes_of(const Contender& who, const Plan& plan) {
    std::vector<Shape> shapes;
    for (const std::string& method : plan.methods) {
        for (const int connections : plan.connections) {
            for (const std::uint64_t size : plan.sizes) {
                if ((who.kind == Kind::files && method != "GET") ||
                    (connections > 1 && size > 1 << 20)) {
                    continue;
                }
                shapes.push_back({method, connections, size});
            }
        }
    }
    return shapes;
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

    /// How the bytes that are copied are counted. A sockmap takes no attached sockets, and its
    /// process none of the bytes.
    static Attached counting(const Contender& who, const std::string& path) {
        return who.kind == Kind::sockmap ? Attached::no
               : path == "libra"         ? Attached::elide
                                         : Attached::observe;
    }

    /// Makes a row for each shape, with what is counted: a pass of its own, the paths without
    /// Libra in mode observe, since counting costs instructions.
    void count(const Contender& who, const std::string& path) {
        for (const Shape& shape : shapes_of(who, plan_)) {
            // A proxy for each: what it retained at most is known since its start.
            Lane lane(who, path, counting(who, path), {shape.body_bytes});
            Row row;
            row.proxy = who.name;
            row.path = path;
            row.cpu = plan_.cpu;
            row.method = shape.method;
            row.connections = shape.connections;
            row.body_bytes = shape.body_bytes;
            row.set(lane.count(shape, 8));
            rows_.push_back(row);
            lane.stop();
            check_nothing_left();
        }
        say(fmt::format("{}, {}: copies, calls and switches are counted", who.name, path));
    }

    /// The row of this shape and path, behind `first`.
    Row& row_of(const Shape& shape, const std::string& path, std::size_t first) {
        return *std::find_if(
            rows_.begin() + static_cast<std::ptrdiff_t>(first), rows_.end(), [&](const Row& one) {
                return one.path == path && one.method == shape.method &&
                       one.connections == shape.connections && one.body_bytes == shape.body_bytes;
            });
    }

    /// All paths side by side, one run of each after the other.
    void measure(const Contender& who, std::size_t first) {
        std::vector<std::unique_ptr<Lane>> lanes;
        for (const std::string& path : who.paths) {
            lanes.push_back(std::make_unique<Lane>(
                who, path, path == "libra" ? Attached::elide : Attached::no, plan_.sizes));
        }
        if (!plan_.kallsyms.empty()) {
            guest::spew(plan_.kallsyms, guest::slurp("/proc/kallsyms"));
        }
        for (const Shape& shape : shapes_of(who, plan_)) {
            std::vector<std::vector<Sample>> samples(lanes.size());
            for (int run = 0; run < plan_.runs; ++run) {
                for (std::size_t i = 0; i < lanes.size(); ++i) {
                    samples[i].push_back(lanes[i]->run(shape, requests_for(shape)));
                }
            }
            for (std::size_t i = 0; i < lanes.size(); ++i) {
                summarise(samples[i], row_of(shape, lanes[i]->path(), first));
            }
            say(fmt::format("{}, {} of {} bytes, {} at once: {} runs", who.name, shape.method,
                            shape.body_bytes, shape.connections, plan_.runs));
        }
        for (const auto& lane : lanes) {
            lane->stop();
        }
        check_nothing_left();
    }

    Plan plan_;
    std::vector<Row> rows_;
};

bool named(const std::vector<std::string>& some, const std::string& name) {
    return std::find(some.begin(), some.end(), name) != some.end();
}

bool wanted(const Plan& plan, const Contender& who) {
    return named(plan.only, who.name) || (plan.only.empty() && !who.on_request);
}

void keep_paths(Contender& who, const Plan& plan) {
    std::erase_if(who.paths, [&](const std::string& path) {
        return !plan.paths.empty() && !named(plan.paths, path);
    });
}

int measure(const Plan& plan, const std::string& json) {
    guest::libra_module::load_parser();
    Bench bench(plan);
    for (Contender who : contenders()) {
        who.disk = plan.disk;
        keep_paths(who, plan);
        if (wanted(plan, who) && !who.paths.empty()) {
            const auto offload = who.device ? std::make_unique<guest::Offload>(false) : nullptr;
            bench.run(who);
        }
    }
    guest::libra_module::unload_parser();
    guest::spew(json, to_json(bench.rows()));
    return 0;
}

int measure_latencies(const Plan& plan, const std::string& json) {
    LatencyPlan shared;
    shared.cpu = plan.cpu;
    shared.sizes = plan.sizes;
    shared.loads = plan.loads;
    shared.time = std::chrono::seconds(plan.seconds);
    std::vector<LatencyRow> rows;
    guest::libra_module::load_parser();
    for (const Contender& who : contenders()) {
        if (who.kind == Kind::proxy && wanted(plan, who)) {
            const auto more = latencies(who, shared);
            rows.insert(rows.end(), more.begin(), more.end());
        }
    }
    guest::libra_module::unload_parser();
    guest::spew(json, to_json(rows));
    fmt::print("{}", table(rows));
    return 0;
}

int measure_bare(const Plan& plan, const std::string& json) {
    std::vector<BareRow> rows;
    guest::libra_module::load_parser();
    for (Contender who : contenders()) {
        keep_paths(who, plan);
        if (plan.workers > 0) {
            who.config.workers = plan.workers;
        }
        // the kernel's threads that work for a sockmap work for others as well
        if (wanted(plan, who) && who.kind != Kind::sockmap && !who.paths.empty()) {
            const auto more = bare(who, shapes_of(who, plan), plan.runs);
            rows.insert(rows.end(), more.begin(), more.end());
        }
    }
    guest::libra_module::unload_parser();
    guest::spew(json, to_json(rows));
    fmt::print("{}", table(rows));
    return 0;
}

int measure_scale(const Plan& plan, const std::string& json) {
    ScalePlan shared;
    shared.cpu = plan.cpu;
    shared.runs = plan.runs;
    shared.most_connections = plan.scale.at(0);
    shared.most_payloads = plan.scale.at(1);
    guest::libra_module::load_parser();
    const std::vector<ScaleRow> rows = scale(shared);
    guest::libra_module::unload_parser();
    guest::spew(json, to_json(rows));
    fmt::print("{}", table(rows));
    return 0;
}

int measure_locks(const Plan& plan, const std::string& json) {
    std::vector<LockRow> rows;
    guest::libra_module::load_parser();
    for (const Contender& who : contenders()) {
        if (wanted(plan, who) && who.kind == Kind::proxy) {
            for (const std::uint64_t size : plan.sizes) {
                const auto more = locks(who, size, plan.locks);
                rows.insert(rows.end(), more.begin(), more.end());
            }
        }
    }
    guest::libra_module::unload_parser();
    guest::spew(json, to_json(rows));
    fmt::print("{}", table(rows));
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

/// Two results of measure_bare(), with few workers and with many, as one, and what those gain.
int speedup(const std::vector<std::string>& files, const std::string& json) {
    if (files.size() != 2) {
        throw options::error("--speedup takes two files");
    }
    std::vector<BareRow> few = bare_from_json(guest::slurp(files[0]));
    const std::vector<BareRow> many = bare_from_json(guest::slurp(files[1]));
    fmt::print("{}", speedup_table(few, many));
    few.insert(few.end(), many.begin(), many.end());
    if (!json.empty()) {
        guest::spew(json, to_json(few));
    }
    return 0;
}

/// What guests left in these directories (few and many runs, copying and with Libra), as a table.
int profile(const std::vector<std::string>& directories, const Plan& plan,
            const std::string& json) {
    if (directories.size() != 4 || plan.sizes.size() != 1) {
        throw options::error("--profile takes four directories, and one of --sizes");
    }
    const auto requests =
        static_cast<std::uint64_t>(plan.runs) * requests_for({"GET", 1, plan.sizes[0]});
    const Profile copy = profile_of(directories[0], directories[1], requests);
    const Profile libra = profile_of(directories[2], directories[3], requests);
    if (!json.empty()) {
        guest::spew(json, to_json(copy, libra));
    }
    fmt::print("{}", table(copy, libra));
    return 0;
}

/// Whether the rows of `file` are no dearer than those that are kept, a line each.
int check(const std::string& kept, const std::vector<std::string>& files) {
    std::vector<Row> rows;
    for (const std::string& file : files) {
        const auto more = from_json(guest::slurp(file));
        rows.insert(rows.end(), more.begin(), more.end());
    }
    bool right = true;
    for (const Verdict& verdict : judge(from_json(guest::slurp(kept)), rows)) {
        fmt::print("{} {}\n", verdict.right ? "PASS" : "FAIL", verdict.text);
        right = right && verdict.right;
    }
    return right ? 0 : 1;
}

int run(int argc, char** argv) {
    Plan plan;
    std::string json;
    std::string kept;
    std::vector<std::string> files;
    std::vector<std::string> forwarding;
    std::vector<std::string> profiled;
    std::vector<std::string> sped;
    options::options_description all(
        "libra-bench --cpu NAME --json FILE | --report FILE... [--json FILE | --against FILE]");
    auto add = all.add_options();
    add("help", "this text");
    add("cpu", options::value(&plan.cpu), "what the rows call the processor");
    add("json", options::value(&json), "where the rows go");
    add("sizes", options::value(&plan.sizes)->multitoken(), "sizes of bodies in bytes");
    add("methods", options::value(&plan.methods)->multitoken(), "GET, POST");
    add("connections", options::value(&plan.connections)->multitoken(), "how many at once");
    add("only", options::value(&plan.only)->multitoken(), "these proxies alone");
    add("paths", options::value(&plan.paths)->multitoken(), "these paths alone");
    add("disk", options::value(&plan.disk), "a directory on a disk, for the files of nginx-static");
    add("runs", options::value(&plan.runs), "how often each cell is measured");
    add("load", options::value(&plan.loads)->multitoken(),
        "latencies at these parts of what copying can do");
    add("seconds", options::value(&plan.seconds), "how long each of them is measured");
    add("scale", options::value(&plan.scale)->multitoken(),
        "CONNECTIONS PAYLOADS: what a request costs when there are up to so many");
    add("locks", options::value(&plan.locks),
        "which locks are waited for during so many requests, on a kernel with CONFIG_LOCK_STAT");
    add("bare-metal", options::bool_switch(&plan.bare),
        "by the clock and perf's counters: not in a guest with icount, and without --cpu");
    add("workers", options::value(&plan.workers), "of each proxy, with --bare-metal");
    add("speedup", options::value(&sped)->multitoken(),
        "FEW MANY: what more workers gain, from two results of --bare-metal");
    add("kallsyms", options::value(&plan.kallsyms),
        "where the kernel's symbols go while all is loaded, for --profile");
    add("profile", options::value(&profiled)->multitoken(),
        "COPY-FEW COPY-MANY LIBRA-FEW LIBRA-MANY: what guests left (scripts/bench), whose --runs "
        "differ by this one");
    add("report", options::value(&files)->multitoken(), "prints tables of these results");
    add("against", options::value(&kept), "compares them with rows that were kept");
    add("forward", options::value(&forwarding)->multitoken(),
        "splice|sockmap|relay PORT ADDRESS PORT: be the L4 forwarder");
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
    if (!profiled.empty()) {
        return profile(profiled, plan, json);
    }
    if (!sped.empty()) {
        return speedup(sped, json);
    }
    if (!files.empty() && !kept.empty()) {
        return check(kept, files);
    }
    if (!files.empty()) {
        return report(files, json);
    }
    if ((plan.cpu.empty() && !plan.bare && plan.locks == 0) || json.empty() ||
        (plan.sizes.empty() && plan.scale.size() != 2) || plan.runs < 1 || plan.seconds < 1) {
        throw options::error("--cpu, --json and --sizes are needed");
    }
    if (plan.locks > 0) {
        return measure_locks(plan, json);
    }
    if (plan.bare) {
        return measure_bare(plan, json);
    }
    if (!plan.scale.empty()) {
        return measure_scale(plan, json);
    }
    return plan.loads.empty() ? measure(plan, json) : measure_latencies(plan, json);
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
