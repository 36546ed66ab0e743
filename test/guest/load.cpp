// SPDX-License-Identifier: GPL-2.0
#include "load.hpp"

namespace guest {

Load::Load(Rig& rig, std::vector<Exchange> exchanges, const LoadOptions& options)
    : rig_(rig)
    , exchanges_(std::move(exchanges))
    , options_(options) {
    for (int i = 0; i < options_.width; ++i) {
        threads_.emplace_back([this, i] { work(static_cast<std::size_t>(i)); });
    }
}

void Load::work(std::size_t start) {
    std::optional<Client> client;
    for (std::size_t i = start; !stopping_; ++i) {
        const Exchange& what = exchanges_[i % exchanges_.size()];
        try {
            if (!client) {
                client.emplace(rig_.connect(false, options_.connect));
            }
            const Reply reply = client->exchange(what);
            const bool silent = reply.status == 0 && reply.wrong.empty();
            if (!silent || !options_.excuse_silence) {
                rig_.faults.add(flaw(what, reply));
            }
            if (!reply.keep) {
                client.reset();
            }
            ++done_;
            // Leaves the processor to what happens meanwhile.
            ::usleep(2000);
        } catch (const std::exception& error) {
            client.reset();
            if (!options_.excuse_silence) {
                rig_.faults.add(describe(what) + ": " + error.what());
                return;
            }
        }
    }
}

void Load::wait_for(std::uint64_t more) {
    const std::uint64_t goal = done_ + more;
    if (!eventually([&] { return done_ >= goal; })) {
        rig_.faults.add("the traffic in the background has come to a stop");
    }
}

void Load::stop() {
    stopping_ = true;
    threads_.clear();
}

} // namespace guest
