// SPDX-License-Identifier: GPL-2.0
#include "https.hpp"

#include <unistd.h>

#include <filesystem>

#include <fmt/format.h>

namespace guest {
namespace {

std::string url_of(const Rig& rig, const Exchange& what) {
    return fmt::format("https://{}{}", endpoint(rig.net.proxy_address(), Proxy::https_port),
                       target_of(what.answer));
}

} // namespace

std::string scratch(const char* name) {
    const std::string directory = fmt::format("/tmp/libra-guest.{}", ::getpid());
    std::filesystem::create_directories(directory);
    return directory + "/" + name;
}

std::string fetch_https(const Rig& rig, const Exchange& what) {
    const std::string file = scratch("fetched");
    std::vector<std::string> argv = {"curl", "-sS", "-k", "--max-time",
                                     "60",   "-o",  file, url_of(rig, what)};
    if (what.method == "POST") {
        std::string body(what.body.size, '\0');
        Pattern{what.body.seed}.fill(0, std::as_writable_bytes(std::span(body)));
        spew(scratch("sent"), body);
        const std::vector<std::string> more = {"-H",
                                               "Expect:",
                                               "-H",
                                               fmt::format("X-Seed: {}", what.body.seed),
                                               "-H",
                                               fmt::format("X-Size: {}", what.body.size),
                                               "-H",
                                               "Content-Type: application/octet-stream",
                                               "--data-binary",
                                               "@" + scratch("sent")};
        argv.insert(argv.end(), more.begin(), more.end());
    }
    ProcessOptions inside;
    inside.netns = rig.net.client().fd();
    const RunResult done = run(argv, inside);
    const std::string got = slurp(file);
    if (done.code != 0 || got.size() != what.answer.body.size) {
        return fmt::format("curl: {} {}, {} bytes", done.code, done.out, got.size());
    }
    const auto wrong = Pattern{what.answer.body.seed}.mismatch(0, std::as_bytes(std::span(got)));
    return wrong ? fmt::format("byte {} is wrong over HTTPS", *wrong) : "";
}

Process start_s_client(const Rig& rig) {
    ProcessOptions options;
    options.netns = rig.net.client().fd();
    options.pipes = true;
    options.output = scratch("s_client.log");
    return Process({"openssl", "s_client", "-quiet", "-connect",
                    endpoint(rig.net.proxy_address(), Proxy::https_port)},
                   options);
}

std::string load_https(const Rig& rig, const Exchange& what, int seconds) {
    ProcessOptions inside;
    inside.netns = rig.net.client().fd();
    const RunResult done = run(
        {"wrk", "-t1", "-c4", fmt::format("-d{}s", seconds), "--timeout", "60s", url_of(rig, what)},
        inside);
    const bool failed = done.code != 0 || done.out.find("requests in") == std::string::npos ||
                        done.out.find("Socket errors") != std::string::npos ||
                        done.out.find("Non-2xx") != std::string::npos;
    return failed ? "wrk: " + done.out : "";
}

} // namespace guest
