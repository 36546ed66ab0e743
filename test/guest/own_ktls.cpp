// SPDX-License-Identifier: GPL-2.0
#include "own_ktls.hpp"

#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

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

int own_key(int fd, int direction, std::uint16_t version, std::uint64_t records) {
    tls12_crypto_info_aes_gcm_128 keys{};
    keys.info.version = version;
    keys.info.cipher_type = TLS_CIPHER_AES_GCM_128;
    std::memset(keys.key, 'k', sizeof(keys.key));
    std::memset(keys.iv, 'i', sizeof(keys.iv));
    std::memset(keys.salt, 's', sizeof(keys.salt));
    for (std::size_t i = sizeof(keys.rec_seq); i-- != 0; records >>= 8U) {
        keys.rec_seq[i] = static_cast<unsigned char>(records);
    }
    return ::setsockopt(fd, SOL_TLS, direction, &keys, sizeof(keys));
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
