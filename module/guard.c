// SPDX-License-Identifier: GPL-2.0
/*
 * A stream that is not framed, or no longer: its bytes go to lower as they
 * are, and each is searched before. A marker among them kills the connection.
 */
#include <linux/sizes.h>
#include <linux/uio.h>
#include <net/tcp.h>

#include "cursor.h"
#include "domain.h"
#include "gather.h"
#include "guard.h"
#include "overlay.h"
#include "place.h"
#include "search.h"
#include "send.h"
#include "sock.h"

/* A write is searched and sent in parts: lower may take no more than one of them */
#define GUARD_PART	SZ_128K
/* As many bytes as fill the packets after which TCP looks into its backlog */
#define GUARD_RELIEVE	SZ_1M

/*
 * Would a marker leave with these bytes, whole or all but its end? Otherwise @tail
 * is the stream's when all of them have left.
 */
static bool guard_sees(struct libra_tail *tail, const struct iov_iter *from, size_t len)
{
	struct libra_marker marker;
	u32 at;

	if (libra_tail_search_iter(tail, from, len))
		return true;
	return libra_marker_search(tail->bytes, tail->len, &at, &marker) == LIBRA_FOUND_CUT &&
	       tail->len - at >= LIBRA_MARKER_SURE;
}

/* What went out last while the stream was framed may be a marker's first bytes */
static void guard_take_over(struct libra_tx *tx)
{
	struct libra_stream *stream = &tx->stream;

	if (tx->held.leaked)
		libra_tail_search(&stream->tail, tx->held.bytes->first, tx->held.leaked);
	tx->held.leaked = 0;
	if (stream->head_len)
		libra_tail_search(&stream->tail, stream->head, stream->head_len);
	libra_stream_free(stream);
}

/*
 * What waits, and what was held for the same reason: 0 when all of it is gone. With
 * the socket locked, so that it cannot be for another connection meanwhile.
 */
static int guard_flush(struct libra_sock *ls)
{
	struct libra_held *held = &ls->tx.held;
	u32 len = held->len;
	int ret;

	libra_send_begin(ls);
	ret = libra_gather_flush(ls, 0);
	if (!ret && held->state == LIBRA_HELD_RAW) {
		ret = libra_held_flush(ls, 0);
		if (!ret)
			libra_tail_search(&ls->tx.stream.tail, held->bytes->all, len);
	}
	libra_send_end(ls);
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
		if (!ret && (libra_gather_len(ls) || held->state == LIBRA_HELD_RAW))
			ret = guard_flush(ls);
		mutex_unlock(&ls->tx.lock);
	} while (ret == -EAGAIN && *timeo);
	return ret;
}

/* Lower does something once for each write, or waits in it */
static bool guard_whole(const struct sock *sk, const struct msghdr *msg)
{
	const int once = MSG_ZEROCOPY | MSG_OOB | MSG_FASTOPEN | MSG_EOR;

	return !(msg->msg_flags & MSG_DONTWAIT) || msg->msg_flags & once ||
	       msg->msg_controllen ||
	       READ_ONCE(sk->sk_tsflags) & SOF_TIMESTAMPING_TX_RECORD_MASK;
}

static bool guard_in_handshake(const struct libra_sock *ls)
{
	return READ_ONCE(ls->tx.stream.state) == LIBRA_STREAM_HANDSHAKE;
}

/*
 * May the next @len bytes leave? With @tail before, and behind them when they may;
 * with tx.lock
 */
static int guard_check(struct libra_sock *ls, struct libra_domain *domain,
		       const struct iov_iter *from, size_t len, struct libra_tail *tail)
{
	int ret;

	if (READ_ONCE(libra_ever_elided) && guard_sees(tail, from, len))
		return libra_sock_kill(ls, LIBRA_RESET_GUARD);
	/* records that follow each other are no placeholder, wherever in memory they lie */
	if (guard_in_handshake(ls)) {
		ret = libra_handshake_check(ls, domain, from, len);
		if (ret || guard_in_handshake(ls))
			return ret;
	}
	return domain && libra_place_cut(domain, from, len) ?
	       libra_sock_kill(ls, LIBRA_RESET_GUARD) : 0;
}

