/* SPDX-License-Identifier: GPL-2.0 */
/* Metadata on its way out */
#ifndef _LIBRA_METADATA_H
#define _LIBRA_METADATA_H

#include <linux/socket.h>
#include <linux/types.h>
#include <linux/uio.h>

#include "uapi/libra.h"

struct libra_domain;
struct libra_sock;
struct libra_stream;

/* One write; with tx.lock */
struct libra_tx_call {
	struct libra_sock *ls;
	struct libra_stream *stream;
	struct libra_domain *domain;
	struct iov_iter *from;
	int flags;		/* for each part; the last one's MSG_MORE and MSG_EOR */
	size_t unseen;		/* how many of its last bytes were not searched ahead */
};

/* Flags of a part of @len bytes: all but the last go out with MSG_MORE */
static inline int libra_tx_flags(const struct libra_tx_call *call, size_t len)
{
	return call->flags | (iov_iter_count(call->from) > len ? MSG_MORE : 0);
}

/*
 * Parses and sends what is next. Bytes taken from the application, 0 when only
 * the state changed (framing may be lost), or an error
 */
int libra_metadata_send(struct libra_tx_call *call);
/*
 * Framing is lost, in spite of the `looked` bytes behind what has passed. What an
 * outgoing connection says from its first byte on and nobody can read is most
 * likely TLS: placeholders may be encrypted in it already, and so may those of
 * every later one. Text that the parser does not like is only watched.
 */
int libra_metadata_give_up(struct libra_tx_call *call, enum libra_reason reason,
			   u32 looked);

#endif /* _LIBRA_METADATA_H */
