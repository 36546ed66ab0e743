// SPDX-License-Identifier: GPL-2.0
// What Libra does, shown: the same requests through unmodified nginx and HAProxy, without and with
// it. Runs in a guest (scripts/demo).
//
// Copies are counted, not computed, in both passes: for the pass without Libra the proxy is
// attached in mode observe, which copies everything and counts it.
#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "client.hpp"
#include "crowd.hpp"
#include "demo_origin.hpp"
#include "libra.hpp"
#include "proxy.hpp"

using namespace guest;

namespace {

constexpr int width = 4; ///< connections at once
constexpr std::uint64_t promised_from = 64 << 10;
constexpr double promised_percent = 90;

struct Size {
    std::uint64_t bytes;
    int requests;
};
constexpr auto sizes = std::to_array<Size>({{1 << 10, 64},
                                            {4 << 10, 64},
                                            {16 << 10, 48},
                                            {64 << 10, 32},
                                            {256 << 10, 16},
                                            {1 << 20, 8},
                                            {4 << 20, 4}});

struct Row {
    std::string proxy;
    std::string method;
    std::uint64_t body_bytes = 0;
    int requests = 0; ///< in each pass
    std::uint64_t forwarded_bytes = 0;
    std::uint64_t copied_bytes_off = 0;
    std::uint64_t copied_bytes_on = 0;
    bool checksums_ok = true;

    double saving_percent() const {
        return copied_bytes_off == 0 ? 0
                                     : 100.0 * (1.0 - static_cast<double>(copied_bytes_on) /
                                                          static_cast<double>(copied_bytes_off));
    }
    bool good() const {
        return checksums_ok && (body_bytes < promised_from || saving_percent() >= promised_percent);
    }
};

void to_json(nlohmann::json& json, const Row& row) {
    json = {{"proxy", row.proxy},
            {"method", row.method},
            {"body_bytes", row.body_bytes},
            {"requests", row.requests},
            {"forwarded_bytes", row.forwarded_bytes},
            {"copied_bytes_off", row.copied_bytes_off},
            {"copied_bytes_on", row.copied_bytes_on},
            {"saving_percent", row.saving_percent()},
            {"checksums_ok", row.checksums_ok}};
}

void say(const std::string& line) {
    fmt::print("{}\n", line);
    std::fflush(stdout);
}

std::string human(std::uint64_t bytes) {
    const auto value = static_cast<double>(bytes);
    if (bytes < 10 << 10) {
        return fmt::format("{}", bytes);
    }
    return bytes < 10 << 20 ? fmt::format("{:.1f} K", value / 1024)
                            : fmt::format("{:.1f} M", value / 1024 / 1024);
}

std::string short_size(std::uint64_t bytes) {
    return bytes < 1 << 20 ? fmt::format("{}K", bytes >> 10) : fmt::format("{}M", bytes >> 20);
}

Exchange request(const std::string& method, std::uint64_t bytes) {
    Exchange what = method == "GET" ? get(bytes) : post(bytes);
    if (method == "POST") {
        what.answer.body.size = 0;
    }
    return what;
}

class Demo {
public:
    Demo()
        : origin_(net_.origin(), all_sizes()) {}

    void run(const ProxyConfig& config) {
        const std::string name = config.kind == ProxyKind::nginx ? "nginx" : "HAProxy";
        const std::size_t first = rows_.size();
        for (const char* method : {"GET", "POST"}) {
            for (const Size& size : sizes) {
                rows_.push_back({name, method, size.bytes, size.requests,
                                 size.bytes * static_cast<std::uint64_t>(size.requests)});
            }
        }
        for (const char* mode : {"observe", "elide"}) {
            const bool on = std::strcmp(mode, "elide") == 0;
            say(fmt::format("==> {}, {}", config.name,
                            on ? "with Libra: libractl attach --mode elide"
                               : "without Libra (mode observe: copies all, counts it)"));
            // A fresh process: the passes have nothing in common but their requests.
            const auto proxy = Proxy::start(net_.proxy(), config,
                                            endpoint(net_.origin_address(), FileOrigin::port));
            AttachOptions attach;
            attach.mode = mode;
            Attachment attachment(proxy->pid(), proxy->executable(), attach);
            for (std::size_t i = first; i < rows_.size(); ++i) {
                (on ? rows_[i].copied_bytes_on : rows_[i].copied_bytes_off) = pass(rows_[i]);
                say(fmt::format("    {:4} {:>4} x {:2}: {}", rows_[i].method,
                                short_size(rows_[i].body_bytes), rows_[i].requests,
                                rows_[i].checksums_ok ? "ok" : faults_.text()));
            }
            proxy->stop();
            attachment.detach();
            if (!libra_module::gone()) {
                faults_.add("left behind: " + libra_module::leftovers());
            }
        }
    }

