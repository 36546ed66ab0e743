// SPDX-License-Identifier: GPL-2.0
#include "offload.hpp"

#include <sys/utsname.h>

#include <filesystem>
#include <stdexcept>

#include <fmt/format.h>

#include "process.hpp"
#include "proxy.hpp"

namespace guest {

Offload::Offload(bool encrypts) {
    load_tls();
    const std::filesystem::path build =
        std::filesystem::read_symlink("/proc/self/exe").parent_path() / "../..";
    utsname system{};
    check(::uname(&system), "uname");
    const RunResult done =
        run({"insmod", fmt::format("{}/test-module-{}/lotls.ko", build.string(), system.release),
             encrypts ? "encrypt=1" : "encrypt=0"});
    if (done.code != 0) {
        throw std::runtime_error("insmod lotls: " + done.out);
    }
}

Offload::~Offload() {
    if (!eventually([] { return run({"rmmod", "lotls"}).code == 0; })) {
        fmt::print(stderr, "lotls cannot be unloaded\n");
        std::terminate();
    }
}

int Offload::let_go() const {
    return std::stoi(slurp("/sys/module/lotls/parameters/let_go"));
}

int Offload::sent_again() const {
    return std::stoi(slurp("/sys/module/lotls/parameters/sent_again"));
}

} // namespace guest
