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
#include <linux/mm.h>
#include <linux/skbuff.h>
#include <linux/uaccess.h>
#include <net/busy_poll.h>
#include <net/tcp.h>

#include "domain.h"
#include "overlay.h"
#include "payload.h"
#include "policy.h"
#include "rx.h"
#include "sock.h"
#include "stats.h"
#include "trace.h"

/* Less of a read than this is not worth a payload object */
#define SHARE_MIN	1024
/* Room for the token and the marker at the end */
#define PLACE_MIN	(2 * LIBRA_MARKER_LEN)

struct rx_call {
	struct libra_sock *ls;
	struct libra_stream *stream;
	struct libra_domain *domain;
	struct iov_iter *to;
	size_t available;		/* unread bytes behind the actor */
	size_t done;			/* bytes that the read will answer */
	int err;
	bool elide;			/* this read may */
	bool arm;			/* it would have, had the domain been armed */
	/* the open placeholder */
	struct libra_payload *payload;
	struct iov_iter place;
	u32 planned;
};

/* ---- copying ---- */

static void rx_passed(struct rx_call *call, u32 len)
{
	call->done += len;
	call->available -= min_t(size_t, len, call->available);
}

static void rx_copied(struct rx_call *call, u32 len)
{
	rx_passed(call, len);
	WRITE_ONCE(call->stream->copied, call->stream->copied + len);
	libra_count_add(LIBRA_STAT_RX_COPIED, len);
}

/* A marker from the peer was leaked or is replayed: it must not get in */
static bool rx_replayed(struct rx_call *call, const u8 *bytes, u32 len)
{
	if (!READ_ONCE(libra_ever_elided) ||
	    !libra_tail_search(&call->stream->tail, bytes, len))
		return false;
	call->err = libra_sock_kill(call->ls, LIBRA_RESET_REPLAY);
	return true;
}

static bool rx_replayed_skb(struct rx_call *call, struct sk_buff *skb,
			    u32 offset, u32 len)
{
	u8 buf[256];

	if (!READ_ONCE(libra_ever_elided))
		return false;
	while (len) {
		u32 n = min_t(u32, len, sizeof(buf));

		if (skb_copy_bits(skb, offset, buf, n))
			return false;	/* the copy that follows says so */
		if (rx_replayed(call, buf, n))
			return true;
		offset += n;
		len -= n;
	}
	return false;
}

static int rx_copy(struct rx_call *call, struct sk_buff *skb, u32 offset, u32 len)
{
	if (rx_replayed_skb(call, skb, offset, len))
		return 0;
	if (skb_copy_datagram_iter(skb, offset, call->to, len)) {
		call->err = -EFAULT;
		return 0;
	}
	rx_copied(call, len);
	return len;
}

static int rx_copy_payload(struct rx_call *call, struct sk_buff *skb,
			   u32 offset, u32 len)
{
	struct libra_stream *stream = call->stream;
	int n;

	len = min_t(u64, min_t(size_t, len, iov_iter_count(call->to)),
		    stream->payload_left);
	n = rx_copy(call, skb, offset, len);
	libra_stream_payload(stream, n);
	if (call->ls->rx.elides && call->ls->policy->mode == LIBRA_MODE_OBSERVE)
		libra_count_add(LIBRA_STAT_RX_ELIDABLE, n);
	return n;
}

/* ---- metadata ---- */

/* Is the payload of the frame that begins now worth retaining? */
static bool rx_worth(const struct libra_sock *ls)
{
	const struct libra_stream *stream = &ls->rx.stream;

	/* of a message that goes on, nobody knows yet how long it will be */
	return !libra_stream_last(stream) ? stream->frame_len :
	       stream->frame_len >= ls->policy->threshold;
}

/* Copies what is looked at out of the skb, more of it as long as that helps */
static int rx_parse(struct rx_call *call, struct sk_buff *skb, u32 offset,
		    u32 len, u32 *looked, struct libra_frame *frame)
{
	u32 look = min_t(u32, len, LIBRA_HEAD_MIN);
	int verdict;
	u8 *head;

	for (;;) {
		head = libra_stream_look(call->stream, look);
		if (!head || skb_copy_bits(skb, offset, head, look))
			return LIBRA_GIVE_UP;
		*looked = look;
		verdict = libra_stream_parse(call->ls, call->stream, look, frame);
		if (verdict != LIBRA_NEED_MORE || look == len)
			return verdict;
		look = min_t(u32, len, look * 4);
	}
}

