// SPDX-License-Identifier: GPL-2.0
/*
 * A read loops over metadata (copied, after the parser saw it), payload
 * (elided where that is worth it and allowed, copied otherwise) and what lies
 * behind, until the buffer is full or nothing is left: exactly the byte counts
 * of plain TCP. Bytes are consumed through lower's read_sock(), whose actor
 * does the work with the socket locked.
 *
 * rx.lock is held around that, but never while waiting for data, so that a
 * non-blocking read meets a blocked one as it would on plain TCP.
 */
#include <linux/skbuff.h>
#include <net/busy_poll.h>
#include <net/tcp.h>

#include "domain.h"
#include "elide.h"
#include "overlay.h"
#include "place.h"
#include "policy.h"
#include "run.h"
#include "rx.h"
#include "rx_call.h"
#include "rx_tls.h"
#include "search.h"
#include "sock.h"
#include "stats.h"
#include "verify.h"

/* ---- copying ---- */

static void rx_copied(struct libra_rx_call *call, u32 len)
{
	libra_rx_passed(call, len);
	WRITE_ONCE(call->stream->copied, call->stream->copied + len);
	libra_count_add(LIBRA_STAT_RX_COPIED, len);
}

/* A marker from the peer was leaked or is replayed: it must not get in */
static bool rx_replayed(struct libra_rx_call *call, const u8 *bytes, u32 len)
{
	return READ_ONCE(libra_ever_elided) &&
	       libra_tail_search(&call->stream->tail, bytes, len);
}

static bool rx_replayed_skb(struct libra_rx_call *call, struct sk_buff *skb,
			    u32 offset, u32 len)
{
	struct skb_seq_state seq;
	const u8 *bytes;
	u32 done, n;

	if (!READ_ONCE(libra_ever_elided))
		return false;
	skb_prepare_seq_read(skb, offset, offset + len, &seq);
	/* ends early where it cannot read: the copy that follows says so */
	for (done = 0; (n = skb_seq_read(done, &bytes, &seq)); done += n) {
		if (rx_replayed(call, bytes, min(n, len - done))) {
			skb_abort_seq_read(&seq);
			return true;
		}
	}
	return false;
}

static int rx_refuse(struct libra_rx_call *call)
{
	call->err = libra_sock_kill(call->ls, LIBRA_RESET_REPLAY);
	return 0;
}

static int rx_copy(struct libra_rx_call *call, struct sk_buff *skb, u32 offset, u32 len)
{
	if (rx_replayed_skb(call, skb, offset, len))
		return rx_refuse(call);
	if (skb_copy_datagram_iter(skb, offset, call->to, len)) {
		call->err = -EFAULT;
		return 0;
	}
	rx_copied(call, len);
	return len;
}

static int rx_copy_payload(struct libra_rx_call *call, struct sk_buff *skb,
			   u32 offset, u32 len)
{
	struct libra_stream *stream = call->stream;
	int n;

	len = min_t(u64, min_t(size_t, len, iov_iter_count(call->to)),
		    stream->payload_left);
	n = rx_copy(call, skb, offset, len);
	libra_stream_payload(stream, n);
	libra_verify_received(call->ls, skb, offset, n);
	if (call->stream->elides && READ_ONCE(call->ls->policy->mode) == LIBRA_MODE_OBSERVE)
		libra_count_add(LIBRA_STAT_RX_ELIDABLE, n);
	return n;
}

/* ---- metadata ---- */

/* Is the payload of the frame that begins now worth retaining? */
static bool rx_worth(const struct libra_sock *ls)
{
	const struct libra_stream *stream = &ls->rx.stream;

	/* of a message that goes on, nobody knows yet how long it will be */
	return !libra_stream_last(stream) ? stream->payload_left :
	       stream->payload_left >= READ_ONCE(ls->policy->threshold);
}

