// SPDX-License-Identifier: GPL-2.0
// Small programs that do to a proxied body what real ones sometimes do. They use nothing but the
// socket API, run as processes of their own (this binary, started with --toy) and are attached
// from outside like any other.
#pragma once

#include <string>
#include <vector>

#include "net.hpp"
#include "process.hpp"

namespace guest {

/// What --toy NAME ARGUMENT... does in the child.
int run_toy(const std::vector<std::string>& arguments);

int relay_toy(const std::vector<std::string>& arguments);
int doors_toy(const std::vector<std::string>& arguments);
int faulty_toy(const std::vector<std::string>& arguments);
int hands_toy(const std::vector<std::string>& arguments);
int calls_toy(const std::vector<std::string>& arguments);
int misbehave_toy(const std::vector<std::string>& arguments);

/// Starts a toy; returns when it has said "ready".
class Toy {
public:
    Toy(const Namespace& ns, std::vector<std::string> arguments);

    pid_t pid() const { return process_.pid(); }
    std::string ask(const std::string& line);
    std::string read_line() { return process_.read_line(); }
    void write_line(const std::string& line) { process_.write_line(line); }
    std::optional<int> wait() { return process_.wait(); }
    void stop() { process_.stop(); }
    void kill() { process_.kill(); }

private:
    Process process_;
};

} // namespace guest
