// SPDX-License-Identifier: GPL-2.0
#include "test_module.hpp"

#include <sys/utsname.h>

#include <filesystem>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "process.hpp"

namespace guest {

TestModule::TestModule(std::string name, const std::vector<std::string>& parameters)
    : name_(std::move(name)) {
    const std::filesystem::path build =
        std::filesystem::read_symlink("/proc/self/exe").parent_path() / "../..";
    utsname system{};
    check(::uname(&system), "uname");
    std::vector<std::string> command{
        "insmod", fmt::format("{}/test-module-{}/{}.ko", build.string(), system.release, name_)};
    command.insert(command.end(), parameters.begin(), parameters.end());
    const RunResult done = run(command);
    if (done.code != 0) {
        throw std::runtime_error(fmt::format("insmod {}: {}", name_, done.out));
    }
}

TestModule::~TestModule() {
    if (!eventually([this] { return run({"rmmod", name_}).code == 0; })) {
        fmt::print(stderr, "{} cannot be unloaded\n", name_);
        std::terminate();
    }
}

int TestModule::parameter(const std::string& name) const {
    return std::stoi(slurp(fmt::format("/sys/module/{}/parameters/{}", name_, name)));
}

} // namespace guest
