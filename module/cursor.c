// SPDX-License-Identifier: GPL-2.0
#include <linux/uio.h>

#include "cursor.h"
#include "gather.h"
#include "overlay.h"
#include "payload.h"
#include "send.h"
#include "sock.h"
#include "spill.h"
#include "stats.h"
#include "tls.h"
#include "trace.h"

void libra_cursor_set(struct libra_tx *tx, struct libra_payload *payload)
{
	lockdep_assert_held(&tx->lock);
	tx->cursor = payload;
	tx->cursor_off = 0;
	tx->cursor_seg = 0;
	tx->cursor_seg_off = 0;
	tx->cursor_moves = READ_ONCE(payload->moves);
}

static void cursor_put(struct libra_tx *tx)
{
	struct libra_payload *payload = tx->cursor;

	tx->cursor = NULL;
	libra_payload_put(payload);
}

void libra_cursor_drop(struct libra_tx *tx)
{
	lockdep_assert_held(&tx->lock);
	if (!tx->cursor)
		return;
	libra_payload_sent(tx->cursor, false);
	cursor_put(tx);
}

/* To the segment of cursor_off; from the first one when the pages are others now */
static void cursor_seek(struct libra_tx *tx)
{
	const struct libra_payload *payload = tx->cursor;

	if (tx->cursor_moves != payload->moves) {
		tx->cursor_moves = payload->moves;
		tx->cursor_seg = 0;
		tx->cursor_seg_off = 0;
	}
	while (tx->cursor_off >= tx->cursor_seg_off + payload->segs[tx->cursor_seg].bv_len)
		tx->cursor_seg_off += payload->segs[tx->cursor_seg++].bv_len;
}

/* What the cursor stands before, to the payload's end */
static void cursor_rest(struct libra_tx *tx, struct iov_iter *rest)
{
	const struct libra_payload *payload = tx->cursor;

	cursor_seek(tx);
	iov_iter_bvec(rest, ITER_SOURCE, payload->segs + tx->cursor_seg,
		      payload->nr_segs - tx->cursor_seg,
		      payload->len - tx->cursor_seg_off);
	iov_iter_advance(rest, tx->cursor_off - tx->cursor_seg_off);
}

static void cursor_advance(struct libra_sock *ls, u32 len)
{
	struct libra_tx *tx = &ls->tx;

	WRITE_ONCE(tx->stream.uncopied, tx->stream.uncopied + len);
	libra_count_add(LIBRA_STAT_TX_REUSED, len);
	trace_libra_reuse(ls, tx->cursor->id, tx->cursor_off, len);
	tx->cursor_off += len;
}

/* Its pages stay where they are until cursor_release() */
static int cursor_hold(struct libra_sock *ls)
{
	int ret = libra_spill_hold(ls->tx.cursor);

	if (ret != -ESTALE)
		return ret;
	libra_count(LIBRA_STAT_TOKENS_DEAD);
	return libra_sock_kill(ls, LIBRA_RESET_DEAD);
}

static void cursor_release(struct libra_tx *tx)
{
	struct libra_payload *payload = tx->cursor;

	/* before its pages may move out: what is sent is kept where it is */
	if (tx->cursor_off == payload->len)
		libra_payload_sent(payload, true);
	libra_spill_release(payload);
	if (tx->cursor_off == payload->len)
		cursor_put(tx);
}

/*
 * A device encrypts pages where they are, and once more when they are lost on their
 * way: other bytes by then would be encrypted with the same nonce. It gets those that
 * nobody can change, and copies of the others, whatever the application asked for.
 */
static int cursor_send_to_device(struct libra_sock *ls, const struct iov_iter *rest, u32 len,
				 int flags)
{
	struct libra_tls_device before;
	int ret;

	if (ls->tx.cursor->shared)
		return libra_send_part(ls, rest, len, flags & ~MSG_SPLICE_PAGES);
	libra_tls_device_begin(ls, &before);
	ret = libra_send_pages(ls, rest, len, flags);
	libra_tls_device_end(ls, &before);
	if (ret > 0)
		libra_count_add(LIBRA_STAT_TX_DEVICE, ret);
	return ret;
}

int libra_cursor_send(struct libra_sock *ls, u32 len, int flags)
{
	struct iov_iter rest;
	int ret = cursor_hold(ls);

	if (ret)
		return ret;
	cursor_rest(&ls->tx, &rest);
	if (libra_sock_over(ls)->tx == LIBRA_LOWER_TLS_HW)
		ret = cursor_send_to_device(ls, &rest, len, flags);
	else
		ret = libra_gather_send(ls, &rest, len, flags);
	if (ret > 0)
		cursor_advance(ls, ret);
	cursor_release(&ls->tx);
	return ret;
}

int libra_cursor_gather(struct libra_sock *ls, u32 len)
{
	struct iov_iter rest;
	int ret = cursor_hold(ls);

	if (ret)
		return ret;
	cursor_rest(&ls->tx, &rest);
	ret = libra_gather_add(ls, &rest, len);
	if (ret)
		cursor_advance(ls, ret);
	cursor_release(&ls->tx);
	return ret;
}

int libra_cursor_fetch(struct libra_sock *ls)
{
	struct libra_payload *payload;
	int err;

	mutex_lock(&ls->tx.lock);
	payload = ls->tx.cursor;
	if (payload)
		refcount_inc(&payload->ref);
	mutex_unlock(&ls->tx.lock);
	if (!payload)
		return 0;	/* another write has gone on */
	err = libra_spill_load(payload);
	libra_payload_put(payload);
	if (!err || err == -ESTALE)
		return 0;	/* who sends it sees */
	if (err != -EIO)
		return LIBRA_SPILL_AWAY;
	libra_count(LIBRA_STAT_TOKENS_DEAD);
	return libra_sock_kill(ls, LIBRA_RESET_DEAD);
}
