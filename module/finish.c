// SPDX-License-Identifier: GPL-2.0
/*
 * The application will send no more on a socket: what is held back goes out,
 * and a message that would look whole but is not resets the connection.
 */
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/skbuff.h>
#include <net/tcp.h>

#include "cursor.h"
#include "domain.h"
#include "finish.h"
#include "gather.h"
#include "guard.h"
#include "overlay.h"
#include "payload.h"
#include "send.h"
#include "sock.h"
#include "tls.h"

/*
 * What waits goes out without waiting for room: the application will not come
 * again for it, so it may go over all limits; nor is an error told here that the
 * connection outlives. The socket may live on, detached, with what it had before.
 */
struct finish_room {
	int sndbuf;
	int err;
	u32 lowat;
};

/* With the socket locked */
static void finish_make_room(struct sock *sk, u32 len, struct finish_room *room)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 packets = len / max(READ_ONCE(tp->mss_cache), 1U) + 2;

	room->lowat = tp->notsent_lowat;
	room->sndbuf = sk->sk_sndbuf;
	room->err = sk->sk_err;
	WRITE_ONCE(sk->sk_sndbuf, max_t(int, room->sndbuf, READ_ONCE(sk->sk_wmem_queued) + len +
					packets * SKB_TRUESIZE(MAX_TCP_HEADER)));
	WRITE_ONCE(tp->notsent_lowat, UINT_MAX);
	sk->sk_err = 0;
}

static void finish_give_back(struct sock *sk, const struct finish_room *room)
{
	WRITE_ONCE(sk->sk_sndbuf, room->sndbuf);
	WRITE_ONCE(tcp_sk(sk)->notsent_lowat, room->lowat);
	if (room->err && !sk->sk_err)
		sk->sk_err = room->err;
}

/* tls locks the socket itself, once for each part */
static int finish_flush_unlocked(struct libra_sock *ls, u32 len,
				 int (*flush)(struct libra_sock *ls, int flags))
{
	struct finish_room room;
	int ret;

	lock_sock(ls->sk);
	finish_make_room(ls->sk, len, &room);
	release_sock(ls->sk);
	ret = flush(ls, 0);
	lock_sock(ls->sk);
	finish_give_back(ls->sk, &room);
	release_sock(ls->sk);
	return ret;
}

static int finish_flush(struct libra_sock *ls, u32 len,
			int (*flush)(struct libra_sock *ls, int flags))
{
	struct finish_room room;
	int ret;

	if (!libra_send_to_tcp(ls))
		return finish_flush_unlocked(ls, len, flush);
	libra_send_begin(ls);
	finish_make_room(ls->sk, len, &room);
	ret = flush(ls, 0);
	finish_give_back(ls->sk, &room);
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

/* tls's worker needs one jiffy, if it can run */
#define FINISH_TRIES	50

/* All records to TCP: what tls still has when FIN goes, nobody would get */
static int finish_push_records(struct libra_sock *ls, int flags)
{
	int tries;

	libra_tls_push(ls);
	for (tries = 0; libra_tls_unsent(ls) && tries < FINISH_TRIES; tries++) {
		libra_tls_go_on(ls);
		schedule_timeout_uninterruptible(1);
	}
	return libra_tls_unsent(ls) ? -EAGAIN : 0;
}

/* More than tls can have, since TCP's limit is its own */
#define FINISH_RECORDS	SZ_16M

static int finish_records(struct libra_sock *ls)
{
	/* a detach may come behind a close, in which tls frees all that it has */
	if (libra_sock_over(ls)->tx != LIBRA_LOWER_TLS_SW || libra_send_broken(ls) ||
	    test_bit(LIBRA_SOCK_FINISHED, &ls->bits))
		return 0;
	return finish_flush(ls, FINISH_RECORDS, finish_push_records);
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
	     (held->state == LIBRA_HELD_RAW && finish_held(ls)) || finish_records(ls)))
		libra_sock_kill(ls, LIBRA_RESET_UNFINISHED);
	held->state = LIBRA_HELD_NONE;
	libra_held_disarm(ls);
	mutex_unlock(&ls->tx.lock);
	libra_sock_finish(ls);
}

void libra_finish_close(struct libra_sock *ls)
{
	libra_finish_send(ls);
	mutex_lock(&ls->tx.lock);
	libra_cursor_drop(&ls->tx);
	set_bit(LIBRA_SOCK_FINISHED, &ls->bits);
	mutex_unlock(&ls->tx.lock);
}
