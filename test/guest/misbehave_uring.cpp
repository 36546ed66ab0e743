// SPDX-License-Identifier: GPL-2.0
#include "misbehave_uring.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <system_error>

#include "misbehave_calls.hpp"

namespace guest::misbehave {
namespace {

constexpr unsigned entries = 8;

} // namespace

Uring::Uring(bool polled) {
    const int error = ::io_uring_queue_init(entries, &ring_, polled ? IORING_SETUP_SQPOLL : 0);
    if (error < 0) {
        throw std::system_error(-error, std::generic_category(), "io_uring_queue_init");
    }
}

Uring::~Uring() {
    ::io_uring_queue_exit(&ring_);
}

int Uring::complete() {
    int result = 0;
    bool more = true;

    const int submitted = ::io_uring_submit(&ring_);
    if (submitted < 0) {
        throw std::system_error(-submitted, std::generic_category(), "io_uring_submit");
    }
    while (more) {
        io_uring_cqe* done = nullptr;
        __kernel_timespec limit{hang_ms / 1000, 0};
        const int error = ::io_uring_wait_cqe_timeout(&ring_, &done, &limit);
        if (error == -EINTR) {
            continue;
        }
        if (error < 0) {
            throw Wrong("io_uring never completes a call");
        }
        // what follows with "more" is the notification of a zero-copy send
        if ((done->flags & IORING_CQE_F_NOTIF) == 0) {
            result = done->res;
        }
        more = (done->flags & IORING_CQE_F_MORE) != 0;
        ::io_uring_cqe_seen(&ring_, done);
    }
    return result;
}

int Uring::receive(int fd, std::vector<iovec>& room, Dice& dice) {
    io_uring_sqe* call = ::io_uring_get_sqe(&ring_);
    msghdr message{};
    message.msg_iov = room.data();
    message.msg_iovlen = room.size();

    switch (room.size() == 1 ? dice.between(0, 3) : dice.between(2, 3)) {
    case 0:
        ::io_uring_prep_recv(call, fd, room[0].iov_base, room[0].iov_len, 0);
        break;
    case 1:
        ::io_uring_prep_read(call, fd, room[0].iov_base, static_cast<unsigned>(room[0].iov_len), 0);
        break;
    case 2:
        ::io_uring_prep_recvmsg(call, fd, &message, 0);
        break;
    default:
        ::io_uring_prep_readv(call, fd, room.data(), static_cast<unsigned>(room.size()), 0);
        break;
    }
    // always by a worker thread, or first tried at once
    if (dice.between(0, 3) == 0) {
        call->flags |= IOSQE_ASYNC;
    }
    return complete();
}

int Uring::send(int fd, std::vector<iovec>& spans, int flags, bool zero_copy, Dice& dice) {
    io_uring_sqe* call = ::io_uring_get_sqe(&ring_);
    msghdr message{};
    message.msg_iov = spans.data();
    message.msg_iovlen = spans.size();

    if (zero_copy) {
        ::io_uring_prep_send_zc(call, fd, spans[0].iov_base, spans[0].iov_len, flags, 0);
    } else if (spans.size() == 1 && dice.between(0, 1) == 0) {
        ::io_uring_prep_send(call, fd, spans[0].iov_base, spans[0].iov_len, flags);
    } else if (flags == 0 && dice.between(0, 1) == 0) {
        ::io_uring_prep_writev(call, fd, spans.data(), static_cast<unsigned>(spans.size()), 0);
    } else {
        ::io_uring_prep_sendmsg(call, fd, &message, static_cast<unsigned>(flags));
    }
    if (dice.between(0, 3) == 0) {
        call->flags |= IOSQE_ASYNC;
    }
    return complete();
}

} // namespace guest::misbehave
