// SPDX-License-Identifier: GPL-2.0
#include "elsewhere.hpp"

#include <catch2/catch_test_macros.hpp>

#include "client.hpp"
#include "http.hpp"

namespace guest {

Elsewhere::Elsewhere()
    : origin_(net_.origin())
    , toy_(net_.proxy(), {"relay", "7000", net_.origin_address(), std::to_string(origin_.port())})
    , attachment_(toy_.pid(), "", AttachOptions{}) {
    Exchange what = get(200'000);
    what.close = true;
    for (int i = 0; i < 2; ++i) {
        toy_.write_line("copy");
        Client client(net_.client(), net_.proxy_address(), 7000);
        CHECK(client.exchange(what).good());
        const std::string report = toy_.read_line();
        const auto bytes = from_hex(report.substr(report.find("token=") + 6, 2 * marker_size));
        marker_.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
}

void Elsewhere::stop() {
    toy_.stop();
    attachment_.detach();
}

} // namespace guest
