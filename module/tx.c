// SPDX-License-Identifier: GPL-2.0
/*
 * What the application sends is framed like what it receives. A write is cut
 * into parts: metadata (parsed, searched, sent from the copy that was parsed),
 * payload that the application made or changed (searched, copied by lower),
 * and payload whose placeholder it hands on (the retained pages are spliced,
 * the placeholder is checked and skipped).
 *
 * The cursor belongs to the message: a chunk's end suspends it, the next
 * chunk's payload resumes it. A marker anywhere else means that placeholder
 * bytes would leave: the connection is reset before they do.
 *
 * tx.lock is held around the parts, which never wait; waiting for room is done
 * without it, so that a non-blocking write meets a blocked one as on plain TCP.
 */
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/uio.h>
#include <net/tcp.h>

#include "ahead.h"
#include "cursor.h"
#include "domain.h"
#include "finish.h"
#include "guard.h"
#include "metadata.h"
#include "overlay.h"
#include "payload.h"
#include "place.h"
#include "reuse.h"
#include "search.h"
#include "searched.h"
#include "send.h"
#include "sock.h"
#include "spill.h"
#include "stats.h"
#include "tls.h"
#include "tx.h"
#include "tx_call.h"
#include "verify.h"
#include "zerocopy.h"

/* Copied payload is searched and sent in parts of this size */
#define PART_MAX	(128 << 10)
/* As many bytes as fill the packets after which TCP looks into its backlog */
#define RELIEVE_AFTER	SZ_1M

/* Bytes behind those that were held too long have gone as well */
static void tx_gone(struct libra_tx_call *call, size_t len)
{
	struct iov_iter it = *call->from;
	u8 bytes[LIBRA_MARKER_LEN];
	u32 n = copy_from_iter(bytes, min(len, sizeof(bytes)), &it);

	libra_held_gone(&call->ls->tx.held, bytes, n);
}

/* The application's own bytes */
static int tx_copy(struct libra_tx_call *call, size_t len)
{
	int ret;

	ret = libra_send_part(call->ls, call->from, len, libra_tx_flags(call, len));
	if (ret <= 0)
		return ret;
	if (unlikely(call->ls->tx.held.leaked))
		tx_gone(call, ret);
	libra_stream_payload(call->stream, ret);
	libra_verify_sent(call->ls, call->from, ret);
	iov_iter_advance(call->from, ret);
	libra_send_copied(call->ls, ret);
	return ret;
}

/* ---- payload that is copied ---- */

/* The first bytes of a token, perhaps, at the end of what there is */
static int tx_hold(struct libra_tx_call *call, u32 len)
{
	struct libra_stream *stream = call->stream;
	struct libra_tx *tx = &call->ls->tx;
	struct iov_iter it = *call->from;
	u8 bytes[LIBRA_MARKER_LEN];
	bool known;
	int ret;

	/* a body ends with what it ends with, but not inside a token */
	known = call->domain && libra_place_cut(call->domain, call->from, len);
	if (tx->held.finished || (libra_stream_last(stream) && stream->payload_left == len))
		return known || len >= LIBRA_MARKER_SURE ?
		       libra_sock_kill(call->ls, LIBRA_RESET_UNFINISHED) : tx_copy(call, len);
	if (copy_from_iter(bytes, len, call->from) != len)
		return -EFAULT;
	ret = libra_held_begin(call->ls, bytes, len, known);
	if (ret) {
		*call->from = it;
		return ret;
	}
	call->corked = !(call->flags & MSG_MORE);
	libra_stream_payload(stream, len);
	libra_verify_sent(call->ls, &it, len);
	return len;
}

/* What is held is no token; with @more bytes of it at hand */
static int tx_held_refuse(struct libra_tx_call *call, u32 more)
{
	struct libra_held *held = &call->ls->tx.held;

	if (held->known || held->token + more >= LIBRA_MARKER_SURE)
		return libra_sock_kill(call->ls, LIBRA_RESET_MISMATCH);
	held->state = LIBRA_HELD_RAW;
	return 0;
}

