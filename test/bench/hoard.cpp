// SPDX-License-Identifier: GPL-2.0
#include "hoard.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "wire.hpp"

namespace bench {

using guest::check;

namespace {

/// The least that Libra leaves in the kernel.
constexpr std::size_t piece = 1024;

} // namespace

Hoard::Hoard(const guest::Namespace& ns, std::string address, std::uint16_t port,
             std::uint64_t file_bytes)
    : ns_(ns)
    , address_(std::move(address))
    , port_(port)
    , file_bytes_(file_bytes) {}

void Hoard::ask() {
    if (!socket_) {
        socket_ = guest::connect_to(ns_, address_, port_);
    }
    const std::string request =
        fmt::format("GET /files/{} HTTP/1.1\r\nHost: libra.bench\r\n\r\n", file_bytes_);
    check(::send(socket_.get(), request.data(), request.size(), MSG_NOSIGNAL), "send");
    std::string head;
    while (!head.ends_with("\r\n\r\n")) {
        char byte = 0;
        if (check(::recv(socket_.get(), &byte, 1, 0), "recv") == 0) {
            throw std::runtime_error("the connection ends inside a head");
        }
        head += byte;
    }
    left_ = file_bytes_;
}

void Hoard::grow(int pieces) {
    if (pieces == 0) {
        return;
    }
    memory_.emplace_back(static_cast<std::size_t>(pieces) * piece);
    char* to = memory_.back().data();
    for (int i = 0; i < pieces; ++i, to += piece) {
        if (left_ == 0) {
            ask();
        }
        const auto got =
            check(::recv(socket_.get(), to, std::min<std::uint64_t>(piece, left_), 0), "recv");
        if (got == 0) {
            throw std::runtime_error("the connection ends inside a body");
        }
        left_ -= static_cast<std::uint64_t>(got);
    }
}

} // namespace bench
