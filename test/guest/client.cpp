// SPDX-License-Identifier: GPL-2.0
#include "client.hpp"

#include <sys/socket.h>

#include <array>
#include <thread>

#include <fmt/format.h>

namespace guest {
namespace {

std::string request_head(const Exchange& what, bool with_body) {
    std::string head = fmt::format("{} {} HTTP/1.{}\r\nHost: libra.test\r\n", what.method,
                                   target_of(what.answer), what.minor);
    if (with_body) {
        head += fmt::format("X-Seed: {}\r\nX-Size: {}\r\n", what.body.seed, what.body.size);
        head += framing_headers(what.body);
    }
    if (what.expect_continue) {
        head += "Expect: 100-continue\r\n";
    }
    if (what.minor == 0 && !what.close) {
        head += "Connection: keep-alive\r\n";
    } else if (what.minor == 1 && what.close) {
        head += "Connection: close\r\n";
    }
    if (!what.header.empty()) {
        head += what.header + "\r\n";
    }
    return head + "\r\n";
}

int status_of(const std::string& line) {
    if (line.size() < 12 || !(line.starts_with("HTTP/1.0 ") || line.starts_with("HTTP/1.1 "))) {
        throw Malformed("status line: " + line);
    }
    const int status = std::atoi(line.substr(9, 3).c_str());
    if (status < 100 || status > 599) {
        throw Malformed("status line: " + line);
    }
    return status;
}

} // namespace

Client::Client(const Namespace& ns, const std::string& address, std::uint16_t port,
               const ConnectOptions& options)
    : wire_(connect_to(ns, address, port, options), options.read) {
    if (options.tls) {
        wire_.secure(*options.tls);
    }
}

void Client::send(const Exchange& what, std::optional<std::uint64_t> stop_after) {
    write_message(wire_, request_head(what, what.body.framing != Framing::none), what.body,
                  what.write, stop_after);
}

Reply Client::receive(const Exchange& what, std::optional<std::uint64_t> stop_after) {
    Reply reply;
    try {
        reply = read_reply(what, stop_after);
    } catch (const Cut& cut) {
        reply.body.reset = cut.reset;
    } catch (const Malformed& error) {
        reply.wrong = error.what();
    }
    if (reply.wrong.empty()) {
        reply.wrong = reply.body.wrong;
    }
    return reply;
}

Reply Client::read_reply(const Exchange& what, std::optional<std::uint64_t> stop_after) {
    Reply reply;
    std::optional<Head> head;
    int status = 0;
    do {
        head = read_head(wire_);
        if (!head) {
            return reply;
        }
        status = status_of(head->first);
    } while (status < 200 && status != 101);

    reply.status = status;
    reply.headers = head->headers;
    reply.by_origin = head->find("x-origin").has_value();
    const bool bodyless = what.method == "HEAD" || status == 204 || status == 304;
    BodyFraming framing = framing_of(*head, Framing::close);
    if (bodyless) {
        framing.kind = Framing::none;
    }
    if (!reply.by_origin) {
        // The proxy's own words: read without comparing.
        reply.body = read_body(wire_, framing, Pattern{});
        reply.body.wrong.clear();
        reply.keep = false;
        return reply;
    }

    const auto size = head->number("x-size").value_or(0);
    if (size != what.answer.body.size || status != what.answer.status) {
        reply.wrong =
            fmt::format("an answer of status {}, size {}: not to this request", status, size);
        return reply;
    }
    reply.body = read_body(wire_, framing, Pattern{what.answer.body.seed}, stop_after);
    if (reply.body.complete && framing.kind != Framing::none && reply.body.bytes != size) {
        reply.wrong =
            fmt::format("a body of {} bytes ended as whole after {}", size, reply.body.bytes);
    }
    reply.keep = reply.body.complete && framing.kind != Framing::close &&
                 !head->has_token("connection", "close") &&
                 (head->first.starts_with("HTTP/1.1") || head->has_token("connection", "keep"));
    return reply;
}

Reply Client::exchange(const Exchange& what) {
    if (what.answer.early || what.answer.leave_early) {
        std::string hung;
        std::jthread sender([&] {
            try {
                send(what);
            } catch (const Cut&) {
                // The other side had heard enough.
            } catch (const std::exception& error) {
                hung = error.what();
            }
        });
        Reply reply = receive(what);
        sender.join();
        if (reply.wrong.empty()) {
            reply.wrong = hung;
        }
        return reply;
    }
    if (!what.expect_continue) {
        try {
            send(what);
        } catch (const Cut&) {
            // What was said before the connection broke can still be read.
        }
        return receive(what);
    }

    wire_.write(request_head(what, true));
    if (const auto interim = read_head(wire_); !interim || status_of(interim->first) != 100) {
        Reply reply;
        reply.wrong = "no 100 Continue: " + (interim ? interim->first : "end");
        return reply;
    }
    write_message(wire_, "", what.body, what.write);
    return receive(what);
}

std::string Client::quiet() {
    const std::size_t more = wire_.unread();
    return more == 0 ? "" : fmt::format("{} bytes behind the answer", more);
}

std::string flaw(const Exchange& what, const Reply& reply) {
    if (!reply.wrong.empty()) {
        return describe(what) + ": " + reply.wrong;
    }
    if (reply.status != what.answer.status || !reply.by_origin) {
        return fmt::format("{}: status {}{}", describe(what), reply.status,
                           reply.body.reset ? " (reset)" : "");
    }
    if (!reply.body.complete) {
        return fmt::format("{}: {} after {} bytes", describe(what),
                           reply.body.reset ? "reset" : "ended", reply.body.bytes);
    }
    return {};
}

std::string describe(const Exchange& what) {
    const auto body = [](const Body& b) {
        constexpr std::array names = {"none", "length", "chunked", "close"};
        return fmt::format("{} {}", b.size, names.at(static_cast<std::size_t>(b.framing)));
    };
    return fmt::format("{} HTTP/1.{} (body {}) -> {} (body {})", what.method, what.minor,
                       body(what.body), what.answer.status, body(what.answer.body));
}

Exchange get(std::uint64_t size, Framing framing) {
    Exchange what;
    what.answer.body.size = size;
    what.answer.body.seed = size + 7;
    what.answer.body.framing = framing;
    return what;
}

Exchange post(std::uint64_t size, Framing framing) {
    Exchange what;
    what.method = "POST";
    what.answer.body.size = 2;
    what.body.size = size;
    what.body.seed = size + 11;
    what.body.framing = framing;
    return what;
}

} // namespace guest
