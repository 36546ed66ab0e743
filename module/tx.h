/* SPDX-License-Identifier: GPL-2.0 */
/* Send: payload is reused where the application hands over its placeholder */
#ifndef _LIBRA_TX_H
#define _LIBRA_TX_H

#include <linux/socket.h>
#include <linux/types.h>

struct libra_sock;
struct sock;

/* proto.sendmsg of attached sockets */
int libra_sendmsg(struct sock *sk, struct msghdr *msg, size_t len);

/* Nothing more will be sent: what is held back goes out, or the connection dies */
void libra_tx_finish(struct libra_sock *ls);

/*
 * One part to lower, without waiting: bytes of ours, or @len bytes of the
 * cursor's payload, over which it moves. Bytes accepted or an error. With
 * tx.lock, and not with the socket locked.
 */
int libra_tx_bytes(struct libra_sock *ls, const u8 *bytes, u32 len, int flags);
int libra_tx_cursor(struct libra_sock *ls, u32 len, int flags);

#endif /* _LIBRA_TX_H */
