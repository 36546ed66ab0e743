// SPDX-License-Identifier: GPL-2.0
#include "origin.hpp"

#include <sys/socket.h>

#include <fmt/format.h>

namespace guest {
namespace {

constexpr useconds_t slow_pause = 100;
constexpr useconds_t drip_pause = 500;

/// Thrown to end a connection without a word.
struct Leave {
    bool reset;
};

} // namespace

Origin::Origin(const Namespace& ns, std::uint16_t port, int width, std::optional<TlsRole> tls)
    : Origin(listen_on(ns, port), port, width, tls) {}

Origin::Origin(Fd listener, std::uint16_t port, int width, std::optional<TlsRole> tls)
    : listener_(std::move(listener))
    , port_(port)
    , tls_(tls) {
    for (int i = 0; i < width; ++i) {
        threads_.emplace_back([this] { serve_all(); });
    }
}

Origin::~Origin() {
    stopping_ = true;
    ::shutdown(listener_.get(), SHUT_RDWR);
    drop_connections();
}

std::vector<std::string> Origin::failures() const {
    const std::lock_guard guard(lock_);
    return failures_;
}

void Origin::drop_connections() {
    const std::lock_guard guard(lock_);
    for (const int fd : open_) {
        const linger now{1, 0};
        ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        ::shutdown(fd, SHUT_RDWR);
    }
}

void Origin::fail(const std::string& what) {
    const std::lock_guard guard(lock_);
    if (failures_.size() < 20) {
        failures_.push_back(what);
    }
}

void Origin::serve_all() {
    for (;;) {
        const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) {
            if (stopping_) {
                return;
            }
            continue;
        }
        ++connections_;
        tame(fd);
        Wire wire{Fd(fd)};
        {
            const std::lock_guard guard(lock_);
            open_.insert(fd);
        }
        bool reset = false;
        try {
            if (tls_) {
                wire.secure(*tls_);
            }
            serve(wire);
        } catch (const Leave& leave) {
            reset = leave.reset;
        } catch (const Cut&) {
            // The proxy went away; what it sent until then was compared.
        } catch (const std::exception& error) {
            if (!stopping_) {
                fail(fmt::format("origin: {}", error.what()));
            }
        }
        const std::lock_guard guard(lock_);
        open_.erase(fd);
        reset ? wire.reset() : wire.close();
    }
}

void Origin::serve(Wire& wire) {
    while (!stopping_) {
        // A pooled connection may wait longer than any call inside a message may hang.
        wire.idle();
        const auto head = read_head(wire);
        if (!head || !serve_one(wire, *head)) {
            return;
        }
    }
}

bool Origin::serve_one(Wire& wire, const Head& head) {
    const auto space = head.first.find(' ');
    const auto last = head.first.rfind(' ');
    if (space == last || !head.first.substr(last).starts_with(" HTTP/1.")) {
        throw Malformed("request line: " + head.first);
    }
    ++requests_;
    const std::string method = head.first.substr(0, space);
    const Answer answer = answer_of(head.first.substr(space + 1, last - space - 1));
    const int minor = head.first.back() - '0';
    const bool asked_close = head.has_token("connection", "close") ||
                             (minor == 0 && !head.has_token("connection", "keep-alive"));
    const bool close = asked_close || answer.leave_early || answer.cut_after ||
                       answer.body.framing == Framing::close;

    if (answer.early || answer.leave_early) {
        respond(wire, answer, method, minor, close, {});
        if (answer.leave_early) {
            wire.end();
            return false;
        }
    } else if (head.has_token("expect", "100-continue")) {
        wire.write("HTTP/1.1 100 Continue\r\n\r\n");
    }

    const BodyFraming framing = framing_of(head, Framing::none);
    const Pattern pattern{head.number("x-seed").value_or(0)};
    const auto expected = head.number("x-size").value_or(0);
    const BodyResult body = read_body(wire, framing, pattern);
    if (!body.wrong.empty()) {
        fail(fmt::format("{} body of {}: {}", method, expected, body.wrong));
    }
    if (!body.complete) {
        ++cut_bodies_;
        throw Leave{false};
    }
    if (body.bytes != expected) {
        fail(fmt::format("{} body of {} has {} bytes", method, expected, body.bytes));
    }
    if (!answer.early) {
        respond(wire, answer, method, minor, close, body);
    }
    if (close) {
        wire.end();
        return false;
    }
    return true;
}

void Origin::respond(Wire& wire, const Answer& answer, const std::string& method, int minor,
                     bool close, const BodyResult& body) {
    WriteStyle style;
    if (answer.slow) {
        style.step = 1;
        style.pause = slow_pause;
    }
    if (answer.drip != 0) {
        style.drip = answer.drip;
        style.drip_pause = drip_pause;
    }

    Body sent = answer.body;
    if (minor == 0 && sent.framing == Framing::chunked) {
        sent.framing = Framing::length;
    }
    std::string head =
        fmt::format("HTTP/1.1 {} Some Reason\r\nX-Origin: 1\r\nX-Size: {}\r\n"
                    "X-Received: {} {}\r\nContent-Type: application/octet-stream\r\n",
                    answer.status, sent.size, body.bytes,
                    body.wrong.empty() && body.complete ? "right" : "unchecked");
    if (close) {
        head += "Connection: close\r\n";
    } else if (minor == 0) {
        head += "Connection: keep-alive\r\n";
    }

    if (!answer.token_header.empty()) {
        const auto token = from_hex(answer.token_header);
        head +=
            "X-Token: " + std::string(reinterpret_cast<const char*>(token.data()), token.size()) +
            "\r\n";
    }

    const bool bodyless = answer.status == 204 || answer.status == 304;
    if (answer.status != 204) {
        head += framing_headers(sent);
    }
    if (bodyless || method == "HEAD") {
        sent.framing = Framing::none;
    }
    head += "\r\n";
    const auto stop = answer.reset_after ? answer.reset_after : answer.cut_after;
    write_message(wire, head, sent, style, stop, answer.replay);
    if (answer.reset_after) {
        throw Leave{true};
    }
}

} // namespace guest
