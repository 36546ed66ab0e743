// SPDX-License-Identifier: GPL-2.0
#include "misbehave_uring.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "misbehave_calls.hpp"

namespace guest::misbehave {
namespace {

constexpr unsigned entries = 8;
constexpr int group = 7; // of provided buffers

void must(int result, const char* what) {
    if (result < 0) {
        throw std::system_error(-result, std::generic_category(), what);
    }
}

} // namespace

Uring::Uring(bool polled) {
    files_.fill(-1);
    must(::io_uring_queue_init(entries, &ring_, polled ? IORING_SETUP_SQPOLL : 0),
         "io_uring_queue_init");
    must(::io_uring_register_files_sparse(&ring_, line_count), "io_uring_register_files");
}

Uring::~Uring() {
    ::io_uring_queue_exit(&ring_);
}

int Uring::complete() {
    int result = 0;
    bool more = true;

    must(::io_uring_submit(&ring_), "io_uring_submit");
    while (more) {
        io_uring_cqe* done = nullptr;
        __kernel_timespec limit{hang.count(), 0};
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

void Uring::forget_files() {
    for (std::size_t slot = 0; slot < files_.size(); ++slot) {
        if (files_.at(slot) >= 0) {
            const int none = -1;
            must(::io_uring_register_files_update(&ring_, static_cast<unsigned>(slot), &none, 1),
                 "io_uring_register_files_update");
            files_.at(slot) = -1;
        }
    }
}

int Uring::slot_of(int fd) {
    auto* slot = std::find(files_.begin(), files_.end(), fd);
    if (slot == files_.end()) {
        slot = std::find(files_.begin(), files_.end(), -1);
        must(::io_uring_register_files_update(&ring_, static_cast<unsigned>(slot - files_.begin()),
                                              &fd, 1),
             "io_uring_register_files_update");
        *slot = fd;
    }
    return static_cast<int>(slot - files_.begin());
}

/// By its descriptor, or by where it is registered; tried at once, or always by a worker thread.
void Uring::choose(io_uring_sqe* call, int fd, Report& report, Dice& dice) {
    if (dice.between(0, 1) == 0) {
        call->fd = slot_of(fd);
        call->flags |= IOSQE_FIXED_FILE;
        report.did(Way::fixed_file);
    }
    if (dice.between(0, 3) == 0) {
        call->flags |= IOSQE_ASYNC;
    }
}

int Uring::receive_provided(int fd, const iovec& room, Report& report, Dice& dice) {
    const auto size = static_cast<int>(room.iov_len);
    ::io_uring_prep_provide_buffers(::io_uring_get_sqe(&ring_), room.iov_base, size, 1, group, 0);
    must(complete(), "provide buffers");
    io_uring_sqe* call = ::io_uring_get_sqe(&ring_);
    ::io_uring_prep_recv(call, fd, nullptr, room.iov_len, 0);
    call->flags |= IOSQE_BUFFER_SELECT;
    call->buf_group = group;
    choose(call, fd, report, dice);
    const int got = complete();
    if (got <= 0) {
        // it may still be there, or not
        ::io_uring_prep_remove_buffers(::io_uring_get_sqe(&ring_), 1, group);
        complete();
    }
    report.did(Way::provided_buffer);
    return got;
}

int Uring::receive(int fd, std::vector<iovec>& room, Report& report, Dice& dice) {
    const auto way = room.size() == 1 ? dice.between(0, 4) : dice.between(2, 3);
    if (way == 4) {
        return receive_provided(fd, room[0], report, dice);
    }
    io_uring_sqe* call = ::io_uring_get_sqe(&ring_);
    msghdr message{};
    message.msg_iov = room.data();
    message.msg_iovlen = room.size();

    switch (way) {
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
    choose(call, fd, report, dice);
    return complete();
}

int Uring::send(int fd, std::vector<iovec>& spans, int flags, bool zero_copy, Report& report,
                Dice& dice) {
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
    choose(call, fd, report, dice);
    return complete();
}

} // namespace guest::misbehave
