/* SPDX-License-Identifier: GPL-2.0 */
/* The calls of a live socket are exchanged: nothing may leave past us meanwhile */
#ifndef _LIBRA_SWAP_H
#define _LIBRA_SWAP_H

#include <linux/types.h>

struct libra_sock;
struct tls_context;

struct libra_swap {
	u32 write_seq;			/* TCP's, before */
	bool barred;			/* TCP tells whoever comes past us that it was shut down */
	struct tls_context *locked;	/* whose tx_lock keeps them out ... */
	bool open;			/* ... or somebody else has that */
	bool alone;			/* nobody else was in a call by the end */
};

/*
 * Before ours are taken away; @swap is zeroed. Where what comes past us goes to TCP, with the
 * socket locked; or to tls, which may sleep, without. With tx.lock, which is kept until
 * libra_swap_end() has returned.
 */
void libra_swap_begin_tcp(struct libra_sock *ls, struct libra_swap *swap);
void libra_swap_begin_tls(struct libra_sock *ls, struct libra_swap *swap);
/*
 * Ours are in front again, and nobody has had the socket since. The framing is given up
 * where others may have read or written past us. @written: bytes that TCP took since the
 * beginning were theirs. With the socket locked; may sleep some milliseconds.
 */
void libra_swap_look(struct libra_sock *ls, struct libra_swap *swap, bool written);
/* ... or they were in front all the time */
static inline void libra_swap_nothing(struct libra_swap *swap)
{
	swap->alone = true;
}

/* Until those are gone, or cannot send, who found others' calls. Without the socket's lock */
void libra_swap_end(struct libra_sock *ls, struct libra_swap *swap);

#endif /* _LIBRA_SWAP_H */
