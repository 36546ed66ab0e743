// SPDX-License-Identifier: GPL-2.0
#include "scale.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace bench {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ScaleRow, proxy, path, cpu, against, count, body_bytes,
                                   proxy_instructions, guest_instructions, spread, runs, slab_bytes)

namespace {

constexpr std::uint64_t body = 64 << 10;
constexpr std::uint64_t small_body = 4 << 10;
constexpr std::uint64_t hoarded_body = 1 << 20;
/// Connections that are asked over, one after the other; all others are idle.
constexpr int active = 4;
/// Fewer new sockets than this say nothing of their size: the kernel takes slabs as a whole.
constexpr int enough_to_weigh = 900;
/// What the last of many connections left behind is gone by then.
constexpr useconds_t settled = 500'000;

/// Bytes of all objects in the kernel's slabs.
double slab_bytes() {
    ::usleep(settled);
    std::ifstream in("/proc/slabinfo");
    double sum = 0;
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line);
        std::string name;
        double active_objects = 0;
        double objects = 0;
        double size = 0;
        if (words >> name >> active_objects >> objects >> size) {
            sum += active_objects * size;
        }
    }
    if (sum == 0) {
        throw std::runtime_error("no /proc/slabinfo");
    }
    return sum;
}

/// Both ends of each connection of both lanes, and the proxies inherit it.
void raise_file_limit(int connections) {
    const auto files = 4 * static_cast<rlim_t>(connections) + 4096;
    const rlimit limit{files, files};
    guest::check(::setrlimit(RLIMIT_NOFILE, &limit), "RLIMIT_NOFILE");
}

/// Policies that match nothing here, of a program that does not run.
class Policies {
public:
    Policies() = default;
    Policies(const Policies&) = delete;
    Policies& operator=(const Policies&) = delete;
    ~Policies() {
        for (const std::uint32_t id : ids_) {
            guest::libra_module::client().delete_policy(id);
        }
    }

    void grow_to(int count) {
        while (ids_.size() < static_cast<std::size_t>(count)) {
            ::libra::PolicySpec spec;
            spec.exe = "/usr/bin/true";
            spec.lport = static_cast<std::uint16_t>(ids_.size() + 1);
            spec.mode = ::libra::Mode::elide;
            ids_.push_back(guest::libra_module::client().add_policy(spec));
        }
    }

private:
    std::vector<std::uint32_t> ids_;
};

/// A proxy on one path, and the connections to it.
struct Side {
    Side(const Contender& who, const std::string& path,
         const std::vector<std::uint64_t>& sizes = {small_body, body})
        : lane(who, path, path == "libra" ? Attached::elide : Attached::no, sizes) {}

    /// Adds connections that are not used.
    void grow_to(int count) {
        const int more = count - static_cast<int>(connections.size());
        for (guest::Fd& fd : lane.connect(std::max(0, more))) {
            connections.emplace_back(std::move(fd));
        }
    }

    void stop() {
        connections.clear();
        lane.stop();
    }

    Lane lane;
    std::vector<Requester> connections;
};

class Scale {
public:
    explicit Scale(ScalePlan plan)
        : plan_(std::move(plan)) {}

    void connections();
    void policies();
    void payloads();

    std::vector<ScaleRow> rows() const { return rows_; }

private:
    static void say(const std::string& what) { fmt::print(stderr, "    {}\n", what); }

    ScaleRow row_of(const std::string& proxy, const std::string& path, const std::string& against,
                    std::uint64_t count) const {
        ScaleRow row;
        row.proxy = proxy;
        row.path = path;
        row.cpu = plan_.cpu;
        row.against = against;
        row.count = count;
        return row;
    }

