// SPDX-License-Identifier: GPL-2.0
#include "names.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include <libra/message_class.hpp>

#include "uapi/libra.h"

namespace libra {
namespace {

using namespace std::string_view_literals;

constexpr std::array mode_names{"observe"sv, "elide"sv, "verify"sv, "auto"sv};
constexpr std::array state_names{"synced"sv, "tunnel"sv, "opaque"sv,
                                 "listen"sv, "dead"sv,   "handshake"sv};
constexpr std::array lower_names{"tcp"sv, "tls-sw"sv, "tls-hw"sv};
constexpr std::array reason_names{
    "none"sv,  "off"sv,   "small"sv,   "gate"sv,   "cap"sv,       "linear"sv,
    "nomem"sv, "fault"sv, "late"sv,    "parser"sv, "header"sv,    "no-parser"sv,
    "flags"sv, "api"sv,   "foreign"sv, "no-mm"sv,  "reconnect"sv, "no-ktls"sv,
};
constexpr std::array reset_names{
    "none"sv,       "dead"sv,  "stray"sv,  "foreign"sv,     "mismatch"sv,
    "unfinished"sv, "guard"sv, "replay"sv, "opaque-sink"sv, "fault"sv,
};
constexpr std::array gate_names{"late"sv, "opaque"sv, "tls"sv, "exited"sv, "unwatched"sv};
constexpr std::array side_names{"request"sv, "response"sv};
constexpr std::array class_state_names{"watched"sv, "proven"sv};
constexpr std::array class_change_names{"none"sv, "proven"sv, "altered"sv, "unforwarded"sv,
                                        "sink"sv};
constexpr std::array stat_names{
    "unspec"sv,    "rx_copied"sv,   "rx_elided"sv,     "rx_elidable"sv,  "rx_messages"sv,
    "rx_frames"sv, "tx_copied"sv,   "tx_reused"sv,     "tx_messages"sv,  "tx_frames"sv,
    "tokens"sv,    "tokens_dead"sv, "tokens_cut"sv,    "suspended"sv,    "retries"sv,
    "reclaimed"sv, "attached"sv,    "attach_failed"sv, "retained"sv,     "retained_peak"sv,
    "live"sv,      "sent"sv,        "spills"sv,        "loads"sv,        "expired"sv,
    "spilled"sv,   "gathered"sv,    "tx_device"sv,     "tx_unchanged"sv,
};

// A number that was added to the interface must get its word here.
static_assert(mode_names.size() == __LIBRA_MODE_MAX);
static_assert(state_names.size() == LIBRA_STREAM_HANDSHAKE + 1);
static_assert(lower_names.size() == __LIBRA_LOWER_MAX);
static_assert(reason_names.size() == __LIBRA_REASON_MAX);
static_assert(reset_names.size() == __LIBRA_RESET_MAX);
static_assert(class_state_names.size() == LIBRA_CLASS_PROVEN + 1);
static_assert(class_change_names.size() == LIBRA_CHANGE_SINK + 1);
static_assert(stat_names.size() == __LIBRA_STAT_MAX);
static_assert(threshold_min == LIBRA_THRESHOLD_MIN && threshold_max == LIBRA_THRESHOLD_MAX &&
              threshold_default == LIBRA_THRESHOLD_DEFAULT);
static_assert(proof_default == LIBRA_PROOF_DEFAULT && sample_default == LIBRA_SAMPLE_DEFAULT &&
              proof_max == LIBRA_PROOF_MAX);
static_assert(parser_name_max == LIBRA_NAME_MAX - 1 && exe_path_max == LIBRA_PATH_MAX - 1);
static_assert(gate_late == LIBRA_GATE_LATE && gate_opaque == LIBRA_GATE_OPAQUE &&
              gate_tls == LIBRA_GATE_TLS && gate_exited == LIBRA_GATE_EXITED &&
              gate_unwatched == LIBRA_GATE_UNWATCHED);

template <std::size_t N>
std::string word(const std::array<std::string_view, N>& names, std::size_t number) {
    if (number < N)
        return std::string(names[number]);
    return fmt::format("unknown-{}", number);
}

} // namespace

std::string to_string(Mode mode) {
    return word(mode_names, static_cast<std::size_t>(mode));
}

std::string to_string(StreamState state) {
    return word(state_names, static_cast<std::size_t>(state));
}

std::string to_string(Lower lower) {
    return word(lower_names, static_cast<std::size_t>(lower));
}

std::string to_string(Reason reason) {
    return word(reason_names, static_cast<std::size_t>(reason));
}

std::string to_string(Reset reset) {
    return word(reset_names, static_cast<std::size_t>(reset));
}

std::string to_string(Side side) {
    return word(side_names, static_cast<std::size_t>(side));
}

std::string to_string(ClassState state) {
    return word(class_state_names, static_cast<std::size_t>(state));
}

std::string to_string(ClassChange change) {
    return word(class_change_names, static_cast<std::size_t>(change));
}

std::vector<std::string> gate_words(std::uint32_t gate) {
    std::vector<std::string> words;
    for (std::uint32_t bit = 0; bit < 32; ++bit) {
        if ((gate & (1U << bit)) != 0)
            words.push_back(word(gate_names, bit));
    }
    return words;
}

std::optional<Mode> mode_from_string(std::string_view text) noexcept {
    const auto* found = std::find(mode_names.begin(), mode_names.end(), text);
    if (found == mode_names.end())
        return std::nullopt;
    return static_cast<Mode>(found - mode_names.begin());
}

bool is_parser_name(std::string_view name) noexcept {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
    };
    return !name.empty() && name.size() <= parser_name_max &&
           std::all_of(name.begin(), name.end(), allowed);
}

std::uint64_t Stats::counter(std::string_view name) const noexcept {
    const auto found = std::find_if(counters.begin(), counters.end(),
                                    [&](const Counter& each) { return each.name == name; });
    return found == counters.end() ? 0 : found->value;
}

namespace detail {

std::string stat_name(std::size_t number) {
    return word(stat_names, number);
}

} // namespace detail
} // namespace libra
