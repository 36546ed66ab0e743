/* SPDX-License-Identifier: GPL-2.0 */
/* The calls of a live socket are exchanged: nothing may leave past us meanwhile */
#ifndef _LIBRA_SWAP_H
#define _LIBRA_SWAP_H

#include <linux/types.h>

struct libra_sock;

struct libra_swap {
	u32 write_seq;	/* TCP's, before */
	bool barred;	/* whoever comes past us is told that the socket was shut down */
	bool alone;	/* by now nobody else was in a call */
};

/*
 * Before ours are taken away. With tx.lock, which is kept until libra_swap_end() has
 * returned, and without the socket's.
 */
void libra_swap_begin(struct libra_sock *ls, struct libra_swap *swap);
/*
 * Ours are in front again, and nobody has had the socket since. The framing is given up
 * where others may have read or written past us. @written: bytes that TCP took since
 * libra_swap_begin() were theirs. With the socket locked; may sleep some milliseconds.
 */
void libra_swap_look(struct libra_sock *ls, struct libra_swap *swap, bool written);
/* Until those are gone who found others' calls. Without the socket's lock */
void libra_swap_end(struct libra_sock *ls, struct libra_swap *swap);

#endif /* _LIBRA_SWAP_H */