/* Of @len bytes that were checked these have left; with tx.lock */
static void guard_sent(struct libra_sock *ls, const struct iov_iter *from, size_t len,
		       size_t sent, const struct libra_tail *tail)
{
	struct libra_stream *stream = &ls->tx.stream;

	libra_send_copied(ls, sent);
	if (guard_in_handshake(ls))
		libra_handshake_sent(ls, from, sent);
	/* few bytes may lie behind those of another write */
	if (sent == len && len >= sizeof(tail->bytes))
		stream->tail = *tail;
	else if (READ_ONCE(libra_ever_elided))
		libra_tail_search_iter(&stream->tail, from, sent);
}

/* Did TCP say what it says while calls are exchanged? Until that is over */
static bool guard_was_barred(struct libra_sock *ls)
{
	mutex_lock(&ls->tx.lock);
	mutex_unlock(&ls->tx.lock);
	return !libra_send_broken(ls);
}

/* A signal is for the whole write, see libra_sendmsg() */
static int guard_lower(struct libra_sock *ls, struct msghdr *msg, size_t len)
{
	int flags = msg->msg_flags, ret;

	msg->msg_flags |= MSG_NOSIGNAL;
	ret = libra_sock_over(ls)->lower->sendmsg(ls->sk, msg, len);
	/* that was for others */
	if (ret == -EPIPE && guard_was_barred(ls))
		ret = libra_sock_over(ls)->lower->sendmsg(ls->sk, msg, len);
	msg->msg_flags = flags;
	return ret;
}

static int guard_send_whole(struct libra_sock *ls, struct libra_domain *domain,
			    struct msghdr *msg)
{
	struct iov_iter from = msg->msg_iter;
	size_t len = msg_data_left(msg);
	struct libra_tail tail;
	int ret;

	mutex_lock(&ls->tx.lock);
	tail = ls->tx.stream.tail;
	ret = guard_check(ls, domain, &from, len, &tail);
	mutex_unlock(&ls->tx.lock);
	if (ret)
		return ret;
	ret = guard_lower(ls, msg, len);
	if (ret <= 0)
		return ret;
	mutex_lock(&ls->tx.lock);
	guard_sent(ls, &from, len, ret, &tail);
	mutex_unlock(&ls->tx.lock);
	return ret;
}

/* The next bytes that are searched together, with the socket locked */
static int guard_send_part(struct libra_sock *ls, struct libra_domain *domain,
			   struct msghdr *msg)
{
	size_t len = min_t(size_t, msg_data_left(msg), GUARD_PART);
	struct libra_tail tail = ls->tx.stream.tail;
	int ret;

	ret = guard_check(ls, domain, &msg->msg_iter, len, &tail);
	if (ret)
		return ret;
	ret = libra_send_part(ls, &msg->msg_iter, len, msg->msg_flags |
			      (msg_data_left(msg) > len ? MSG_MORE : 0));
	if (ret <= 0)
		return ret;
	guard_sent(ls, &msg->msg_iter, len, ret, &tail);
	iov_iter_advance(&msg->msg_iter, ret);
	return ret;
}

/* A write that does not wait: what lower has no room for is not searched */
static int guard_send_parts(struct libra_sock *ls, struct libra_domain *domain,
			    struct msghdr *msg)
{
	size_t done = 0, relieved = 0;
	int ret;

	mutex_lock(&ls->tx.lock);
	libra_send_begin(ls);
	do {
		ret = guard_send_part(ls, domain, msg);
		if (ret <= 0)
			break;
		done += ret;
		if (done - relieved >= GUARD_RELIEVE) {
			libra_send_relieve(ls);
			relieved = done;
		}
		/* what is wrong now is for the next call to learn */
	} while (ret == GUARD_PART && msg_data_left(msg) && !libra_send_broken(ls));
	libra_send_end(ls);
	mutex_unlock(&ls->tx.lock);
	if (!done || READ_ONCE(ls->reset))
		return ret;
	/* no more comes now */
	if (msg_data_left(msg))
		libra_send_push(ls);
	return done;
}

int libra_guard_send(struct libra_sock *ls, struct libra_domain *domain,
		     struct msghdr *msg)
{
	return guard_whole(ls->sk, msg) ? guard_send_whole(ls, domain, msg) :
					  guard_send_parts(ls, domain, msg);
}

/* No payload, wherever in memory it lies: a placeholder's markers tell of one that is */
int libra_guard_send_aside(struct libra_sock *ls, struct msghdr *msg)
{
	size_t len = msg_data_left(msg);
	struct libra_tail tail = {};

	if (READ_ONCE(libra_ever_elided) && guard_sees(&tail, &msg->msg_iter, len))
		return libra_sock_kill(ls, LIBRA_RESET_GUARD);
	return guard_lower(ls, msg, len);
}
