// SPDX-License-Identifier: GPL-2.0
/*
 * Payload whose placeholder the application hands on: the placeholder is checked
 * and skipped, the retained pages go to lower, at once or together with what
 * follows them. With tx.lock and the socket locked.
 */
#include <net/tcp.h>

#include "cursor.h"
#include "gather.h"
#include "marker.h"
#include "payload.h"
#include "placeholder.h"
#include "reuse.h"
#include "send.h"
#include "sock.h"
#include "stats.h"
#include "tx_call.h"
#include "verify.h"

int libra_reuse_begin(struct libra_tx_call *call, const struct libra_marker *marker)
{
	struct libra_stream *stream = call->stream;
	struct libra_tx *tx = &call->ls->tx;
	struct libra_payload *payload;
	u32 held;

	if (libra_marker_offset(marker))
		return libra_sock_kill(call->ls, LIBRA_RESET_STRAY);
	if (!call->domain)
		return libra_sock_kill(call->ls, LIBRA_RESET_FOREIGN);
	payload = libra_payload_find(call->domain, libra_marker_id(marker));
	if (!payload) {
		libra_count(LIBRA_STAT_TOKENS_DEAD);
		return libra_sock_kill(call->ls, LIBRA_RESET_DEAD);
	}
	/* the message would end inside the placeholder */
	held = tx->held.state == LIBRA_HELD_WAIT ? tx->held.token : 0;
	if (libra_stream_last(stream) && payload->len - held > stream->payload_left) {
		libra_payload_put(payload);
		return libra_sock_kill(call->ls, LIBRA_RESET_MISMATCH);
	}
	if (READ_ONCE(payload->state) == LIBRA_PAYLOAD_SENT)
		libra_count(LIBRA_STAT_RETRIES);
	tx->held.leaked = 0;
	libra_cursor_set(tx, payload);
	return 0;
}

/*
 * More of this body will come, something is in flight, and the part does not
 * fill a segment: the next call or the next ACK pushes it. A longer one goes
 * out whole: TCP would split off what does not fill the last segment, which
 * costs more than a segment. Not for a stream of unknown length whose sender
 * wants no delay: its next bytes may be long in coming. Nor where the application
 * ends a record, which TCP does not with a part that waits.
 */
static bool reuse_body_goes_on(const struct libra_tx_call *call, u32 len)
{
	const struct libra_stream *stream = call->stream;
	const struct tcp_sock *tp = tcp_sk(call->ls->sk);

	if (call->flags & MSG_EOR || !libra_send_to_tcp(call->ls) ||
	    !READ_ONCE(tp->packets_out) || len >= READ_ONCE(tp->mss_cache))
		return false;
	if (libra_stream_last(stream) && stream->payload_left != LIBRA_PAYLOAD_EOF)
		return stream->payload_left > len;
	return !(tp->nonagle & TCP_NAGLE_OFF);
}

/* The application has the payload's rest as well, or could read more of the body at once */
static bool reuse_more_at_hand(const struct libra_tx_call *call, u32 len)
{
	const struct libra_stream *stream = call->stream;
	const struct libra_tx *tx = &call->ls->tx;

	if (tx->cursor_off + len < tx->cursor->len)
		return true;
	return tx->cursor->followed && libra_stream_last(stream) &&
	       stream->payload_left != LIBRA_PAYLOAD_EOF && stream->payload_left > len;
}

/* To lower, which gathers while packets are in flight */
static int reuse_pass_on(struct libra_tx_call *call, u32 len, int flags)
{
	struct libra_sock *ls = call->ls;
	bool corked;
	int ret;

	corked = (flags & MSG_MORE || reuse_more_at_hand(call, len)) && libra_send_cork(ls);
	if (reuse_body_goes_on(call, len))
		flags |= MSG_MORE;
	ret = libra_cursor_send(ls, len, flags);
	if (corked)
		libra_send_uncork(ls);
	if (ret > 0)
		call->corked = flags & ~call->flags & MSG_MORE;
	return ret;
}

/* Lower would send it at once */
static int reuse_gather(struct libra_tx_call *call, u32 len)
{
	int ret;

	if (call->flags & MSG_EOR || !reuse_more_at_hand(call, len) ||
	    !libra_gather_may(call->ls, len, call->stream->payload_left))
		return 0;
	ret = libra_cursor_gather(call->ls, len);
	if (ret > 0)
		call->corked = false;
	return ret;
}

int libra_reuse_send(struct libra_tx_call *call)
{
	struct libra_stream *stream = call->stream;
	struct libra_tx *tx = &call->ls->tx;
	struct libra_payload *payload = tx->cursor;
	u32 len;
	int ret;

	len = min_t(u64, min_t(size_t, iov_iter_count(call->from), stream->payload_left),
		    payload->len - tx->cursor_off);
	ret = libra_placeholder_check(payload, tx->cursor_off, len, call->from);
	if (ret == -EILSEQ)
		return libra_sock_kill(call->ls, LIBRA_RESET_MISMATCH);
	if (ret)
		return ret;
	libra_verify_skip(stream->verify);
	ret = reuse_gather(call, len);
	if (!ret)
		ret = reuse_pass_on(call, len, libra_tx_flags(call, len));
	if (ret <= 0)
		return ret;
	iov_iter_advance(call->from, ret);
	libra_stream_payload(stream, ret);
	if (tx->cursor && !libra_stream_in_payload(stream))
		libra_count(LIBRA_STAT_SUSPENDED);
	return ret;
}
