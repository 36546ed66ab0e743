// SPDX-License-Identifier: GPL-2.0
// A toy that makes socket calls as it is told, and what it and its peer saw, to be compared with
// the same on plain TCP.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "rig.hpp"
#include "toy.hpp"

namespace guest {

/// A toy and a connection to it, on plain TCP or attached.
class Scene {
public:
    static constexpr std::uint16_t port = 7000;
    static constexpr std::uint16_t other_port = 7001;

    explicit Scene(bool attached, const NetOptions& options = {});

    /// So many bytes of the body that all have, from an offset on.
    static std::string body(std::size_t offset, std::size_t size);
    /// The head before a body of this length.
    static std::string request(std::size_t length);

    /// A connection whose process is armed, so that from here on payload is elided.
    Wire& arm();
    Wire& arm(Wire connected);

    /// All of it is in the toy's receive queue afterwards.
    void send(const std::string& bytes) { send(*wire_, bytes); }
    static void send(Wire& wire, const std::string& bytes);
    /// No more comes; the toy's kernel knows.
    void end();

    /// Tells the toy to make these calls, one after the other.
    void ask(const std::vector<std::string>& calls);
    /// Until the toy's socket knows that its connection was reset; nothing is read.
    void wait_for_reset();
    /// What arrives at the far end.
    void hear(Wire& wire, std::size_t size);
    /// What arrives while the toy acts: its calls need not fit into the buffers on the way.
    void hear_while(Wire& wire, std::size_t size, const std::vector<std::string>& calls);

    /// Counted since the last look: nothing without Libra.
    Figures change();
    /// From here on nothing is elided on this connection.
    void expect_copied(Wire& wire);
    // These are about what was counted since the last look, and hold without Libra.
    void expect_elided();
    void expect_reused(bool reused);
    /// More of this counter, and no reset.
    void expect_more(const char* counter);
    void expect_counted(const char* reason);
    void expect_reset(const char* reason);

    void finish();

    Net net;
    std::vector<std::string> said;
    std::vector<std::string> heard;

private:
    Toy toy_;
    bool attached_;
    Attachment attachment_;
    std::optional<Wire> wire_;
    Figures before_ = libra_module::figures();
};

/// Plays it on plain TCP and attached: everything said and heard must be the same.
void same_as_plain(const std::function<void(Scene&)>& play, const NetOptions& options = {});

} // namespace guest
