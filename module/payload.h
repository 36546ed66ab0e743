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

struct libra_class;
struct libra_domain;
struct file;
struct folio;

enum libra_payload_state {
	LIBRA_PAYLOAD_OPEN,	/* being filled by a read */
	LIBRA_PAYLOAD_LIVE,	/* its placeholder is with the application */
	LIBRA_PAYLOAD_SPILLED,	/* the same, with its bytes in a file */
	LIBRA_PAYLOAD_SENT,	/* sent at least once, kept for a retry */
	LIBRA_PAYLOAD_DEAD,	/* forgotten: its tokens are dead */
};

/* Segments of 64 KB in pages of 4 KB, and ranges of an application's buffers */
#define LIBRA_PAYLOAD_INLINE	18
#define LIBRA_PLACES_INLINE	4

struct libra_payload {
	refcount_t ref;		/* the domain's table, and each user */
	u8 state;		/* enum libra_payload_state; domain->lock */
	bool followed;		/* more of its message could be read at once */
	bool shared;		/* with somebody who may change its pages: a file's, a process's */
	struct libra_domain *domain;
	struct list_head node;	/* domain->live, ->spilled or ->sent */
	unsigned long born;	/* jiffies, when it became LIVE or SENT */
	u64 id;
	u64 secret;		/* see libra_marker_secret() */
	atomic_t users;		/* of its pages just now: see libra_spill_hold() */
	u32 moves;		/* how often it got other pages; stable while in use */
	struct file *spill;	/* the bytes, in state SPILLED: then it has no segments */
	const struct libra_class *class;	/* in mode auto: of its message */
	u32 len;		/* bytes; like all below fixed once LIVE */
	u32 nr_segs;
	u32 max_segs;
	size_t charge;		/* bytes that the pages pin */
	/* while it is OPEN: of those the ones that none pins yet, and the last segment's folio */
	size_t credit;
	const struct folio *pinned;
	struct bio_vec *segs;
	struct bio_vec inline_segs[LIBRA_PAYLOAD_INLINE];
	struct libra_place *places;
	u32 nr_places;
	struct libra_place few_places[LIBRA_PLACES_INLINE];
	/* the multiples of LIBRA_MARKER_STEP at which a marker was written */
	DECLARE_BITMAP(marked, LIBRA_PAYLOAD_MAX / LIBRA_MARKER_STEP);
};

int libra_payload_init(void);
void libra_payload_exit(void);

/*
 * An empty one with its id, in state OPEN; the caller's reference. NULL: no
 * memory, or the domain is not armed.
 */
struct libra_payload *libra_payload_new(struct libra_domain *domain);
void libra_payload_put(struct libra_payload *payload);

/*
 * From here on the token is honoured. All fields were written before the state
 * changes under domain->lock, which libra_payload_find() takes too.
 */
void libra_payload_publish(struct libra_payload *payload);

/*
 * The payload with this id, unless it is dead, with a reference, or NULL. Its
 * pages can be used between libra_spill_hold() and libra_spill_release().
 */
struct libra_payload *libra_payload_find(struct libra_domain *domain, u64 id);
/*
 * It went out, for a part or @whole: kept for a retry as long as there is room,
 * and that long it is known where the rest of a part stands
 */
void libra_payload_sent(struct libra_payload *payload, bool whole);
/* Forgets it: its tokens are dead from here on */
void libra_payload_drop(struct libra_payload *payload);
void libra_payload_drop_all(struct libra_domain *domain);
/* Drops the oldest that was sent, @before (jiffies) or earlier; false: there is none */
bool libra_payload_reclaim(struct libra_domain *domain, unsigned long before);
bool libra_payload_any_live(struct libra_domain *domain);

void libra_payload_gauges(u64 *live, u64 *sent, u64 *spilled);

/*
 * The oldest LIVE since @before (jiffies), of at most @max bytes, whose pages
 * nobody uses, with a reference
 */
struct libra_payload *libra_payload_oldest(struct libra_domain *domain,
					   unsigned long before, u64 max);
/*
 * The caller, who holds it, has its bytes in @file, which is taken over: its
 * pages are given back. -EBUSY when they are used just now.
 */
int libra_payload_move_out(struct libra_payload *payload, struct file *file);
/*
 * Where its bytes are, with a reference; NULL when it has its pages, and
 * ERR_PTR(-ESTALE) when it died without.
 */
struct file *libra_payload_spilled(struct libra_payload *payload);
/* Pages with its bytes, taken over. -EEXIST when it has some, -ESTALE as above */
int libra_payload_move_in(struct libra_payload *payload, struct bio_vec *segs, u32 nr);
/*
 * Drops one that is SPILLED and abandoned; false when none was found. Sleeps,
 * in the memory of the domain's process.
 */
bool libra_payload_expire(struct libra_domain *domain);

#endif /* _LIBRA_PAYLOAD_H */
