/* SPDX-License-Identifier: GPL-2.0 */
/* The cursor: how far the payload is whose placeholder is being sent */
#ifndef _LIBRA_CURSOR_H
#define _LIBRA_CURSOR_H

#include <linux/types.h>

struct libra_payload;
struct libra_sock;
struct libra_tx;

/* Begins with @payload, whose reference it takes over; with tx.lock */
void libra_cursor_set(struct libra_tx *tx, struct libra_payload *payload);
/* What is left of the payload will not be sent here; for a retry it is kept */
void libra_cursor_drop(struct libra_tx *tx);
/*
 * Sends the next @len bytes of the cursor's payload and moves over what was
 * accepted: bytes, or an error, which may be LIBRA_SPILL_AWAY. Never waits; with
 * tx.lock.
 */
int libra_cursor_send(struct libra_sock *ls, u32 len, int flags);
/*
 * The same, but it waits for what follows, see gather.h. 0 bytes: no room there.
 * Only where libra_gather_may().
 */
int libra_cursor_gather(struct libra_sock *ls, u32 len);
/*
 * Then this brings the payload home: 0, or LIBRA_SPILL_AWAY, because memory is
 * short, or an error. Sleeps: without tx.lock.
 */
int libra_cursor_fetch(struct libra_sock *ls);

#endif /* _LIBRA_CURSOR_H */
