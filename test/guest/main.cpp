// SPDX-License-Identifier: GPL-2.0
// The guest suites. Each tag is a suite: libra-guest "[proxies]".
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <string>

#include <catch2/catch_session.hpp>
#include <catch2/catch_test_case_info.hpp>
#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>
#include <fmt/format.h>

#include "libra.hpp"
#include "toy.hpp"

namespace {

/// Says on stderr which case runs: a guest is slow, and whoever waits wants to know for what.
class Progress : public Catch::EventListenerBase {
public:
    using EventListenerBase::EventListenerBase;

    void testCaseStarting(const Catch::TestCaseInfo& info) override {
        fmt::print(stderr, "... {}\n", info.name);
    }
};
CATCH_REGISTER_LISTENER(Progress)

} // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    if (argc > 1 && std::strcmp(argv[1], "--toy") == 0) {
        return guest::run_toy({argv + 2, argv + argc});
    }
    const rlimit files{16384, 16384};
    ::setrlimit(RLIMIT_NOFILE, &files);

    Catch::Session session;
    const int result = session.run(argc, argv);
    if (session.configData().listTests) {
        return result; // on the host, perhaps, where no module is
    }

    std::error_code ignored;
    std::filesystem::remove_all(fmt::format("/tmp/libra-guest.{}", ::getpid()), ignored);
    if (!guest::libra_module::plain()) {
        try {
            guest::libra_module::unload_parser();
        } catch (const std::exception& error) {
            fmt::print(stderr, "{}\n", error.what());
        }
    }
    return result;
}
