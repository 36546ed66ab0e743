/* SPDX-License-Identifier: GPL-2.0 */
/* Placeholders: made by a read that leaves payload in the kernel */
#ifndef _LIBRA_ELIDE_H
#define _LIBRA_ELIDE_H

#include <linux/types.h>
#include <linux/uio.h>

struct libra_domain;
struct libra_payload;
struct libra_sock;
struct libra_stream;
struct sk_buff;

/* One read; with rx.lock */
struct libra_rx_call {
	struct libra_sock *ls;
	struct libra_stream *stream;
	struct libra_domain *domain;
	struct iov_iter *to;
	size_t available;		/* unread bytes behind the actor */
	size_t done;			/* bytes that the read will answer */
	int err;
	bool elide;			/* this read may */
	/* the open placeholder */
	struct libra_payload *payload;
	struct iov_iter place;
	u32 planned;
};

/* @len bytes were taken from the socket */
static inline void libra_rx_passed(struct libra_rx_call *call, u32 len)
{
	call->done += len;
	call->available -= min_t(size_t, len, call->available);
}

/*
 * Opens a placeholder for the payload that begins in @skb at @offset, where
 * that is worth it and allowed; false, with the reason counted, where it must
 * be copied.
 */
bool libra_elide_open(struct libra_rx_call *call, struct sk_buff *skb, u32 offset);
/*
 * Moves up to @len bytes into the open placeholder; bytes taken. Closes it
 * when that was all that it can take.
 */
u32 libra_elide_take(struct libra_rx_call *call, struct sk_buff *skb,
		     u32 offset, u32 len);
/* Hands the placeholder to the application */
void libra_elide_close(struct libra_rx_call *call);

#endif /* _LIBRA_ELIDE_H */
