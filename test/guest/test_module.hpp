// SPDX-License-Identifier: GPL-2.0
// One of the tests' own kernel modules (test/guest/modules), loaded for as long as it is wanted.
#pragma once

#include <string>
#include <vector>

namespace guest {

class TestModule {
public:
    /// With parameters as insmod takes them. Throws std::runtime_error when it cannot be loaded.
    TestModule(std::string name, const std::vector<std::string>& parameters);
    TestModule(const TestModule&) = delete;
    TestModule& operator=(const TestModule&) = delete;
    /// Ends the program when it cannot be unloaded.
    ~TestModule();

    int parameter(const std::string& name) const;

private:
    std::string name_;
};

} // namespace guest
