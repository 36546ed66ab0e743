// SPDX-License-Identifier: GPL-2.0
#include "misbehave_read.hpp"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>

#include <fmt/format.h>

#include "misbehave_uring.hpp"

namespace guest::misbehave {
namespace {

constexpr std::chrono::seconds low_water_time{1};

} // namespace

std::size_t any_size(Dice& dice) {
    const auto kind = dice.between(1, 20);
    if (kind == 1) {
        return dice.between(1, 40);
    }
    if (kind <= 5) {
        return dice.between(1, 5000);
    }
    if (kind <= 14) {
        return dice.between(2000, 40'000);
    }
    return kind <= 19 ? dice.between(16'384, 140'000) : dice.between(100'000, 1'300'000);
}

Reader::Reader(int fd, const Plan& plan, const Script& script, Store& store, Report& report,
               int line)
    : fd_(fd)
    , plan_(plan)
    , script_(script)
    , store_(store)
    , report_(report)
    , position_(report.received(line))
    , inspector_(script)
    , waiter_(fd, false, plan.family == Family::processes) {}

/// What is encrypted says little about that.
int Reader::queued() const {
    int bytes = 0;
    if (plan_.ktls) {
        return 0;
    }
    check(::ioctl(fd_, FIONREAD, &bytes), "FIONREAD");
    return bytes;
}

Reader::Call Reader::prepare(const Goal& goal, Dice& dice) {
    Call call{any_size(dice), 0, goal, {}};
    if (goal.exact) {
        call.size = std::min<std::size_t>(call.size, goal.until - position_);
    }
    call.room.push_back({store_.arena().room(call.size + dice.between(0, 70)).data(), call.size});
    if (dice.between(1, 3) == 1) {
        auto* at = static_cast<std::byte*>(call.room[0].iov_base);
        const auto shift = dice.between(0, 1) * dice.between(0, 64);
        call.room = {{at, std::max<std::size_t>(call.size, shift + 1) - shift}};
        call.size = call.room[0].iov_len;
    }
    call.least = std::min<std::size_t>(static_cast<std::size_t>(queued()), call.size);
    return call;
}

/// Where a read put its bytes: they are the peer's, or a placeholder.
void Reader::put(const Call& call, std::size_t got) {
    std::vector<std::byte> bytes;
    std::uint64_t at = position_;
    std::size_t left = got;
    const std::byte* end = nullptr;
    bytes.reserve(got);
    for (const iovec& span : call.room) {
        const std::size_t take = std::min(left, span.iov_len);
        const std::span<std::byte> part(static_cast<std::byte*>(span.iov_base), take);
        store_.add(at, part);
        bytes.insert(bytes.end(), part.begin(), part.end());
        if (take != 0) {
            end = std::max(end, static_cast<const std::byte*>(part.data() + take));
        }
        at += take;
        left -= take;
    }
    if (end != nullptr) {
        store_.arena().keep(end);
    }
    const std::string wrong = inspector_.look(position_, bytes);
    position_ += got;
    if (!wrong.empty()) {
        throw Wrong(wrong);
    }
}

void Reader::filled(const Call& call, std::size_t got) {
    report_.did(way_);
    put(call, got);
}

/// The count that a call returned.
void Reader::took(Call& call, ssize_t got) {
    if (got < 0) {
        fail("a read");
    }
    if (got == 0) {
        throw Broken("end of file");
    }
    const auto count = static_cast<std::size_t>(got);
    if (count > call.size || count < call.least) {
        throw Wrong(
            fmt::format("a read of {} gave {} though there were {}", call.size, got, call.least));
    }
    filled(call, count);
}

/// One of the system calls that do the same.
ssize_t Reader::one_call(Call& call, int flags, Dice& dice) {
    const auto way = dice.between(0, flags == 0 ? 5 : 3);
    if (way == 1 || way == 5) {
        call.room = shred(call.room, dice);
    }
    msghdr message{};
    message.msg_iov = call.room.data();
    message.msg_iovlen = call.room.size();
    switch (way) {
    case 1: {
        const ssize_t got = ::recvmsg(fd_, &message, flags);
        const int usual = MSG_EOR | MSG_CMSG_CLOEXEC | (plan_.ktls ? MSG_CTRUNC : 0);
        if (got >= 0 && (message.msg_flags & ~usual) != 0) {
            throw Wrong(fmt::format("recvmsg says flags {:x}", message.msg_flags));
        }
        return got;
    }
    case 2: {
        sockaddr_storage from{};
        socklen_t size = sizeof(from);
        return ::recvfrom(fd_, call.room[0].iov_base, call.size, flags,
                          reinterpret_cast<sockaddr*>(&from), &size);
    }
    case 4:
        return ::read(fd_, call.room[0].iov_base, call.size);
    case 5:
        return ::readv(fd_, call.room.data(), static_cast<int>(call.room.size()));
    default:
        return ::recv(fd_, call.room[0].iov_base, call.size, flags);
    }
}

void Reader::plain(Call& call, Dice& dice) {
    way_ = Way::plain;
    took(call, uninterrupted([&] { return one_call(call, 0, dice); }));
}

/// Without blocking: EAGAIN only when nothing is there.
void Reader::impatient(Call& call, Dice& dice) {
    way_ = Way::impatient;
    for (;;) {
        ssize_t got = 0;
        call.least = std::min<std::size_t>(static_cast<std::size_t>(queued()), call.size);
        // the other thread's calls must go on blocking
        if (plan_.family == Family::threads || dice.between(0, 1) == 0) {
            got = one_call(call, MSG_DONTWAIT, dice);
        } else {
            const NonBlocking now(fd_);
            got = one_call(call, 0, dice);
        }
        if (got >= 0 || errno != EAGAIN) {
            took(call, got);
            return;
        }
        if (call.least != 0) {
            throw Wrong(fmt::format("a read says EAGAIN though there were {}", call.least));
        }
        waiter_.wait(dice);
    }
}

void Reader::all(Call& call, Dice& dice) {
    way_ = Way::all;
    const std::size_t wanted = std::min<std::uint64_t>(call.size, call.goal.until - position_);
    call.room[0].iov_len = call.size = wanted;
    call.least = std::min(call.least, wanted);
    const ssize_t got = one_call(call, MSG_WAITALL, dice);
    if (got > 0 && static_cast<std::size_t>(got) < wanted) {
        filled(call, static_cast<std::size_t>(got));
        // less only at the connection's end
        char byte = 0;
        const ssize_t next = ::recv(fd_, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
        if (next > 0 || (next < 0 && errno == EAGAIN)) {
            throw Wrong(fmt::format("MSG_WAITALL of {} gave {}", wanted, got));
        }
        throw Broken("the end in MSG_WAITALL");
    }
    took(call, got);
}

/// A read that has taken what was there, and waits for the rest, is not woken by less than the
/// mark, on plain TCP as well (tcp_data_ready()): then what it has is what it gives, after a time.
void Reader::low_water(Call& call, Dice& dice) {
    using Clock = std::chrono::steady_clock;
    way_ = Way::low_water;
    int least = static_cast<int>(
        dice.between(1, std::min<std::uint64_t>(4000, call.goal.until - position_)));
    check(::setsockopt(fd_, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof(least)), "SO_RCVLOWAT");
    const std::size_t low = std::min(static_cast<std::size_t>(least), call.size);
    Clock::time_point begin;
    ssize_t got = 0;
    {
        const ReadTimeout timeout(fd_, low_water_time);
        do {
            begin = Clock::now();
            got = one_call(call, 0, dice);
        } while (got < 0 && errno == EAGAIN);
    }
    const bool early = Clock::now() - begin < low_water_time;
    least = 1;
    const int error = errno;
    check(::setsockopt(fd_, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof(least)), "SO_RCVLOWAT");
    errno = error;
    const bool less = got > 0 && static_cast<std::size_t>(got) < low;
    took(call, got);
    char byte = 0;
    if (less && early && ::recv(fd_, &byte, 1, MSG_DONTWAIT | MSG_PEEK) != 0) {
        throw Wrong(fmt::format("SO_RCVLOWAT of {} gave {}", low, got));
    }
}

/// The peer's bytes, whatever is left out afterwards.
void Reader::peek(Call& call, Dice& dice) {
    way_ = Way::peek;
    std::vector<std::byte> bytes(std::min<std::size_t>(call.size, 70'000));
    const bool only_counts = dice.between(0, 3) == 0 && !plan_.ktls;
    const ssize_t seen = only_counts ? ::recv(fd_, nullptr, bytes.size(), MSG_PEEK | MSG_TRUNC)
                                     : ::recv(fd_, bytes.data(), bytes.size(), MSG_PEEK);
    if (seen > 0) {
        const auto count = static_cast<std::size_t>(seen);
        if (only_counts) {
            report_.did(Way::peek_count);
        } else if (const auto bad = script_.mismatch(position_, std::span(bytes).first(count))) {
            throw Wrong(fmt::format("MSG_PEEK shows other bytes at {}", *bad));
        }
        call.least = std::max(call.least, std::min(call.size, count));
    }
    took(call, one_call(call, 0, dice));
}

void Reader::many(Call& call, Dice& dice) {
    way_ = Way::many;
    std::array<Call, 2> calls{call, prepare(call.goal, dice)};
    if (call.goal.exact) {
        const std::uint64_t left = call.goal.until - position_ - call.size;
        if (left == 0) {
            plain(call, dice);
            return;
        }
        calls[1].size = std::min<std::size_t>(calls[1].size, left);
        calls[1].room[0].iov_len = calls[1].size;
    }
    std::array<mmsghdr, 2> messages{};
    for (std::size_t i = 0; i < calls.size(); ++i) {
        messages.at(i).msg_hdr.msg_iov = calls.at(i).room.data();
        messages.at(i).msg_hdr.msg_iovlen = calls.at(i).room.size();
    }
    const int got = ::recvmmsg(fd_, messages.data(), 2, MSG_WAITFORONE, nullptr);
    if (got < 0) {
        fail("recvmmsg");
    }
    for (int i = 0; i < got; ++i) {
        if (i == 1 && messages.at(1).msg_len == 0) {
            break; // the end, right behind what the first one took
        }
        Call& each = calls.at(static_cast<std::size_t>(i));
        each.least = i == 0 ? call.least : 0;
        took(each, messages.at(static_cast<std::size_t>(i)).msg_len);
    }
}

void Reader::with_uring(Call& call, Dice& dice) {
    way_ = Way::by_ring;
    if (dice.between(0, 1) == 0) {
        call.room = shred(call.room, dice);
    }
    const int got = uring_->receive(fd_, call.room, report_, dice);
    errno = got < 0 ? -got : 0;
    call.least = std::min<std::size_t>(call.least, 1); // it may have been started by a poll
    took(call, got < 0 ? -1 : got);
}

void Reader::end(Dice& dice) {
    way_ = Way::to_the_end;
    // said as often as one asks
    for (int i = 0; i < 2; ++i) {
        Call call{any_size(dice), 0, {position_, false}, {}};
        call.room.push_back({store_.arena().room(call.size).data(), call.size});
        ssize_t got = 0;
        if (uring_ != nullptr && dice.between(0, 1) == 0) {
            got = uring_->receive(fd_, call.room, report_, dice);
            errno = got < 0 ? static_cast<int>(-got) : 0;
        } else if (dice.between(0, 1) == 0) {
            got = one_call(call, 0, dice);
        } else {
            while ((got = one_call(call, MSG_DONTWAIT, dice)) < 0 && errno == EAGAIN) {
                waiter_.wait(dice);
            }
        }
        if (got < 0) {
            fail("a read of the end");
        }
        if (got != 0) {
            throw Wrong(fmt::format("{} bytes are read behind the end", got));
        }
    }
    report_.did(way_);
}

void Reader::read(const Goal& goal, Dice& dice) {
    Call call = prepare(goal, dice);
    if (uring_ != nullptr && dice.between(1, 4) != 1) {
        with_uring(call, dice);
        return;
    }
    const bool all_roads = plan_.family == Family::reads || plan_.family == Family::threads;
    const auto way = all_roads ? dice.between(0, 15) : dice.between(0, 3);
    switch (way) {
    case 0:
    case 1:
        impatient(call, dice);
        break;
    case 4:
    case 5:
        all(call, dice);
        break;
    case 6:
    case 7:
        low_water(call, dice);
        break;
    case 8:
        peek(call, dice);
        break;
    case 9:
        many(call, dice);
        break;
    case 10:
        if (plan_.exotic) {
            by_pipe(call);
        } else {
            plain(call, dice);
        }
        break;
    case 11:
        if (plan_.exotic && call.size >= mapped_min) {
            by_mapping(call);
        } else {
            plain(call, dice);
        }
        break;
    case 12:
    case 13:
        if (goal.until - position_ > 1) {
            by_two(goal.until, dice);
            break;
        }
        [[fallthrough]];
    default:
        plain(call, dice);
        break;
    }
}

} // namespace guest::misbehave
