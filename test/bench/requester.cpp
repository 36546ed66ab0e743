// SPDX-License-Identifier: GPL-2.0
#include "requester.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>

#include "wire.hpp"

namespace bench {

using guest::check;

Requester::Requester(const guest::Namespace& ns, const std::string& address, std::uint16_t port,
                     std::optional<guest::TlsRole> tls)
    : socket_(guest::connect_to(ns, address, port))
    , tls_(tls ? std::make_unique<guest::TlsSession>(socket_.get(), *tls) : nullptr) {}

void Requester::send(std::string_view bytes, int flags) {
    while (tls_ && !bytes.empty()) {
        bytes.remove_prefix(tls_->write(std::as_bytes(std::span(bytes))));
    }
    while (!bytes.empty()) {
        const auto put =
            check(::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | flags), "send");
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
}

std::size_t Requester::receive(std::span<std::byte> to) {
    const std::size_t got = tls_ ? tls_->read(to)
                                 : static_cast<std::size_t>(check(
                                       ::recv(socket_.get(), to.data(), to.size(), 0), "recv"));
    if (got == 0) {
        throw std::runtime_error("the connection ends inside an answer");
    }
    return got;
}

std::uint64_t Requester::discard(std::uint64_t most) {
    static std::array<std::byte, 1 << 16> rubbish;
    if (tls_) {
        return receive(std::span(rubbish).first(std::min<std::uint64_t>(most, rubbish.size())));
    }
    // thrown away by the kernel, without a copy
    const auto got = check(::recv(socket_.get(), nullptr, most, MSG_TRUNC), "recv");
    if (got == 0) {
        throw std::runtime_error("the connection ends inside a body");
    }
    return static_cast<std::uint64_t>(got);
}

std::uint64_t Requester::receive_head(std::uint64_t length) {
    std::array<char, 4096> buffer{};
    std::size_t have = 0;
    std::size_t head = std::string_view::npos;
    while (head == std::string_view::npos && have < buffer.size()) {
        have += receive(std::as_writable_bytes(std::span(buffer).subspan(have)));
        head = std::string_view(buffer.data(), have).find("\r\n\r\n");
    }
    const std::string_view seen(buffer.data(), have);
    const std::string line = fmt::format("Content-Length: {}\r\n", length);
    const auto same = [](char one, char other) { return std::tolower(one) == std::tolower(other); };
    if (seen.substr(0, 12) != "HTTP/1.1 200" ||
        std::search(seen.begin(), seen.end(), line.begin(), line.end(), same) == seen.end()) {
        throw std::runtime_error(fmt::format("not what was asked for: {}", seen.substr(0, 200)));
    }
    return have - (head + 4);
}

void Requester::get(std::uint64_t bytes) {
    send(fmt::format("GET /files/{} HTTP/1.1\r\nHost: libra.bench\r\n\r\n", bytes));
    std::uint64_t left = bytes - std::min(bytes, receive_head(bytes));
    while (left != 0) {
        left -= discard(left);
    }
}

void Requester::post(std::uint64_t bytes) {
    static const std::string body(1 << 16, 'b');
    send(fmt::format("POST /take HTTP/1.1\r\nHost: libra.bench\r\nContent-Length: {}\r\n\r\n",
                     bytes),
         MSG_MORE);
    for (std::uint64_t left = bytes; left != 0;) {
        const auto part = std::min<std::uint64_t>(left, body.size());
        send(std::string_view(body).substr(0, part));
        left -= part;
    }
    receive_head(0);
}

} // namespace bench
