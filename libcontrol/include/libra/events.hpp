// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_EVENTS_HPP
#define LIBRA_EVENTS_HPP

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include <libra/export.hpp>
#include <libra/message_class.hpp>

namespace libra {

/// What the module tells of its own accord, from construction on: classes of
/// messages that change their state. Not for use by several threads at once.
class LIBRA_API EventStream {
public:
    /// @throws Error no_privilege, no_module; failed: the module is too old to
    ///         send events
    EventStream();
    EventStream(EventStream&&) noexcept;
    EventStream& operator=(EventStream&&) noexcept;
    EventStream(const EventStream&) = delete;
    EventStream& operator=(const EventStream&) = delete;
    ~EventStream();

    /// Waits for the next event.
    /// @param timeout none: for ever
    /// @param stop a descriptor that ends the wait when it can be read; -1: none
    /// @return nothing when the wait ended otherwise, or when lost() went up
    std::optional<ClassEvent> next(std::optional<std::chrono::milliseconds> timeout = {},
                                   int stop = -1);

    /// How often events were lost, since they came faster than they were read.
    std::uint64_t lost() const noexcept;

private:
    class LIBRA_HIDDEN Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace libra

#endif
