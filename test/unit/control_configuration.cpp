// SPDX-License-Identifier: GPL-2.0
#include "control_configuration.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

#include <catch2/catch_test_macros.hpp>

std::string fixture(const std::string& name) {
    std::ifstream file(std::string(LIBRA_FIXTURES "/") + name);
    REQUIRE(file.good());
    return {std::istreambuf_iterator<char>(file), {}};
}

Topics refusals(const std::vector<libra::Finding>& findings) {
    Topics topics;
    for (const libra::Finding& each : findings) {
        if (each.severity == libra::Severity::refuse &&
            std::find(topics.begin(), topics.end(), each.topic) == topics.end())
            topics.push_back(each.topic);
    }
    return topics;
}
