// SPDX-License-Identifier: GPL-2.0
/*
 * Metadata is parsed and searched in a kernel buffer and sent from it: what the
 * application changes meanwhile has no effect. With tx.lock.
 */
#include <linux/uio.h>

#include "cursor.h"
#include "domain.h"
#include "marker.h"
#include "metadata.h"
#include "payload.h"
#include "run.h"
#include "search.h"
#include "send.h"
#include "sock.h"
#include "stats.h"
#include "stream.h"
#include "tx_call.h"

/* Copies in what is looked at, more of it as long as that helps */
static int metadata_parse(struct libra_tx_call *call, u32 *looked, struct libra_run *run)
{
	size_t left = iov_iter_count(call->from);
	u32 most = libra_stream_look_most(call->stream, left);
	u32 look = min(most, libra_stream_look_first(call->stream));
	int verdict;
	u8 *head;

	for (;;) {
		struct iov_iter it = *call->from;

		head = libra_stream_look(call->stream, look);
		if (!head)
			return call->stream->head_len + look > LIBRA_HEAD_MAX ?
			       LIBRA_GIVE_UP : -ENOMEM;
		if (copy_from_iter(head, look, &it) != look)
			return -EFAULT;
		*looked = look;
		verdict = libra_stream_parse(call->ls, call->stream, look, run);
		if (verdict != LIBRA_NEED_MORE || look == most)
			return verdict;
		look = min(most, look * 4);
	}
}

/*
 * Encryption does not begin so: printable, and no control up to the line's end.
 * What a client can make a proxy say in a request's first line does.
 */
static bool metadata_begins_as_text(const u8 *bytes, u32 len)
{
	u32 i;

	for (i = 0; i < min_t(u32, len, 32); i++) {
		if (bytes[i] == '\r' || bytes[i] == '\n')
			return true;
		if (bytes[i] < ' ' || bytes[i] == 0x7f || (i < 4 && bytes[i] > 0x7f))
			return false;
	}
	return len;
}

int libra_metadata_give_up(struct libra_tx_call *call, enum libra_reason reason,
			   u32 looked)
{
	struct libra_sock *ls = call->ls;
	struct libra_stream *stream = call->stream;
	u32 seen = stream->head_len + looked;
	bool unreadable = reason == LIBRA_REASON_PARSER && !stream->begun && seen &&
			  stream->side == LIBRA_SIDE_REQUEST &&
			  !metadata_begins_as_text(stream->head, seen);

	if (reason == LIBRA_REASON_PARSER && libra_handshake_begins(ls, stream, looked))
		return 0;
	libra_sock_tx_opaque(ls, reason);
	if (ls->tx.cursor)
		return libra_sock_kill(ls, LIBRA_RESET_MISMATCH);
	if (!unreadable || !call->domain)
		return 0;
	WRITE_ONCE(call->domain->tls, true);
	if (libra_payload_any_live(call->domain))
		return libra_sock_kill(ls, LIBRA_RESET_OPAQUE_SINK);
	return 0;
}

/*
 * The next @len bytes of metadata, in which no placeholder may lie, nor end a
 * message inside one. What has passed of the head may have been a marker's beginning.
 */
static int metadata_check(struct libra_tx_call *call, u32 len, const struct libra_frame *frame)
{
	const struct libra_stream *stream = call->stream;
	u32 before = min_t(u32, stream->head_len, LIBRA_MARKER_LEN - 1), at;
	struct libra_tx *tx = &call->ls->tx;
	struct libra_marker marker;

	if (!READ_ONCE(libra_ever_elided))
		return 0;
	if (libra_marker_search(stream->head + stream->head_len - before, before + len,
				&at, &marker) == LIBRA_FOUND_MARKER)
		return libra_sock_kill(call->ls, LIBRA_RESET_STRAY);
	if (!tx->cursor && !(tx->held.state == LIBRA_HELD_WAIT && libra_held_sure(&tx->held)))
		return 0;
	/* the message before has ended, or this frame ends it */
	if (libra_stream_last(stream) ||
	    (frame && frame->flags & LIBRA_FRAME_LAST && !frame->payload_len))
		return libra_sock_kill(call->ls, LIBRA_RESET_UNFINISHED);
	return 0;
}

/* Behind a cut token metadata waits with it; bytes taken or an error */
static int metadata_hold(struct libra_tx_call *call, const u8 *bytes, u32 len,
			 const struct libra_frame *frame)
{
	struct libra_held *held = &call->ls->tx.held;
	bool ends = frame && frame->flags & LIBRA_FRAME_LAST && !frame->payload_len;

	if (!ends && libra_held_metadata(held, bytes, len)) {
		call->corked = !(call->flags & MSG_MORE);
		return len;
	}
	if (libra_held_sure(held))
		return libra_sock_kill(call->ls, LIBRA_RESET_UNFINISHED);
	libra_held_let_go(held);
	return libra_held_flush(call->ls, call->flags | MSG_MORE);
}

static enum libra_reason metadata_reason(int verdict)
{
	switch (verdict) {
	case -ESTALE:
		return LIBRA_REASON_NO_PARSER;
	case -ENOMEM:
		return LIBRA_REASON_NOMEM;
	default:
		return LIBRA_REASON_PARSER;
	}
}

int libra_metadata_send(struct libra_tx_call *call)
{
	struct libra_stream *stream = call->stream;
	struct libra_sock *ls = call->ls;
	const struct libra_frame *frame;
	u32 looked = 0, len;
	struct libra_run run;
	const u8 *bytes;
	int verdict, ret;

	verdict = metadata_parse(call, &looked, &run);
	if (verdict == -EFAULT)
		return verdict;
	frame = verdict == LIBRA_FRAME ? &run.frame : NULL;
	len = frame ? frame->meta_len - stream->head_len : looked;
	if (verdict < 0 || !len)
		return libra_metadata_give_up(call, metadata_reason(verdict), looked);
	bytes = stream->head + stream->head_len;
	ret = metadata_check(call, len, frame);
	if (!ret && ls->tx.held.state == LIBRA_HELD_WAIT)
		ret = metadata_hold(call, bytes, len, frame);
	if (!ret)
		ret = libra_send_bytes(ls, bytes, len, libra_tx_flags(call, len));
	if (ret > 0)
		iov_iter_advance(call->from, ret);
	if (frame && ret == len) {
		libra_stream_commit(ls, stream, frame);
		return ret;
	}
	if (ret > 0)
		libra_stream_passed(stream, ret);
	return ret;
}
