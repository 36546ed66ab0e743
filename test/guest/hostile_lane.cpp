// SPDX-License-Identifier: GPL-2.0
#include "hostile_lane.hpp"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <charconv>

#include <fmt/format.h>

namespace guest::hostile {
namespace {

constexpr std::uint16_t origin_port = 9000;

AttachOptions lowest() {
    AttachOptions options;
    options.threshold = 512;
    return options;
}

/// Which reply a request asks for: the number behind " /r".
std::optional<std::size_t> wanted(std::string_view head) {
    const std::size_t at = head.find(" /r");
    std::size_t number = 0;
    if (at > 32 || std::from_chars(head.data() + at + 3, head.data() + head.size(), number).ec !=
                       std::errc{}) {
        return std::nullopt;
    }
    return number;
}

} // namespace

Lane::Lane(const ProxyConfig& config, bool attached)
    : listener_(listen_on(net_.origin(), origin_port))
    , proxy_(Proxy::start(net_.proxy(), config, endpoint(net_.origin_address(), origin_port))) {
    if (attached) {
        attachment_ = Attachment(proxy_->pid(), proxy_->executable(), lowest());
    }
    state_ = Fd(check(
        ::open(fmt::format("/proc/{}/stat", proxy_->workers().at(0)).c_str(), O_RDONLY | O_CLOEXEC),
        "stat of the proxy"));
}

Lane::~Lane() {
    // After a failed assertion the test ends here: leave nothing for the next one.
    if (proxy_) {
        proxy_->kill();
    }
}

void Lane::stop() {
    clients_.clear();
    origins_.clear();
    proxy_->stop();
    proxy_.reset();
    attachment_.detach();
}

void Lane::begin(const std::vector<Reply>& replies) {
    replies_ = replies;
    clients_.clear();
    origins_.clear();
}

std::size_t Lane::open(const ConnectOptions& options) {
    Peer& peer = clients_.emplace_back();
    peer.fd = connect_to(net_.client(), net_.proxy_address(), Proxy::port, options);
    return clients_.size() - 1;
}

void Lane::send(std::size_t client, std::string_view bytes) {
    Peer& peer = clients_.at(client);
    peer.out.append(bytes);
    // at once, so that what is sent apart may come apart
    write(peer);
}

void Lane::hold(std::size_t client, bool held) {
    clients_.at(client).held = held;
}

bool Lane::read(Peer& peer) {
    static thread_local std::array<char, 65536> block;
    const ssize_t got = ::recv(peer.fd.get(), block.data(), block.size(), MSG_DONTWAIT);
    if (got > 0) {
        peer.got.bytes.append(block.data(), static_cast<std::size_t>(got));
        return true;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    if (peer.got.end == End::open) {
        peer.got.end = got == 0 && !peer.broken ? End::clean : End::reset;
    }
    return true;
}

bool Lane::write(Peer& peer) {
    bool moved = false;
    while (!peer.out.empty()) {
        const ssize_t sent =
            ::send(peer.fd.get(), peer.out.data(), peer.out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EAGAIN) {
                return moved;
            }
            peer.out.clear();
            // what came before the reset is still there to be read, the error is not
            peer.ended = peer.broken = true;
            return true;
        }
        moved = true;
        peer.out.erase(0, static_cast<std::size_t>(sent));
    }
    if (peer.ending && !peer.ended) {
        ::shutdown(peer.fd.get(), SHUT_WR);
        peer.ended = true;
    }
    return moved;
}

void Lane::answer(Peer& origin) {
    while (!origin.ending && origin.parsed < origin.got.bytes.size()) {
        const auto rest = std::string_view(origin.got.bytes).substr(origin.parsed);
        const Part part = next_part(rest, Heads::requests);
        if (!part.whole) {
            return;
        }
        origin.parsed += part.used;
        const auto number = wanted(part.head);
        if (number && *number < replies_.size()) {
            origin.out += replies_[*number].bytes;
            origin.ending = replies_[*number].end;
        } else {
            origin.out += "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        }
    }
}

bool Lane::move(Peer& peer, short events) {
    bool moved = false;
    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0 && !peer.held && peer.got.end == End::open) {
        moved = read(peer);
    }
    if (!peer.out.empty() || (peer.ending && !peer.ended)) {
        moved |= write(peer);
    }
    return moved;
}

bool Lane::pump(int milliseconds) {
    std::vector<pollfd> fds = {{listener_.get(), POLLIN, 0}};
    std::vector<Peer*> peers;
    for (auto* list : {&clients_, &origins_}) {
        for (Peer& peer : *list) {
            const bool reads = peer.got.end == End::open && !peer.held;
            const short events =
                static_cast<short>((reads ? POLLIN : 0) | (peer.out.empty() ? 0 : POLLOUT));
            if (events != 0) {
                fds.push_back({peer.fd.get(), events, 0});
                peers.push_back(&peer);
            }
        }
    }
    if (::poll(fds.data(), fds.size(), milliseconds) <= 0) {
        return false;
    }
    bool moved = false;
    for (std::size_t i = 0; i < peers.size(); ++i) {
        if (fds[i + 1].revents != 0) {
            moved |= move(*peers[i], fds[i + 1].revents);
        }
    }
    if (fds[0].revents != 0) {
        Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (fd) {
            tame(fd.get());
            origins_.emplace_back().fd = std::move(fd);
            moved = true;
        }
    }
    for (Peer& origin : origins_) {
        const std::size_t before = origin.out.size();
        answer(origin);
        if (origin.out.size() != before || (origin.ending && !origin.ended)) {
            moved |= write(origin);
        }
    }
    return moved;
}

bool Lane::proxy_sleeps() const {
    std::array<char, 256> text;
    const ssize_t got = ::pread(state_.get(), text.data(), text.size(), 0);
    const std::string_view stat(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    const std::size_t at = stat.find(") ");
    // one that has died does nothing more either
    return at == std::string_view::npos || stat.substr(at + 2, 1) == "S";
}

bool Lane::in_flight() const {
    for (const auto* list : {&clients_, &origins_}) {
        for (const Peer& peer : *list) {
            int unacknowledged = 0;
            if (peer.got.end != End::reset &&
                ::ioctl(peer.fd.get(), SIOCOUTQ, &unacknowledged) == 0 &&
                (unacknowledged > 0 || !peer.out.empty())) {
                return true;
            }
        }
    }
    return false;
}

void Lane::settle() {
    // What is in flight while the proxy sleeps is what it does not want (its window is shut).
    constexpr int shut = 20;
    int stalled = 0;
    for (int quiet = 0; quiet < 3 && stalled < shut;) {
        if (pump(0)) {
            quiet = stalled = 0;
        } else if (!proxy_sleeps()) {
            quiet = stalled = 0;
            pump(1);
        } else if (in_flight()) {
            quiet = 0;
            ++stalled;
            pump(2);
        } else if (++quiet < 3) {
            // what is between two sockets is in neither of them
            quiet = pump(1) ? 0 : quiet;
        }
    }
}

bool Lane::clients_done() const {
    for (const Peer& peer : clients_) {
        if (peer.got.end == End::open) {
            return false;
        }
    }
    return true;
}

Seen Lane::finish() {
    const auto end_all = [this](std::deque<Peer>& peers) {
        for (Peer& peer : peers) {
            peer.held = false;
            peer.ending = true;
            write(peer);
        }
        for (int i = 0; i < 200 && !clients_done(); ++i) {
            settle();
            if (!clients_done()) {
                pump(2);
            }
        }
    };
    end_all(clients_);
    end_all(origins_);
    settle();
    Seen seen;
    for (auto* list : {&clients_, &origins_}) {
        for (Peer& peer : *list) {
            (list == &clients_ ? seen.clients : seen.origins).push_back(std::move(peer.got));
            const linger now{1, 0};
            ::setsockopt(peer.fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        }
        list->clear();
    }
    settle();
    return seen;
}

} // namespace guest::hostile
