// SPDX-License-Identifier: GPL-2.0
#include "own_ktls.hpp"

#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>
#include <utility>

#include <openssl/evp.h>

#include "fd.hpp"
#include "proxy.hpp"

#ifndef TCP_ULP
#define TCP_ULP 31
#endif
#ifndef SOL_TLS
#define SOL_TLS 282
#endif

namespace guest {

int ask_for_tls(int fd) {
    return ::setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls"));
}

namespace {

constexpr unsigned char handshake = 22;
constexpr std::array<unsigned char, 5> key_update{24, 0, 0, 1, 0};

/// A record and its type, for sendmsg() and recvmsg().
struct Record {
    explicit Record(std::span<unsigned char> bytes)
        : part{bytes.data(), bytes.size()} {
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
    }
    Record(const Record&) = delete;
    Record& operator=(const Record&) = delete;

    iovec part;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(1)> control{};
    msghdr message{};
};

int set_key(int fd, int direction, std::uint16_t version, std::uint64_t records, char key) {
    tls12_crypto_info_aes_gcm_128 keys{};
    keys.info.version = version;
    keys.info.cipher_type = TLS_CIPHER_AES_GCM_128;
    std::memset(keys.key, key, sizeof(keys.key));
    std::memset(keys.iv, 'i', sizeof(keys.iv));
    std::memset(keys.salt, 's', sizeof(keys.salt));
    for (std::size_t i = sizeof(keys.rec_seq); i-- != 0; records >>= 8U) {
        keys.rec_seq[i] = static_cast<unsigned char>(records);
    }
    return ::setsockopt(fd, SOL_TLS, direction, &keys, sizeof(keys));
}

} // namespace

int own_key(int fd, int direction, std::uint16_t version, std::uint64_t records) {
    return set_key(fd, direction, version, records, 'k');
}

ssize_t send_handshake(int fd, std::span<const unsigned char> bytes) {
    // sendmsg() only reads them
    Record record({const_cast<unsigned char*>(bytes.data()), bytes.size()});
    cmsghdr* type = CMSG_FIRSTHDR(&record.message);
    type->cmsg_level = SOL_TLS;
    type->cmsg_type = TLS_SET_RECORD_TYPE;
    type->cmsg_len = CMSG_LEN(1);
    *CMSG_DATA(type) = handshake;
    return ::sendmsg(fd, &record.message, MSG_NOSIGNAL);
}

int renew_tx(int fd) {
    if (std::cmp_not_equal(check(send_handshake(fd, key_update), "a KeyUpdate"),
                           key_update.size())) {
        throw std::runtime_error("not all of a KeyUpdate was sent");
    }
    return set_key(fd, TLS_TX, TLS_1_3_VERSION, 0, 'n');
}

int renew_rx(int fd) {
    std::array<unsigned char, 64> bytes{};
    Record record(bytes);
    const auto got = check(::recvmsg(fd, &record.message, 0), "a KeyUpdate");
    const cmsghdr* type = CMSG_FIRSTHDR(&record.message);
    if (type == nullptr || type->cmsg_type != TLS_GET_RECORD_TYPE ||
        *CMSG_DATA(type) != handshake || got != key_update.size() ||
        !std::equal(key_update.begin(), key_update.end(), bytes.begin())) {
        throw std::runtime_error("no KeyUpdate");
    }
    return set_key(fd, TLS_RX, TLS_1_3_VERSION, 0, 'n');
}

std::string own_record(std::uint64_t number, std::string_view bytes, std::size_t padding) {
    constexpr std::size_t tag_size = 16;
    constexpr unsigned char application_data = 23;
    std::string inner(bytes);
    inner += static_cast<char>(application_data);
    inner.append(padding, '\0');

    std::array<unsigned char, 16> key{};
    key.fill('k');
    std::array<unsigned char, 12> nonce{'s', 's', 's', 's', 'i', 'i', 'i', 'i', 'i', 'i', 'i', 'i'};
    for (std::size_t i = nonce.size(); number != 0; number >>= 8U) {
        nonce[--i] ^= static_cast<unsigned char>(number);
    }
    const std::size_t size = inner.size() + tag_size;
    const std::array<unsigned char, 5> header{application_data, 3, 3,
                                              static_cast<unsigned char>(size >> 8U),
                                              static_cast<unsigned char>(size)};

    const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> cipher(
        EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    std::string record(header.size() + size, '\0');
    std::copy(header.begin(), header.end(), record.begin());
    auto* out = reinterpret_cast<unsigned char*>(record.data() + header.size());
    int done = 0;
    const bool good =
        cipher &&
        EVP_EncryptInit_ex(cipher.get(), EVP_aes_128_gcm(), nullptr, key.data(), nonce.data()) ==
            1 &&
        EVP_EncryptUpdate(cipher.get(), nullptr, &done, header.data(), int{header.size()}) == 1 &&
        EVP_EncryptUpdate(cipher.get(), out, &done,
                          reinterpret_cast<const unsigned char*>(inner.data()),
                          static_cast<int>(inner.size())) == 1 &&
        EVP_EncryptFinal_ex(cipher.get(), out + inner.size(), &done) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, int{tag_size},
                            out + inner.size()) == 1;
    if (!good) {
        throw std::runtime_error("a record could not be encrypted");
    }
    return record;
}

bool own_ktls(int fd) {
    if (ask_for_tls(fd) < 0 && errno == ENOTCONN) {
        return false;
    }
    check(own_key(fd, TLS_TX, TLS_1_2_VERSION, 0), "TLS_TX");
    check(own_key(fd, TLS_RX, TLS_1_2_VERSION, 0), "TLS_RX");
    return true;
}

bool own_ktls_if_told(int fd) {
    return !told_ktls() || own_ktls(fd);
}

} // namespace guest