static int rx_metadata(struct rx_call *call, struct sk_buff *skb, u32 offset, u32 len)
{
	size_t room = iov_iter_count(call->to);
	struct libra_stream *stream = call->stream;
	struct libra_frame frame;
	u32 looked = 0, meta, n;
	const u8 *bytes;
	int verdict;

	verdict = rx_parse(call, skb, offset, len, &looked, &frame);
	meta = verdict == LIBRA_FRAME ? frame.meta_len - stream->head_len : looked;
	if (verdict < 0 || !meta) {
		libra_sock_rx_opaque(call->ls, verdict == -ESTALE ?
				     LIBRA_REASON_NO_PARSER : LIBRA_REASON_PARSER);
		libra_stream_free(stream);
		return rx_copy(call, skb, offset, min_t(size_t, len, room));
	}
	n = min_t(size_t, meta, room);
	/* what the parser saw is what the application gets, whatever the page says now */
	bytes = stream->head + stream->head_len;
	if (rx_replayed(call, bytes, n))
		return 0;
	room = copy_to_iter(bytes, n, call->to);
	if (room != n) {
		iov_iter_revert(call->to, room);
		call->err = -EFAULT;
		if (verdict == LIBRA_FRAME)
			libra_stream_revert(call->ls, stream, &frame);
		return 0;
	}
	rx_copied(call, n);
	if (verdict == LIBRA_FRAME && n == meta) {
		libra_stream_commit(call->ls, stream, &frame);
		call->ls->rx.elides = rx_worth(call->ls);
		return n;
	}
	if (verdict == LIBRA_FRAME)
		libra_stream_revert(call->ls, stream, &frame);
	libra_stream_passed(stream, n);
	return n;
}

/* ---- elision ---- */

static bool rx_put_marker(const struct iov_iter *place, const struct libra_payload *payload,
			  u32 at, u32 offset)
{
	struct iov_iter it = *place;
	struct libra_marker marker;

	libra_payload_marker(payload, offset, &marker);
	iov_iter_advance(&it, at);
	return copy_to_iter(&marker, sizeof(marker), &it) == sizeof(marker);
}

/*
 * Markers in between, where the page is present: a slice from the middle is
 * then seen on its way out. Pages that nobody has touched stay so, and two in
 * a row mean that this buffer is such a one.
 */
static void rx_put_steps(struct libra_payload *payload, const struct iov_iter *place)
{
	u32 at, absent = 0;

	for (at = LIBRA_MARKER_STEP; at + PLACE_MIN <= payload->len && absent < 2;
	     at += LIBRA_MARKER_STEP) {
		pagefault_disable();
		if (rx_put_marker(place, payload, at, at)) {
			__set_bit(at / LIBRA_MARKER_STEP, payload->marked);
			absent = 0;
		} else {
			absent++;
		}
		pagefault_enable();
	}
}

static int rx_refuse(struct rx_call *call, enum libra_reason reason)
{
	libra_count_fallback(reason);
	trace_libra_fallback(call->ls, true, reason);
	return 0;
}

/* How much of the payload this read can take, or 0 when it must be copied */
static u32 rx_share(struct rx_call *call, struct sk_buff *skb, u32 offset)
{
	const struct libra_sock *ls = call->ls;
	u32 share, least = min_t(u32, SHARE_MIN, ls->policy->threshold);

	if (!ls->rx.elides || !call->elide)
		return 0;
	share = min_t(u64, min_t(size_t, iov_iter_count(call->to), call->available),
		      min_t(u64, call->stream->payload_left, LIBRA_PAYLOAD_MAX));
	if (share < least)
		return rx_refuse(call, LIBRA_REASON_SMALL);
	if (!libra_payload_retainable(skb, offset))
		return rx_refuse(call, LIBRA_REASON_LINEAR);
	/* decided anew for every placeholder: sinks come and go */
	if (libra_domain_gate(call->domain) &&
	    !(ls->policy->flags & LIBRA_POLICY_F_ACCEPT_RISK))
		return rx_refuse(call, LIBRA_REASON_GATE);
	if (!READ_ONCE(call->domain->armed)) {
		call->arm = true;
		return 0;
	}
	return share;
}

/* From now on everything that is sent is searched: before a marker exists */
static void rx_announce(struct rx_call *call)
{
	if (likely(READ_ONCE(call->ls->policy->elided) && READ_ONCE(libra_ever_elided)))
		return;
	WRITE_ONCE(call->ls->policy->elided, true);
	WRITE_ONCE(libra_ever_elided, true);
	/* pairs with the system call by which another thread gets at the buffer */
	smp_mb();
}