/* Do the next bytes complete what is held? */
static int tx_held_decide(struct libra_tx_call *call)
{
	struct libra_stream *stream = call->stream;
	struct libra_held *held = &call->ls->tx.held;
	struct iov_iter it = *call->from;
	struct libra_marker marker;
	u8 bytes[LIBRA_MARKER_LEN];
	u32 len;
	int ret;

	len = min_t(u64, min_t(size_t, iov_iter_count(&it), stream->payload_left),
		    LIBRA_MARKER_LEN - held->token);
	if (copy_from_iter(bytes, len, &it) != len)
		return -EFAULT;
	switch (libra_held_look(held, bytes, len, &marker)) {
	case LIBRA_FOUND_MARKER:
		ret = libra_reuse_begin(call, &marker);
		if (ret)
			return ret;
		held->state = LIBRA_HELD_TOKEN;
		libra_count(LIBRA_STAT_TOKENS_CUT);
		return 0;
	case LIBRA_FOUND_CUT:
		if (libra_stream_last(stream) && stream->payload_left == len)
			return tx_held_refuse(call, len);
		if (libra_held_more(held, bytes, len)) {
			call->corked = !(call->flags & MSG_MORE);
			libra_stream_payload(stream, len);
			libra_verify_sent(call->ls, call->from, len);
			iov_iter_advance(call->from, len);
			return len;
		}
		/* nobody frames like this */
		return libra_sock_kill(call->ls, LIBRA_RESET_MISMATCH);
	default:
		return tx_held_refuse(call, 0);
	}
}

static bool tx_leaked(struct libra_tx_call *call)
{
	struct libra_held *held = &call->ls->tx.held;
	struct iov_iter it = *call->from;
	u8 bytes[LIBRA_MARKER_LEN];
	u32 len;

	if (likely(!held->leaked))
		return false;
	len = min_t(u64, min_t(size_t, iov_iter_count(&it), call->stream->payload_left),
		    sizeof(bytes));
	return copy_from_iter(bytes, len, &it) == len &&
	       libra_held_leaked(held, bytes, len);
}

/* Most tokens stand where a part begins */
static bool tx_token_here(const struct libra_tx_call *call, size_t len,
			  struct libra_marker *marker)
{
	const void __user *at;

	if (len < LIBRA_MARKER_LEN)
		return false;
	at = libra_place_flat(call->from, 0, LIBRA_MARKER_LEN);
	return at && libra_marker_get_user(marker, at) && libra_marker_likely(marker) &&
	       libra_marker_authentic(marker);
}

/* A piece of a file in which there is no marker */
static int tx_unchanged(struct libra_tx_call *call, size_t len)
{
	int ret;

	if (libra_ahead_of_part(call, len))
		return libra_sock_kill(call->ls, LIBRA_RESET_STRAY);
	ret = tx_copy(call, len);
	if (ret > 0)
		libra_count_add(LIBRA_STAT_TX_UNCHANGED, ret);
	return ret;
}

static int tx_payload(struct libra_tx_call *call)
{
	enum libra_found found = LIBRA_FOUND_MARKER;
	struct libra_marker marker;
	size_t len, at = 0;

	len = min_t(u64, min_t(size_t, iov_iter_count(call->from), PART_MAX),
		    call->stream->payload_left);
	if (!READ_ONCE(libra_ever_elided))
		return tx_copy(call, len);
	if (tx_leaked(call))
		return libra_sock_kill(call->ls, LIBRA_RESET_MISMATCH);
	if (libra_searched_before(call->from, len))
		return tx_unchanged(call, len);
	if (!tx_token_here(call, len, &marker))
		found = libra_searched_iter(call->from, len, &at, &marker);
	if (found == LIBRA_FOUND_FAULT) {
		if (!at)
			return -EFAULT;
		/* as TCP does: what can be read is sent */
		found = LIBRA_FOUND_NONE;
		len = at;
	}
	/* the bytes before it belong to a placeholder too */
	if (found == LIBRA_FOUND_MARKER && libra_marker_offset(&marker))
		return libra_sock_kill(call->ls, LIBRA_RESET_STRAY);
	if (found == LIBRA_FOUND_CUT ? libra_ahead_of_cut(call, at, len) :
	    found == LIBRA_FOUND_NONE && libra_ahead_of_part(call, len))
		return libra_sock_kill(call->ls, LIBRA_RESET_STRAY);
	if (found == LIBRA_FOUND_NONE || at) {
		if (call->domain && libra_place_cut(call->domain, call->from, at))
			return libra_sock_kill(call->ls, LIBRA_RESET_STRAY);
		return tx_copy(call, at);
	}
	if (found == LIBRA_FOUND_CUT)
		return tx_hold(call, len);
	return libra_reuse_begin(call, &marker);
}

/* ---- the loop ---- */