/* Copies what is looked at out of the skb, more of it as long as that helps */
static int rx_parse(struct libra_rx_call *call, struct sk_buff *skb, u32 offset,
		    u32 len, u32 *looked, struct libra_run *run)
{
	u32 most = libra_stream_look_most(call->stream, len);
	u32 look = min(most, libra_stream_look_first(call->stream));
	int verdict;
	u8 *head;

	for (;;) {
		head = libra_stream_look(call->stream, look);
		if (!head || skb_copy_bits(skb, offset, head, look))
			return LIBRA_GIVE_UP;
		*looked = look;
		verdict = libra_stream_parse(call->ls, call->stream, look, run);
		if (verdict != LIBRA_NEED_MORE || look == most)
			return verdict;
		look = min(most, look * 4);
	}
}

static int rx_metadata(struct libra_rx_call *call, struct sk_buff *skb, u32 offset, u32 len)
{
	size_t room = iov_iter_count(call->to);
	struct libra_stream *stream = call->stream;
	u32 looked = 0, meta, n;
	struct libra_run run;
	const u8 *bytes;
	int verdict;

	verdict = rx_parse(call, skb, offset, len, &looked, &run);
	meta = verdict == LIBRA_FRAME ? run.frame.meta_len - stream->head_len : looked;
	if (verdict < 0 || !meta) {
		if (!libra_handshake_begins(call->ls, stream, looked))
			libra_sock_rx_opaque(call->ls, verdict == -ESTALE ?
					     LIBRA_REASON_NO_PARSER : LIBRA_REASON_PARSER);
		libra_stream_free(stream);
		return rx_copy(call, skb, offset, min_t(size_t, len, room));
	}
	n = min_t(size_t, meta, room);
	/* what the parser saw is what the application gets, whatever the page says now */
	bytes = stream->head + stream->head_len;
	if (rx_replayed(call, bytes, n))
		return rx_refuse(call);
	room = copy_to_iter(bytes, n, call->to);
	if (room != n) {
		iov_iter_revert(call->to, room);
		call->err = -EFAULT;
		return 0;
	}
	rx_copied(call, n);
	if (verdict == LIBRA_FRAME && n == meta) {
		libra_stream_commit(call->ls, stream, &run.frame);
		call->stream->elides = rx_worth(call->ls) && libra_verify_allows(call->ls);
		return n;
	}
	libra_stream_passed(stream, n);
	return n;
}

/* ---- the loop ---- */

static int rx_elide(struct libra_rx_call *call, struct sk_buff *skb, u32 offset, u32 len)
{
	u32 taken = libra_elide_take(call, skb, offset, len);

	return taken || call->err ? taken : rx_copy_payload(call, skb, offset, len);
}

static int rx_step(struct libra_rx_call *call, struct sk_buff *skb, u32 offset, u32 len)
{
	if (call->payload)
		return rx_elide(call, skb, offset, len);
	if (!iov_iter_count(call->to))
		return 0;
	if (!libra_stream_synced(call->stream))
		return rx_copy(call, skb, offset,
			       min_t(size_t, len, iov_iter_count(call->to)));
	if (!libra_stream_in_payload(call->stream))
		return rx_metadata(call, skb, offset, len);
	if (libra_elide_open(call, skb, offset))
		return rx_elide(call, skb, offset, len);
	return rx_copy_payload(call, skb, offset, len);
}

static int rx_actor(read_descriptor_t *desc, struct sk_buff *skb,
		    unsigned int offset, size_t len)
{
	struct libra_rx_call *call = desc->arg.data;
	u32 used = 0;
	int n;

	/* of what lies behind a record nobody knows anything yet */
	call->available = max_t(size_t, call->available, len);
	while (used < len && !call->err) {
		n = rx_step(call, skb, offset + used, len - used);
		if (!n)
			break;
		used += n;
	}
	call->record_ends |= used == len;
	if (call->err || (!call->payload && !iov_iter_count(call->to)))
		desc->count = 0;
	return used;
}

int libra_rx_drain(struct libra_rx_call *call)
{
	read_descriptor_t desc = { .count = 1, .arg.data = call };
	const struct libra_sock *ls = call->ls;
	int ret;

	ret = libra_sock_over(ls)->lower_ops->read_sock(ls->sk, &desc, rx_actor);
	if (call->payload)
		libra_elide_close(call);
	return ret;
}

static void rx_drain(struct libra_rx_call *call)
{
	struct sock *sk = call->ls->sk;
	size_t before = call->done;
	int ret;

	call->available = tcp_inq(sk);
	ret = libra_rx_drain(call);
	/* as tcp_recvmsg() does it, and read_sock() does not */
	sk_peek_offset_bwd(sk, call->done - before);
	if (ret < 0 && !call->err)
		call->err = ret;
}