    /// `ask(side)` is one request with so many bytes; the sides take turns.
    template <typename Ask>
    void cost(const std::string& proxy, const std::vector<Side*>& sides, const std::string& against,
              std::uint64_t count, std::uint64_t bytes, Ask ask) {
        constexpr int requests = 64;
        std::vector<std::vector<Sample>> samples(sides.size());
        for (int run = 0; run <= plan_.runs; ++run) {
            for (std::size_t i = 0; i < sides.size(); ++i) {
                const Spent spent = sides[i]->lane.measure([&] {
                    for (int request = 0; request < requests; ++request) {
                        ask(*sides[i], request);
                    }
                });
                if (run != 0) { // the first warms what is new
                    samples[i].push_back({spent.proxy / requests, spent.guest / requests});
                }
            }
        }
        for (std::size_t i = 0; i < sides.size(); ++i) {
            Row figures;
            summarise(samples[i], figures);
            ScaleRow row = row_of(proxy, sides[i]->lane.path(), against, count);
            row.body_bytes = bytes;
            row.proxy_instructions = figures.proxy_instructions;
            row.guest_instructions = figures.guest_instructions;
            row.spread = figures.spread;
            row.runs = figures.runs;
            rows_.push_back(row);
        }
        say(fmt::format("{}: {} {}", proxy, count, against));
    }

    void weigh(Side& side, const Contender& who, int count);

    ScalePlan plan_;
    std::vector<ScaleRow> rows_;
};

Contender nginx(int connections) {
    const auto all = contenders();
    Contender who = *std::find_if(all.begin(), all.end(),
                                  [](const Contender& one) { return one.name == "nginx-16x64k"; });
    who.config.connections = connections + 1024;
    return who;
}

/// Opens connections until there are `count`, and says what each of them takes: before it was
/// used, and after a request over it.
void Scale::weigh(Side& side, const Contender& who, int count) {
    const std::size_t before = side.connections.size();
    const auto more = static_cast<double>(count) - static_cast<double>(before);
    const double empty = slab_bytes();
    side.grow_to(count);
    const double opened = slab_bytes();
    for (std::size_t i = before; i < side.connections.size(); ++i) {
        side.connections[i].get(small_body);
    }
    const double used = slab_bytes();
    if (more < enough_to_weigh) {
        return;
    }
    ScaleRow row =
        row_of(who.name, side.lane.path(), "unused connections", static_cast<std::uint64_t>(more));
    row.slab_bytes = (opened - empty) / more;
    rows_.push_back(row);
    row.against = "kept connections";
    row.slab_bytes = (used - empty) / more;
    rows_.push_back(row);
}

