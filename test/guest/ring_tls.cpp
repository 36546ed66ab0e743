// SPDX-License-Identifier: GPL-2.0
#include "ring_tls.hpp"

#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <string_view>
#include <system_error>
#include <thread>

namespace guest {
namespace {

constexpr std::string_view tls = "tls";

// liburing of Debian 12 is older than this call (Linux 6.7)
constexpr std::uint32_t setsockopt_command = 3;
struct SetsockoptEntry {
    std::uint8_t opcode;
    std::uint8_t flags;
    std::uint16_t priority;
    std::int32_t file;
    std::uint32_t command;
    std::uint32_t padding;
    std::uint32_t level;
    std::uint32_t option;
    std::uint32_t length;
    std::uint32_t command_flags;
    std::uint64_t user_data;
    std::uint32_t rest;
    std::uint32_t value_size;
    std::uint64_t value;
    std::uint64_t last;
};
static_assert(sizeof(SetsockoptEntry) == sizeof(io_uring_sqe));

int must(int result, const char* what) {
    if (result < 0) {
        throw std::system_error(-result, std::generic_category(), what);
    }
    return result;
}

class Ring {
public:
    explicit Ring(int socket) {
        must(::io_uring_queue_init(4, &ring_, 0), "io_uring_queue_init");
        must(::io_uring_register_files(&ring_, &socket, 1), "io_uring_register_files");
    }
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;
    ~Ring() { ::io_uring_queue_exit(&ring_); }

    void ask_for_tls() {
        SetsockoptEntry entry{};
        entry.opcode = IORING_OP_URING_CMD;
        entry.command = setsockopt_command;
        entry.level = IPPROTO_TCP;
        entry.option = TCP_ULP;
        entry.value_size = tls.size();
        entry.value = reinterpret_cast<std::uint64_t>(tls.data());
        io_uring_sqe* const call = ::io_uring_get_sqe(&ring_);
        std::memcpy(call, &entry, sizeof(entry));
        by_worker(call);
    }
    void send(std::span<const char> bytes) {
        io_uring_sqe* const call = ::io_uring_get_sqe(&ring_);
        ::io_uring_prep_send(call, 0, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        call->user_data = 1;
        by_worker(call);
    }
    /// Both calls; what the second one returned.
    int complete() {
        std::array<int, 2> results{};
        for (int i = 0; i < 2; ++i) {
            io_uring_cqe* done = nullptr;
            int error = 0;
            do {
                error = ::io_uring_wait_cqe(&ring_, &done);
            } while (error == -EINTR);
            must(error, "io_uring_wait_cqe");
            results.at(done->user_data) = done->res;
            ::io_uring_cqe_seen(&ring_, done);
        }
        return results[1];
    }

private:
    void by_worker(io_uring_sqe* call) {
        call->flags = IOSQE_FIXED_FILE | IOSQE_ASYNC;
        must(::io_uring_submit(&ring_), "io_uring_submit");
    }

    io_uring ring_{};
};

int send_while_asking(Ring& ring, std::span<const char> bytes, std::chrono::milliseconds turn) {
    ring.ask_for_tls();
    std::this_thread::sleep_for(turn);
    ring.send(bytes);
    return ring.complete();
}

} // namespace

int send_while_ring_asks_for_tls(int socket, std::span<const char> bytes,
                                 std::chrono::milliseconds turn) {
    Ring ring(socket);
    return send_while_asking(ring, bytes, turn);
}

int send_while_ring_asks_for_tls(Fd socket, std::span<const char> bytes,
                                 std::chrono::milliseconds turn) {
    Ring ring(socket.get());
    socket.reset();
    return send_while_asking(ring, bytes, turn);
}

} // namespace guest