/* As tcp_recvmsg() decides it; @ret is only set when nothing was read */
static bool rx_ends(struct libra_rx_call *call, size_t target, long timeo, int *ret)
{
	struct sock *sk = call->ls->sk;

	if (call->err) {
		*ret = call->err;
		return true;
	}
	if (!iov_iter_count(call->to))
		return true;
	/* read_sock() stops before an urgent byte; lower knows what to do with it */
	if (tcp_sk(sk)->urg_data &&
	    (!call->done || tcp_sk(sk)->urg_seq == READ_ONCE(tcp_sk(sk)->copied_seq))) {
		*ret = LIBRA_RX_PLAIN;
		return true;
	}
	if (call->done >= target && !READ_ONCE(sk->sk_backlog.tail))
		return true;
	if (call->done)
		return sk->sk_err || sk->sk_state == TCP_CLOSE ||
		       (sk->sk_shutdown & RCV_SHUTDOWN) || !timeo ||
		       signal_pending(current);
	if (sock_flag(sk, SOCK_DONE))
		return true;
	if (sk->sk_err)
		*ret = sock_error(sk);
	else if (sk->sk_shutdown & RCV_SHUTDOWN)
		*ret = 0;
	else if (sk->sk_state == TCP_CLOSE)
		*ret = -ENOTCONN;
	else if (!timeo)
		*ret = -EAGAIN;
	else if (signal_pending(current))
		*ret = sock_intr_errno(timeo);
	else
		return false;
	return true;
}

/*
 * Waits for data with the socket locked, but others may read meanwhile. What
 * has come or gone while rx.lock was let go is seen under the socket's lock.
 */
static int rx_wait(struct libra_rx_call *call, long *timeo)
{
	struct sock *sk = call->ls->sk;
	int err = 0;

	mutex_unlock(&call->ls->rx.lock);
	if (skb_queue_empty(&sk->sk_receive_queue))
		err = sk_wait_data(sk, timeo, NULL);
	release_sock(sk);
	mutex_lock(&call->ls->rx.lock);
	lock_sock(sk);
	return err;
}

static int rx_receive(struct libra_rx_call *call, struct msghdr *msg, size_t len, int flags)
{
	struct sock *sk = call->ls->sk;
	long timeo = sock_rcvtimeo(sk, flags & MSG_DONTWAIT);
	size_t target;
	int ret = 0;

	if (sk_can_busy_loop(sk) && skb_queue_empty_lockless(&sk->sk_receive_queue) &&
	    sk->sk_state == TCP_ESTABLISHED)
		sk_busy_loop(sk, flags & MSG_DONTWAIT);
	lock_sock(sk);
	target = sock_rcvlowat(sk, flags & MSG_WAITALL, len);
	for (;;) {
		rx_drain(call);
		if (rx_ends(call, target, timeo, &ret))
			break;
		if (call->done >= target) {
			/* only to take what waits in the backlog */
			release_sock(sk);
			lock_sock(sk);
			continue;
		}
		ret = rx_wait(call, &timeo);
		if (ret < 0)
			break;
		ret = 0;
	}
	release_sock(sk);
	if (READ_ONCE(call->ls->reset))
		return -ECONNRESET;
	ret = call->done ?: ret;
	if (msg->msg_get_inq && ret >= 0)
		msg->msg_inq = tcp_inq(sk) ?: sock_flag(sk, SOCK_DONE);
	return ret;
}

/* ---- what is not framed ---- */

/* Options and flags under which lower hands out more than bytes */
static bool rx_unusual(struct sock *sk, int flags)
{
	const int usual = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_WAITALL |
			  MSG_CMSG_CLOEXEC | MSG_CMSG_COMPAT;
	const struct tcp_sock *tp = tcp_sk(sk);

	return (flags & ~usual) || tp->urg_data || tp->repair || tp->recvmsg_inq ||
	       sock_flag(sk, SOCK_RCVTSTAMP) ||
	       (READ_ONCE(sk->sk_tsflags) &
		(SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RAW_HARDWARE));
}

