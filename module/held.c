// SPDX-License-Identifier: GPL-2.0
/*
 * Everything here is under tx.lock. The timer holds the context and the sock;
 * it finds nothing to do when the bytes are gone by then. After
 * libra_finish_send() nothing is held again, so it never sends on a socket that
 * was closed.
 */
#include <linux/jiffies.h>
#include <linux/string.h>
#include <net/sock.h>

#include "cursor.h"
#include "held.h"
#include "send.h"
#include "sock.h"

/* A false beginning, one byte in most cases, must not delay data noticeably */
#define HELD_JIFFIES	(1 + HZ / 500)

static void held_arm(struct libra_sock *ls, unsigned long delay)
{
	refcount_inc(&ls->ref);
	sock_hold(ls->sk);
	if (!schedule_delayed_work(&ls->tx.held.timer, delay)) {
		sock_put(ls->sk);
		libra_sock_put(ls);
	}
}

static void held_timer(struct work_struct *work)
{
	struct libra_sock *ls = container_of(to_delayed_work(work), struct libra_sock,
					     tx.held.timer);
	struct libra_held *held = &ls->tx.held;
	struct sock *sk = ls->sk;

	mutex_lock(&ls->tx.lock);
	if (held->finished || held->state == LIBRA_HELD_NONE)
		goto unlock;
	/* while there is no room nobody waits for these bytes */
	if (!sk_stream_memory_free(sk)) {
		held_arm(ls, HZ / 10);
		goto unlock;
	}
	if (held->state == LIBRA_HELD_WAIT && !libra_held_sure(held)) {
		held->state = LIBRA_HELD_RAW;
		held->leaked = held->token;
	}
	if (held->state == LIBRA_HELD_RAW && libra_held_flush(ls, 0) == -EAGAIN)
		held_arm(ls, HELD_JIFFIES);
unlock:
	mutex_unlock(&ls->tx.lock);
	sock_put(sk);
	libra_sock_put(ls);
}

void libra_held_init(struct libra_sock *ls)
{
	INIT_DELAYED_WORK(&ls->tx.held.timer, held_timer);
}

void libra_held_begin(struct libra_sock *ls, const u8 *bytes, u32 len, bool known)
{
	struct libra_held *held = &ls->tx.held;

	held->known = known;
	memcpy(held->bytes, bytes, len);
	held->token = len;
	held->len = len;
	held->sent = 0;
	held->leaked = 0;
	held->state = LIBRA_HELD_WAIT;
	held_arm(ls, HELD_JIFFIES);
}

bool libra_held_more(struct libra_held *held, const u8 *bytes, u32 len)
{
	if (held->len != held->token)
		return false;
	memcpy(held->bytes + held->len, bytes, len);
	held->token += len;
	held->len += len;
	return true;
}

bool libra_held_metadata(struct libra_held *held, const u8 *bytes, u32 len)
{
	if (len > sizeof(held->bytes) - held->len)
		return false;
	memcpy(held->bytes + held->len, bytes, len);
	held->len += len;
	return true;
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
	return held_look(held->bytes, held->token, bytes, len, marker);
}

bool libra_held_leaked(struct libra_held *held, const u8 *bytes, u32 len)
{
	struct libra_marker marker;
	u32 have = held->leaked;

	held->leaked = 0;
	return have && held_look(held->bytes, have, bytes, len, &marker) ==
	       LIBRA_FOUND_MARKER;
}

int libra_held_flush(struct libra_sock *ls, int flags)
{
	struct libra_held *held = &ls->tx.held;
	int ret;

	/* these were for a connection that is gone */
	if (test_bit(LIBRA_SOCK_RECONNECTED, &ls->bits))
		held->sent = held->len;
	while (held->sent < held->len) {
		if (held->state == LIBRA_HELD_TOKEN && held->sent < held->token)
			ret = libra_cursor_send(ls, held->token - held->sent,
						flags | MSG_MORE);
		else
			ret = libra_send_bytes(ls, held->bytes + held->sent,
					       held->len - held->sent, flags);
		if (ret < 0)
			return ret;
		held->sent += ret;
	}
	held->state = LIBRA_HELD_NONE;
	held->len = 0;
	return 0;
}
