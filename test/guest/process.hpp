// SPDX-License-Identifier: GPL-2.0
// Child processes: daemons that are watched, commands that are waited for.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fd.hpp"

namespace guest {

/// LIBRA_TEST_HANG_GUARD, or a minute.
std::chrono::seconds hang_guard_from_environment();

/// No test asserts on time; what takes longer than this hangs.
inline const std::chrono::seconds hang_guard = hang_guard_from_environment();

/// Calls `done` until it says yes; false after the hang guard. What counts is the time spent
/// waiting here: the clock leaps when the machine under the guest stands still.
template <typename Done>
bool eventually(Done&& done, std::chrono::microseconds guard = hang_guard) {
    std::chrono::microseconds waited{0};
    useconds_t pause = 500;
    while (!done()) {
        if (waited > guard) {
            return false;
        }
        ::usleep(pause);
        waited += std::chrono::microseconds(pause);
        pause = pause < 50000 ? pause * 2 : pause;
    }
    return true;
}

/// Until one of these is ready; false after the guard. In many short waits: a long one would be
/// over at once when the clock leaps.
bool await(std::span<pollfd> fds, std::chrono::milliseconds guard = hang_guard);

struct ProcessOptions {
    int netns = -1;           ///< network namespace to start in
    bool pipes = false;       ///< connect stdin and stdout to this process
    std::string output;       ///< file for stdout and stderr; empty: inherit
    std::optional<uid_t> uid; ///< become this user (and no capability)
};

/// A child that is killed with its owner.
class Process {
public:
    Process() = default;
    Process(const std::vector<std::string>& argv, const ProcessOptions& options = {});
    Process(Process&& other) noexcept;
    Process& operator=(Process&& other) noexcept;
    ~Process();

    pid_t pid() const { return pid_; }
    bool running() const { return pid_ > 0; }
    void signal(int number) const;
    /// The exit code (128 + signal when killed); nothing if it hangs.
    std::optional<int> wait(std::chrono::milliseconds guard = hang_guard);
    /// SIGTERM, then SIGKILL when that does not help.
    void stop();
    /// SIGKILL and reap.
    void kill();

    /// With pipes: a line to stdin, a line from stdout (without its end; empty at EOF).
    void write_line(const std::string& line);
    std::string read_line();

private:
    pid_t pid_ = -1;
    Fd in_;
    Fd out_;
    std::string pending_;
};

struct RunResult {
    int code = -1;
    std::string out; ///< stdout and stderr
};

/// Runs a command to its end.
RunResult run(const std::vector<std::string>& argv, const ProcessOptions& options = {},
              const std::string& input = {});

/// Pids of the children of a process.
std::vector<pid_t> children(pid_t pid);

/// The whole of a file; empty when it cannot be read.
std::string slurp(const std::string& path);
void spew(const std::string& path, const std::string& text);

} // namespace guest