    void print_table() const {
        say("");
        say("Copied: bytes that the proxy copied in and out (rx_copied + tx_copied), counted by "
            "the module\nin both passes. Forwarded: bytes of bodies, each way once.");
        say(fmt::format("{:8} {:6} {:>6} {:>9} {:>10} {:>12} {:>12} {:>8}  {}", "proxy", "method",
                        "body", "requests", "forwarded", "copied off", "copied on", "saving",
                        "checksums"));
        for (const Row& row : rows_) {
            say(fmt::format("{:8} {:6} {:>6} {:>9} {:>10} {:>12} {:>12} {:>6.1f} %  {}", row.proxy,
                            row.method, short_size(row.body_bytes), row.requests,
                            human(row.forwarded_bytes), human(row.copied_bytes_off),
                            human(row.copied_bytes_on), row.saving_percent(),
                            row.checksums_ok ? "ok" : "WRONG"));
        }
    }

    bool summarise() const {
        std::uint64_t off = 0;
        std::uint64_t on = 0;
        int requests = 0;
        bool good = faults_.text().empty();
        for (const Row& row : rows_) {
            off += row.copied_bytes_off;
            on += row.copied_bytes_on;
            requests += 2 * row.requests;
            good = good && row.good();
        }
        say("");
        if (!faults_.text().empty()) {
            say(faults_.text());
        }
        say(fmt::format("{}: {} requests, {} copied without Libra, {} with it: {:.1f} % saved; {}",
                        good ? "OK" : "FAILED", requests, human(off), human(on),
                        100.0 * (1.0 - static_cast<double>(on) / static_cast<double>(off)),
                        good ? "every byte right at both ends" : "see above"));
        return good;
    }

    const std::vector<Row>& rows() const { return rows_; }

private:
    static std::vector<std::uint64_t> all_sizes() {
        std::vector<std::uint64_t> all = {100'000};
        for (const Size& size : sizes) {
            all.push_back(size.bytes);
        }
        return all;
    }

    /// The requests of a row, `width` at once; what the proxy copied meanwhile.
    std::uint64_t pass(Row& row) {
        const Exchange what = request(row.method, row.body_bytes);
        const Figures before = libra_module::figures();
        Faults faults;
        in_threads(width, faults, [&](int) {
            Client client(net_.client(), net_.proxy_address(), Proxy::port);
            for (int i = 0; i < row.requests / width; ++i) {
                const Reply reply = client.exchange(what);
                faults.add(flaw(what, reply));
                if (row.method == "POST") {
                    faults.add(FileOrigin::check_posted(what, reply));
                }
            }
        });
        const Figures change = libra_module::figures() - before;
        if (change.all_resets() != 0) {
            faults.add("Libra has reset a connection: " + change.describe());
        }
        row.checksums_ok = row.checksums_ok && faults.text().empty();
        faults_.add(faults.text());
        return change.copied();
    }

    Net net_;
    FileOrigin origin_;
    std::vector<Row> rows_;
    Faults faults_;
};

int demonstrate(const std::string& json) {
    libra_module::load_parser();
    Demo demo;
    demo.run(nginx_large());
    demo.run(haproxy_16k());
    demo.print_table();
    if (!json.empty()) {
        spew(json, nlohmann::json(demo.rows()).dump(2) + "\n");
    }
    const bool good = demo.summarise();
    libra_module::unload_parser();
    return good ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    const bool has_json = argc == 3 && std::strcmp(argv[1], "--json") == 0;
    if (argc != 1 && !has_json) {
        fmt::print(stderr, "usage: libra-demo [--json FILE]\n");
        return 2;
    }
    try {
        return demonstrate(has_json ? argv[2] : "");
    } catch (const std::exception& error) {
        fmt::print(stderr, "libra-demo: {}\n", error.what());
        return 1;
    }
}
