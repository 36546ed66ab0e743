// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_TYPES_HPP
#define LIBRA_TYPES_HPP

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <libra/export.hpp>

/// Plain values, as the kernel reports them. The numbers of the enumerations
/// are those of the netlink interface; a newer module may report numbers that
/// are not listed here, and to_string() copes with them.
namespace libra {

/// What a policy does with payload.
enum class Mode : std::uint8_t {
    observe, ///< parse and count, copy everything
    elide,   ///< leave payload in the kernel
    verify,  ///< copy, and compare what goes out with what came in
    auto_,   ///< "auto": verify a class of messages first, then elide it
};

/// True for the modes under which payload may stay in the kernel.
constexpr bool elides(Mode mode) noexcept {
    return mode == Mode::elide || mode == Mode::auto_;
}

/// True for the modes that keep classes of messages, see MessageClass.
constexpr bool verifies(Mode mode) noexcept {
    return mode == Mode::verify || mode == Mode::auto_;
}

/// What is known of one direction of a socket.
enum class StreamState : std::uint8_t { synced, tunnel, opaque, listen, dead, handshake };

/// The protocol below Libra on a socket, in one direction.
enum class Lower : std::uint8_t {
    tcp,
    tls_sw, ///< kTLS, in software
    tls_hw, ///< kTLS, by the device
};

/// Why a stream is opaque, or why bytes were copied that might have been elided.
enum class Reason : std::uint8_t {
    none,
    off,
    small,
    gate,
    cap,
    linear,
    nomem,
    fault,
    late,
    parser,
    header,
    no_parser,
    flags,
    api,
    foreign,
    no_mm,
    reconnect,
    no_ktls,
};

/// Why Libra reset a connection.
enum class Reset : std::uint8_t {
    none,
    dead,
    stray,
    foreign,
    mismatch,
    unfinished,
    guard,
    replay,
    opaque_sink,
    fault,
};

/// Bounds of PolicySpec::threshold, bytes.
inline constexpr std::uint32_t threshold_min = 512;
inline constexpr std::uint32_t threshold_max = 64U << 20U;
inline constexpr std::uint32_t threshold_default = 16384;

/// Of PolicySpec::proof and PolicySpec::sample; their least is 1.
inline constexpr std::uint32_t proof_default = 32;
inline constexpr std::uint32_t sample_default = 64;
inline constexpr std::uint32_t proof_max = 65535;

/// Longest parser name and longest executable path, bytes without NUL.
inline constexpr std::size_t parser_name_max = 15;
inline constexpr std::size_t exe_path_max = 255;

/// What a policy is made of. At least `pid` or `exe` must be set.
struct PolicySpec {
    std::uint32_t pid = 0;   ///< process and its descendants; 0: any
    std::string exe;         ///< absolute path of the executable; empty: any
    std::uint16_t lport = 0; ///< local port; 0: any
    std::uint16_t rport = 0; ///< remote port; 0: any
    std::string parser = "http1";
    Mode mode = Mode::observe;
    std::uint32_t threshold = threshold_default; ///< bytes of payload
    bool accept_risk = false;                    ///< attach in spite of what inspect() finds
    bool setsockopt = false;                     ///< the process may set the ULP itself
    /// Modes verify and auto; what is not set is the kernel's default.
    std::optional<std::uint32_t> proof;  ///< messages in a row that prove a class when verbatim
    std::optional<std::uint32_t> sample; ///< of a proven class one in so many is verified
    std::uint64_t cap = 0; ///< bytes of payload that its processes may pin together; 0: any
};

/// A policy that the kernel holds.
struct Policy : PolicySpec {
    std::uint32_t id = 0;
    std::uint32_t sockets = 0;  ///< sockets attached through it
    std::uint64_t retained = 0; ///< bytes that its processes pin
    bool draining = false;      ///< detached, waits for its sockets to close
};

/// One end of a connection. `address` is numeric without brackets, empty when
/// the kernel did not say.
struct Endpoint {
    std::string address;
    std::uint16_t port = 0;
};

/// An attached socket. Byte counts are since the attach.
struct Socket {
    std::uint32_t pid = 0;
    std::uint32_t policy = 0;
    std::uint64_t inode = 0;
    std::uint64_t cookie = 0;
    Endpoint local;
    Endpoint remote;
    std::string lower; ///< "tcp", "tls" when one direction has kTLS
    Lower rx_lower = Lower::tcp;
    Lower tx_lower = Lower::tcp;
    std::string parser;
    Mode mode = Mode::observe;
    StreamState rx_state = StreamState::opaque;
    StreamState tx_state = StreamState::opaque;
    Reason rx_reason = Reason::none; ///< why rx_state is opaque
    Reason tx_reason = Reason::none; ///< why tx_state is opaque
    std::uint64_t rx_copied = 0;
    std::uint64_t rx_elided = 0;
    std::uint64_t tx_copied = 0;
    std::uint64_t tx_reused = 0;
};

/// Bits of Domain::gate.
inline constexpr std::uint32_t gate_late = 1U << 0U;
inline constexpr std::uint32_t gate_opaque = 1U << 1U;
inline constexpr std::uint32_t gate_tls = 1U << 2U;
inline constexpr std::uint32_t gate_exited = 1U << 3U;
inline constexpr std::uint32_t gate_unwatched = 1U << 4U;

/// One process with attached sockets.
struct Domain {
    std::uint32_t id = 0;
    std::uint32_t pid = 0; ///< 0: not visible from here
    std::string comm;
    std::uint32_t uid = 0;
    std::uint32_t gate = 0; ///< why elision is off: gate_*; 0: it is on
    std::uint32_t sockets = 0;
    std::uint64_t live = 0;     ///< payload objects not yet sent
    std::uint64_t sent = 0;     ///< payload objects kept for retries
    std::uint64_t retained = 0; ///< bytes pinned now
    std::uint64_t peak = 0;     ///< bytes pinned at most
    std::uint64_t elided = 0;   ///< bytes elided
    std::uint64_t spilled = 0;  ///< bytes of payload that wait in shared memory
};

/// A registered parser.
struct Parser {
    std::string name;
    std::uint32_t state_version = 0;
    std::uint32_t users = 0;      ///< policies that name it
    std::uint32_t generation = 0; ///< 1, and one more for each replacement
};

/// One counter; bytes where its name says so, else events or objects.
struct Counter {
    std::string name;
    std::uint64_t value = 0;
};

/// Counters since the module was loaded, in the kernel's order.
struct Stats {
    std::vector<Counter> counters;
    std::vector<Counter> fallbacks; ///< reads and writes copied, by Reason
    std::vector<Counter> resets;    ///< connections reset, by Reset

