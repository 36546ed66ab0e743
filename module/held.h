/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hold-back: the application handed over the first bytes of what may be a
 * token, and the outgoing frame or the call ended there. They wait, with the
 * metadata that follows, until more bytes tell.
 */
#ifndef _LIBRA_HELD_H
#define _LIBRA_HELD_H

#include <linux/bitmap.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "search.h"

struct libra_sock;

/* A token in chunks of one byte: each with its end and the next one's size line */
#define LIBRA_HELD_MAX		192

enum libra_held_state {
	LIBRA_HELD_NONE,
	LIBRA_HELD_WAIT,	/* not yet known what it is */
	LIBRA_HELD_TOKEN,	/* the cursor's: payload goes out in its place */
	LIBRA_HELD_RAW,		/* no token: goes out as it is */
};

/* Most sockets never hold anything: allocated when one does */
struct libra_held_bytes {
	struct libra_sock *ls;
	unsigned long due;	/* jiffies: until then more bytes may tell */
	struct delayed_work timer;
	DECLARE_BITMAP(payload, LIBRA_HELD_MAX);	/* all[] that are not metadata */
	u8 first[LIBRA_MARKER_LEN];
	u8 all[LIBRA_HELD_MAX];
};

/* Under tx.lock */
struct libra_held {
	u8 state;		/* enum libra_held_state */
	u8 token;		/* bytes of first[]: perhaps of a token */
	u8 len;			/* of all[]: those, and metadata between and behind them */
	u8 sent;		/* of all[], gone out already */
	u8 leaked;		/* of first[], that went out before anybody could tell */
	bool known;		/* a token's: its placeholder stands where they lay */
	bool finished;		/* nothing more may be held */
	struct libra_held_bytes *bytes;		/* NULL until something was held */
};

/* Nothing will be held again: the timer gives back its references. With others to both. */
void libra_held_disarm(struct libra_sock *ls);
/* When no timer is armed any more, which holds the context */
void libra_held_free(struct libra_held *held);

/*
 * Begins to hold @len bytes, all of them bytes of a marker's beginning; @known:
 * they were sent from where a placeholder begins. 0, or -ENOBUFS without memory.
 */
int libra_held_begin(struct libra_sock *ls, const u8 *bytes, u32 len, bool known);
/* More bytes of what may be the token; false when there is no room */
bool libra_held_more(struct libra_held *held, const u8 *bytes, u32 len);
/* Metadata that has to wait with it; false when there is no room */
bool libra_held_metadata(struct libra_held *held, const u8 *bytes, u32 len);
/* Nobody waits for what would tell: they go as they are, see libra_held_leaked() */
void libra_held_let_go(struct libra_held *held);
/* Too many bytes agree with a marker to be anything else, or their place tells */
static inline bool libra_held_sure(const struct libra_held *held)
{
	return held->known || held->token >= LIBRA_MARKER_SURE;
}

/* How many bytes wait; without tx.lock a guess */
static inline u32 libra_held_len(const struct libra_held *held)
{
	u32 len = READ_ONCE(held->len), sent = READ_ONCE(held->sent);

	return READ_ONCE(held->state) != LIBRA_HELD_NONE && len > sent ? len - sent : 0;
}

/*
 * What is held, and @len bytes behind it, as a whole marker: LIBRA_FOUND_CUT
 * as long as it can still become one, LIBRA_FOUND_NONE when it cannot.
 */
enum libra_found libra_held_look(const struct libra_held *held, const u8 *bytes,
				 u32 len, struct libra_marker *marker);
/* Do @len bytes show that those that had to be let go were a token's? */
bool libra_held_leaked(const struct libra_held *held, const u8 *bytes, u32 len);
/* @len bytes more have gone, which showed nothing: what follows them may */
void libra_held_gone(struct libra_held *held, const u8 *bytes, u32 len);

/* Sends what was decided to send, see libra_send_part(); 0 when all is gone */
int libra_held_flush(struct libra_sock *ls, int flags);

#endif /* _LIBRA_HELD_H */
