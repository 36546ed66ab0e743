/* SPDX-License-Identifier: GPL-2.0 */
/* One read */
#ifndef _LIBRA_RX_CALL_H
#define _LIBRA_RX_CALL_H

#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/types.h>
#include <linux/uio.h>

struct libra_domain;
struct libra_payload;
struct libra_sock;
struct libra_stream;
struct msghdr;

/* With rx.lock */
struct libra_rx_call {
	struct libra_sock *ls;
	struct libra_stream *stream;
	struct libra_domain *domain;
	struct iov_iter *to;
	size_t available;		/* unread bytes behind the actor */
	size_t done;			/* bytes that the read will answer */
	int err;
	bool elide;			/* this read may */
	bool record_ends;		/* with a byte that it answers */
	/* the open placeholder */
	struct libra_payload *payload;
	struct iov_iter place;
	u32 planned;
};

/* What a read returns when nothing was read, and lower has to */
#define LIBRA_RX_PLAIN	(-ENOTSUPP)

/* @len bytes were taken from the socket */
static inline void libra_rx_passed(struct libra_rx_call *call, u32 len)
{
	call->done += len;
	call->available -= min_t(size_t, len, call->available);
}

/*
 * Takes from lower what is there, as far as the buffer goes, with the socket
 * locked; what lower's read_sock() returned. Errors of our own are in call->err.
 */
int libra_rx_drain(struct libra_rx_call *call);

#endif /* _LIBRA_RX_CALL_H */