/* Bytes taken from the application, 0 when only the state changed, or an error */
static int tx_step(struct libra_tx_call *call)
{
	struct libra_tx *tx = &call->ls->tx;
	bool in_payload = libra_stream_in_payload(call->stream);
	int ret;

	if (tx->held.state == LIBRA_HELD_WAIT && in_payload)
		return tx_held_decide(call);
	if (tx->held.state == LIBRA_HELD_TOKEN || tx->held.state == LIBRA_HELD_RAW) {
		ret = libra_held_flush(call->ls, call->flags | MSG_MORE);
		if (ret)
			return ret;
	}
	if (!in_payload)
		return libra_metadata_send(call);
	if (tx->cursor)
		return libra_reuse_send(call);
	return tx_payload(call);
}

/* Until all is sent, lower has no room, or framing is lost */
static int tx_steps(struct libra_tx_call *call, size_t *done)
{
	size_t relieved = *done;
	int ret;

	while (iov_iter_count(call->from) && libra_stream_synced(call->stream)) {
		if (*done && libra_send_broken(call->ls))
			return -EPIPE;
		ret = tx_step(call);
		if (ret < 0)
			return ret;
		*done += ret;
		if (*done - relieved >= RELIEVE_AFTER) {
			libra_send_relieve(call->ls);
			relieved = *done;
		}
	}
	return 0;
}

/* The same, with payload that is brought home in between; LIBRA_SPILL_AWAY: no memory */
static int tx_parts(struct libra_tx_call *call, size_t *done)
{
	struct libra_sock *ls = call->ls;
	int ret;

	do {
		mutex_lock(&ls->tx.lock);
		libra_send_begin(ls);
		ret = tx_steps(call, done);
		libra_send_end(ls);
		mutex_unlock(&ls->tx.lock);
		if (ret != LIBRA_SPILL_AWAY)
			return ret;
		ret = libra_cursor_fetch(ls);
	} while (!ret);
	return ret;
}

/* Records that tls could not pass on leave when there is room, see tls_write_space() */
static int tx_wait_for_tls(struct libra_sock *ls, long *timeo)
{
	struct sock *sk = ls->sk;

	if (libra_send_broken(ls))
		return -EPIPE;
	if (!sk_stream_memory_free(sk))
		return libra_send_wait(sk, timeo, false);
	if (signal_pending(current))
		return sock_intr_errno(*timeo);
	libra_tls_go_on(ls);
	schedule_timeout_interruptible(1);
	if (*timeo != MAX_SCHEDULE_TIMEOUT)
		--*timeo;
	return 0;
}

static int tx_framed(struct libra_tx_call *call, long *timeo, size_t *done)
{
	struct libra_sock *ls = call->ls;
	size_t before = SIZE_MAX;
	bool starved;
	int ret;

	for (;;) {
		ret = tx_parts(call, done);
		starved = ret == LIBRA_SPILL_AWAY || ret == -ENOBUFS;
		if (starved)
			ret = -EAGAIN;
		if (ret != -EAGAIN && ret != -EINPROGRESS)
			break;
		if (!*timeo) {
			if (starved)
				libra_send_starved(ls->sk);
			break;
		}
		libra_send_push_first(ls);
		ret = libra_send_wait(ls->sk, timeo, starved || *done == before);
		if (ret)
			break;
		before = *done;
	}
	while (!ret && *timeo && !READ_ONCE(ls->reset) && libra_tls_unsent(ls))
		ret = tx_wait_for_tls(ls, timeo);
	/* no more comes now; or the last ACK has come already, and none will push it */
	if (!READ_ONCE(ls->reset) &&
	    (ret || (call->corked && (!libra_send_to_tcp(ls) ||
				      !READ_ONCE(tcp_sk(ls->sk)->packets_out)))))
		libra_send_push(ls);
	return ret;
}

/* ---- the call ---- */

/* One time stamp for each call, not for each part of it */
static bool tx_stamped(const struct sock *sk)
{
	return READ_ONCE(sk->sk_tsflags) & SOF_TIMESTAMPING_TX_RECORD_MASK;
}

/* Flags and options that make lower do more than send bytes in order */
static bool tx_unusual(const struct libra_sock *ls, const struct msghdr *msg)
{
	/* MSG_WAITALL is io_uring's; lower does not look at it */
	const int usual = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE | MSG_EOR |
			  MSG_CMSG_COMPAT | MSG_BATCH | MSG_SPLICE_PAGES | MSG_WAITALL;

	/* what tls may be told with data is what they are anyway, see libra_tls_aside() */
	return (msg->msg_flags & ~usual) || tx_stamped(ls->sk) ||
	       (msg->msg_controllen && libra_send_to_tcp(ls));
}

