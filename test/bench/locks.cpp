// SPDX-License-Identifier: GPL-2.0
#include "locks.hpp"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace bench {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(LockRow, proxy, path, processors, body_bytes, connections, lock,
                                   libra, acquisitions, contentions)

namespace {

constexpr const char* statistics = "/proc/lock_stat";
constexpr const char* counting = "/proc/sys/kernel/lock_stat";
constexpr int at_once = 64;

struct Lock {
    double contentions = 0;
    double acquisitions = 0;
    bool libra = false;
};

/// The classes, by name. A class is a line of its name, a colon and numbers; below it stand the
/// places where somebody waited, with their modules.
std::map<std::string, Lock> parse(const std::string& text) {
    std::map<std::string, Lock> all;
    Lock* current = nullptr;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        if (line.find("[<") != std::string::npos) {
            if (current != nullptr && line.find("[libra]") != std::string::npos) {
                current->libra = true;
            }
            continue;
        }
        const std::size_t colon = line.rfind(':');
        if (colon == std::string::npos) {
            continue;
        }
        // con-bounces contentions waittime-min -max -total -avg acq-bounces acquisitions ...
        std::istringstream numbers(line.substr(colon + 1));
        std::vector<double> figures;
        for (double figure = 0; numbers >> figure;) {
            figures.push_back(figure);
        }
        if (figures.size() < 8) {
            continue;
        }
        current =
            &all[line.substr(line.find_first_not_of(' '), colon - line.find_first_not_of(' '))];
        current->contentions += figures[1];
        current->acquisitions += figures[7];
    }
    return all;
}

class Counting {
public:
    Counting() {
        guest::spew(statistics, "0\n");
        guest::spew(counting, "1\n");
    }
    Counting(const Counting&) = delete;
    Counting& operator=(const Counting&) = delete;
    ~Counting() { guest::spew(counting, "0\n"); }

    std::map<std::string, Lock> read() const { return parse(guest::slurp(statistics)); }
};

std::string per_request(double figure) {
    return fmt::format("{:.3f}", figure);
}

} // namespace

std::vector<LockRow> locks(const Contender& who, std::uint64_t body_bytes, int requests) {
    if (::access(statistics, R_OK) != 0) {
        throw std::runtime_error("this kernel counts no locks: it needs CONFIG_LOCK_STAT");
    }
    const auto processors = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
    std::vector<LockRow> rows;
    for (const std::string path : {"copy", "libra"}) {
        Contender both = who;
        both.config.workers = processors;
        Lane lane(both, path, path == "libra" ? Attached::elide : Attached::no, {body_bytes});
        const Shape shape{"GET", at_once, body_bytes};
        fmt::print(stderr, "    {}, {}: {} requests for {} bytes\n", who.name, path, requests,
                   body_bytes);
        lane.drive(shape, at_once); // its connections to the origin are there
        const Counting counter;
        const auto all = static_cast<double>(lane.drive(shape, requests));
        for (const auto& [name, lock] : counter.read()) {
            if (lock.contentions != 0) {
                rows.push_back({who.name, path, processors, body_bytes, at_once, name, lock.libra,
                                lock.acquisitions / all, lock.contentions / all});
            }
        }
        lane.stop();
        check_nothing_left();
    }
    return rows;
}

std::string to_json(const std::vector<LockRow>& rows) {
    return nlohmann::json(rows).dump(2) + "\n";
}

std::string table(const std::vector<LockRow>& rows) {
    std::string text = fmt::format("waits for locks and acquisitions, of a request\n"
                                   "{:14} {:>5} {:36} {:>18} {:>18}\n",
                                   "proxy", "body", "lock", "copy", "libra");
    std::vector<LockRow> sorted = rows;
    std::stable_sort(sorted.begin(), sorted.end(), [](const LockRow& one, const LockRow& other) {
        return one.proxy != other.proxy ? one.proxy < other.proxy
                                        : one.contentions > other.contentions;
    });
    const auto both = [](const LockRow* row) {
        return row == nullptr
                   ? std::string("-")
                   : per_request(row->contentions) + "/" + per_request(row->acquisitions);
    };
    for (const LockRow& row : sorted) {
        const auto twin = std::find_if(sorted.begin(), sorted.end(), [&](const LockRow& other) {
            return other.proxy == row.proxy && other.lock == row.lock && other.path != row.path;
        });
        const LockRow* other = twin == sorted.end() ? nullptr : &*twin;
        const bool libra = row.path == "libra";
        if (!libra && other != nullptr) {
            continue; // its line is that of the other path
        }
        text += fmt::format("{:14} {:>4}K {:36} {:>18} {:>18}{}\n", row.proxy, row.body_bytes >> 10,
                            row.lock, both(libra ? other : &row), both(libra ? &row : nullptr),
                            row.libra ? "  in Libra" : "");
    }
    return text;
}

} // namespace bench
