// SPDX-License-Identifier: GPL-2.0
/*
 * A stream that is not framed, or no longer: its bytes go to lower as they
 * are, and each is searched before. A marker among them kills the connection.
 */
#include <linux/uio.h>
#include <net/tcp.h>

#include "cursor.h"
#include "domain.h"
#include "guard.h"
#include "overlay.h"
#include "place.h"
#include "send.h"
#include "sock.h"

/* Would a marker leave with these bytes, whole or all but its end? */
static bool guard_sees(struct libra_stream *stream, const struct iov_iter *from, size_t len)
{
	struct libra_tail tail = stream->tail;
	struct libra_marker marker;
	u32 at;

	if (libra_tail_search_iter(&tail, from, len))
		return true;
	return libra_marker_search(tail.bytes, tail.len, &at, &marker) == LIBRA_FOUND_CUT &&
	       tail.len - at >= LIBRA_MARKER_SURE;
}

/* What went out last while the stream was framed may be a marker's first bytes */
static void guard_take_over(struct libra_tx *tx)
{
	struct libra_stream *stream = &tx->stream;

	if (tx->held.leaked)
		libra_tail_search(&stream->tail, tx->held.first, tx->held.leaked);
	tx->held.leaked = 0;
	if (stream->head_len)
		libra_tail_search(&stream->tail, stream->head, stream->head_len);
	libra_stream_free(stream);
}

/* And what was held for the same reason; 0 when all of it is gone */
static int guard_flush(struct libra_sock *ls)
{
	struct libra_held *held = &ls->tx.held;
	u32 len = held->len;
	int ret;

	ret = libra_held_flush(ls, 0);
	if (!ret)
		libra_tail_search(&ls->tx.stream.tail, held->bytes, len);
	return ret;
}

void libra_guard_forget(struct libra_sock *ls)
{
	lockdep_assert_held(&ls->tx.lock);
	if (!test_bit(LIBRA_SOCK_RECONNECTED, &ls->bits))
		return;
	libra_cursor_drop(&ls->tx);
	ls->tx.held.state = LIBRA_HELD_NONE;
}

int libra_guard_settle(struct libra_sock *ls, long *timeo)
{
	struct libra_held *held = &ls->tx.held;
	int ret = 0;

	do {
		if (ret == -EAGAIN)
			ret = libra_send_wait(ls->sk, timeo, true);
		if (ret)
			return ret;
		mutex_lock(&ls->tx.lock);
		libra_guard_forget(ls);
		guard_take_over(&ls->tx);
		if (ls->tx.cursor || held->state == LIBRA_HELD_TOKEN ||
		    (held->state == LIBRA_HELD_WAIT && libra_held_sure(held)))
			ret = libra_sock_kill(ls, LIBRA_RESET_MISMATCH);
		else if (held->state == LIBRA_HELD_WAIT)
			held->state = LIBRA_HELD_RAW;
		if (!ret && held->state == LIBRA_HELD_RAW)
			ret = guard_flush(ls);
		mutex_unlock(&ls->tx.lock);
	} while (ret == -EAGAIN && *timeo);
	return ret;
}

int libra_guard_send(struct libra_sock *ls, struct libra_domain *domain,
		     struct msghdr *msg)
{
	struct libra_stream *stream = &ls->tx.stream;
	struct iov_iter from = msg->msg_iter;
	int flags = msg->msg_flags, ret;
	bool marker = false;

	if (READ_ONCE(libra_ever_elided)) {
		mutex_lock(&ls->tx.lock);
		marker = guard_sees(stream, &from, iov_iter_count(&from));
		mutex_unlock(&ls->tx.lock);
	}
	if (marker || (domain && libra_place_cut(domain, &from, iov_iter_count(&from))))
		return libra_sock_kill(ls, LIBRA_RESET_GUARD);
	/* a signal is for the whole write, see libra_sendmsg() */
	msg->msg_flags |= MSG_NOSIGNAL;
	ret = ls->overlay->lower->sendmsg(ls->sk, msg, msg_data_left(msg));
	msg->msg_flags = flags;
	if (ret <= 0)
		return ret;
	mutex_lock(&ls->tx.lock);
	libra_send_copied(ls, ret);
	if (READ_ONCE(libra_ever_elided))
		libra_tail_search_iter(&stream->tail, &from, ret);
	mutex_unlock(&ls->tx.lock);
	return ret;
}