void Scale::connections() {
    const Contender who = nginx(plan_.most_connections);
    Side copy(who, "copy");
    Side libra(who, "libra");
    for (const int count : {1, 64, 1000, 10'000}) {
        if (count > plan_.most_connections) {
            break;
        }
        for (Side* side : {&copy, &libra}) {
            weigh(*side, who, count);
        }
        cost(who.name, {&copy, &libra}, "connections", static_cast<std::uint64_t>(count), body,
             [&](Side& side, int request) {
                 const int turn = request % std::min(count, active);
                 side.connections.at(static_cast<std::size_t>(turn)).get(body);
             });
    }
    for (Side* side : {&copy, &libra}) {
        side->stop();
    }
    check_nothing_left();
}

void Scale::policies() {
    const Contender who = nginx(0);
    Side copy(who, "copy");
    Side libra(who, "libra");
    {
        Policies others;
        for (const int count : plan_.policies) {
            others.grow_to(count);
            for (Side* side : {&copy, &libra}) {
                side->grow_to(1);
            }
            const auto number = static_cast<std::uint64_t>(count);
            cost(who.name, {&copy, &libra}, "policies", number, body,
                 [](Side& side, int) { side.connections.front().get(body); });
            cost(who.name, {&copy, &libra}, "policies, connecting", number, small_body,
                 [](Side& side, int) {
                     Requester(std::move(side.lane.connect(1).front())).get(small_body);
                 });
        }
    }
    for (Side* side : {&copy, &libra}) {
        side->stop();
    }
    check_nothing_left();
}

std::uint64_t live(const Lane& lane) {
    std::uint64_t sum = 0;
    for (const ::libra::Domain& domain : lane.domains()) {
        sum += domain.live;
    }
    return sum;
}

/// Until there are `count` live payloads, or somewhat more: some pieces are copied, and all of them
/// while the gate is closed, which is looked at as long as there is traffic.
void hoard(Side& relay, std::uint64_t count) {
    const auto missing = [&] { return count - std::min(count, live(relay.lane)); };
    if (!guest::eventually([&] {
            relay.connections.front().get(body);
            if (guest::libra_module::gates() == 0) {
                relay.lane.hoard(static_cast<int>(missing()), hoarded_body);
            }
            return missing() == 0;
        })) {
        throw std::runtime_error(
            fmt::format("of {} live payloads {} are missing", count, missing()));
    }
}

/// They belong to the process that forwards, so that what it sends is looked up among them all.
void Scale::payloads() {
    constexpr std::uint64_t plenty = std::uint64_t{1} << 40;
    ::libra::ConfigChange limits;
    limits.cap_total = limits.cap_domain = limits.cap_user = plenty;
    limits.cap_spill = 0; // what is not sent for long stays what it is
    const guest::LimitScope scope(limits);
    Side relay({"relay", Kind::relay, {}, {"libra"}}, "libra", {body, hoarded_body});
    relay.grow_to(1);
    for (const std::uint64_t count : {1, 100, 10'000, 100'000}) {
        if (count > static_cast<std::uint64_t>(plan_.most_payloads)) {
            break;
        }
        hoard(relay, count);
        cost("relay", {&relay}, "live payloads", live(relay.lane), body,
             [](Side& side, int) { side.connections.front().get(body); });
    }
    relay.stop();
    check_nothing_left();
}

std::string figure(std::uint64_t instructions) {
    return fmt::format("{:.1f}", static_cast<double>(instructions) / 1000);
}

std::string cost_line(const ScaleRow* copy, const ScaleRow& libra) {
    const auto both = [](const ScaleRow* row) {
        return row == nullptr
                   ? "-"
                   : figure(row->proxy_instructions) + "/" + figure(row->guest_instructions);
    };
    const double spread = std::max(copy == nullptr ? 0 : copy->spread, libra.spread);
    return fmt::format("{:14} {:22} {:>7} {:>4}K  {:>15} {:>15}  {:5.1f} %\n", libra.proxy,
                       libra.against, libra.count, libra.body_bytes >> 10, both(copy), both(&libra),
                       spread * 100);
}

std::string weight_line(const ScaleRow& copy, const ScaleRow& libra) {
    return fmt::format("{:14} {:22} {:>7}  {:>11.0f} {:>11.0f} {:>11.0f}\n", libra.proxy,
                       libra.against, libra.count, copy.slab_bytes, libra.slab_bytes,
                       libra.slab_bytes - copy.slab_bytes);
}

} // namespace

std::vector<ScaleRow> scale(const ScalePlan& plan) {
    raise_file_limit(plan.most_connections);
    Scale all(plan);
    all.policies();
    all.payloads();
    all.connections();
    return all.rows();
}

std::string to_json(const std::vector<ScaleRow>& rows) {
    return nlohmann::json(rows).dump(2) + "\n";
}

std::string table(const std::vector<ScaleRow>& rows) {
    std::string costs =
        fmt::format("thousands of instructions a request, the proxy's own/the whole guest's\n"
                    "{:14} {:22} {:>7} {:>5}  {:>15} {:>15}  {:>7}\n",
                    "proxy", "against", "number", "body", "copy", "libra", "spread");
    std::string weights =
        fmt::format("bytes in the kernel's slabs for a connection, both of its ends\n"
                    "{:14} {:22} {:>7}  {:>11} {:>11} {:>11}\n",
                    "proxy", "of", "number", "plain TCP", "libra", "more");
    for (const ScaleRow& row : rows) {
        if (row.path != "libra") {
            continue;
        }
        const auto copy = std::find_if(rows.begin(), rows.end(), [&](const ScaleRow& other) {
            return other.path == "copy" && other.proxy == row.proxy &&
                   other.against == row.against && other.count == row.count;
        });
        if (row.body_bytes != 0) {
            costs += cost_line(copy == rows.end() ? nullptr : &*copy, row);
        } else if (copy != rows.end()) {
            weights += weight_line(*copy, row);
        }
    }
    return costs + weights;
}

} // namespace bench
