// SPDX-License-Identifier: GPL-2.0
// Two threads that read from one socket at once. Nobody tells in which order the kernel handed out
// the bytes, but they do: copied ones are the peer's and fit in one place only, placeholders bear
// numbers that grow. There must be an order in which all of them are the stream, each byte once.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <exception>
#include <latch>
#include <mutex>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "misbehave_read.hpp"
#include "process.hpp"

namespace guest::misbehave {
/// Bytes of a stretch that nobody has read or asked for: no call waits for those of another.
class Budget {
public:
    explicit Budget(std::uint64_t size)
        : left_(size) {}

    /// None when all is read.
    std::size_t take(std::size_t wanted) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return left_ != 0 || asking_ == 0; });
        const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, left_));
        left_ -= taken;
        asking_ += taken != 0 ? 1 : 0;
        return taken;
    }

    void give_back(std::size_t size) {
        const std::lock_guard lock(mutex_);
        left_ = over_ ? 0 : left_ + size;
        --asking_;
        changed_.notify_all();
    }

    void stop() {
        const std::lock_guard lock(mutex_);
        over_ = true;
        left_ = 0;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t left_;
    int asking_ = 0;
    bool over_ = false;
};

namespace {

constexpr std::uint64_t stretch_max = 300'000;
/// More are only needed when there is no order.
constexpr int steps_max = 100'000;
/// Where one call's bytes go on behind another one's, the first ones of both may be the same:
/// chunks of one size begin alike.
constexpr std::size_t same_max = 64;

/// Copied bytes, or a placeholder.
struct Piece {
    std::span<std::byte> bytes;
    std::optional<std::uint64_t> id;
};

std::vector<Piece> pieces_of(std::span<std::byte> bytes) {
    std::vector<Piece> pieces;
    std::size_t at = 0;
    while (const auto found = find_placeholder(bytes, at)) {
        if (found->at != at) {
            pieces.push_back({bytes.subspan(at, found->at - at), std::nullopt});
        }
        pieces.push_back({bytes.subspan(found->at, found->size), found->id});
        at = found->at + found->size;
    }
    if (at != bytes.size()) {
        pieces.push_back({bytes.subspan(at), std::nullopt});
    }
    return pieces;
}

/// Looks for the order. A call may have waited in the middle, so a run of copied bytes may belong
/// to two places.
class Merge {
public:
    Merge(const Script& script, std::array<std::vector<Piece>, 2> pieces)
        : script_(script)
        , pieces_(std::move(pieces)) {}

    /// `at`: where in the stream the first piece begins.
    bool find(std::uint64_t at) {
        look(at);
        return !orders_.empty();
    }

    const std::vector<std::span<std::byte>>& order() const { return orders_.front(); }

    /// Where a run of copied bytes is split by a placeholder, the byte behind it may happen to be
    /// the one before it: nobody can tell where the placeholder was.
    bool sure() const { return orders_.size() == 1 && steps_ <= steps_max; }

private:
    /// What comes next is the rest of one thread's first piece. True when enough is known.
    bool look(std::uint64_t at) {
        if (over(0) && over(1)) {
            return note();
        }
        if (++steps_ > steps_max) {
            return true;
        }
        std::array<std::size_t, 2> fits{};
        for (std::size_t i = 0; i < 2; ++i) {
            fits.at(i) = over(i) ? 0 : fit(i, at);
        }
        // that bytes fit is no accident when they are many: those first
        const bool second = over(0) || (!over(1) && surely(1, fits[1]) > surely(0, fits[0]));
        for (const std::size_t i : {std::size_t(second), std::size_t(!second)}) {
            for (std::size_t less = 0; less < same_max && less < fits.at(i); ++less) {
                const std::size_t count = fits.at(i) - less;
                if ((less == 0 || follows(1 - i, at + count)) && take(i, count, at)) {
                    return true;
                }
                if (whole(i)) {
                    break;
                }
            }
        }
        return false;
    }

    /// A second one with the placeholders elsewhere is enough to doubt the first.
    bool note() {
        std::vector<std::uint64_t> places;
        std::uint64_t at = 0;
        for (const auto bytes : order_) {
            if (find_placeholder(bytes, 0)) {
                places.push_back(at);
            }
            at += bytes.size();
        }
        if (!orders_.empty() && places == places_) {
            return false;
        }
        orders_.push_back(order_);
        places_ = std::move(places);
        return orders_.size() > 1;
    }

    bool over(std::size_t i) const { return next_.at(i) == pieces_.at(i).size(); }
    const Piece& head(std::size_t i) const { return pieces_.at(i).at(next_.at(i)); }
    bool whole(std::size_t i) const { return !over(i) && head(i).id.has_value(); }

    std::size_t surely(std::size_t i, std::size_t fits) const { return whole(i) ? 1 : fits; }

    std::optional<std::uint64_t> next_id(std::size_t i) const {
        for (std::size_t at = next_.at(i); at < pieces_.at(i).size(); ++at) {
            if (pieces_.at(i)[at].id) {
                return pieces_.at(i)[at].id;
            }
        }
        return std::nullopt;
    }

