// SPDX-License-Identifier: GPL-2.0
// A whole set-up: network, origin, real proxy, Libra attached; and the checks at a test's end.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client.hpp"
#include "crowd.hpp"
#include "libra.hpp"
#include "origin.hpp"
#include "proxy.hpp"

namespace guest {

struct RigOptions {
    NetOptions net;
    AttachOptions attach;
    bool attached = true;    ///< from the start
    bool beforehand = false; ///< a policy for the executable, before the proxy starts
    int origin_width = Origin::default_width;
};

/// Resets by Libra that a test allows.
enum class Resets {
    none,
    unfinished, ///< of connections that end inside a body with a part of a token held back
    some
};

/// Whether payload must have been left in the kernel.
enum class Elided { some, any };

class Rig {
public:
    /// With LIBRA_TEST_KTLS=1 in the environment nginx has kTLS on both sides (secured()).
    explicit Rig(const ProxyConfig& config, const RigOptions& options = {});
    ~Rig();

    Net net;
    Origin origin;
    std::unique_ptr<Proxy> terminator; ///< TLS without kTLS in front of the origin
    std::unique_ptr<Proxy> proxy;
    std::optional<Attachment> attachment;
    Faults faults;

    Client connect(bool v6 = false, ConnectOptions options = {});
    void attach();
    void detach();

    /// One after the other over a connection that is kept while it can be.
    void talk(const std::vector<Exchange>& exchanges, bool v6 = false);
    /// The same over `width` connections at once.
    void talk_at_once(int width, const std::vector<Exchange>& exchanges);

    /// `count` times the same, measured; the proxy may copy so much of it in percent.
    void expect_savings(const Exchange& what, int count, double copied_percent);

    /// Stops the proxy and detaches; no fault may have been seen.
    void settle(Resets resets = Resets::none, Elided elided = Elided::some);
    /// The same, and nothing may be left of Libra's state: every test ends so.
    void finish(Resets resets = Resets::none, Elided elided = Elided::some);

private:
    Rig(const RigOptions& options, const ProxyConfig& config);

    RigOptions options_;
    Figures before_;
    bool finished_ = false;
};

/// Waits until no policy, domain, socket or payload is left.
void check_nothing_left();

/// How often to do again what looks for a race that `usual` times find: a fifth of them on a
/// kernel that checks itself (LIBRA_TEST_SLOW), where each takes twenty times as long.
int rounds(int usual);

/// The most that a proxy may copy of bodies of this size, in percent.
double allowed_percent(const ProxyConfig& config, std::uint64_t size);

} // namespace guest
