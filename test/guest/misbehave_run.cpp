// SPDX-License-Identifier: GPL-2.0
#include "misbehave_run.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "misbehave_blind.hpp"

namespace guest::misbehave {
namespace {

std::uint64_t any_limit(Dice& dice) {
    const auto kind = dice.between(1, 12);
    if (kind == 1) {
        return dice.between(1, 60);
    }
    return kind <= 4 ? dice.between(1, 9000) : dice.between(4096, 150'000);
}

} // namespace

Run::Channel::Channel(Fd socket, const Plan& plan, const Line& line, Report& report, int number)
    : fd(std::move(socket))
    , store(plan.shared, plan.touched)
    , reader(fd.get(), plan, line.in, store, report, number)
    , writer(fd.get(), plan, report, number) {
    const auto buffer = [this](int option, int size) {
        if (size != 0) {
            check(::setsockopt(fd.get(), SOL_SOCKET, option, &size, sizeof(size)), "SO_*BUF");
        }
    };
    buffer(SO_SNDBUF, line.sndbuf);
    buffer(SO_RCVBUF, line.rcvbuf);
}

Run::Run(const Plan& plan, Report& report, std::array<Fd, line_count> sockets, Uring* uring)
    : plan_(plan)
    , report_(report)
    , uring_(uring) {
    for (std::size_t i = 0; i < sockets.size(); ++i) {
        if (sockets.at(i)) {
            channels_.at(i) = std::make_unique<Channel>(std::move(sockets.at(i)), plan,
                                                        plan.lines.at(i), report, int(i));
            channels_.at(i)->reader.use(uring);
            channels_.at(i)->writer.use(uring);
        }
    }
}

void Run::all() {
    if (plan_.family == Family::threads) {
        const std::jthread other([this] { lane(1); });
        lane(0);
    } else {
        lane(0);
    }
    Dice dice(plan_.seed);
    for (auto& each : channels_) {
        if (dice.between(0, 1) == 0) {
            each.reset(); // in any order: the others go with this object
        }
    }
    if (uring_ != nullptr) {
        uring_->forget_files(); // of some the last reference
    }
}

void Run::lane(int number) {
    Dice dice(plan_.seed * 2 + static_cast<std::uint64_t>(number));
    try {
        for (const Move& next : plan_.moves) {
            if (next.lane == number) {
                move(next, dice);
            }
        }
        return;
    } catch (const Broken& error) {
        // by its peer, or by Libra: the far end knows what was due
        report_.note([&] { return fmt::format("lane {}: {}", number, error.what()); });
    } catch (const std::exception& error) {
        report_.wrong(error.what());
    }
    // the other lane must not wait for what does not come any more
    for (const auto& each : channels_) {
        if (each && plan_.family == Family::threads) {
            ::shutdown(each->fd.get(), SHUT_RDWR);
        }
    }
}

void Run::move(const Move& move, Dice& dice) {
    if (plan_.family == Family::processes) {
        elsewhere(move, dice);
    } else if (move.streams && !plan_.mangles) {
        in_pieces(move, dice);
    } else {
        receive(move, dice);
        send_all(move, dice);
    }
    stop(move, dice);
    forget(move, move.until, dice);
}

/// A message that ends with its connection ends now, or when all is done.
void Run::stop(const Move& move, Dice& dice) {
    for (const Output& output : move.outputs) {
        if (output.until_close && dice.between(0, 1) == 0) {
            ::shutdown(channel(output.line).fd.get(), SHUT_WR);
        }
    }
}

void Run::read(const Move& move, Dice& dice) {
    Channel& from = channel(move.line);
    const std::uint64_t before = from.reader.position();
    const std::uint64_t wanted_again = move.unwanted + move.unwanted_size;
    if (before < move.unwanted) {
        from.reader.read({move.unwanted, true}, dice);
    } else if (before < wanted_again) {
        from.reader.discard(wanted_again, dice);
    } else {
        // what one child has read beyond a message another one would not know
        const bool exact = plan_.discards || plan_.family == Family::processes;
        from.reader.read({move.until, exact}, dice);
    }
    const std::uint64_t count = from.reader.position() - before;
    report_.note([&] {
        const auto& places = from.reader.inspector().placeholders();
        return fmt::format("line {}: {} read at {} ({}), last placeholder {} + {}", move.line,
                           count, before, from.reader.way(),
                           places.empty() ? 0 : places.back().from,
                           places.empty() ? 0 : places.back().size);
    });
    if (plan_.copies && dice.between(0, 1) == 0) {
        from.store.move(before, count, dice);
    }
}

void Run::receive(const Move& move, Dice& dice) {
    while (channel(move.line).reader.position() < move.until) {
        read(move, dice);
    }
    if (move.until_close) {
        channel(move.line).reader.end(dice);
    }
}

void Run::in_pieces(const Move& move, Dice& dice) {
    Channel& from = channel(move.line);
    std::vector<Progress> all;
    for (const Output& output : move.outputs) {
        all.push_back({&output, &channel(move.line).store});
    }
    bool ended = !move.until_close;
    for (;;) {
        const bool more = from.reader.position() < move.until;
        std::vector<Progress*> ready;
        for (Progress& each : all) {
            if (from.reader.position() > move.from && sendable(each) &&
                !(move.one_by_one && !ready.empty())) {
                ready.push_back(&each);
            }
        }
        if (!more && !ended && (ready.empty() || dice.between(0, 1) == 0)) {
            from.reader.end(dice);
            ended = true;
        }
        if (!more && ready.empty()) {
            return;
        }
        if (ready.empty() || (more && dice.between(0, 1) == 0)) {
            read(move, dice);
            continue;
        }
        Progress& next = *ready.at(dice.between(0, ready.size() - 1));
        send(next, dice);
        if (all.size() == 1 && !next.done() && next.output->parts[next.part].line >= 0) {
            forget(move, next.output->parts[next.part].from + next.in_part, dice);
        }
    }
}

void Run::send_all(const Move& move, Dice& dice) {
    std::vector<Progress> all;
    for (const Output& output : move.outputs) {
        if (plan_.mangles) {
            look_for_blind_spots(output, channel(output.line).writer.sent());
        }
        all.push_back({&output, &channel(move.line).store});
    }
    while (!all.empty()) {
        const std::size_t which = move.one_by_one ? 0 : dice.between(0, all.size() - 1);
        if (all[which].done()) {
            all.erase(all.begin() + static_cast<std::ptrdiff_t>(which));
        } else {
            send(all[which], dice);
        }
    }
}

bool Run::sendable(const Progress& progress) const {
    if (progress.done()) {
        return false;
    }
    const Part& part = progress.output->parts[progress.part];
    return part.line < 0 || part.from + progress.in_part < channel(part.line).reader.position();
}

/// Memory of what comes next, as far as it is there.
std::vector<iovec> Run::gather(const Progress& progress, std::uint64_t limit, Dice& dice) {
    std::vector<iovec> spans;
    Progress at = progress;
    while (limit != 0 && sendable(at) && spans.size() < 200) {
        const Part& part = at.output->parts[at.part];
        std::uint64_t take = std::min(limit, part.size - at.in_part);
        if (part.line < 0) {
            // its own bytes too may lie where a placeholder once was
            auto* text = const_cast<char*>(part.text.data()) + at.in_part;
            if (dice.between(0, 2) == 0) {
                const auto room = at.memory->arena().room(take);
                std::copy_n(text, take, reinterpret_cast<char*>(room.data()));
                text = reinterpret_cast<char*>(room.data());
            }
            spans.push_back({text, take});
        } else {
            const Channel& from = channel(part.line);
            const std::uint64_t begin = part.from + at.in_part;
            take = std::min(take, from.reader.position() - begin);
            const auto more = from.store.find(begin, take);
            spans.insert(spans.end(), more.begin(), more.end());
        }
        limit -= take;
        advance(at, take);
    }
    return spans;
}

void Run::advance(Progress& progress, std::uint64_t count) const {
    while (!progress.done()) {
        const std::uint64_t left = progress.output->parts[progress.part].size - progress.in_part;
        if (count < left) {
            progress.in_part += count;
            return;
        }
        count -= left;
        ++progress.part;
        progress.in_part = 0;
    }
}

/// How far it is to the inside of the next token.
std::uint64_t Run::inside_marker(const Progress& progress, Dice& dice) const {
    const Part& part = progress.output->parts[progress.part];
    if (part.line >= 0) {
        const std::uint64_t begin = part.from + progress.in_part;
        for (const Placeholder& place : channel(part.line).reader.inspector().placeholders()) {
            const std::uint64_t inside = place.from + dice.between(1, 31);
            if (inside > begin) {
                return inside - begin;
            }
        }
    }
    return any_limit(dice);
}

void Run::send(Progress& progress, Dice& dice) {
    const int line = progress.output->line;
    Writer& writer = channel(line).writer;
    const std::uint64_t close_after =
        plan_.lines.at(static_cast<std::size_t>(line)).close_after - writer.sent();
    if (close_after == 0) {
        leave(line, dice);
    }
    std::uint64_t limit = plan_.mangles ? UINT64_MAX : any_limit(dice);
    if (plan_.cuts && dice.between(0, 1) == 0) {
        limit = inside_marker(progress, dice);
    }
    const auto spans = gather(progress, std::min(limit, close_after), dice);
    const std::uint64_t size = length_of(spans);
    Progress behind = progress;
    advance(behind, size);
    const std::uint64_t before = writer.sent();
    const std::size_t taken = writer.write(spans, !behind.done(), dice);
    report_.note([&] {
        return fmt::format("line {}: {} of {} sent at {} ({}), the part's line {} from {}", line,
                           taken, size, before, writer.way(),
                           progress.output->parts[progress.part].line,
                           progress.output->parts[progress.part].from + progress.in_part);
    });
    advance(progress, taken);
    look_for_short_cut(progress, line);
}

/// A write that ends one to three bytes inside a token, or in framing behind them: unless its
/// address tells (it was copied, or sent to another peer before) these are let go after a
/// second, and the connection is reset when more comes (docs/architecture.md).
void Run::look_for_short_cut(const Progress& progress, int line) {
    if (progress.done()) {
        return;
    }
    const std::vector<Part>& parts = progress.output->parts;
    std::size_t last = progress.part;
    std::uint64_t behind = progress.in_part;
    while (last != 0 && (behind == 0 || parts[last].line < 0)) {
        behind = parts[--last].size;
    }
    const Part& part = parts[last];
    if (part.line < 0) {
        return;
    }
    const std::uint64_t at = part.from + behind;
    std::uint64_t framing = last == progress.part ? 0 : progress.in_part;
    for (std::size_t i = last + 1; i < progress.part; ++i) {
        framing += parts[i].size;
    }
    for (const Placeholder& place : channel(part.line).reader.inspector().placeholders()) {
        if (at > place.from && at < place.from + 4) {
            report_.blind(line, channel(line).writer.sent() - framing - behind);
        }
    }
}

void Run::forget(const Move& move, std::uint64_t before, Dice& dice) {
    channel(move.line).store.forget(before, dice.between(0, 2) != 0);
}

void Run::look_for_blind_spots(const Output& output, std::uint64_t base) {
    const auto placeholders = [this](int line) {
        return channel(line).reader.inspector().placeholders();
    };
    for (const Part& part : output.parts) {
        report_.note([&] {
            return fmt::format("line {}: to send {} of line {} from {}", output.line, part.size,
                               part.line, part.from);
        });
    }
    if (const auto at = first_blind_spot(output, placeholders)) {
        report_.blind(output.line, base + *at);
    }
}

/// In the middle of everything, perhaps with a full buffer.
void Run::leave(int line, Dice& dice) {
    Channel& from = channel(line);
    const linger now{1, 0};
    switch (dice.between(0, 2)) {
    case 0:
        report_.did(Way::leave_by_shutdown);
        ::shutdown(from.fd.get(), SHUT_WR);
        break;
    case 1:
        report_.did(Way::leave_by_reset);
        ::setsockopt(from.fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        break;
    default:
        report_.did(Way::leave_by_close);
        break;
    }
    from.fd.reset();
    throw Broken("left by plan");
}

} // namespace guest::misbehave
