// SPDX-License-Identifier: GPL-2.0
// Generic netlink by hand: requests that the library would never send.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fd.hpp"

namespace guest {

/// What came of a request.
struct GenlAnswer {
    int error = 0;                  ///< errno, positive; 0 is success
    std::string text;               ///< the kernel's own (extack)
    std::vector<std::byte> payload; ///< of the first answer, behind the generic netlink header
};

class Genl {
public:
    /// Looks the family up; family() is 0 when it is not there.
    explicit Genl(const std::string& family);

    std::uint16_t family() const { return family_; }

    /// Adds an attribute to the next request. Numbers in host order, strings with their NUL.
    Genl& attr(std::uint16_t type, const void* data, std::size_t size);
    Genl& u8(std::uint16_t type, std::uint8_t value) { return attr(type, &value, sizeof(value)); }
    Genl& u16(std::uint16_t type, std::uint16_t value) { return attr(type, &value, sizeof(value)); }
    Genl& u32(std::uint16_t type, std::uint32_t value) { return attr(type, &value, sizeof(value)); }
    Genl& u64(std::uint16_t type, std::uint64_t value) { return attr(type, &value, sizeof(value)); }
    Genl& string(std::uint16_t type, const std::string& value) {
        return attr(type, value.c_str(), value.size() + 1);
    }

    /// Adds bytes that need not be an attribute.
    Genl& raw(const void* data, std::size_t size);

    /// Sends what was collected and waits for the answer.
    GenlAnswer request(std::uint8_t command, bool dump = false);

private:
    GenlAnswer exchange(std::uint16_t type, std::uint8_t command, bool dump);

    Fd socket_;
    std::uint16_t family_ = 0;
    std::uint32_t sequence_ = 0;
    std::vector<std::byte> attributes_;
};

} // namespace guest
