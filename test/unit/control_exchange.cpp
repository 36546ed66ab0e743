// SPDX-License-Identifier: GPL-2.0
#include <cerrno>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <linux/netlink.h>

#include <libra/error.hpp>

#include "exchange.hpp"
#include "uapi/libra.h"

using namespace libra;
using namespace libra::detail;

namespace {

constexpr int family = 0x1c;

/// A kernel of which each answer is written down beforehand.
class FakeKernel final : public Transport {
public:
    int family() const noexcept override { return ::family; }

    void send(nl_msg* message) override {
        nlmsg_hdr(message)->nlmsg_seq = ++sequence_;
        flags_.push_back(nlmsg_hdr(message)->nlmsg_flags);
    }

    std::vector<std::byte> receive() override {
        REQUIRE_FALSE(answers_.empty());
        auto answer = answers_.front();
        answers_.pop_front();
        // Sequence numbers are known only now; 0 stands for the current one
        auto* header = reinterpret_cast<nlmsghdr*>(answer.data());
        int left = static_cast<int>(answer.size());
        for (; nlmsg_ok(header, left) != 0; header = nlmsg_next(header, &left)) {
            if (header->nlmsg_seq == 0)
                header->nlmsg_seq = sequence_;
        }
        return answer;
    }

    void answer(std::vector<std::byte> bytes) { answers_.push_back(std::move(bytes)); }
    std::uint32_t sent() const { return sequence_; }
    const std::vector<std::uint16_t>& flags() const { return flags_; }
    bool is_done() const { return answers_.empty(); }

private:
    std::uint32_t sequence_ = 0;
    std::vector<std::uint16_t> flags_;
    std::deque<std::vector<std::byte>> answers_;
};

std::vector<std::byte> raw(std::uint16_t type, std::uint16_t flags, const std::string& payload,
                           std::uint32_t sequence = 0) {
    nlmsghdr header{};
    header.nlmsg_len = static_cast<std::uint32_t>(NLMSG_HDRLEN + payload.size());
    header.nlmsg_type = type;
    header.nlmsg_flags = flags;
    header.nlmsg_seq = sequence;
    std::vector<std::byte> bytes(NLMSG_ALIGN(header.nlmsg_len));
    std::memcpy(bytes.data(), &header, sizeof(header));
    std::memcpy(bytes.data() + NLMSG_HDRLEN, payload.data(), payload.size());
    return bytes;
}

std::vector<std::byte> operator+(std::vector<std::byte> one, const std::vector<std::byte>& two) {
    one.insert(one.end(), two.begin(), two.end());
    return one;
}

template <typename Value>
std::string bytes_of(const Value& value) {
    return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

std::string text_attribute(const std::string& text) {
    nlattr attribute{};
    attribute.nla_type = NLMSGERR_ATTR_MSG;
    attribute.nla_len = static_cast<std::uint16_t>(NLA_HDRLEN + text.size() + 1);
    std::string bytes = bytes_of(attribute) + text;
    bytes.resize(NLA_ALIGN(attribute.nla_len));
    return bytes;
}

/// An acknowledgement or refusal; `request` is what comes back of the request
/// behind its header, unless it is capped.
std::vector<std::byte> verdict(int number, const std::string& text, bool capped,
                               const std::string& request = {}) {
    nlmsgerr error{};
    error.error = -number;
    error.msg.nlmsg_len = static_cast<std::uint32_t>(NLMSG_HDRLEN + request.size());
    std::string payload = bytes_of(error);
    std::uint16_t flags = capped ? NLM_F_CAPPED : 0;
    if (!capped) {
        payload += request;
        payload.resize(NLMSG_ALIGN(payload.size()));
    }
    if (!text.empty()) {
        payload += text_attribute(text);
        flags |= NLM_F_ACK_TLVS;
    }
    return raw(NLMSG_ERROR, flags, payload);
}

std::vector<std::byte> entry(const std::string& content, std::uint16_t flags = 0) {
    return raw(family, NLM_F_MULTI | flags, content);
}

std::vector<std::byte> done(int number = 0, const std::string& text = {}, std::uint16_t flags = 0) {
    std::string payload = bytes_of(-number);
    if (!text.empty()) {
        payload += text_attribute(text);
        flags |= NLM_F_ACK_TLVS;
    }
    return raw(NLMSG_DONE, NLM_F_MULTI | flags, payload);
}

Message some_request() {
    return make_message(family, LIBRA_CMD_CONFIG_GET, 0);
}

/// Runs a dump; the entries that came out of it.
std::vector<std::string> read_list(FakeKernel& kernel) {
    std::vector<std::string> list;
    dump(
        kernel, [] { return make_message(family, LIBRA_CMD_POLICY_GET, NLM_F_DUMP); },
        [&](nlmsghdr* header) {
            list.emplace_back(static_cast<char*>(nlmsg_data(header)),
                              static_cast<std::size_t>(nlmsg_datalen(header)));
        },
        [&] { list.clear(); });
    return list;
}

Error refusal_of(FakeKernel& kernel) {
    const Message message = some_request();
    try {
        request(kernel, message.get(), [](nlmsghdr*) {});
    } catch (const Error& error) {
        return error;
    }
    FAIL("not refused");
    return {ErrorKind::failed, 0, ""};
}

} // namespace

TEST_CASE("an answer comes before the acknowledgement", "[exchange]") {
    FakeKernel kernel;
    kernel.answer(raw(family, 0, "answer"));
    kernel.answer(verdict(0, "", true));
    const Message message = some_request();
    int answers = 0;
    request(kernel, message.get(), [&](nlmsghdr*) { ++answers; });
    CHECK(answers == 1);
    CHECK((kernel.flags().front() & NLM_F_ACK) != 0);
    CHECK(kernel.is_done());
}

TEST_CASE("what the kernel says becomes the error's text", "[exchange]") {
    FakeKernel kernel;
    SECTION("capped") {
        kernel.answer(verdict(ENOENT, "no such parser", true));
    }
    SECTION("with the request in front") {
        kernel.answer(verdict(ENOENT, "no such parser", false, "12345678abc"));
    }
    const Error error = refusal_of(kernel);
    CHECK(std::string(error.what()) == "no such parser");
    CHECK(error.number() == ENOENT);
    CHECK(error.kind() == ErrorKind::not_found);
}

TEST_CASE("a refusal without text still says something", "[exchange]") {
    FakeKernel kernel;
    kernel.answer(verdict(EPERM, "", true));
    const Error error = refusal_of(kernel);
    CHECK(error.kind() == ErrorKind::no_privilege);
    CHECK(std::string(error.what()).find(std::strerror(EPERM)) != std::string::npos);
    CHECK_FALSE(error.cure().empty());
}

TEST_CASE("answers to an earlier request are passed over", "[exchange]") {
    FakeKernel kernel;
    kernel.answer(raw(family, 0, "old", 77));
    kernel.answer(raw(NLMSG_ERROR, 0, bytes_of(nlmsgerr{-EINVAL, {}}), 77));
    kernel.answer(verdict(0, "", true));
    const Message message = some_request();
    request(kernel, message.get(), [](nlmsghdr*) { FAIL("not for us"); });
    CHECK(kernel.is_done());
}

TEST_CASE("a list comes in several datagrams", "[exchange]") {
    FakeKernel kernel;
    kernel.answer(entry("1") + entry("2"));
    kernel.answer(entry("3"));
    kernel.answer(done());
    CHECK(read_list(kernel) == std::vector<std::string>{"1", "2", "3"});
    CHECK((kernel.flags().front() & NLM_F_DUMP) == NLM_F_DUMP);
}

TEST_CASE("a list that changed meanwhile is read again from its start", "[exchange]") {
    FakeKernel kernel;
    SECTION("said by an entry") {
        kernel.answer(entry("1") + entry("2", NLM_F_DUMP_INTR) + done());
    }
    SECTION("said by the end") {
        kernel.answer(entry("1"));
        kernel.answer(done(0, "", NLM_F_DUMP_INTR));
    }
    kernel.answer(entry("3") + done());
    CHECK(read_list(kernel) == std::vector<std::string>{"3"});
    CHECK(kernel.sent() == 2);
}

TEST_CASE("a list that never holds still is an error", "[exchange]") {
    FakeKernel kernel;
    for (int i = 0; i < 32; ++i)
        kernel.answer(entry("1", NLM_F_DUMP_INTR) + done());
    try {
        read_list(kernel);
        FAIL("not refused");
    } catch (const Error& error) {
        CHECK(error.number() == EAGAIN);
        CHECK(kernel.sent() == 8);
    }
}

TEST_CASE("a list may be refused at its start and at its end", "[exchange]") {
    FakeKernel kernel;
    SECTION("start") {
        kernel.answer(verdict(EPERM, "not you", true));
    }
    SECTION("end") {
        kernel.answer(entry("1") + done(EPERM, "not you"));
    }
    try {
        read_list(kernel);
        FAIL("not refused");
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::no_privilege);
        CHECK(std::string(error.what()) == "not you");
    }
}
