/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Modes verify and auto: payload is copied, and what goes out is compared with
 * what came in, by checksum and length of whole messages.
 */
#ifndef _LIBRA_VERIFY_H
#define _LIBRA_VERIFY_H

#include <linux/types.h>

#include "classes.h"

struct iov_iter;
struct libra_domain;
struct libra_frame;
struct libra_records;
struct libra_sock;
struct libra_stream;
struct sk_buff;

/* One direction of a socket; under the lock of that direction */
struct libra_verify {
	struct libra_label parsed;	/* of what was parsed last */
	struct libra_label label;	/* of the message under way */
	bool asked;			/* mode auto: whether the message under way is elided ... */
	const struct libra_class *elides;	/* ... and the answer */
	bool compares;			/* the message under way is compared */
	u8 request;			/* outgoing responses: what they answer */
	u32 sum;			/* of the payload so far */
	u32 start;			/* of its first bytes */
	u64 len;
};

/* For a stream whose policy verifies; NULL otherwise, or when memory is short */
struct libra_verify *libra_verify_of(struct libra_sock *ls, struct libra_stream *stream);

/* @frame was committed; @first: it begins a message, an answer to @request if it is one */
void libra_verify_frame(struct libra_sock *ls, struct libra_stream *stream,
			const struct libra_frame *frame, bool first, u8 request);

/* @len bytes of payload were copied to or from the application, from there on */
void libra_verify_received(struct libra_sock *ls, const struct sk_buff *skb,
			   u32 offset, u32 len);
void libra_verify_sent(struct libra_sock *ls, const struct iov_iter *from, size_t len);
/* Payload of the message was elided or reused: nothing to compare any more */
static inline void libra_verify_skip(struct libra_verify *verify)
{
	if (unlikely(verify))
		verify->compares = false;
}

/* May the frame that begins now, and is worth it, be elided, as far as its class goes? */
bool libra_verify_allows(struct libra_sock *ls);

/* Messages that nothing went out for until now are given up; false: none waits */
bool libra_verify_expire(struct libra_domain *domain);
void libra_verify_free(struct libra_records *records);

#endif /* _LIBRA_VERIFY_H */
