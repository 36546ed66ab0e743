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

/*
 * One part to lower: the next @len bytes of @part, which is not advanced, or
 * bytes of ours. Bytes accepted or an error. Never waits; with tx.lock, and not
 * with the socket locked.
 */
int libra_tx_part(struct libra_sock *ls, const struct iov_iter *part, size_t len,
		  int flags);
int libra_tx_bytes(struct libra_sock *ls, const u8 *bytes, u32 len, int flags);
/* Counts @len bytes that went out copied; with tx.lock */
void libra_tx_copied(struct libra_sock *ls, u32 len);
/*
 * Waits for room; with no progress since the last time (@stuck) for memory,
 * which sk_stream_wait_memory() does for a random while. Without tx.lock.
 */
int libra_tx_wait(struct sock *sk, long *timeo, bool stuck);

#endif /* _LIBRA_TX_H */
