// SPDX-License-Identifier: GPL-2.0
#include "misbehave_rig.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <sstream>

#include <fmt/format.h>

#include "hang.hpp"
#include "libra.hpp"
#include "misbehave_ends.hpp"
#include "own_ktls.hpp"
#include "process.hpp"
#include "toy.hpp"
#include "wire.hpp"

namespace guest::misbehave {
namespace {

constexpr std::uint16_t proxy_port = 7100;
constexpr std::uint16_t origin_port = 9100;
constexpr std::uint32_t threshold = 4096;
/// In one process of the proxy: what is never sent stays until it exits.
constexpr std::uint64_t batch = 20;
/// How long what was sent is kept to be sent once more (docs/architecture.md, Lifetimes).
constexpr std::chrono::seconds kept{10};
/// Guests have two processors.
constexpr int width = 2;

std::uint16_t local_port(int fd) {
    sockaddr_in6 name{};
    socklen_t size = sizeof(name);
    check(::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size), "getsockname");
    return ntohs(name.sin6_port);
}

/// What the proxy said of a seed.
struct Said {
    std::array<std::uint64_t, line_count> sent{};
    std::array<std::uint64_t, line_count> blind{};
    std::array<std::uint64_t, way_count> ways{};
    std::string wrong;
    bool slow = false; ///< so much that what was sent once may be gone
};

Said parse(const std::string& answer) {
    std::istringstream words(answer);
    std::string done;
    Said said;
    words >> done;
    for (std::size_t i = 0; i < line_count; ++i) {
        words >> said.sent.at(i) >> said.blind.at(i);
    }
    for (std::uint64_t& count : said.ways) {
        words >> count;
    }
    if (done != "done" || !words) {
        said.wrong = "the proxy does not answer: " + answer;
        return said;
    }
    std::getline(words >> std::ws, said.wrong);
    return said;
}

/// One misbehaving proxy with its peers.
class Rig {
public:
    explicit Rig(int number)
        : net_(options(number))
        , port_(static_cast<std::uint16_t>(proxy_port + number))
        , listener_(listen_on(net_.origin(), static_cast<std::uint16_t>(origin_port + number))) {
        toy_ = std::make_unique<Toy>(
            net_.proxy(),
            std::vector<std::string>{"misbehave", std::to_string(port_), net_.origin_address(),
                                     std::to_string(origin_port + number)});
    }

    void attach() {
        AttachOptions options;
        options.threshold = threshold;
        attachment_.emplace(toy_->pid(), "", options);
    }

    void begin() {
        if (toy_->ask("batch") != "serving") {
            throw std::runtime_error("the misbehaving proxy does not serve");
        }
    }

    void end() {
        if (toy_->ask("end") != "ended") {
            throw std::runtime_error("the misbehaving proxy died");
        }
    }

    void stop() {
        toy_->stop();
        attachment_.reset();
    }