static bool rx_open(struct rx_call *call, struct sk_buff *skb, u32 offset)
{
	u32 share = rx_share(call, skb, offset);
	struct libra_payload *payload;

	if (!share)
		return false;
	payload = libra_payload_new(call->domain);
	if (!payload) {
		call->elide = false;
		return rx_refuse(call, LIBRA_REASON_NOMEM);
	}
	rx_announce(call);
	/* both ends now: when they cannot be written nothing is lost yet */
	if (!rx_put_marker(call->to, payload, 0, 0) ||
	    !rx_put_marker(call->to, payload, share - LIBRA_MARKER_LEN,
			   share - LIBRA_MARKER_LEN)) {
		libra_payload_drop(payload);
		libra_payload_put(payload);
		call->elide = false;
		return rx_refuse(call, LIBRA_REASON_FAULT);
	}
	call->payload = payload;
	call->place = *call->to;
	call->planned = share;
	return true;
}

/* Too short for a placeholder after all: the bytes themselves */
static void rx_copy_out(struct rx_call *call, const struct libra_payload *payload)
{
	u32 i;

	for (i = 0; i < payload->nr_segs; i++) {
		const struct bio_vec *seg = &payload->segs[i];

		if (copy_page_to_iter(seg->bv_page, seg->bv_offset, seg->bv_len,
				      call->to) != seg->bv_len) {
			call->err = libra_sock_kill(call->ls, LIBRA_RESET_FAULT);
			return;
		}
	}
	libra_count_add(LIBRA_STAT_RX_COPIED, payload->len);
}

static void rx_publish(struct rx_call *call, struct libra_payload *payload)
{
	struct libra_stream *stream = call->stream;
	u32 end = payload->len - LIBRA_MARKER_LEN;

	if (payload->len != call->planned &&
	    !rx_put_marker(&call->place, payload, end, end)) {
		libra_payload_drop(payload);
		call->err = libra_sock_kill(call->ls, LIBRA_RESET_FAULT);
		return;
	}
	rx_put_steps(payload, &call->place);
	iov_iter_advance(call->to, payload->len);
	stream->tail.len = 0;
	WRITE_ONCE(stream->uncopied, stream->uncopied + payload->len);
	atomic64_add(payload->len, &call->domain->elided_bytes);
	libra_count_add(LIBRA_STAT_RX_ELIDED, payload->len);
	libra_count(LIBRA_STAT_TOKENS);
	trace_libra_elide(call->ls, payload->id, payload->len);
	libra_payload_publish(payload);
}

static void rx_close(struct rx_call *call)
{
	struct libra_payload *payload = call->payload;

	call->payload = NULL;
	if (payload->len < PLACE_MIN) {
		rx_copy_out(call, payload);
		libra_payload_drop(payload);
	} else {
		rx_publish(call, payload);
	}
	libra_payload_put(payload);
}

static int rx_elide(struct rx_call *call, struct sk_buff *skb, u32 offset, u32 len)
{
	struct libra_payload *payload = call->payload;
	u32 want = min(len, call->planned - payload->len), taken;
	u8 reason;

	taken = libra_payload_take(payload, skb, offset, want, &reason);
	libra_stream_payload(call->stream, taken);
	rx_passed(call, taken);
	if (taken < want) {
		call->elide = false;
		rx_refuse(call, reason);
	}
	if (taken < want || payload->len == call->planned)
		rx_close(call);
	if (taken || call->err)
		return taken;
	return rx_copy_payload(call, skb, offset, len);
}

/* ---- the loop ---- */

static int rx_step(struct rx_call *call, struct sk_buff *skb, u32 offset, u32 len)
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
	if (rx_open(call, skb, offset))
		return rx_elide(call, skb, offset, len);
	return rx_copy_payload(call, skb, offset, len);
}

static int rx_actor(read_descriptor_t *desc, struct sk_buff *skb,
		    unsigned int offset, size_t len)
{
	struct rx_call *call = desc->arg.data;
	u32 used = 0;
	int n;

	while (used < len && !call->err) {
		n = rx_step(call, skb, offset + used, len - used);
		if (!n)
			break;
		used += n;
	}
	if (call->err || (!call->payload && !iov_iter_count(call->to)))
		desc->count = 0;
	return used;
}

