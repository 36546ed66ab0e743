// SPDX-License-Identifier: GPL-2.0
// Bodies on a wire: written by pattern, read back and compared.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "http.hpp"

namespace guest {
namespace {

constexpr std::size_t block_size = 64 << 10;
constexpr std::uint64_t endless = std::numeric_limits<std::uint64_t>::max();

/// Compares what comes with the pattern.
class Reader {
public:
    Reader(Wire& wire, const Pattern& pattern, std::optional<std::uint64_t> stop_after)
        : wire_(wire)
        , pattern_(pattern)
        , stop_(stop_after.value_or(endless))
        , block_(4 * block_size) {}

    /// `count` bytes of payload; false when told to stop or at the end of an endless body.
    bool payload(std::uint64_t count) {
        while (count > 0) {
            const std::uint64_t room = std::min<std::uint64_t>(block_.size(), stop_ - result.bytes);
            if (room == 0) {
                return false;
            }
            const auto got =
                wire_.read(std::span(block_).first(std::min<std::uint64_t>(room, count)));
            if (got == 0) {
                if (count > endless / 2) {
                    return true;
                }
                throw Cut("the connection ended inside the body", false);
            }
            compare(std::span(block_).first(got));
            count -= got;
        }
        return true;
    }

    bool chunked() {
        for (;;) {
            const std::uint64_t size = chunk_size(wire_.line());
            if (size == 0) {
                while (!wire_.line().empty()) {
                }
                return true;
            }
            if (!payload(size)) {
                return false;
            }
            if (!wire_.line().empty()) {
                throw Malformed("no CRLF behind a chunk");
            }
        }
    }

    BodyResult result;

private:
    static std::uint64_t chunk_size(const std::string& line) {
        const std::string digits = line.substr(0, line.find(';'));
        std::uint64_t size = 0;
        const char* last = digits.data() + digits.size();
        const auto [end, error] = std::from_chars(digits.data(), last, size, 16);
        if (error != std::errc() || end != last || size > endless / 4) {
            throw Malformed("chunk size: " + line);
        }
        return size;
    }

    void compare(std::span<const std::byte> bytes) {
        if (const auto at = pattern_.mismatch(result.bytes, bytes); at && result.wrong.empty()) {
            std::string seen;
            for (std::size_t i = *at - result.bytes; i < bytes.size() && seen.size() < 48; ++i) {
                seen += fmt::format("{:02x}", static_cast<unsigned>(bytes[i]));
            }
            result.wrong = fmt::format("byte {} of the body is wrong: {}", *at, seen);
        }
        result.bytes += bytes.size();
    }

    Wire& wire_;
    Pattern pattern_;
    std::uint64_t stop_;
    std::vector<std::byte> block_;
};

/// Sends payload by pattern, in blocks or drops.
class Writer {
public:
    Writer(Wire& wire, const Body& body, const WriteStyle& style, const std::string& replay)
        : wire_(wire)
        , pattern_{body.seed}
        , style_(style)
        , replay_(from_hex(replay)) {}

    void payload(std::uint64_t count) {
        const std::size_t step = style_.drip != 0 ? style_.drip : block_size;
        while (count > 0) {
            const std::size_t take = std::min<std::uint64_t>(step, count);
            const std::size_t begin = out_.size();
            out_.resize(begin + take);
            const auto bytes = std::span(out_).subspan(begin);
            pattern_.fill(offset_, bytes);
            if (offset_ < replay_.size()) {
                const auto size = std::min(replay_.size() - offset_, bytes.size());
                std::memcpy(bytes.data(), replay_.data() + offset_, size);
            }
            offset_ += take;
            count -= take;
            if (style_.drip != 0 || out_.size() >= block_size) {
                flush();
                ::usleep(style_.drip_pause);
            }
        }
    }

    void framing(const std::string& text) {
        if (style_.step != 0) {
            flush();
            wire_.write_slowly(text, style_);
            return;
        }
        const auto bytes = std::as_bytes(std::span(text));
        out_.insert(out_.end(), bytes.begin(), bytes.end());
    }

    void flush() {
        wire_.write(out_);
        out_.clear();
    }

private:
    Wire& wire_;
    Pattern pattern_;
    WriteStyle style_;
    std::vector<std::byte> replay_;
    std::vector<std::byte> out_;
    std::uint64_t offset_ = 0;
};

std::uint64_t pick_chunk(Chunks chunks, Dice& dice) {
    switch (chunks) {
    case Chunks::tiny:
        return dice.between(1, 40);
    case Chunks::large:
        return dice.between(100'000, 400'000);
    case Chunks::random:
        break;
    }
    constexpr auto limits = std::to_array<std::uint64_t>({16, 1000, 16384, 40000, 120000});
    return dice.between(1, limits.at(dice.between(0, limits.size() - 1)));
}

} // namespace

BodyResult read_body(Wire& wire, const BodyFraming& framing, const Pattern& pattern,
                     std::optional<std::uint64_t> stop_after) {
    Reader reader(wire, pattern, stop_after);
    BodyResult& result = reader.result;
    try {
        switch (framing.kind) {
        case Framing::none:
            result.complete = true;
            break;
        case Framing::length:
            result.complete = reader.payload(framing.length);
            break;
        case Framing::chunked:
            result.complete = reader.chunked();
            break;
        case Framing::close:
            result.complete = reader.payload(endless);
            break;
        }
    } catch (const Cut& cut) {
        result.reset = cut.reset;
    } catch (const Malformed& error) {
        if (result.wrong.empty()) {
            result.wrong = error.what();
        }
    }
    return result;
}

void write_message(Wire& wire, const std::string& head, const Body& body, const WriteStyle& style,
                   std::optional<std::uint64_t> stop_after, const std::string& replay) {
    Writer writer(wire, body, style, replay);
    const std::uint64_t size = std::min(body.size, stop_after.value_or(endless));

    writer.framing(head);
    if (body.framing == Framing::length || body.framing == Framing::close) {
        writer.payload(size);
    } else if (body.framing == Framing::chunked) {
        Dice dice(body.seed);
        for (std::uint64_t done = 0; done < size;) {
            const std::uint64_t whole = std::min(pick_chunk(body.chunks, dice), body.size - done);
            writer.framing(fmt::format("{:x}{}\r\n", whole, body.extensions ? ";name=value" : ""));
            writer.payload(std::min(whole, size - done));
            done += whole;
            if (done <= size) {
                writer.framing("\r\n");
            }
        }
        if (size == body.size) {
            writer.framing(std::string("0\r\n") + (body.extensions ? "X-Trailer: end\r\n" : "") +
                           "\r\n");
        }
    }
    writer.flush();
}

} // namespace guest
