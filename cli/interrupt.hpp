// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRACTL_INTERRUPT_HPP
#define LIBRACTL_INTERRUPT_HPP

#include <chrono>
#include <csignal>

#include <libra/unique_fd.hpp>

namespace libractl {

/// While one is there, SIGINT, SIGTERM and SIGHUP do not end the program: a verb
/// that waits comes to its own end instead.
class Interrupt {
public:
    Interrupt();
    Interrupt(const Interrupt&) = delete;
    Interrupt& operator=(const Interrupt&) = delete;
    ~Interrupt();

    /// Can be read once a signal came, and from then on.
    int fd() const noexcept { return fd_.get(); }
    /// Waits for a signal. @return true when there is or was one
    bool wait(std::chrono::milliseconds timeout) const noexcept;
    bool is_raised() const noexcept { return wait(std::chrono::milliseconds(0)); }

private:
    sigset_t before_{};
    libra::UniqueFd fd_;
};

} // namespace libractl

#endif
