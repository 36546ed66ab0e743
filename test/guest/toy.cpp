// SPDX-License-Identifier: GPL-2.0
#include "toy.hpp"

#include <cstdio>
#include <stdexcept>

#include <fmt/format.h>

#include "misbehave_run.hpp"

namespace guest {

int run_toy(const std::vector<std::string>& arguments) {
    try {
        if (!arguments.empty() && arguments[0] == "relay") {
            return relay_toy(arguments);
        }
        if (!arguments.empty() && arguments[0] == "doors") {
            return doors_toy(arguments);
        }
        if (!arguments.empty() && arguments[0] == "faulty") {
            return faulty_toy(arguments);
        }
        if (!arguments.empty() && arguments[0] == "hands") {
            return hands_toy(arguments);
        }
        if (!arguments.empty() && arguments[0] == "calls") {
            return calls_toy(arguments);
        }
        if (!arguments.empty() && arguments[0] == "misbehave") {
            return misbehave_toy(arguments);
        }
        if (!arguments.empty() && arguments[0] == "misbehave-send") {
            return misbehave::send_file(arguments);
        }
        fmt::print(stderr, "no such toy\n");
    } catch (const std::exception& error) {
        fmt::print(stderr, "toy {}: {}\n", arguments[0], error.what());
    }
    return 2;
}

Toy::Toy(const Namespace& ns, std::vector<std::string> arguments) {
    ProcessOptions options;
    options.netns = ns.fd();
    options.pipes = true;
    arguments.insert(arguments.begin(), {"/proc/self/exe", "--toy"});
    process_ = Process(arguments, options);
    if (process_.read_line() != "ready") {
        throw std::runtime_error("a toy does not start: " + arguments.at(2));
    }
}

std::string Toy::ask(const std::string& line) {
    process_.write_line(line);
    return process_.read_line();
}

} // namespace guest
