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

/* The context of @sk, or NULL when the ULP is not ours; under RCU */
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
 * The socket is plain TCP again when this returns; calls in flight end as
 * they began. With the socket locked.
 */
void libra_ulp_remove(struct sock *sk);

#endif /* _LIBRA_ULP_H */
