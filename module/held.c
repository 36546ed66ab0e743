// SPDX-License-Identifier: GPL-2.0
/*
 * Everything here is under tx.lock. The timer holds the context and the sock;
 * it finds nothing to do when the bytes are gone by then. After
 * libra_finish_send() nothing is held again, so it never sends on a socket that
 * was closed.
 */
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <net/sock.h>

#include "cursor.h"
#include "held.h"
#include "payload.h"
#include "search.h"
#include "send.h"
#include "sock.h"

/*
 * A false beginning, one byte in most cases, must not delay data noticeably.
 * Of the first jiffy little may be left.
 */
#define HELD_JIFFIES	(2 + HZ / 500)
/*
 * While the process has payload to send it may well be a token, of which the rest
 * comes when whoever copied it has the processor again.
 */
#define HELD_PATIENCE	HZ

static void held_arm(struct libra_sock *ls, unsigned long delay)
{
	refcount_inc(&ls->ref);
	sock_hold(ls->sk);
	/* one that is armed already has references */
	if (mod_delayed_work(libra_send_wq, &ls->tx.held.bytes->timer, delay)) {
		sock_put(ls->sk);
		libra_sock_put(ls);
	}
}

static void held_timer(struct work_struct *work)
{
	struct libra_held_bytes *bytes = container_of(to_delayed_work(work),
						      struct libra_held_bytes, timer);
	struct libra_sock *ls = bytes->ls;
	struct libra_held *held = &ls->tx.held;
	struct sock *sk = ls->sk;

	/*
	 * Whoever sends just now decides. A timer that is set by now is that of other bytes,
	 * and does not come earlier for these; else this one comes again, with its references.
	 */
	if (!mutex_trylock(&ls->tx.lock)) {
		if (queue_delayed_work(libra_send_wq, &bytes->timer, HELD_JIFFIES))
			return;
		goto put;
	}
	if (held->finished || held->state == LIBRA_HELD_NONE)
		goto unlock;
	/* other bytes are held by now, with a timer of their own */
	if (held->state == LIBRA_HELD_WAIT && time_before(jiffies, bytes->due))
		goto unlock;
	/* while there is no room nobody waits for these bytes */
	if (!sk_stream_memory_free(sk)) {
		held_arm(ls, HZ / 10);
		goto unlock;
	}
	if (held->state == LIBRA_HELD_WAIT && !libra_held_sure(held))
		libra_held_let_go(held);
	if (held->state == LIBRA_HELD_RAW && libra_send_unasked(ls, libra_held_flush) == -EAGAIN)
		held_arm(ls, HELD_JIFFIES);
unlock:
	mutex_unlock(&ls->tx.lock);
put:
	sock_put(sk);
	libra_sock_put(ls);
}

static int held_alloc(struct libra_sock *ls)
{
	struct libra_held_bytes *bytes;

	if (ls->tx.held.bytes)
		return 0;
	/* with the socket locked, as TCP allocates its packets */
	bytes = kmalloc(sizeof(*bytes), ls->sk->sk_allocation | __GFP_NOWARN);
	if (!bytes)
		return -ENOBUFS;
	bytes->ls = ls;
	INIT_DELAYED_WORK(&bytes->timer, held_timer);
	ls->tx.held.bytes = bytes;
	return 0;
}

void libra_held_disarm(struct libra_sock *ls)
{
	struct libra_held *held = &ls->tx.held;

	lockdep_assert_held(&ls->tx.lock);
	if (!held->bytes || !cancel_delayed_work(&held->bytes->timer))
		return;
	/* neither is the last one: whoever finishes has others */
	sock_put(ls->sk);
	libra_sock_put(ls);
}

void libra_held_free(struct libra_held *held)
{
	kfree(held->bytes);
}

/* Room for @len more bytes, or none */
static u8 *held_room(struct libra_held *held, u32 len)
{
	u8 *room = held->bytes->all + held->len;

	if (len > LIBRA_HELD_MAX - held->len)
		return NULL;
	held->len += len;
	return room;
}