static void rx_drain(struct rx_call *call)
{
	const struct libra_overlay *overlay = call->ls->overlay;
	read_descriptor_t desc = { .count = 1, .arg.data = call };
	struct sock *sk = call->ls->sk;
	int err;

	call->available = libra_lower_available(overlay, sk);
	err = overlay->lower_ops->read_sock(sk, &desc, rx_actor);
	if (call->payload)
		rx_close(call);
	if (err < 0 && !call->err)
		call->err = err;
}

/* As tcp_recvmsg() decides it; @ret is only set when nothing was read */
static bool rx_ends(struct rx_call *call, size_t target, long timeo, int *ret)
{
	struct sock *sk = call->ls->sk;

	if (call->err) {
		*ret = call->err;
		return true;
	}
	if (!iov_iter_count(call->to))
		return true;
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
static int rx_wait(struct rx_call *call, long *timeo)
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

static int rx_receive(struct rx_call *call, size_t len, int flags)
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
	return READ_ONCE(call->ls->reset) ? -ECONNRESET : call->done ?: ret;
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

static int rx_plain(struct libra_sock *ls, struct msghdr *msg, size_t len,
		    int flags LIBRA_RECVMSG_PARAM)
{
	struct libra_stream *stream = &ls->rx.stream;
	struct iov_iter from = msg->msg_iter;
	int ret;

	ret = ls->overlay->lower->recvmsg(ls->sk, msg, len, flags LIBRA_RECVMSG_ARG);
	if (ret <= 0 || flags & (MSG_PEEK | MSG_TRUNC | MSG_ERRQUEUE))
		return ret;
	libra_count_add(LIBRA_STAT_RX_COPIED, ret);
	mutex_lock(&ls->rx.lock);
	WRITE_ONCE(stream->copied, stream->copied + ret);
	if (READ_ONCE(libra_ever_elided) &&
	    libra_tail_search_iter(&stream->tail, &from, ret))
		ret = libra_sock_kill(ls, LIBRA_RESET_REPLAY);
	mutex_unlock(&ls->rx.lock);
	return ret;
}

void libra_rx_bypass(struct libra_sock *ls)
{
	mutex_lock(&ls->rx.lock);
	libra_sock_rx_opaque(ls, LIBRA_REASON_API);
	mutex_unlock(&ls->rx.lock);
}

static int rx_framed(struct libra_sock *ls, struct libra_domain *domain,
		     struct msghdr *msg, size_t len, int flags)
{
	struct rx_call call = {
		.ls = ls,
		.stream = &ls->rx.stream,
		.domain = domain,
		.to = &msg->msg_iter,
	};
	int ret;

	call.elide = domain && libra_sock_may_elide(ls) &&
		     (iter_is_ubuf(call.to) || iter_is_iovec(call.to));
	mutex_lock(&ls->rx.lock);
	ret = rx_receive(&call, len, flags);
	mutex_unlock(&ls->rx.lock);
	if (msg->msg_get_inq)
		msg->msg_inq = tcp_inq(ls->sk);
	if (call.arm)
		libra_domain_arm(call.domain);
	return ret;
}

int libra_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, int flags
		  LIBRA_RECVMSG_PARAM)
{
	struct libra_sock *ls = libra_sock_enter(sk);
	struct libra_domain *domain;
	int ret;

	if (!ls)
		return READ_ONCE(sk->sk_prot)->recvmsg(sk, msg, len, flags LIBRA_RECVMSG_ARG);
	domain = libra_sock_bind(ls);
	if (READ_ONCE(ls->reset)) {
		ret = -ECONNRESET;
		goto out;
	}
	if (!len || flags & (MSG_PEEK | MSG_ERRQUEUE)) {
		ret = rx_plain(ls, msg, len, flags LIBRA_RECVMSG_ARG);
		goto out;
	}
	if (rx_unusual(sk, flags) && libra_stream_synced(&ls->rx.stream)) {
		mutex_lock(&ls->rx.lock);
		libra_sock_rx_opaque(ls, LIBRA_REASON_FLAGS);
		mutex_unlock(&ls->rx.lock);
	}
	if (libra_stream_synced(&ls->rx.stream))
		ret = rx_framed(ls, domain, msg, len, flags);
	else
		ret = rx_plain(ls, msg, len, flags LIBRA_RECVMSG_ARG);
	libra_sock_finish(ls);
out:
	libra_sock_put(ls);
	return ret;
}
