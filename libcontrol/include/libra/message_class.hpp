// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_MESSAGE_CLASS_HPP
#define LIBRA_MESSAGE_CLASS_HPP

#include <cstdint>
#include <string>

#include <libra/export.hpp>

/// Classes of messages: what the modes verify and auto know of a process. The
/// numbers of the enumerations are those of the netlink interface.
namespace libra {

enum class Side : std::uint8_t { request, response };

enum class ClassState : std::uint8_t {
    watched, ///< its messages are copied and compared
    proven,  ///< mode auto elides it
};

/// Why a class changed its state.
enum class ClassChange : std::uint8_t {
    none,
    proven,      ///< enough messages in a row were verbatim
    altered,     ///< a message went out changed
    unforwarded, ///< a message never went out
    sink,        ///< the process has a sink that it had not before
};

/// Messages that a process is expected to treat alike, since they look alike to
/// the parser. Counts are since the class was first met.
struct MessageClass {
    std::uint32_t domain = 0;
    std::uint32_t pid = 0; ///< 0: not visible from here
    Side side = Side::request;
    /// What the parser says of the message. Printable ASCII, whatever the peer
    /// sent: other bytes read as '?'.
    std::string label;
    std::string for_label; ///< of responses: what it says of the client's request, if that is known
    ClassState state = ClassState::watched;
    std::uint64_t verbatim = 0;    ///< messages that went out as they came in
    std::uint64_t altered = 0;     ///< messages that began so and then differed
    std::uint64_t unforwarded = 0; ///< messages that nothing went out for
    std::uint64_t elided = 0;      ///< messages that were elided, mode auto
    std::uint64_t bytes = 0;       ///< payload of the verbatim ones
    std::uint32_t streak = 0;      ///< messages in a row that were verbatim
};

/// A class as it is after the change. The pid is that of the initial namespace. A
/// new sink is one for all classes of a process: label and counts are empty then.
struct ClassEvent : MessageClass {
    ClassChange change = ClassChange::none;
};

/// Short lower-case words, the same as in JSON. An unknown number gives
/// "unknown-<number>".
LIBRA_API std::string to_string(Side side);
LIBRA_API std::string to_string(ClassState state);
LIBRA_API std::string to_string(ClassChange change);

} // namespace libra

#endif
