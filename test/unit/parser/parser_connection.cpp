// SPDX-License-Identifier: GPL-2.0
#include "parser_connection.hpp"

#include <algorithm>
#include <cstring>

void Connection::feed(libra_side side, const std::string& bytes) {
    Stream& stream = streams_[side];

    if (stream.gave_up || tunnel_)
        return;
    stream.window += bytes;
    while (!stream.window.empty()) {
        auto skip = std::min<std::uint64_t>(stream.payload, stream.window.size());
        stream.window.erase(0, skip);
        if (stream.payload != LIBRA_PAYLOAD_EOF)
            stream.payload -= skip;
        if (stream.window.empty() || !parse(side))
            return;
    }
}

// One frame; false when there is none
bool Connection::parse(libra_side side) {
    Stream& stream = streams_[side];
    libra_frame frame = {};
    int refused;

    frame.side = side;
    if (side == LIBRA_SIDE_RESPONSE && !exchanges_.empty())
        frame.exchange = exchanges_.front();
    std::copy(std::begin(stream.state), std::end(stream.state), frame.state);

    // A buffer of exactly this size shows overruns to ASan, and what stands
    // behind the window tempts a parser to believe it
    const std::size_t size = stream.window.size() + LIBRA_WINDOW_PAD;
    std::vector<u8> data(size);
    for (std::size_t i = 0; i < size; i++)
        data[i] = "\r\n0"[i % 3];
    std::memcpy(data.data(), stream.window.data(), stream.window.size());

    int verdict = parser_run(&ops_, data.data(), stream.window.size(), &frame, &refused);
    refused_ |= refused;
    if (verdict == LIBRA_FRAME && !exchange(frame))
        verdict = LIBRA_GIVE_UP;
    stream.gave_up = verdict == LIBRA_GIVE_UP;
    if (verdict != LIBRA_FRAME)
        return false;

    stream.frames.push_back(
        {stream.window.substr(0, frame.meta_len), frame.payload_len, frame.flags, frame.tag});
    std::copy(std::begin(frame.state), std::end(frame.state), stream.state);
    stream.window.erase(0, frame.meta_len);
    stream.payload = frame.payload_len;
    tunnel_ = frame.flags & LIBRA_FRAME_TUNNEL;
    return !tunnel_;
}

// The queue of open requests; false when it is full
bool Connection::exchange(libra_frame& frame) {
    if (frame.flags & LIBRA_FRAME_OPENS) {
        if (exchanges_.size() == LIBRA_EXCHANGE_MAX)
            return false;
        exchanges_.push_back(frame.tag);
    }
    if (frame.flags & LIBRA_FRAME_ANSWERS)
        exchanges_.pop_front();
    return true;
}

Ending Connection::ending(libra_side side) const {
    const Stream& stream = streams_[side];

    if (stream.gave_up)
        return Ending::gave_up;
    if (tunnel_)
        return Ending::tunnel;
    return stream.window.empty() && !stream.payload ? Ending::between : Ending::inside;
}
