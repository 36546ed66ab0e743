// SPDX-License-Identifier: GPL-2.0
/*
 * The application will send no more on a socket: what is held back goes out,
 * and a message that would look whole but is not resets the connection.
 */
#include <linux/skbuff.h>
#include <net/tcp.h>

#include "cursor.h"
#include "domain.h"
#include "finish.h"
#include "gather.h"
#include "guard.h"
#include "payload.h"
#include "send.h"
#include "sock.h"

/*
 * What waits goes out without waiting for room: the application will not come
 * again for it, so it may go over all limits; nor is an error told here that the
 * connection outlives. The socket may live on, detached, with what it had before.
 */
static int finish_flush(struct libra_sock *ls, u32 len,
			int (*flush)(struct libra_sock *ls, int flags))
{
	struct sock *sk = ls->sk;
	struct tcp_sock *tp = tcp_sk(sk);
	u32 packets = len / max(READ_ONCE(tp->mss_cache), 1U) + 2;
	int room, err, ret;
	u32 lowat;

	libra_send_begin(ls);
	lowat = tp->notsent_lowat;
	room = sk->sk_sndbuf;
	err = sk->sk_err;
	WRITE_ONCE(sk->sk_sndbuf, max_t(int, room, READ_ONCE(sk->sk_wmem_queued) + len +
					packets * SKB_TRUESIZE(MAX_TCP_HEADER)));
	WRITE_ONCE(tp->notsent_lowat, UINT_MAX);
	sk->sk_err = 0;
	ret = flush(ls, 0);
	WRITE_ONCE(sk->sk_sndbuf, room);
	WRITE_ONCE(tp->notsent_lowat, lowat);
	if (err && !sk->sk_err)
		sk->sk_err = err;
	libra_send_end(ls);
	return ret;
}

static int finish_gathered(struct libra_sock *ls)
{
	u32 len = libra_gather_len(ls);

	return len ? finish_flush(ls, len, libra_gather_flush) : 0;
}

static int finish_held(struct libra_sock *ls)
{
	return finish_flush(ls, LIBRA_HELD_MAX, libra_held_flush);
}

/* Does the message end in the middle of a placeholder, looking whole? */
static bool finish_cuts(const struct libra_tx *tx)
{
	return tx->cursor && tx->stream.payload_left == LIBRA_PAYLOAD_EOF;
}

void libra_finish_send(struct libra_sock *ls)
{
	struct libra_held *held = &ls->tx.held;
	bool open_end;

	mutex_lock(&ls->tx.lock);
	libra_guard_forget(ls);
	held->finished = true;
	open_end = ls->tx.stream.payload_left == LIBRA_PAYLOAD_EOF;
	/* of a body that ends here, or a token that is cut for good? */
	if (held->state == LIBRA_HELD_WAIT && !libra_held_sure(held) &&
	    (open_end || !ls->domain || !libra_payload_any_live(ls->domain)))
		held->state = LIBRA_HELD_RAW;
	/* on a connection that is broken nothing looks whole */
	if (READ_ONCE(ls->sk->sk_state) != TCP_CLOSE &&
	    (finish_gathered(ls) || finish_cuts(&ls->tx) || held->state == LIBRA_HELD_WAIT ||
	     held->state == LIBRA_HELD_TOKEN ||
	     (held->state == LIBRA_HELD_RAW && finish_held(ls))))
		libra_sock_kill(ls, LIBRA_RESET_UNFINISHED);
	held->state = LIBRA_HELD_NONE;
	mutex_unlock(&ls->tx.lock);
	libra_sock_finish(ls);
}

void libra_finish_close(struct libra_sock *ls)
{
	libra_finish_send(ls);
	mutex_lock(&ls->tx.lock);
	libra_cursor_drop(&ls->tx);
	mutex_unlock(&ls->tx.lock);
}
