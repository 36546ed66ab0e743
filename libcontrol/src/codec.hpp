// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_CODEC_HPP
#define LIBRA_CODEC_HPP

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include <libra/message_class.hpp>
#include <libra/types.hpp>

/// Translates between netlink attributes and the values of types.hpp. Touches
/// no socket.
namespace libra::detail {

struct MessageDeleter {
    void operator()(nl_msg* message) const noexcept { nlmsg_free(message); }
};
using Message = std::unique_ptr<nl_msg, MessageDeleter>;

/// A generic netlink request; `flags` beside NLM_F_REQUEST.
Message make_message(int family, std::uint8_t command, int flags);

/// The attributes of a message or a nest. Reading one that is absent or too
/// short gives 0 or an empty text: an older or newer module may leave it out.
class Attributes {
public:
    /// Of a generic netlink message of this project's family.
    explicit Attributes(nlmsghdr* message);
    /// Of a nest; `nest` may be null.
    explicit Attributes(const nlattr* nest);

    std::uint8_t u8(int type) const noexcept;
    std::uint16_t u16(int type) const noexcept;
    std::uint32_t u32(int type) const noexcept;
    std::uint64_t u64(int type) const noexcept;
    std::string string(int type) const;
    /// Numeric form of a binary IPv4 or IPv6 address.
    std::string address(int type) const;
    const nlattr* get(int type) const noexcept;

private:
    static constexpr int max_type = 63;
    std::array<nlattr*, max_type + 1> table_{};
};

void put_policy(nl_msg* message, const PolicySpec& spec);
void put_policy_cap(nl_msg* message, std::uint32_t id, std::uint64_t cap);
void put_config(nl_msg* message, const ConfigChange& change);
void put_socket(nl_msg* message, int fd, std::uint32_t pid, std::uint32_t policy);

Config parse_config(const Attributes& attributes);
Policy parse_policy(const Attributes& attributes);
Socket parse_socket(const Attributes& attributes);
Domain parse_domain(const Attributes& attributes);
Parser parse_parser(const Attributes& attributes);
MessageClass parse_class(const Attributes& attributes);
ClassEvent parse_class_event(const Attributes& attributes);
Stats parse_stats(const Attributes& attributes);

/// Says what is wrong with a policy before the kernel is asked.
/// @throws Error invalid
void check_policy(const PolicySpec& spec);

} // namespace libra::detail

#endif