    /// Value of a counter by name ("rx_elided"); 0 when the module has none of it.
    LIBRA_API std::uint64_t counter(std::string_view name) const noexcept;
};

/// State of the module as a whole. Limits in bytes.
struct Config {
    std::string version;
    bool enabled = false;
    std::uint64_t cap_total = 0;  ///< that all domains may pin
    std::uint64_t cap_domain = 0; ///< that one domain may pin
    std::uint64_t cap_user = 0;   ///< that the domains of one uid may pin
    std::uint64_t cap_sent = 0;   ///< of sent payload kept for retries, per domain
    std::uint64_t cap_spill = 0;  ///< of payload that waits in shared memory, per domain
    std::uint32_t policies = 0;
    std::uint32_t domains = 0;
    std::uint32_t sockets = 0;
    std::uint32_t parsers = 0;
};

/// What to change of the Config; what is not set stays.
struct ConfigChange {
    std::optional<bool> enabled = {};
    std::optional<std::uint64_t> cap_total = {};
    std::optional<std::uint64_t> cap_domain = {};
    std::optional<std::uint64_t> cap_user = {};
    std::optional<std::uint64_t> cap_sent = {};
    std::optional<std::uint64_t> cap_spill = {};
};

/// Short lower-case words, the same as in JSON. An unknown number gives
/// "unknown-<number>".
LIBRA_API std::string to_string(Mode mode);
LIBRA_API std::string to_string(StreamState state);
LIBRA_API std::string to_string(Lower lower);
LIBRA_API std::string to_string(Reason reason);
LIBRA_API std::string to_string(Reset reset);

/// The words for the bits that are set in a Domain::gate: "late", "opaque",
/// "tls", "exited", "unwatched"; empty when the gate is open.
LIBRA_API std::vector<std::string> gate_words(std::uint32_t gate);

/// The inverse of to_string(Mode); nothing for another word.
LIBRA_API std::optional<Mode> mode_from_string(std::string_view word) noexcept;

/// True for 1 to 15 of [A-Za-z0-9_-]: what may name a parser. Dots are out
/// because bpffs refuses them in the names of pins.
LIBRA_API bool is_parser_name(std::string_view name) noexcept;

} // namespace libra

#endif