int libra_held_begin(struct libra_sock *ls, const u8 *bytes, u32 len, bool known)
{
	struct libra_held *held = &ls->tx.held;
	struct libra_domain *domain = READ_ONCE(ls->domain);
	unsigned long delay = HELD_JIFFIES;
	int err = held_alloc(ls);

	if (err)
		return err;
	if (domain && libra_payload_any_live(domain))
		delay = HELD_PATIENCE;
	held->known = known;
	held->token = 0;
	held->len = 0;
	held->sent = 0;
	held->leaked = 0;
	bitmap_zero(held->bytes->payload, LIBRA_HELD_MAX);
	held->state = LIBRA_HELD_WAIT;
	libra_held_more(held, bytes, len);
	held->bytes->due = jiffies + delay;
	held_arm(ls, delay);
	return 0;
}

bool libra_held_more(struct libra_held *held, const u8 *bytes, u32 len)
{
	u8 *room = held_room(held, len);

	if (!room)
		return false;
	memcpy(room, bytes, len);
	memcpy(held->bytes->first + held->token, bytes, len);
	held->token += len;
	bitmap_set(held->bytes->payload, room - held->bytes->all, len);
	return true;
}

bool libra_held_metadata(struct libra_held *held, const u8 *bytes, u32 len)
{
	u8 *room = held_room(held, len);

	if (room)
		memcpy(room, bytes, len);
	return room;
}

void libra_held_let_go(struct libra_held *held)
{
	held->state = LIBRA_HELD_RAW;
	held->leaked = held->token;
}

static enum libra_found held_look(const u8 *first, u32 have, const u8 *bytes,
				  u32 len, struct libra_marker *marker)
{
	u8 whole[LIBRA_MARKER_LEN];

	len = min_t(u32, len, LIBRA_MARKER_LEN - have);
	memcpy(whole, first, have);
	memcpy(whole + have, bytes, len);
	if (!libra_marker_prefix(whole, have + len))
		return LIBRA_FOUND_NONE;
	if (have + len < LIBRA_MARKER_LEN)
		return LIBRA_FOUND_CUT;
	memcpy(marker, whole, sizeof(*marker));
	return libra_marker_authentic(marker) ? LIBRA_FOUND_MARKER : LIBRA_FOUND_NONE;
}

enum libra_found libra_held_look(const struct libra_held *held, const u8 *bytes,
				 u32 len, struct libra_marker *marker)
{
	return held_look(held->bytes->first, held->token, bytes, len, marker);
}

bool libra_held_leaked(const struct libra_held *held, const u8 *bytes, u32 len)
{
	struct libra_marker marker;

	switch (held_look(held->bytes->first, held->leaked, bytes, len, &marker)) {
	case LIBRA_FOUND_MARKER:
		return true;
	case LIBRA_FOUND_CUT:
		return held->leaked + len >= LIBRA_MARKER_SURE;
	default:
		return false;
	}
}

void libra_held_gone(struct libra_held *held, const u8 *bytes, u32 len)
{
	struct libra_marker marker;
	u32 have = held->leaked;

	held->leaked = 0;
	if (held_look(held->bytes->first, have, bytes, len, &marker) != LIBRA_FOUND_CUT)
		return;
	memcpy(held->bytes->first + have, bytes, len);
	held->leaked = have + len;
}

/* Of a token, bytes of one kind: the cursor's payload goes out in its place */
static int held_send(struct libra_sock *ls, int flags)
{
	struct libra_held *held = &ls->tx.held;
	const struct libra_held_bytes *bytes = held->bytes;
	u32 end = held->len;

	if (held->state == LIBRA_HELD_TOKEN && test_bit(held->sent, bytes->payload)) {
		end = find_next_zero_bit(bytes->payload, end, held->sent);
		return libra_cursor_send(ls, end - held->sent, flags | MSG_MORE);
	}
	if (held->state == LIBRA_HELD_TOKEN)
		end = find_next_bit(bytes->payload, end, held->sent);
	return libra_send_bytes(ls, bytes->all + held->sent, end - held->sent, flags);
}

int libra_held_flush(struct libra_sock *ls, int flags)
{
	struct libra_held *held = &ls->tx.held;
	int ret;

	/* these were for a connection that is gone */
	if (test_bit(LIBRA_SOCK_RECONNECTED, &ls->bits))
		held->sent = held->len;
	while (held->sent < held->len) {
		ret = held_send(ls, flags);
		if (ret < 0)
			return ret;
		held->sent += ret;
	}
	held->state = LIBRA_HELD_NONE;
	held->len = 0;
	return 0;
}
