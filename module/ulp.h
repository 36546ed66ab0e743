/* SPDX-License-Identifier: GPL-2.0 */
/* The TCP upper layer protocol "libra": how a socket's context hangs on it */
#ifndef _LIBRA_ULP_H
#define _LIBRA_ULP_H

#include <linux/types.h>

struct libra_overlay;
struct libra_sock;
struct sock;

int libra_ulp_init(void);
void libra_ulp_exit(void);

/* The context of @sk, or NULL when it is not attached; under RCU */
struct libra_sock *libra_ulp_context(const struct sock *sk);

/*
 * Hangs the context, whose reference it takes over, on the socket and lists
 * it. -EEXIST when another ULP is there. With the socket locked.
 */
int libra_ulp_install(struct sock *sk, struct libra_sock *ls,
		      struct libra_overlay *overlay);
/* Another context in place of the one that hangs there; with the socket locked */
void libra_ulp_replace(struct sock *sk, struct libra_sock *ls);
/*
 * The slot is free for tls, and lower's proto and ops are in place; the socket stays
 * attached. 0 or no memory. Then either back, with the overlay that it has, or tls's
 * ops in the slot are covered, with what ends the context when the socket ends. With
 * the socket locked.
 */
int libra_ulp_yield(struct sock *sk, struct libra_sock *ls);
void libra_ulp_take_back(struct sock *sk, struct libra_sock *ls);
void libra_ulp_cover(struct sock *sk, struct libra_sock *ls);
/* tls has it, or had it from the first; of an attached socket */
bool libra_ulp_yielded(const struct sock *sk);
/* Has @sk not been detached since @ls was entered? With the socket locked */
bool libra_ulp_holds(struct sock *sk, const struct libra_sock *ls);
/* The same as libra_ulp_install() where tls has the slot already */
int libra_ulp_install_over_tls(struct sock *sk, struct libra_sock *ls);
/*
 * The socket is plain TCP, or kTLS, again when this returns; calls in flight end as
 * they began. With the socket locked.
 */
void libra_ulp_remove(struct sock *sk);

#endif /* _LIBRA_ULP_H */
