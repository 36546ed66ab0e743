/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where placeholders lie in the application's memory. A slice from the middle
 * of one may hold no marker; when it is sent from that very memory, its address
 * tells. Only payload of which something was not sent yet is followed: after
 * that the application uses its buffer again.
 */
#ifndef _LIBRA_PLACE_H
#define _LIBRA_PLACE_H

#include <linux/interval_tree.h>
#include <linux/types.h>
#include <linux/uio.h>

#include "uapi/libra.h"

struct libra_domain;
struct libra_payload;

/* A range of user addresses, in domain->places; under domain->lock */
struct libra_place {
	struct interval_tree_node node;
	struct libra_payload *payload;
	u32 offset;		/* of the payload, at node.start */
	bool known;		/* whether the next is */
	u64 begins;		/* what stood there when the application got it */
};

/*
 * Notes where the first @len bytes of @iter lie; not when that is in too many places,
 * or no memory is left: the reason, or LIBRA_REASON_NONE. The places
 * count only when libra_place_insert() has put those of them in that the
 * payload really fills.
 */
enum libra_reason libra_place_prepare(struct libra_payload *payload,
				      const struct iov_iter *iter, u32 len);
void libra_place_free(struct libra_payload *payload);
/* All markers are written: what does each place begin with? */
void libra_place_remember(struct libra_payload *payload);

/* With domain->lock */
void libra_place_insert(struct libra_payload *payload);
void libra_place_remove(struct libra_payload *payload);

/*
 * Is the token still where it was put? Reads the process's memory, which has to
 * be current's: may sleep.
 */
bool libra_place_has_token(const struct libra_payload *payload);

/* The same for any marker of which is known that it was written */
bool libra_place_has_marker(const struct libra_payload *payload, u32 offset);
/* Are the next @len bytes of @iter where those from @offset on were put? */
bool libra_place_holds(const struct libra_payload *payload, u32 offset,
		       const struct iov_iter *iter, u32 len);

/* The application gives this memory away to be filled */
void libra_place_forget(struct libra_domain *domain, const struct iov_iter *iter);

/*
 * Do the next @len bytes of @iter, in which no marker was found, come from
 * inside a placeholder that still stands? In the process of @domain.
 */
bool libra_place_cut(struct libra_domain *domain, const struct iov_iter *iter,
		     size_t len);

/* Where the bytes at @at of @iter lie in user memory, and how many in one piece, or NULL */
void __user *libra_place_run(const struct iov_iter *iter, size_t at, size_t *len);
/* The same for @len bytes; NULL when not in one piece */
void __user *libra_place_flat(const struct iov_iter *iter, size_t at, size_t len);

#endif /* _LIBRA_PLACE_H */
