// SPDX-License-Identifier: GPL-2.0
#include <libra/client.hpp>

#include <cerrno>
#include <utility>

#include <libra/error.hpp>

#include "codec.hpp"
#include "netlink_transport.hpp"
#include "uapi/libra.h"

namespace libra {

class Client::Impl {
public:
    explicit Impl(std::unique_ptr<detail::Transport> transport)
        : transport_(std::move(transport)) {}

    detail::Message message(std::uint8_t command, int flags = 0) {
        return detail::make_message(transport_->family(), command, flags);
    }

    void run(const detail::Message& message) {
        detail::request(*transport_, message.get(), [](nlmsghdr*) {});
    }

    /// The one answer of a request, parsed.
    template <typename Value>
    Value one(const detail::Message& message, Value (*parse)(const detail::Attributes&)) {
        std::optional<Value> value;
        detail::request(*transport_, message.get(),
                        [&](nlmsghdr* header) { value = parse(detail::Attributes(header)); });
        if (!value)
            throw Error(ErrorKind::failed, EBADMSG, "the kernel's answer is empty");
        return *std::move(value);
    }

    template <typename Value>
    std::vector<Value> list(std::uint8_t command, Value (*parse)(const detail::Attributes&)) {
        std::vector<Value> values;
        detail::dump(
            *transport_, [&] { return message(command, NLM_F_DUMP); },
            [&](nlmsghdr* header) { values.push_back(parse(detail::Attributes(header))); },
            [&] { values.clear(); });
        return values;
    }

private:
    std::unique_ptr<detail::Transport> transport_;
};

Client::Client()
    : Client(std::make_unique<detail::NetlinkTransport>()) {}
Client::Client(std::unique_ptr<detail::Transport> transport)
    : impl_(std::make_unique<Impl>(std::move(transport))) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Config Client::config() {
    return impl_->one(impl_->message(LIBRA_CMD_CONFIG_GET), detail::parse_config);
}

void Client::set_config(const ConfigChange& change) {
    const auto message = impl_->message(LIBRA_CMD_CONFIG_SET);
    detail::put_config(message.get(), change);
    impl_->run(message);
}

std::uint32_t Client::add_policy(const PolicySpec& spec) {
    detail::check_policy(spec);
    const auto message = impl_->message(LIBRA_CMD_POLICY_ADD);
    detail::put_policy(message.get(), spec);
    return impl_->one(message, detail::parse_policy).id;
}

void Client::delete_policy(std::uint32_t id) {
    const auto message = impl_->message(LIBRA_CMD_POLICY_DEL);
    nla_put_u32(message.get(), LIBRA_POLICY_ATTR_ID, id);
    impl_->run(message);
}

void Client::set_policy_cap(std::uint32_t id, std::uint64_t cap) {
    const auto message = impl_->message(LIBRA_CMD_POLICY_SET);
    detail::put_policy_cap(message.get(), id, cap);
    impl_->run(message);
}

void Client::attach_socket(int fd, std::uint32_t pid, std::uint32_t policy) {
    const auto message = impl_->message(LIBRA_CMD_SOCKET_ATTACH);
    detail::put_socket(message.get(), fd, pid, policy);
    impl_->run(message);
}

std::vector<Policy> Client::policies() {
    return impl_->list(LIBRA_CMD_POLICY_GET, detail::parse_policy);
}

std::vector<Socket> Client::sockets() {
    return impl_->list(LIBRA_CMD_SOCKET_GET, detail::parse_socket);
}

std::vector<Domain> Client::domains() {
    return impl_->list(LIBRA_CMD_DOMAIN_GET, detail::parse_domain);
}

std::vector<Parser> Client::parsers() {
    return impl_->list(LIBRA_CMD_PARSER_GET, detail::parse_parser);
}

std::vector<MessageClass> Client::classes() {
    return impl_->list(LIBRA_CMD_CLASS_GET, detail::parse_class);
}

Stats Client::stats() {
    return impl_->one(impl_->message(LIBRA_CMD_STATS_GET), detail::parse_stats);
}

} // namespace libra
