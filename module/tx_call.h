/* SPDX-License-Identifier: GPL-2.0 */
/* One write, cut into parts */
#ifndef _LIBRA_TX_CALL_H
#define _LIBRA_TX_CALL_H

#include <linux/socket.h>
#include <linux/types.h>
#include <linux/uio.h>

struct libra_domain;
struct libra_sock;
struct libra_stream;

/* With tx.lock */
struct libra_tx_call {
	struct libra_sock *ls;
	struct libra_stream *stream;
	struct libra_domain *domain;
	struct iov_iter *from;
	int flags;		/* for each part; the last one's MSG_MORE and MSG_EOR */
	size_t unseen;		/* how many of its last bytes were not searched ahead */
	bool corked;		/* its last part waits for more of the body, or an ACK */
};

/* Flags of a part of @len bytes: all but the last go out with MSG_MORE */
static inline int libra_tx_flags(const struct libra_tx_call *call, size_t len)
{
	return call->flags | (iov_iter_count(call->from) > len ? MSG_MORE : 0);
}

#endif /* _LIBRA_TX_CALL_H */