/* They will be read once more, and searched for good then */
static int rx_peeked(struct libra_sock *ls, const struct iov_iter *from, int len)
{
	struct libra_tail tail = {};

	if (READ_ONCE(libra_ever_elided) && libra_tail_search_iter(&tail, from, len))
		return libra_sock_kill(ls, LIBRA_RESET_REPLAY);
	return len;
}

static int rx_plain(struct libra_sock *ls, struct msghdr *msg, size_t len,
		    int flags LIBRA_RECVMSG_PARAM)
{
	struct libra_stream *stream = &ls->rx.stream;
	struct iov_iter from = msg->msg_iter;
	int ret;

	ret = libra_sock_over(ls)->lower->recvmsg(ls->sk, msg, len, flags LIBRA_RECVMSG_ARG);
	if (ret <= 0 || flags & (MSG_TRUNC | MSG_ERRQUEUE))
		return ret;
	if (flags & MSG_PEEK)
		return rx_peeked(ls, &from, ret);
	libra_count_add(LIBRA_STAT_RX_COPIED, ret);
	mutex_lock(&ls->rx.lock);
	WRITE_ONCE(stream->copied, stream->copied + ret);
	if (READ_ONCE(libra_ever_elided) &&
	    libra_tail_search_iter(&stream->tail, &from, ret))
		ret = libra_sock_kill(ls, LIBRA_RESET_REPLAY);
	mutex_unlock(&ls->rx.lock);
	return ret;
}

void libra_rx_lose(struct libra_sock *ls, enum libra_reason reason)
{
	if (!libra_stream_synced(&ls->rx.stream))
		return;
	mutex_lock(&ls->rx.lock);
	libra_sock_rx_opaque(ls, reason);
	mutex_unlock(&ls->rx.lock);
}

static int rx_framed(struct libra_sock *ls, struct libra_domain *domain,
		     struct msghdr *msg, size_t len, int flags)
{
	struct libra_rx_call call = {
		.ls = ls,
		.stream = &ls->rx.stream,
		.domain = domain,
		.to = &msg->msg_iter,
	};
	int ret;

	call.elide = domain && libra_sock_may_elide(ls);
	/* here, because it sleeps: no lock is held yet */
	if (call.elide && (iter_is_ubuf(call.to) || iter_is_iovec(call.to)))
		libra_domain_arm(domain, ls);
	mutex_lock(&ls->rx.lock);
	if (libra_sock_over(ls)->rx == LIBRA_LOWER_TCP)
		ret = rx_receive(&call, msg, len, flags);
	else
		ret = libra_rx_tls_receive(&call, msg, len, flags);
	mutex_unlock(&ls->rx.lock);
	return ret;
}

int libra_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, int flags
		  LIBRA_RECVMSG_PARAM)
{
	struct libra_sock *ls = libra_sock_enter(sk);
	struct libra_domain *domain;
	int ret;

	if (!ls)
		return libra_past(libra_lower_prot(sk)->recvmsg(sk, msg, len,
								flags LIBRA_RECVMSG_ARG));
	domain = libra_sock_bind(ls);
	if (READ_ONCE(ls->reset)) {
		ret = -ECONNRESET;
		goto out;
	}
	/* whoever fills it; MSG_TRUNC leaves it as it is */
	if (domain && !(flags & MSG_TRUNC))
		libra_place_forget(domain, &msg->msg_iter);
	if (!len || flags & (MSG_PEEK | MSG_ERRQUEUE)) {
		ret = rx_plain(ls, msg, len, flags LIBRA_RECVMSG_ARG);
		goto finish;
	}
	if (rx_unusual(sk, flags))
		libra_rx_lose(ls, LIBRA_REASON_FLAGS);
	ret = LIBRA_RX_PLAIN;
	if (libra_stream_synced(&ls->rx.stream))
		ret = rx_framed(ls, domain, msg, len, flags);
	if (ret == LIBRA_RX_PLAIN) {
		libra_rx_lose(ls, LIBRA_REASON_FLAGS);
		ret = rx_plain(ls, msg, len, flags LIBRA_RECVMSG_ARG);
	}
finish:
	libra_sock_finish(ls);
out:
	libra_sock_put(ls);
	return ret;
}
