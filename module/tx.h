/* SPDX-License-Identifier: GPL-2.0 */
/* Send: payload is reused where the application hands over its placeholder */
#ifndef _LIBRA_TX_H
#define _LIBRA_TX_H

#include <linux/socket.h>
#include <linux/types.h>

struct iov_iter;
struct libra_sock;
struct sock;

/* proto.sendmsg of attached sockets */
int libra_sendmsg(struct sock *sk, struct msghdr *msg, size_t len);

/* Nothing more will be sent: what is held back goes out, or the connection dies */
void libra_tx_finish(struct libra_sock *ls);
/* The application closes the socket, which may live on long without it */
void libra_tx_close(struct libra_sock *ls);

/*
 * One part to lower: the next @len bytes of @part, which is not advanced, or
 * bytes of ours. Bytes accepted or an error. Never waits; with tx.lock, and not
 * with the socket locked.
 */
int libra_tx_part(struct libra_sock *ls, const struct iov_iter *part, size_t len,
		  int flags);
int libra_tx_bytes(struct libra_sock *ls, const u8 *bytes, u32 len, int flags);

#endif /* _LIBRA_TX_H */
