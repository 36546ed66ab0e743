// SPDX-License-Identifier: GPL-2.0
#include <memory>
#include <string>

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <libra/client.hpp>
#include <libra/json.hpp>

#include "format.hpp"
#include "toy_kernel.hpp"
#include "uapi/libra.h"

using namespace libra;
using namespace libra::detail;
using Json = nlohmann::ordered_json;

namespace {

void put_class(nl_msg* message) {
    nla_put_u32(message, LIBRA_CLASS_ATTR_DOMAIN, 3);
    nla_put_u32(message, LIBRA_CLASS_ATTR_PID, 4711);
    nla_put_u8(message, LIBRA_CLASS_ATTR_SIDE, 1);
    nla_put_string(message, LIBRA_CLASS_ATTR_LABEL, "200 text/html");
    nla_put_string(message, LIBRA_CLASS_ATTR_FOR, "GET gzip");
    nla_put_u8(message, LIBRA_CLASS_ATTR_STATE, LIBRA_CLASS_PROVEN);
    nla_put_u8(message, LIBRA_CLASS_ATTR_CHANGE, LIBRA_CHANGE_PROVEN);
    nla_put_u64(message, LIBRA_CLASS_ATTR_VERBATIM, 1ULL << 33U);
    nla_put_u64(message, LIBRA_CLASS_ATTR_ALTERED, 2);
    nla_put_u64(message, LIBRA_CLASS_ATTR_UNFORWARDED, 3);
    nla_put_u64(message, LIBRA_CLASS_ATTR_ELIDED, 4);
    nla_put_u64(message, LIBRA_CLASS_ATTR_BYTES, 5ULL << 40U);
    nla_put_u32(message, LIBRA_CLASS_ATTR_STREAK, 32);
}

MessageClass some_class() {
    const Message message = make_message(test::toy_family, LIBRA_CMD_CLASS_GET, 0);
    put_class(message.get());
    return parse_class(Attributes(nlmsg_hdr(message.get())));
}

} // namespace

TEST_CASE("a class is read with all its attributes", "[classes]") {
    const MessageClass each = some_class();
    CHECK(each.domain == 3);
    CHECK(each.pid == 4711);
    CHECK(each.side == Side::response);
    CHECK(each.label == "200 text/html");
    CHECK(each.for_label == "GET gzip");
    CHECK(each.state == ClassState::proven);
    CHECK(each.verbatim == 1ULL << 33U);
    CHECK(each.altered == 2);
    CHECK(each.unforwarded == 3);
    CHECK(each.elided == 4);
    CHECK(each.bytes == 5ULL << 40U);
    CHECK(each.streak == 32);
}

TEST_CASE("what a peer put into a label reaches neither terminal nor JSON", "[classes]") {
    const Message message = make_message(test::toy_family, LIBRA_CMD_CLASS_GET, 0);
    nla_put_string(message.get(), LIBRA_CLASS_ATTR_LABEL, "200 \x1b[2J\xff\x7f~");
    nla_put_string(message.get(), LIBRA_CLASS_ATTR_FOR, "GET\n\x80");
    const MessageClass each = parse_class(Attributes(nlmsg_hdr(message.get())));
    CHECK(each.label == "200 ?[2J??~");
    CHECK(each.for_label == "GET??");
    CHECK_NOTHROW(Json(each).dump());
}

TEST_CASE("the client lists classes", "[classes]") {
    auto transport = std::make_unique<test::ToyKernel>();
    test::ToyKernel& kernel = *transport;
    kernel.lists[LIBRA_CMD_CLASS_GET] = {
        put_class, [](nl_msg* message) { nla_put_u32(message, LIBRA_CLASS_ATTR_DOMAIN, 9); }};
    Client client(std::move(transport));
    const auto classes = client.classes();
    REQUIRE(classes.size() == 2);
    CHECK(classes[0].label == "200 text/html");
    CHECK(classes[1].domain == 9);
    CHECK(classes[1].side == Side::request);
    CHECK(classes[1].state == ClassState::watched);
    CHECK(kernel.count(LIBRA_CMD_CLASS_GET) == 1);
}

TEST_CASE("classes as text and JSON", "[classes]") {
    MessageClass each = some_class();
    each.verbatim = 40;
    CHECK(
        libractl::format_classes({each}) ==
        "PID   SIDE      STATE   STREAK  VERBATIM  ALTERED  UNFORWARDED  ELIDED  BYTES  LABEL     "
        "     FOR\n"
        "4711  response  proven  32      40        2        3            4       5.0T   200 "
        "text/html  GET gzip\n");
    CHECK(Json(each).dump() ==
          R"({"domain":3,"pid":4711,"side":"response","label":"200 text/html","for":"GET gzip",)"
          R"("state":"proven","verbatim":40,"altered":2,"unforwarded":3,"elided":4,)"
          R"("bytes":5497558138880,"streak":32})");
    each.pid = 0;
    each.for_label.clear();
    CHECK(Json(each)["pid"].is_null());
    CHECK(Json(each)["for"].is_null());
    CHECK(libractl::format_classes({each}).ends_with("200 text/html  -\n"));
    CHECK(Json(std::vector<MessageClass>{}).dump() == "[]");
}

TEST_CASE("events as text and JSON", "[classes]") {
    ClassEvent event;
    static_cast<MessageClass&>(event) = some_class();
    event.change = ClassChange::proven;
    CHECK(libractl::format_event(event) ==
          "process 4711: responses \"200 text/html\" to \"GET gzip\": proven: 32 messages in a row "
          "went out as they came in\n");
    const Json json = event;
    CHECK(json["change"] == "proven");
    CHECK(json["label"] == "200 text/html");
    for (const ClassChange change :
         {ClassChange::altered, ClassChange::unforwarded, ClassChange::sink}) {
        event.change = change;
        const std::string text = libractl::format_event(event);
        INFO(text);
        CHECK(text.find("\": " + to_string(change) + ": ") != std::string::npos);
        CHECK(text.find("copied again") != std::string::npos);
    }
    ClassEvent sink;
    sink.pid = 4711;
    sink.change = ClassChange::sink;
    CHECK(libractl::format_event(sink).starts_with("process 4711: sink: "));
    event.change = static_cast<ClassChange>(9);
    event.pid = 0;
    event.side = Side::request;
    event.for_label.clear();
    CHECK(libractl::format_event(event) == "domain 3: requests \"200 text/html\": unknown-9\n");
}
