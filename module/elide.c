// SPDX-License-Identifier: GPL-2.0
/*
 * Elision: a placeholder instead of payload. It is opened with its markers at
 * both ends, filled from one skb after the other, and closed when it is as long
 * as planned, or earlier when the next bytes cannot be retained. All of it
 * happens with rx.lock held and the socket locked.
 */
#include <linux/skbuff.h>

#include "domain.h"
#include "elide.h"
#include "payload.h"
#include "place.h"
#include "placeholder.h"
#include "policy.h"
#include "retain.h"
#include "rx_call.h"
#include "search.h"
#include "sock.h"
#include "stats.h"
#include "trace.h"
#include "verify.h"

/* Less of a read than this is not worth a payload object */
#define SHARE_MIN	1024

static int elide_refuse(struct libra_rx_call *call, enum libra_reason reason)
{
	libra_count_fallback(reason);
	trace_libra_fallback(call->ls, true, reason);
	return 0;
}

/* How much of the payload this read can take, or 0 when it must be copied */
static u32 elide_share(struct libra_rx_call *call, struct sk_buff *skb, u32 offset)
{
	const struct libra_sock *ls = call->ls;
	u32 share, least = min_t(u32, SHARE_MIN, READ_ONCE(ls->policy->threshold));

	if (!ls->rx.stream.elides || !call->elide || !libra_sock_may_elide(ls))
		return 0;
	/* pages that the kernel writes to: nobody can tell where they are mapped */
	if (!iter_is_ubuf(call->to) && !iter_is_iovec(call->to)) {
		call->elide = false;
		return elide_refuse(call, LIBRA_REASON_API);
	}
	share = min_t(u64, min_t(size_t, iov_iter_count(call->to), call->available),
		      min_t(u64, call->stream->payload_left, LIBRA_PAYLOAD_MAX));
	if (share < least)
		return elide_refuse(call, LIBRA_REASON_SMALL);
	if (!libra_retainable(skb, offset))
		return elide_refuse(call, LIBRA_REASON_LINEAR);
	/* decided anew for every placeholder: sinks come and go */
	if (libra_domain_gate(call->domain) || READ_ONCE(ls->policy->unwatched))
		return elide_refuse(call, LIBRA_REASON_GATE);
	return share;
}

/* From now on everything that is sent is searched: before a marker exists */
static void elide_announce(struct libra_rx_call *call)
{
	if (likely(READ_ONCE(call->ls->policy->elided) && READ_ONCE(libra_ever_elided)))
		return;
	WRITE_ONCE(call->ls->policy->elided, true);
	WRITE_ONCE(libra_ever_elided, true);
	/* pairs with the system call by which another thread gets at the buffer */
	smp_mb();
}

static void elide_forget(struct libra_payload *payload)
{
	libra_payload_drop(payload);
	libra_payload_put(payload);
}

bool libra_elide_open(struct libra_rx_call *call, struct sk_buff *skb, u32 offset)
{
	u32 share = elide_share(call, skb, offset);
	struct libra_payload *payload;
	enum libra_reason reason;

	if (!share)
		return false;
	payload = libra_payload_new(call->domain);
	if (payload)
		reason = libra_place_prepare(payload, call->to, share);
	else	/* the gate may have closed since it was asked, and is asked for good there */
		reason = libra_domain_gate(call->domain) ? LIBRA_REASON_GATE : LIBRA_REASON_NOMEM;
	if (reason) {
		if (payload)
			elide_forget(payload);
		call->elide = false;
		return elide_refuse(call, reason);
	}
	payload->class = call->stream->verify ? call->stream->verify->elides : NULL;
	elide_announce(call);
	/* both ends now: when they cannot be written nothing is lost yet */
	if (!libra_placeholder_mark_ends(payload, call->to, share)) {
		elide_forget(payload);
		call->elide = false;
		return elide_refuse(call, LIBRA_REASON_FAULT);
	}
	call->payload = payload;
	call->place = *call->to;
	call->planned = share;
	return true;
}

/* Too short for a placeholder after all: the bytes themselves, searched as all that is copied */
static void elide_copy_out(struct libra_rx_call *call, const struct libra_payload *payload)
{
	u8 bytes[LIBRA_PLACEHOLDER_MIN];
	struct iov_iter it;

	iov_iter_bvec(&it, ITER_SOURCE, payload->segs, payload->nr_segs, payload->len);
	if (copy_from_iter(bytes, payload->len, &it) != payload->len)
		call->err = libra_sock_kill(call->ls, LIBRA_RESET_FAULT);
	else if (libra_tail_search(&call->stream->tail, bytes, payload->len))
		call->err = libra_sock_kill(call->ls, LIBRA_RESET_REPLAY);
	else if (copy_to_iter(bytes, payload->len, call->to) != payload->len)
		call->err = libra_sock_kill(call->ls, LIBRA_RESET_FAULT);
	else
		libra_count_add(LIBRA_STAT_RX_COPIED, payload->len);
}

static void elide_publish(struct libra_rx_call *call, struct libra_payload *payload)
{
	struct libra_stream *stream = call->stream;
	u32 end = payload->len - LIBRA_MARKER_LEN;

	if (payload->len != call->planned &&
	    !libra_placeholder_mark(payload, &call->place, end)) {
		libra_payload_drop(payload);
		call->err = libra_sock_kill(call->ls, LIBRA_RESET_FAULT);
		return;
	}
	payload->followed = call->available && libra_stream_in_payload(stream);
	libra_placeholder_mark_steps(payload, &call->place, &call->ls->buffers_there);
	libra_place_remember(payload);
	iov_iter_advance(call->to, payload->len);
	stream->tail.len = 0;
	WRITE_ONCE(stream->uncopied, stream->uncopied + payload->len);
	atomic64_add(payload->len, &call->domain->elided_bytes);
	libra_count_add(LIBRA_STAT_RX_ELIDED, payload->len);
	libra_count(LIBRA_STAT_TOKENS);
	trace_libra_elide(call->ls, payload->id, payload->len);
	libra_payload_publish(payload);
}

void libra_elide_close(struct libra_rx_call *call)
{
	struct libra_payload *payload = call->payload;

	call->payload = NULL;
	libra_retain_end(payload);
	if (payload->len < LIBRA_PLACEHOLDER_MIN) {
		elide_copy_out(call, payload);
		libra_payload_drop(payload);
	} else {
		elide_publish(call, payload);
	}
	libra_payload_put(payload);
}

u32 libra_elide_take(struct libra_rx_call *call, struct sk_buff *skb,
		     u32 offset, u32 len)
{
	struct libra_payload *payload = call->payload;
	u32 want = min(len, call->planned - payload->len), taken;
	u8 reason;

	taken = libra_retain(payload, skb, offset, want, &reason);
	libra_verify_skip(call->stream->verify);
	libra_stream_payload(call->stream, taken);
	libra_rx_passed(call, taken);
	if (taken < want) {
		call->elide = false;
		elide_refuse(call, reason);
	}
	if (taken < want || payload->len == call->planned)
		libra_elide_close(call);
	return taken;
}
