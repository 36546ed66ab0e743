/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Gathering: parts of a body that wait to leave together with the next one.
 * While packets are in flight TCP does that; on a fast network none is when the
 * application comes again, and each of its small writes would be a packet.
 */
#ifndef _LIBRA_GATHER_H
#define _LIBRA_GATHER_H

#include <linux/types.h>

struct iov_iter;
struct libra_gather;
struct libra_sock;

/*
 * The next @len bytes, of @left of the body: are they worth it? And nothing is in
 * flight, nothing is wrong, and there is room.
 */
bool libra_gather_may(const struct libra_sock *ls, u32 len, u64 left);

/*
 * Takes up to @len bytes of the segments in @part, with references of its own to
 * their pages; a timer lets them go when nothing else does. Bytes taken, which
 * count as sent: 0 when it is full or there is no memory. With tx.lock.
 */
u32 libra_gather_add(struct libra_sock *ls, const struct iov_iter *part, u32 len);

/*
 * To lower: what waits and, together with it, the next @len bytes of @part. Bytes
 * accepted of @part, or an error, see libra_send_pages().
 */
int libra_gather_send(struct libra_sock *ls, const struct iov_iter *part, u32 len, int flags);

/* What waits, to lower: 0 when all of it is gone. Before anything else is sent */
int libra_gather_flush(struct libra_sock *ls, int flags);

/* How many bytes wait; without a lock a guess */
u32 libra_gather_len(const struct libra_sock *ls);

/* Nobody will add to it or flush it any more */
void libra_gather_free(struct libra_gather *gather);

#endif /* _LIBRA_GATHER_H */
