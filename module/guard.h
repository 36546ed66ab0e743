/* SPDX-License-Identifier: GPL-2.0 */
/* Guard: plain sending, every outgoing byte searched for markers */
#ifndef _LIBRA_GUARD_H
#define _LIBRA_GUARD_H

struct libra_domain;
struct libra_sock;
struct msghdr;

/* What was begun on a connection that is gone does not go on in the next one; with tx.lock */
void libra_guard_forget(struct libra_sock *ls);
/*
 * What framing left behind goes first, or the connection dies of it: nothing
 * may overtake what is held, and a placeholder's rest cannot be told any more.
 * Waits up to @timeo for room. 0 or an error.
 */
int libra_guard_settle(struct libra_sock *ls, long *timeo);
/* Bytes sent or an error, as lower's sendmsg() answers; @domain may be NULL */
int libra_guard_send(struct libra_sock *ls, struct libra_domain *domain,
		     struct msghdr *msg);

/* The same for a write that is no part of the stream, framed or not, see libra_tls_aside() */
int libra_guard_send_aside(struct libra_sock *ls, struct msghdr *msg);

#endif /* _LIBRA_GUARD_H */
