// SPDX-License-Identifier: GPL-2.0
#include <string>

#include <catch2/catch_test_macros.hpp>

#include "inspect.hpp"
#include "run_in_process.hpp"

using namespace libra;
using namespace libra::detail;

namespace {

HeldSocket socket_of(std::uint32_t pid, SocketKind kind) {
    HeldSocket socket;
    socket.pid = pid;
    socket.kind = kind;
    return socket;
}

HeldSocket listener(std::uint32_t pid, std::uint16_t port) {
    HeldSocket socket = socket_of(pid, SocketKind::tcp_listener);
    socket.local = {"0.0.0.0", port};
    socket.listening = true;
    return socket;
}

HeldSocket udp(std::uint32_t pid, std::uint16_t port, std::uint16_t remote = 0) {
    HeldSocket socket = socket_of(pid, SocketKind::udp);
    socket.local = {"0.0.0.0", port};
    if (remote != 0)
        socket.remote = {"192.0.2.53", remote};
    socket.connected = remote != 0;
    return socket;
}

HeldSocket unix_client(std::uint32_t pid, const std::string& path, std::uint32_t peer) {
    HeldSocket socket = socket_of(pid, SocketKind::unix_stream);
    socket.connected = true;
    socket.peer_name = path;
    socket.peer_pid = peer;
    return socket;
}

} // namespace

TEST_CASE("sockets of logs, names, workers and control are no reason", "[inspect]") {
    HeldSocket control = socket_of(10, SocketKind::unix_stream);
    control.listening = true;
    control.local_name = "/run/haproxy/admin.sock";
    HeldSocket served = socket_of(10, SocketKind::unix_stream);
    served.connected = true;
    served.local_name = "/run/haproxy/admin.sock";
    HeldSocket channel = socket_of(10, SocketKind::unix_stream);
    channel.connected = true;
    channel.peer_pid = 10;
    CHECK(inspect_sockets({listener(10, 80), control, served, channel, udp(10, 40000, 53),
                           udp(10, 40001), udp(10, 40002, 514), unix_client(10, "/dev/log", 1),
                           unix_client(10, "/run/systemd/journal/stdout", 1),
                           unix_client(10, "/run/own.sock", 11)},
                          {10, 11}, {10, 11})
              .empty());
}

TEST_CASE("a connected unix socket of another process is a reason", "[inspect]") {
    const auto findings = inspect_sockets({unix_client(10, "/run/php.sock", 99)}, {10}, {});
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].severity == Severity::refuse);
    CHECK(findings[0].topic == "unix");
    CHECK(findings[0].text.find("/run/php.sock") != std::string::npos);
    CHECK(inspect_sockets({unix_client(10, "@abstract", 99)}, {10}, {}).size() == 1);
}

TEST_CASE("a UDP socket on a port that is served by TCP is HTTP/3", "[inspect]") {
    CHECK(inspect_sockets({listener(10, 9443), udp(10, 9443)}, {10}, {})[0].topic == "quic");
    CHECK(inspect_sockets({udp(10, 443)}, {10}, {})[0].topic == "quic");
    CHECK(inspect_sockets({listener(10, 80), udp(10, 5353)}, {10}, {}).empty());
}

TEST_CASE("ports speak of TLS where there is no configuration to read", "[inspect]") {
    HeldSocket connection = socket_of(10, SocketKind::tcp);
    connection.remote = {"192.0.2.1", 443};
    CHECK(inspect_sockets({listener(10, 443)}, {10}, {10}).size() == 1);
    CHECK(inspect_sockets({connection}, {10}, {10}).size() == 1);
    CHECK(inspect_sockets({listener(10, 443), connection}, {10}, {}).empty());
}

TEST_CASE("what cannot be attached is a reason", "[inspect]") {
    HeldSocket taken = socket_of(10, SocketKind::tcp);
    taken.ulp = "espintcp";
    HeldSocket ktls = socket_of(10, SocketKind::tcp);
    ktls.ulp = "tls";
    HeldSocket ours = socket_of(10, SocketKind::tcp);
    ours.ulp = "libra";
    HeldSocket other = socket_of(10, SocketKind::other);
    other.protocol = "MPTCP";
    const auto findings = inspect_sockets({taken, ktls, ours, other}, {10}, {});
    REQUIRE(findings.size() == 2);
    CHECK(findings[0].topic == "tls");
    CHECK(findings[1].text.find("MPTCP") != std::string::npos);
}

TEST_CASE("TLS libraries are known by their file", "[inspect]") {
    CHECK(mapped_tls_library("7f0-7f1 r-xp 0 08:01 1 /usr/lib/x86_64-linux-gnu/libssl.so.3\n") ==
          "libssl");
    CHECK(mapped_tls_library("7f0-7f1 r-xp 0 08:01 1 /usr/lib/libgnutls.so.30.34.3\n") ==
          "libgnutls");
    CHECK(
        mapped_tls_library("7f0-7f1 r-xp 0 08:01 1 /usr/lib/libc.so.6\n7f2 rw-p [heap]\n").empty());
    CHECK(mapped_tls_library("7f0 /opt/libssl/lib/libfoo.so\n").empty());
}

TEST_CASE("programs are known by their executable", "[inspect]") {
    CHECK(known_program("/usr/sbin/nginx") == "nginx");
    CHECK(known_program("/usr/local/openresty/nginx/sbin/openresty") == "nginx");
    CHECK(known_program("/usr/sbin/haproxy") == "haproxy");
    CHECK(known_program("/opt/nginx/bin/envoy").empty());
    CHECK(known_program("nginx") == "nginx");
}

TEST_CASE("a refusal carries its reasons", "[inspect]") {
    const UnsafeError error({{Severity::refuse, "tls", "a"}, {Severity::note, "unknown", "b"}});
    CHECK(error.kind() == ErrorKind::unsafe);
    CHECK(std::string(error.what()) == "refused to elide, for 1 reason");
    CHECK(error.findings().size() == 2);
}

TEST_CASE("credentials are read from /proc/PID/status", "[inspect]") {
    const Credentials credentials =
        parse_credentials("Name:\tx\nUid:\t1000\t33\t1000\t1000\nGid:\t1\t34\t1\t1\n"
                          "Groups:\t4 24 \nCapPrm:\t000001ffffffffff\n");
    CHECK(credentials.uid == 33);
    CHECK(credentials.gid == 34);
    CHECK(credentials.groups == std::vector<std::uint32_t>{4, 24});
    CHECK(credentials.capabilities == 0x1ffffffffffULL);
    CHECK(parse_credentials("").capabilities == 0);
}
