/* SPDX-License-Identifier: GPL-2.0 */
/* Payload objects: retained pages that a placeholder stands for */
#ifndef _LIBRA_PAYLOAD_H
#define _LIBRA_PAYLOAD_H

#include <linux/bitmap.h>
#include <linux/bvec.h>
#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/uio.h>

#include "marker.h"
#include "place.h"

struct libra_domain;
struct sk_buff;

enum libra_payload_state {
	LIBRA_PAYLOAD_OPEN,	/* being filled by a read */
	LIBRA_PAYLOAD_LIVE,	/* its placeholder is with the application */
	LIBRA_PAYLOAD_SENT,	/* sent at least once, kept for a retry */
	LIBRA_PAYLOAD_DEAD,	/* forgotten: its tokens are dead */
};

#define LIBRA_PAYLOAD_INLINE	8

struct libra_payload {
	refcount_t ref;		/* the domain's table, and each user */
	u8 state;		/* enum libra_payload_state; domain->lock */
	struct libra_domain *domain;
	struct list_head node;	/* domain->live or domain->sent */
	u64 id;
	u32 len;		/* bytes; like all below fixed once LIVE */
	u32 nr_segs;
	u32 max_segs;
	size_t charge;		/* bytes that the pages pin */
	struct bio_vec *segs;
	struct bio_vec inline_segs[LIBRA_PAYLOAD_INLINE];
	struct libra_place *places;
	u32 nr_places;
	struct libra_place place;	/* where there is only one */
	/* the multiples of LIBRA_MARKER_STEP at which a marker was written */
	DECLARE_BITMAP(marked, LIBRA_PAYLOAD_MAX / LIBRA_MARKER_STEP);
	struct rcu_head rcu;
};

/*
 * An empty one with its id, in state OPEN; the caller's reference. NULL: no
 * memory, or the domain is not armed.
 */
struct libra_payload *libra_payload_new(struct libra_domain *domain);
void libra_payload_put(struct libra_payload *payload);

/* Can the bytes of @skb at @offset be retained at all? */
bool libra_payload_retainable(const struct sk_buff *skb, u32 offset);
/*
 * Retains up to @len bytes of @skb from @offset on. Answers how many, which is
 * less where the next byte is not in a page that can be retained or a limit is
 * met; @reason then says why.
 */
u32 libra_payload_take(struct libra_payload *payload, struct sk_buff *skb,
		       u32 offset, u32 len, u8 *reason);

/*
 * From here on the token is honoured. All fields were written before the state
 * changes under domain->lock, which libra_payload_find() takes too.
 */
void libra_payload_publish(struct libra_payload *payload);

/* The live or sent payload with this id, with a reference, or NULL */
struct libra_payload *libra_payload_find(struct libra_domain *domain, u64 id);
/* All of it went out: kept for a retry as long as there is room */
void libra_payload_sent(struct libra_payload *payload);
/* Forgets it: its tokens are dead from here on */
void libra_payload_drop(struct libra_payload *payload);
void libra_payload_drop_all(struct libra_domain *domain);
/* Makes room by dropping the oldest sent ones; false when there is none */
bool libra_payload_reclaim(struct libra_domain *domain);
bool libra_payload_any_live(struct libra_domain *domain);

/* The 16 bytes that stand at @offset of its placeholder */
void libra_payload_marker(const struct libra_payload *payload, u32 offset,
			  struct libra_marker *marker);
/*
 * Checks that the next @len bytes of @iter, which is not advanced, are the
 * placeholder's from @offset on: each marker that was written there stands.
 */
bool libra_payload_verify(const struct libra_payload *payload, u32 offset,
			  u32 len, const struct iov_iter *iter);

void libra_payload_gauges(u64 *live, u64 *sent);

#endif /* _LIBRA_PAYLOAD_H */