    /// What was wrong with this seed.
    std::string seed(const Plan& plan, Tally& tally) {
        const auto begin = std::chrono::steady_clock::now();
        std::array<Fd, line_count> sockets;
        std::array<std::uint16_t, 2> ports{};
        for (const int line : {client0, client1}) {
            if (used(plan, line)) {
                Fd client = connect_to(net_.client(), net_.proxy_address(), port_);
                own_ktls_if_told(client.get());
                ports.at(static_cast<std::size_t>(line)) = local_port(client.get());
                sockets.at(static_cast<std::size_t>(line)) = std::move(client);
            }
        }
        toy_->write_line(
            fmt::format("{} {} {} {}", name_of(plan.family), plan.seed, ports[0], ports[1]));
        for (const int line : {origin0, origin1}) {
            if (used(plan, line)) {
                Fd origin(
                    check(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"));
                tame(origin.get());
                own_ktls_if_told(origin.get());
                sockets.at(static_cast<std::size_t>(line)) = std::move(origin);
            }
        }
        Ends ends(plan, std::move(sockets));
        const bool ended = ends.run();
        if (!ended) {
            fmt::print(stderr, "    {}", describe_hang("a connection"));
        }
        Said said = parse(toy_->read_line());
        said.slow = std::chrono::steady_clock::now() - begin >= kept;
        std::string wrong = said.wrong;
        if (!ended) {
            wrong += "; the connections hang";
        }
        for (int line = 0; line < line_count && wrong.empty(); ++line) {
            if (used(plan, line)) {
                wrong = judge(plan, said, line, ends.seen(line), tally);
            }
        }
        for (std::size_t i = 0; i < way_count; ++i) {
            tally.ways.at(i) += said.ways.at(i);
        }
        ++tally.seeds;
        return wrong;
    }

private:
    static bool used(const Plan& plan, int line) {
        return plan.lines.at(static_cast<std::size_t>(line)).used;
    }

    static NetOptions options(int number) {
        NetOptions options;
        options.loopback = number % 2 == 1;
        return options;
    }

    static std::string judge(const Plan& plan, const Said& said, int line, const Seen& seen,
                             Tally& tally) {
        const auto i = static_cast<std::size_t>(line);
        const std::uint64_t planned = plan.lines.at(i).out.size();
        tally.resets += seen.reset ? 1 : 0;
        if (seen.wrong != UINT64_MAX) {
            if (seen.wrong < said.blind.at(i)) {
                return fmt::format("line {}: wrong from byte {} of {} on", line, seen.wrong,
                                   planned);
            }
            ++tally.blind;
            return {};
        }
        if (seen.ended && seen.received != said.sent.at(i)) {
            return fmt::format("line {}: a clean end after {} bytes of {} sent", line,
                               seen.received, said.sent.at(i));
        }
        // a proxy that loses one connection leaves them all
        const bool blind =
            std::ranges::any_of(said.blind, [](std::uint64_t from) { return from != UINT64_MAX; });
        if (!plan.may_reset && !blind && !said.slow && (seen.reset || seen.received != planned)) {
            return fmt::format("line {}: {} after {} bytes of {}", line,
                               seen.reset ? "reset" : "ended", seen.received, planned);
        }
        return {};
    }

    Net net_;
    std::uint16_t port_;
    Fd listener_;
    std::unique_ptr<Toy> toy_;
    std::optional<Attachment> attachment_;
};

void try_some(Rig& rig, Family family, const std::vector<std::uint64_t>& seeds, Faults& faults,
              Tally& tally) {
    for (std::size_t i = 0; i < seeds.size(); ++i) {
        if (i % batch == 0) {
            rig.begin();
        }
        try {
            const std::string wrong = rig.seed(make_plan(family, seeds[i]), tally);
            if (!wrong.empty()) {
                faults.add(fmt::format("{} seed {}: {}", name_of(family), seeds[i], wrong));
            }
        } catch (const std::exception& error) {
            faults.add(fmt::format("{} seed {}: {}", name_of(family), seeds[i], error.what()));
            return;
        }
        if (i % batch == batch - 1 || i == seeds.size() - 1) {
            rig.end();
        }
    }
}

} // namespace

void try_seeds(Family family, const std::vector<std::uint64_t>& seeds, Faults& faults,
               Tally& tally) {
    std::vector<std::unique_ptr<Rig>> rigs;
    std::vector<std::vector<std::uint64_t>> shares(width);
    for (int i = 0; i < width; ++i) {
        // libractl is not for several threads
        rigs.push_back(std::make_unique<Rig>(i));
        rigs.back()->attach();
    }
    for (std::size_t i = 0; i < seeds.size(); ++i) {
        shares[i % width].push_back(seeds[i]);
    }
    in_threads(width, faults, [&](int i) {
        const auto number = static_cast<std::size_t>(i);
        try_some(*rigs.at(number), family, shares.at(number), faults, tally);
    });
    for (const auto& rig : rigs) {
        rig->stop();
    }
}

} // namespace guest::misbehave
