// SPDX-License-Identifier: GPL-2.0
#include "genl.hpp"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <cstring>
#include <span>

namespace guest {
namespace {

void append(std::vector<std::byte>& to, const void* data, std::size_t size) {
    const auto* bytes = static_cast<const std::byte*>(data);
    to.insert(to.end(), bytes, bytes + size);
    to.resize(NLMSG_ALIGN(to.size()));
}

template <typename Each>
void for_each_attr(std::span<const std::byte> bytes, Each&& each) {
    while (bytes.size() >= sizeof(nlattr)) {
        nlattr attr;
        std::memcpy(&attr, bytes.data(), sizeof(attr));
        if (attr.nla_len < sizeof(attr) || attr.nla_len > bytes.size()) {
            return;
        }
        each(attr.nla_type & NLA_TYPE_MASK,
             bytes.subspan(sizeof(attr), attr.nla_len - sizeof(attr)));
        bytes = bytes.subspan(std::min<std::size_t>(NLA_ALIGN(attr.nla_len), bytes.size()));
    }
}

/// The text behind an error (NLM_F_CAPPED: the request itself is left out).
std::string extack(const nlmsghdr& header, std::span<const std::byte> error) {
    std::string text;
    if ((header.nlmsg_flags & NLM_F_ACK_TLVS) == 0) {
        return text;
    }
    nlmsghdr request;
    std::memcpy(&request, error.data() + sizeof(int), sizeof(request));
    const std::size_t skip =
        sizeof(int) + ((header.nlmsg_flags & NLM_F_CAPPED) != 0 ? sizeof(request)
                                                                : NLMSG_ALIGN(request.nlmsg_len));
    for_each_attr(error.subspan(std::min(skip, error.size())), [&text](int type, auto value) {
        if (type == NLMSGERR_ATTR_MSG) {
            text.assign(reinterpret_cast<const char*>(value.data()), value.size() - 1);
        }
    });
    return text;
}

} // namespace

Genl::Genl(const std::string& family)
    : socket_(check(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC), "netlink")) {
    const int on = 1;
    ::setsockopt(socket_.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
    ::setsockopt(socket_.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
    ::setsockopt(socket_.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
    const timeval guard{30, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &guard, sizeof(guard));

    string(CTRL_ATTR_FAMILY_NAME, family);
    const GenlAnswer answer = exchange(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, false);
    for_each_attr(answer.payload, [this](int type, auto value) {
        if (type == CTRL_ATTR_FAMILY_ID) {
            std::memcpy(&family_, value.data(), sizeof(family_));
        }
    });
}

Genl& Genl::attr(std::uint16_t type, const void* data, std::size_t size) {
    const nlattr header{static_cast<std::uint16_t>(sizeof(nlattr) + size), type};
    append(attributes_, &header, sizeof(header));
    append(attributes_, data, size);
    return *this;
}

Genl& Genl::raw(const void* data, std::size_t size) {
    append(attributes_, data, size);
    return *this;
}

GenlAnswer Genl::request(std::uint8_t command, bool dump) {
    return exchange(family_, command, dump);
}

GenlAnswer Genl::exchange(std::uint16_t type, std::uint8_t command, bool dump) {
    const std::vector<std::byte> attributes = std::exchange(attributes_, {});
    nlmsghdr header{};
    header.nlmsg_len =
        static_cast<std::uint32_t>(NLMSG_LENGTH(sizeof(genlmsghdr)) + attributes.size());
    header.nlmsg_type = type;
    header.nlmsg_flags =
        static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | (dump ? NLM_F_DUMP : 0));
    header.nlmsg_seq = ++sequence_;
    const genlmsghdr generic{command, 1, 0};
    std::vector<std::byte> message;
    append(message, &header, sizeof(header));
    append(message, &generic, sizeof(generic));
    message.insert(message.end(), attributes.begin(), attributes.end());
    check(::send(socket_.get(), message.data(), message.size(), 0), "netlink send");

    GenlAnswer answer;
    std::vector<std::byte> block(65536);
    for (;;) {
        const ssize_t got =
            check(::recv(socket_.get(), block.data(), block.size(), 0), "netlink recv");
        std::span<const std::byte> rest(block.data(), static_cast<std::size_t>(got));
        while (rest.size() >= sizeof(nlmsghdr)) {
            nlmsghdr each;
            std::memcpy(&each, rest.data(), sizeof(each));
            const auto body = rest.subspan(NLMSG_HDRLEN, each.nlmsg_len - NLMSG_HDRLEN);
            if (each.nlmsg_type == NLMSG_ERROR || each.nlmsg_type == NLMSG_DONE) {
                int error = 0;
                std::memcpy(&error, body.data(), sizeof(error));
                answer.error = -error;
                if (each.nlmsg_type == NLMSG_ERROR) {
                    answer.text = extack(each, body);
                }
                return answer;
            }
            if (answer.payload.empty() && body.size() > GENL_HDRLEN) {
                answer.payload.assign(body.begin() + GENL_HDRLEN, body.end());
            }
            rest = rest.subspan(std::min<std::size_t>(NLMSG_ALIGN(each.nlmsg_len), rest.size()));
        }
    }
}

} // namespace guest
