// SPDX-License-Identifier: GPL-2.0
#include "misbehave_write.hpp"

#include <fcntl.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "misbehave_uring.hpp"
#include "process.hpp"

namespace guest::misbehave {
namespace {

bool is_empty(const iovec& span) {
    return span.iov_len == 0;
}

/// Only the first `size` bytes.
void truncate(std::vector<iovec>& spans, std::size_t size) {
    std::size_t i = 0;
    for (; i < spans.size() && size != 0; ++i) {
        spans[i].iov_len = std::min(spans[i].iov_len, size);
        size -= spans[i].iov_len;
    }
    spans.resize(std::max<std::size_t>(i, 1));
}

} // namespace

Writer::Writer(int fd, const Plan& plan, Report& report, int line)
    : fd_(fd)
    , plan_(plan)
    , report_(report)
    , sent_(report.sent(line))
    , pinned_(false, true)
    , waiter_(fd, true, plan.family == Family::processes) {}

std::size_t Writer::took(ssize_t got, std::size_t size, bool blocking) {
    if (got < 0) {
        fail("a write");
    }
    const auto count = static_cast<std::size_t>(got);
    sent_ += count;
    report_.did(way_);
    if (count > size || count == 0) {
        throw Wrong(fmt::format("a write of {} took {}", size, got));
    }
    // less only when the connection broke meanwhile, which the next call says
    if (blocking && count < size) {
        char byte = 0;
        pollfd one{fd_, 0, 0};
        if (::poll(&one, 1, 0) == 0 && ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0) {
            throw Wrong(fmt::format("a blocking write of {} took {}", size, got));
        }
    }
    return count;
}

/// One of the system calls that do the same.
ssize_t Writer::one_call(std::vector<iovec>& spans, int flags, Dice& dice) {
    msghdr message{};
    message.msg_iov = spans.data();
    message.msg_iovlen = spans.size();
    const auto way = dice.between(0, flags == 0 ? 3 : 1);
    if (way == 2) {
        return ::writev(fd_, spans.data(), static_cast<int>(spans.size()));
    }
    if (spans.size() == 1 && way == 1) {
        return ::send(fd_, spans[0].iov_base, spans[0].iov_len, flags);
    }
    if (spans.size() == 1 && way == 3) {
        return ::write(fd_, spans[0].iov_base, spans[0].iov_len);
    }
    return ::sendmsg(fd_, &message, flags);
}

std::size_t Writer::blocking(std::vector<iovec>& spans, int flags, Dice& dice) {
    way_ = Way::send;
    const ssize_t got = uninterrupted([&] { return one_call(spans, flags, dice); });
    // a ring's work may interrupt it when it has taken something
    return took(got, length_of(spans), uring_ == nullptr);
}

/// Without blocking; a socket that is ready takes something.
std::size_t Writer::impatient(std::vector<iovec>& spans, int flags, Dice& dice) {
    way_ = Way::send_impatient;
    msghdr message{};
    message.msg_iov = spans.data();
    message.msg_iovlen = spans.size();
    for (int tries = 0;; ++tries) {
        ssize_t got = 0;
        if (plan_.family == Family::threads || dice.between(0, 1) == 0) {
            got = ::sendmsg(fd_, &message, flags | MSG_DONTWAIT);
        } else {
            const NonBlocking now(fd_);
            got = ::sendmsg(fd_, &message, flags);
        }
        if (got >= 0 || errno != EAGAIN) {
            return took(got, length_of(spans), false);
        }
        if (tries == 1000) {
            throw Wrong("a socket that can be written takes nothing");
        }
        waiter_.wait(dice);
    }
}

std::size_t Writer::several(std::vector<iovec>& spans, int flags) {
    way_ = Way::send_several;
    std::array<mmsghdr, 2> messages{};
    std::erase_if(spans, is_empty);
    const std::size_t half = (spans.size() + 1) / 2;
    const std::vector<iovec> first(spans.begin(), spans.begin() + static_cast<ptrdiff_t>(half));
    const std::vector<iovec> second(spans.begin() + static_cast<ptrdiff_t>(half), spans.end());
    messages[0].msg_hdr.msg_iov = spans.data();
    messages[0].msg_hdr.msg_iovlen = half;
    messages[1].msg_hdr.msg_iov = spans.data() + half;
    messages[1].msg_hdr.msg_iovlen = spans.size() - half;
    if (second.empty()) {
        return took(::sendmsg(fd_, &messages[0].msg_hdr, flags), length_of(first), true);
    }
    const int count = ::sendmmsg(fd_, messages.data(), 2, flags);
    if (count < 0) {
        fail("sendmmsg");
    }
    std::size_t done = took(messages[0].msg_len, length_of(first), true);
    if (count == 2) {
        done += took(messages[1].msg_len, length_of(second), true);
    }
    return done;
}

/// By way of a file: placeholders with their markers lie in the page cache then.
std::size_t Writer::from_file(std::vector<iovec>& spans, Dice& dice) {
    way_ = Way::send_file;
    const Fd file(check(::memfd_create("body", MFD_CLOEXEC), "memfd_create"));
    auto at = static_cast<off_t>(dice.between(0, 5000));
    const std::size_t size = length_of(spans);
    check(::pwritev(file.get(), spans.data(), static_cast<int>(spans.size()), at), "pwritev");
    std::size_t done = 0;
    while (done < size) {
        const std::size_t step = std::min<std::size_t>(size - done, dice.between(1, 200'000));
        const ssize_t got = ::sendfile(fd_, file.get(), &at, step);
        done += took(got, step, false);
    }
    return done;
}

std::size_t Writer::from_pipe(std::vector<iovec>& spans, Dice& dice) {
    way_ = Way::send_pipe;
    truncate(spans, 60'000);
    // pages go out by reference: nothing may ever be written to them again
    const std::span<std::byte> still = pinned_.room(length_of(spans));
    std::byte* to = still.data();
    for (const iovec& span : spans) {
        const auto* from = static_cast<const std::byte*>(span.iov_base);
        to = std::copy(from, from + span.iov_len, to);
    }
    spans = shred({{still.data(), still.size()}}, dice);
    std::erase_if(spans, is_empty);
    const Pipe pipe;
    // as many pages as vectors may touch
    ::fcntl(pipe.write.get(), F_SETPIPE_SZ, 1 << 20);
    const auto count = static_cast<unsigned long>(spans.size());
    const ssize_t piped = dice.between(0, 1) == 0
                              ? ::vmsplice(pipe.write.get(), spans.data(), count, 0)
                              : ::writev(pipe.write.get(), spans.data(), static_cast<int>(count));
    std::size_t done = 0;
    check(piped, "write to a pipe");
    while (done < static_cast<std::size_t>(piped)) {
        const std::size_t step =
            std::min<std::size_t>(static_cast<std::size_t>(piped) - done, dice.between(1, 70'000));
        // tls keeps for good what it was told to wait with
        const unsigned flags = dice.between(0, 1) == 0 || plan_.ktls ? 0 : SPLICE_F_MORE;
        done += took(::splice(pipe.read.get(), nullptr, fd_, nullptr, step, flags), step, false);
    }
    return done;
}

/// Memory must stay until the kernel says that it was read.
std::size_t Writer::zero_copy(std::vector<iovec>& spans) {
    way_ = Way::send_zero_copy;
    const int on = 1;
    check(::setsockopt(fd_, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)), "SO_ZEROCOPY");
    msghdr message{};
    message.msg_iov = spans.data();
    message.msg_iovlen = spans.size();
    const ssize_t sent = ::sendmsg(fd_, &message, MSG_ZEROCOPY);
    const std::size_t done = took(sent, length_of(spans), true);
    pollfd one{fd_, 0, 0};
    if (!await({&one, 1}, hang)) {
        throw Wrong("MSG_ZEROCOPY is never complete");
    }
    std::array<char, 200> control{};
    msghdr notice{};
    notice.msg_control = control.data();
    notice.msg_controllen = control.size();
    if (::recvmsg(fd_, &notice, MSG_ERRQUEUE) < 0 && (one.revents & POLLHUP) == 0) {
        fail("recvmsg of the error queue");
    }
    return done;
}

std::size_t Writer::with_uring(std::vector<iovec>& spans, int flags, Dice& dice) {
    way_ = Way::send_by_ring;
    const bool zero_copy = dice.between(0, 7) == 0 && !plan_.ktls;
    std::erase_if(spans, is_empty);
    if (zero_copy) {
        spans.resize(1);
    }
    const int got = uring_->send(fd_, spans, flags, zero_copy, report_, dice);
    errno = got < 0 ? -got : 0;
    return took(got < 0 ? -1 : got, length_of(spans), false);
}

void Writer::cork(Dice& dice) {
    const int value = static_cast<int>(dice.between(0, 1));
    const int option = dice.between(0, 1) == 0 ? TCP_CORK : TCP_NODELAY;
    check(::setsockopt(fd_, IPPROTO_TCP, option, &value, sizeof(value)), "TCP_CORK");
}

std::size_t Writer::write(std::vector<iovec> spans, bool more, Dice& dice) {
    const int flags = more && dice.between(0, 2) == 0 ? MSG_MORE : 0;
    if (dice.between(0, 1) == 0 && !plan_.mangles) {
        spans = shred(spans, dice);
    }
    if (uring_ != nullptr && dice.between(1, 4) != 1) {
        return with_uring(spans, flags, dice);
    }
    const bool all_roads = plan_.family == Family::writes || plan_.family == Family::threads;
    if (all_roads && dice.between(1, 8) == 1) {
        cork(dice);
    }
    switch (all_roads ? dice.between(0, 8) : plan_.mangles ? 4 : dice.between(0, 4)) {
    case 0:
    case 1:
        return impatient(spans, flags, dice);
    case 5:
        if (plan_.ktls) {
            return impatient(spans, flags, dice);
        }
        return several(spans, flags);
    case 6:
        return from_file(spans, dice);
    case 7:
        return from_pipe(spans, dice);
    case 8:
        if (plan_.family == Family::writes && !plan_.ktls) {
            return zero_copy(spans);
        }
        [[fallthrough]];
    default:
        return blocking(spans, flags, dice);
    }
}

} // namespace guest::misbehave
