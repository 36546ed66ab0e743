// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_TEST_TOY_KERNEL_HPP
#define LIBRA_TEST_TOY_KERNEL_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <netlink/genl/genl.h>

#include <libra/error.hpp>

#include "exchange.hpp"

namespace libra::test {

inline constexpr int toy_family = 0x1c;

/// The bytes of a message of the family, as the kernel would send it.
inline std::vector<std::byte> message_bytes(std::uint8_t command, std::uint16_t flags,
                                            std::uint32_t sequence,
                                            const std::function<void(nl_msg*)>& fill,
                                            int family = toy_family) {
    const detail::Message message = detail::make_message(family, command, 0);
    fill(message.get());
    nlmsghdr* header = nlmsg_hdr(message.get());
    header->nlmsg_flags = flags;
    header->nlmsg_seq = sequence;
    const auto* first = reinterpret_cast<const std::byte*>(header);
    return {first, first + header->nlmsg_len};
}

/// A kernel that holds lists, answers requests by their command and remembers
/// what it was asked.
class ToyKernel final : public detail::Transport {
public:
    using Fill = std::function<void(nl_msg*)>;

    int family() const noexcept override { return toy_family; }

    void send(nl_msg* message) override {
        nlmsghdr* header = nlmsg_hdr(message);
        header->nlmsg_seq = ++sequence_;
        const std::uint8_t command = genlmsg_hdr(header)->cmd;
        asked.emplace_back(command, detail::Attributes(header).u32(1));
        if (on_request)
            on_request(header);
        const auto found = lists.find(command);
        const std::vector<Fill> entries =
            found == lists.end() ? std::vector<Fill>{} : found->second;
        const bool is_dump = (header->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
        for (const Fill& each : entries)
            answers_.push_back(message_bytes(command, is_dump ? NLM_F_MULTI : 0, sequence_, each));
        const auto refusal = refusals.find(command);
        end(is_dump ? NLMSG_DONE : NLMSG_ERROR, refusal == refusals.end() ? 0 : refusal->second);
    }

    std::vector<std::byte> receive() override {
        REQUIRE_FALSE(answers_.empty());
        auto answer = answers_.front();
        answers_.pop_front();
        return answer;
    }

    /// How often a command was asked.
    std::size_t count(std::uint8_t command) const {
        std::size_t number = 0;
        for (const auto& each : asked)
            number += each.first == command ? 1 : 0;
        return number;
    }

    std::map<std::uint8_t, std::vector<Fill>> lists; ///< by command: the answers
    std::map<std::uint8_t, int> refusals;            ///< by command: errno
    std::function<void(nlmsghdr*)> on_request;
    /// Commands, with the number in the attribute of type 1 (a policy's id)
    std::vector<std::pair<std::uint8_t, std::uint32_t>> asked;

private:
    void end(std::uint16_t type, int number) {
        nlmsgerr error{};
        error.error = -number;
        nlmsghdr header{};
        header.nlmsg_len = NLMSG_LENGTH(sizeof(error));
        header.nlmsg_type = type;
        header.nlmsg_flags = NLM_F_CAPPED;
        header.nlmsg_seq = sequence_;
        std::vector<std::byte> bytes(NLMSG_ALIGN(header.nlmsg_len));
        std::memcpy(bytes.data(), &header, sizeof(header));
        std::memcpy(bytes.data() + NLMSG_HDRLEN, &error, sizeof(error));
        answers_.push_back(bytes);
    }

    std::uint32_t sequence_ = 0;
    std::deque<std::vector<std::byte>> answers_;
};

} // namespace libra::test

#endif