    /// How many bytes of a thread's next piece can stand here.
    std::size_t fit(std::size_t i, std::uint64_t at) const {
        const Piece& piece = head(i);
        const auto rest = piece.bytes.subspan(done_.at(i));
        if (!piece.id) {
            return script_.mismatch(at, rest).value_or(at + rest.size()) - at;
        }
        const auto other = next_id(1 - i);
        const bool in_body = at + rest.size() <= script_.size() && !script_.text_at(at) &&
                             !script_.text_at(at + rest.size() - 1);
        return in_body && (!other || *piece.id < *other) ? rest.size() : 0;
    }

    bool follows(std::size_t i, std::uint64_t at) const { return !over(i) && fit(i, at) != 0; }

    bool take(std::size_t i, std::size_t count, std::uint64_t at) {
        const auto next = next_;
        const auto done = done_;
        order_.push_back(head(i).bytes.subspan(done_.at(i), count));
        done_.at(i) += count;
        if (done_.at(i) == head(i).bytes.size()) {
            done_.at(i) = 0;
            ++next_.at(i);
        }
        if (look(at + count)) {
            return true;
        }
        order_.pop_back();
        next_ = next;
        done_ = done;
        return false;
    }

    const Script& script_;
    std::array<std::vector<Piece>, 2> pieces_;
    std::array<std::size_t, 2> next_{};
    std::array<std::size_t, 2> done_{}; ///< of the next piece
    std::vector<std::span<std::byte>> order_;
    std::vector<std::vector<std::span<std::byte>>> orders_;
    std::vector<std::uint64_t> places_; ///< of the first order's placeholders
    int steps_ = 0;
};

void wait_for_input(int fd) {
    pollfd one{fd, POLLIN, 0};
    if (!await({&one, 1}, hang)) {
        throw Wrong("poll never says that it can be read by another thread");
    }
}

} // namespace

/// What one of the threads does; its memory is the room's.
std::vector<std::span<std::byte>> Reader::take_part(Budget& budget, std::span<std::byte> room,
                                                    Dice dice) {
    std::vector<std::span<std::byte>> reads;
    // small enough for the other one to get some, most of the time
    const std::size_t share = std::max<std::size_t>(room.size() / 5, 1);
    const auto wanted = [&] {
        return dice.between(0, 4) == 0 ? any_size(dice) : dice.between(1, share);
    };
    while (const std::size_t size = budget.take(wanted())) {
        Call call{size, 1, {}, {{room.data(), size}}};
        const auto kind = dice.between(0, 5);
        const int flags = kind == 0 ? MSG_WAITALL : kind <= 2 ? MSG_DONTWAIT : 0;
        ssize_t got = one_call(call, flags, dice);
        while (got < 0 && errno == EAGAIN) {
            wait_for_input(fd_);
            call.room = {{room.data(), size}};
            got = one_call(call, flags, dice);
        }
        if (got < 0) {
            fail("a read by two");
        }
        if (got == 0) {
            throw Broken("end of file");
        }
        const auto count = static_cast<std::size_t>(got);
        if (count > size) {
            throw Wrong(fmt::format("a read of {} by two gave {}", size, got));
        }
        reads.push_back(room.first(count));
        room = room.subspan(count);
        budget.give_back(size - count);
    }
    return reads;
}

void Reader::by_two(std::uint64_t until, Dice& dice) {
    way_ = Way::two_readers;
    const std::uint64_t size =
        dice.between(2, std::min<std::uint64_t>(until - position_, stretch_max));
    const std::span<std::byte> room = store_.arena().room(2 * size);
    Budget budget(size);
    std::latch start(2);
    std::array<std::vector<Piece>, 2> pieces;
    std::array<std::exception_ptr, 2> failed;
    const auto work = [&](std::size_t i, std::uint64_t seed) {
        start.arrive_and_wait();
        try {
            for (const auto bytes : take_part(budget, room.subspan(i * size, size), Dice(seed))) {
                const auto more = pieces_of(bytes);
                pieces.at(i).insert(pieces.at(i).end(), more.begin(), more.end());
            }
        } catch (...) {
            failed.at(i) = std::current_exception();
            budget.stop();
            budget.give_back(0);
            ::shutdown(fd_, SHUT_RDWR); // nothing may come for the other one any more
        }
    };
    std::thread other(work, 1, dice.next());
    work(0, dice.next());
    other.join();
    for (const auto& each : failed) {
        if (each) {
            std::rethrow_exception(each);
        }
    }
    const bool both = !pieces[0].empty() && !pieces[1].empty();
    Merge merge(script_, std::move(pieces));
    if (!merge.find(position_)) {
        throw Wrong(fmt::format("what two threads read from {} on is in no order the stream",
                                position_.load()));
    }
    if (!merge.sure()) {
        report_.note([&] {
            return fmt::format("what two threads read from {} on is in two orders the stream",
                               position_.load());
        });
        for (int line = 0; line < line_count; ++line) {
            report_.blind(line, report_.sent(line));
        }
    }
    for (const auto bytes : merge.order()) {
        put({bytes.size(), 0, {}, {{bytes.data(), bytes.size()}}}, bytes.size());
    }
    store_.arena().keep(room.data() + room.size());
    if (both) {
        report_.did(way_);
    }
}

} // namespace guest::misbehave