/* The connection was broken off meanwhile, perhaps for another one */
static int tx_disconnected(struct sock *sk, int before)
{
	if (READ_ONCE(sk->sk_disconnects) == before)
		return 0;
	return sock_error(sk) ?: -EPIPE;
}

/* Between the bytes of the stream, in which it has no place; behind an alert no more come */
static int tx_aside(struct libra_sock *ls, struct msghdr *msg, size_t *done)
{
	int ret;

	if (libra_tls_ends(msg))
		libra_finish_send(ls);
	ret = libra_guard_send_aside(ls, msg);
	if (ret > 0)
		*done = ret;
	return min(ret, 0);
}

static int tx_send(struct libra_sock *ls, struct msghdr *msg, size_t *done)
{
	struct libra_tx_call call = {
		.ls = ls,
		.stream = &ls->tx.stream,
		.domain = libra_sock_bind(ls),
		.from = &msg->msg_iter,
		.flags = msg->msg_flags & (MSG_MORE | MSG_EOR | MSG_SPLICE_PAGES),
		.unseen = SIZE_MAX,
	};
	long timeo = sock_sndtimeo(ls->sk, msg->msg_flags & MSG_DONTWAIT);
	int disconnects = READ_ONCE(ls->sk->sk_disconnects);
	int ret;

	if (READ_ONCE(ls->reset))
		return -ECONNRESET;
	ret = libra_tls_refuses(ls, msg);
	if (ret)
		return ret;
	if (libra_tls_aside(ls, msg))
		return tx_aside(ls, msg, done);
	if (libra_stream_synced(call.stream) && tx_unusual(ls, msg)) {
		/* others of this process will be like it */
		if (call.domain && tx_stamped(ls->sk))
			WRITE_ONCE(call.domain->stamped, true);
		mutex_lock(&ls->tx.lock);
		ret = libra_metadata_give_up(&call, LIBRA_REASON_FLAGS, 0);
		mutex_unlock(&ls->tx.lock);
		if (ret)
			return ret;
	}
	if (libra_stream_synced(call.stream)) {
		/* the application had its chance to hand over what it reads */
		if (!libra_send_to_tcp(ls) &&
		    READ_ONCE(ls->rx.stream.state) == LIBRA_STREAM_HANDSHAKE)
			libra_sock_rx_opaque(ls, LIBRA_REASON_NO_KTLS);
		ret = tx_framed(&call, &timeo, done);
		if (ret || !msg_data_left(msg))
			return ret;
		if (*done && libra_send_broken(ls))
			return -EPIPE;
	}
	ret = libra_guard_settle(ls, &timeo);
	if (!ret)
		ret = tx_disconnected(ls->sk, disconnects);
	if (!ret)
		ret = libra_guard_send(ls, call.domain, msg);
	if (ret < 0)
		return ret;
	*done += ret;
	return 0;
}

/* With what MSG_ZEROCOPY asks for */
static int tx_noticed(struct libra_sock *ls, struct msghdr *msg, size_t *done)
{
	struct ubuf_info *notice = libra_zerocopy_begin(ls, msg);
	int ret;

	if (IS_ERR(notice))
		return PTR_ERR(notice);
	ret = tx_send(ls, msg, done);
	libra_zerocopy_end(ls, notice, *done && !READ_ONCE(ls->reset));
	return ret;
}

int libra_sendmsg(struct sock *sk, struct msghdr *msg, size_t len)
{
	struct libra_sock *ls = libra_sock_enter(sk);
	size_t done = 0;
	bool dead;
	int ret;

	if (!ls)
		return libra_past(libra_lower_prot(sk)->sendmsg(sk, msg, len));
	if (!len)
		ret = libra_sock_over(ls)->lower->sendmsg(sk, msg, len);
	else
		ret = tx_noticed(ls, msg, &done);
	dead = READ_ONCE(ls->reset);
	libra_sock_finish(ls);
	libra_sock_put(ls);
	if (dead && !ret)
		return -ECONNRESET;
	if (done && !dead)
		return done;
	if (ret == -EPIPE && !(msg->msg_flags & MSG_NOSIGNAL))
		send_sig(SIGPIPE, current, 0);
	return ret;
}
