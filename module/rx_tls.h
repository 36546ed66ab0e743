/* SPDX-License-Identifier: GPL-2.0 */
/* Selective receive of what tls has decrypted */
#ifndef _LIBRA_RX_TLS_H
#define _LIBRA_RX_TLS_H

#include <linux/types.h>

struct libra_rx_call;
struct msghdr;

/*
 * A read of a stream that is framed, with the byte counts, errors and control
 * message of tls's own recvmsg(). With rx.lock, which is let go while it waits.
 */
int libra_rx_tls_receive(struct libra_rx_call *call, struct msghdr *msg, size_t len, int flags);

#endif /* _LIBRA_RX_TLS_H */
