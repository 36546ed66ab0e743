// SPDX-License-Identifier: GPL-2.0
#include "tls_session.hpp"

#include <fcntl.h>

#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "hang.hpp"
#include "process.hpp"
#include "proxy.hpp"
#include "wire.hpp"

namespace guest {
namespace {

using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

std::string why() {
    const char* reason = ERR_reason_error_string(ERR_get_error());
    return reason == nullptr ? "end of file" : reason;
}

Context make_context(const SSL_METHOD* method) {
    Context context(SSL_CTX_new(method), SSL_CTX_free);
    if (!context) {
        throw std::runtime_error("SSL_CTX_new: " + why());
    }
    SSL_CTX_set_mode(context.get(),
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return context;
}

SSL_CTX* context_of(TlsRole role) {
    static const Context client = make_context(TLS_client_method());
    static const Context server = [] {
        Context made = make_context(TLS_server_method());
        const Certificate& files = certificate();
        if (SSL_CTX_use_certificate_file(made.get(), files.certificate.c_str(), SSL_FILETYPE_PEM) !=
                1 ||
            SSL_CTX_use_PrivateKey_file(made.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
            throw std::runtime_error("the server's certificate: " + why());
        }
        return made;
    }();
    static const Context ktls_client = [] {
        Context made = make_context(TLS_client_method());
        SSL_CTX_set_options(made.get(), SSL_OP_ENABLE_KTLS);
        SSL_CTX_set_max_proto_version(made.get(), TLS1_2_VERSION);
        return made;
    }();
    switch (role) {
    case TlsRole::client:
        return client.get();
    case TlsRole::ktls_client:
        return ktls_client.get();
    case TlsRole::server:
        break;
    }
    return server.get();
}

/// Sees each header that OpenSSL reads or writes; `count` is of TlsSession::records().
void count_record(int written, int /*version*/, int content, const void* bytes, std::size_t length,
                  SSL* /*ssl*/, void* count) {
    const auto* header = static_cast<const unsigned char*>(bytes);
    if (written == 0 && content == SSL3_RT_HEADER && length > 0 &&
        header[0] == SSL3_RT_APPLICATION_DATA) {
        ++*static_cast<std::uint64_t*>(count);
    }
}

/// In TLS 1.3 padding is the sender's to choose: two records in three have some, as far as it fits.
std::size_t pad_record(SSL* /*ssl*/, int /*type*/, std::size_t length, void* /*argument*/) {
    return length % 3 == 0 ? 0 : 1 + length % 700;
}

} // namespace

void TlsSession::Free::operator()(ssl_st* ssl) const {
    SSL_free(ssl);
}

TlsSession::TlsSession(int fd, TlsRole role)
    : fd_(fd)
    , ssl_(SSL_new(context_of(role))) {
    check(::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK), "O_NONBLOCK");
    if (!ssl_ || SSL_set_fd(ssl_.get(), fd) != 1) {
        throw std::runtime_error("SSL_new: " + why());
    }
    SSL_set_msg_callback(ssl_.get(), count_record);
    SSL_set_msg_callback_arg(ssl_.get(), &records_);
    SSL_set_record_padding_callback(ssl_.get(), pad_record);
    if (role != TlsRole::server) {
        SSL_set_connect_state(ssl_.get());
    } else {
        SSL_set_accept_state(ssl_.get());
    }
    until_done("a handshake", hang_guard, [this] { return SSL_do_handshake(ssl_.get()); });
}

/// `call` answers as SSL_read() does; 0 is a clean end.
template <typename Call>
std::size_t TlsSession::until_done(const char* what, std::chrono::milliseconds guard, Call&& call) {
    for (;;) {
        pollfd one{fd_, POLLIN, 0};
        {
            const std::lock_guard inside(lock_);
            ERR_clear_error();
            const int done = call();
            if (done > 0) {
                return static_cast<std::size_t>(done);
            }
            switch (SSL_get_error(ssl_.get(), done)) {
            case SSL_ERROR_ZERO_RETURN:
                return 0;
            case SSL_ERROR_WANT_READ:
                break;
            case SSL_ERROR_WANT_WRITE:
                one.events = POLLOUT;
                break;
            default:
                throw Cut(fmt::format("TLS: {}: {}", what, why()), true);
            }
        }
        if (!await({&one, 1}, guard)) {
            throw std::runtime_error(describe_hang(fmt::format("TLS: {}", what)));
        }
    }
}

std::size_t TlsSession::read(std::span<std::byte> to) {
    return until_done("read", hang_guard,
                      [&] { return SSL_read(ssl_.get(), to.data(), static_cast<int>(to.size())); });
}

std::size_t TlsSession::write(std::span<const std::byte> bytes) {
    const std::size_t sent = until_done("write", hang_guard, [&] {
        return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    });
    if (sent == 0) {
        throw Cut("TLS: write behind an end", false);
    }
    return sent;
}

std::size_t TlsSession::ready() {
    const std::lock_guard guard(lock_);
    std::byte byte{};
    return SSL_peek(ssl_.get(), &byte, 1) > 0 ? static_cast<std::size_t>(SSL_pending(ssl_.get()))
                                              : 0;
}

void TlsSession::idle() {
    std::byte byte{};
    until_done("idle", std::chrono::milliseconds::max(),
               [&] { return SSL_peek(ssl_.get(), &byte, 1); });
}

void TlsSession::end() {
    const std::lock_guard guard(lock_);
    SSL_shutdown(ssl_.get());
}

} // namespace guest
