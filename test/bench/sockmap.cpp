// SPDX-License-Identifier: GPL-2.0
#include "sockmap.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <filesystem>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "fd.hpp"

namespace bench {
namespace {

using guest::check;

std::uint64_t cookie_of(int socket) {
    std::uint64_t cookie = 0;
    socklen_t size = sizeof(cookie);
    check(::getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &size), "SO_COOKIE");
    return cookie;
}

/// What came before the socket was in the map waits in its queue until something more comes; this
/// has the kernel look at the queue again.
void look_again(int socket) {
    const int one = 1;
    check(::setsockopt(socket, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one)), "SO_RCVLOWAT");
}

} // namespace

void Sockmap::Close::operator()(bpf_object* object) const {
    bpf_object__close(object);
}

Sockmap::Sockmap() {
    const auto file =
        std::filesystem::read_symlink("/proc/self/exe").parent_path() / "sockmap.bpf.o";
    object_.reset(bpf_object__open_file(file.c_str(), nullptr));
    if (!object_) {
        throw std::system_error(errno, std::generic_category(), file.string());
    }
    check(bpf_object__load(object_.get()), "loading sockmap.bpf.o");
    peers_ = check(bpf_object__find_map_fd_by_name(object_.get(), "peers"), "no map peers");
    bpf_program* program = bpf_object__find_program_by_name(object_.get(), "forward");
    check(bpf_prog_attach(bpf_program__fd(program), peers_, BPF_SK_SKB_STREAM_VERDICT, 0),
          "attaching to the sockmap");
}

void Sockmap::serve(int client, int upstream) const {
    const auto join = [this](std::uint64_t from, int to) {
        check(bpf_map_update_elem(peers_, &from, &to, BPF_NOEXIST), "joining two sockets");
    };
    join(cookie_of(client), upstream);
    join(cookie_of(upstream), client);
    look_again(client);
    look_again(upstream);
    std::array<pollfd, 2> both{{{client, POLLRDHUP, 0}, {upstream, POLLRDHUP, 0}}};
    check(::poll(both.data(), both.size(), -1), "poll");
}

} // namespace bench
