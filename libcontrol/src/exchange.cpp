// SPDX-License-Identifier: GPL-2.0
#include "exchange.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include <fmt/format.h>
#include <linux/netlink.h>

#include <libra/error.hpp>

namespace libra::detail {
namespace {

/// A list is read at most this often before its changes are reported.
constexpr int dump_attempts = 8;

std::string cure_of(ErrorKind kind, int number) {
    if (kind == ErrorKind::no_privilege)
        return "run it as root: CAP_NET_ADMIN in the initial user namespace is needed";
    if (number == EOPNOTSUPP)
        return "the loaded module may be older than this program: compare \"libractl\" and "
               "\"libractl --version\"";
    return {};
}

[[noreturn]] void fail(int number, const std::string& text) {
    const ErrorKind kind = kind_of_errno(number);
    const char* reason = std::strerror(number);
    throw Error(kind, number, text.empty() ? fmt::format("the kernel refused: {}", reason) : text,
                cure_of(kind, number));
}

/// The text among the extack attributes that begin at `offset` of the payload.
std::string extack_text(const nlmsghdr* header, std::size_t offset) {
    const auto length = static_cast<std::size_t>(nlmsg_datalen(header));
    if ((header->nlmsg_flags & NLM_F_ACK_TLVS) == 0 || offset >= length)
        return {};
    auto* first = reinterpret_cast<nlattr*>(static_cast<char*>(nlmsg_data(header)) + offset);
    std::array<nlattr*, NLMSGERR_ATTR_MSG + 1> table{};
    if (nla_parse(table.data(), NLMSGERR_ATTR_MSG, first, static_cast<int>(length - offset),
                  nullptr) < 0 ||
        table[NLMSGERR_ATTR_MSG] == nullptr)
        return {};
    const nlattr* text = table[NLMSGERR_ATTR_MSG];
    const std::string copy(static_cast<const char*>(nla_data(text)),
                           static_cast<std::size_t>(nla_len(text)));
    return copy.substr(0, copy.find('\0'));
}

/// Throws what an NLMSG_ERROR reports; returns for a plain acknowledgement.
void check_error(const nlmsghdr* header) {
    nlmsgerr error{};
    if (nlmsg_datalen(header) < static_cast<int>(sizeof(error)))
        fail(EBADMSG, "the kernel's answer is cut short");
    std::memcpy(&error, nlmsg_data(header), sizeof(error));
    if (error.error == 0)
        return;
    // The refused request comes back in front of the attributes unless it was capped
    std::size_t offset = sizeof(error);
    if ((header->nlmsg_flags & NLM_F_CAPPED) == 0)
        offset += NLMSG_ALIGN(error.msg.nlmsg_len) - NLMSG_HDRLEN;
    fail(-error.error, extack_text(header, offset));
}

/// Throws what the end of a dump reports.
void check_done(const nlmsghdr* header) {
    int error = 0;
    if (nlmsg_datalen(header) < static_cast<int>(sizeof(error)))
        return;
    std::memcpy(&error, nlmsg_data(header), sizeof(error));
    if (error < 0)
        fail(-error, extack_text(header, NLMSG_ALIGN(sizeof(error))));
}

/// Reads up to the acknowledgement or the dump's end. True when the kernel
/// marked a dump as interrupted.
bool read_answers(Transport& transport, std::uint32_t sequence, const Handler& handler) {
    bool interrupted = false;
    for (;;) {
        std::vector<std::byte> buffer = transport.receive();
        auto* header = reinterpret_cast<nlmsghdr*>(buffer.data());
        int left = static_cast<int>(buffer.size());
        for (; nlmsg_ok(header, left) != 0; header = nlmsg_next(header, &left)) {
            // Left over from an exchange that ended in an exception
            if (header->nlmsg_seq != sequence)
                continue;
            if ((header->nlmsg_flags & NLM_F_DUMP_INTR) != 0)
                interrupted = true;
            switch (header->nlmsg_type) {
            case NLMSG_ERROR:
                check_error(header);
                return interrupted;
            case NLMSG_DONE:
                check_done(header);
                return interrupted;
            case NLMSG_NOOP:
                break;
            default:
                handler(header);
            }
        }
    }
}

} // namespace

void request(Transport& transport, nl_msg* message, const Handler& handler) {
    nlmsg_hdr(message)->nlmsg_flags |= NLM_F_ACK;
    transport.send(message);
    read_answers(transport, nlmsg_hdr(message)->nlmsg_seq, handler);
}

void dump(Transport& transport, const std::function<Message()>& message, const Handler& handler,
          const std::function<void()>& restart) {
    for (int attempt = 0; attempt < dump_attempts; ++attempt) {
        if (attempt > 0)
            restart();
        const Message query = message();
        transport.send(query.get());
        if (!read_answers(transport, nlmsg_hdr(query.get())->nlmsg_seq, handler))
            return;
    }
    throw Error(ErrorKind::failed, EAGAIN, "the list kept changing while it was read", "try again");
}

} // namespace libra::detail
