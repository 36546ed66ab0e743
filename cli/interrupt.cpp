// SPDX-License-Identifier: GPL-2.0
#include "interrupt.hpp"

#include <cerrno>

#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <libra/error.hpp>

namespace libractl {

Interrupt::Interrupt() {
    sigset_t signals{};
    sigemptyset(&signals);
    for (const int each : {SIGINT, SIGTERM, SIGHUP})
        sigaddset(&signals, each);
    pthread_sigmask(SIG_BLOCK, &signals, &before_);
    fd_.reset(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd_) {
        const int number = errno;
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
        throw libra::Error(libra::ErrorKind::failed, number, "cannot wait for signals");
    }
}

Interrupt::~Interrupt() {
    // A signal that was heard must not end the program after all
    signalfd_siginfo heard{};
    while (read(fd_.get(), &heard, sizeof(heard)) == sizeof(heard)) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

bool Interrupt::wait(std::chrono::milliseconds timeout) const noexcept {
    pollfd wanted{fd_.get(), POLLIN, 0};
    return poll(&wanted, 1, static_cast<int>(timeout.count())) > 0;
}

} // namespace libractl
