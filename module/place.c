// SPDX-License-Identifier: GPL-2.0
/*
 * domain->places is under domain->lock. User memory is read without it: a
 * payload that was found is held meanwhile, its place may be gone afterwards.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "domain.h"
#include "payload.h"
#include "place.h"

/* Shorter ranges than this, on average, are not worth following */
#define PLACE_MIN	512

/* The next contiguous range of user memory, at most @max bytes; moves over it */
static size_t place_range(struct iov_iter *iter, size_t max, unsigned long *at)
{
	size_t len = min(iov_iter_count(iter), max);

	if (!len)
		return 0;	/* there is no vector behind the last */
	if (iter_is_ubuf(iter)) {
		*at = (unsigned long)iter->ubuf + iter->iov_offset;
	} else {
		/* as iov_iter_advance() does it, but for one vector: this is called for each */
		for (; iter->iov_offset == iter_iov(iter)->iov_len; iter->__iov++) {
			iter->iov_offset = 0;
			iter->nr_segs--;
		}
		*at = (unsigned long)iter_iov_addr(iter);
		len = min_t(size_t, len, iter_iov_len(iter));
	}
	iter->iov_offset += len;
	iter->count -= len;
	return len;
}

void __user *libra_place_run(const struct iov_iter *iter, size_t at, size_t *len)
{
	const struct iovec *iov;
	unsigned long segs;

	*len = 0;
	if (iter_is_ubuf(iter)) {
		*len = iov_iter_count(iter) - at;
		return iter->ubuf + iter->iov_offset + at;
	}
	if (!iter_is_iovec(iter))
		return NULL;
	at += iter->iov_offset;
	segs = iter->nr_segs;
	for (iov = iter_iov(iter); segs && at >= iov->iov_len; segs--)
		at -= iov++->iov_len;
	if (!segs)
		return NULL;
	*len = iov->iov_len - at;
	return iov->iov_base + at;
}

void __user *libra_place_flat(const struct iov_iter *iter, size_t at, size_t len)
{
	size_t run;
	void __user *from = libra_place_run(iter, at, &run);

	return run >= len ? from : NULL;
}

static bool place_none(const struct libra_domain *domain)
{
	return RB_EMPTY_ROOT(&domain->places.rb_root);
}

static bool place_followed(const struct iov_iter *iter)
{
	return iter_is_ubuf(iter) || iter_is_iovec(iter);
}

static u32 place_count(const struct iov_iter *iter, u32 len)
{
	struct iov_iter it = *iter;
	unsigned long at;
	size_t range;
	u32 n = 0;

	for (; len; len -= range, n++) {
		range = place_range(&it, len, &at);
		if (!range)
			break;
	}
	return n;
}

enum libra_reason libra_place_prepare(struct libra_payload *payload,
				      const struct iov_iter *iter, u32 len)
{
	struct libra_place *place = payload->few_places;
	u32 n = place_count(iter, len), done = 0, i;
	struct iov_iter it = *iter;
	unsigned long at;
	size_t range;

	if (n > LIBRA_PLACES_INLINE) {
		/* what is charged is the payload's pages: crumbs would cost more than those */
		if (n > len / PLACE_MIN)
			return LIBRA_REASON_API;
		place = kmalloc_array(n, sizeof(*place), GFP_KERNEL_ACCOUNT);
		if (!place)
			return LIBRA_REASON_NOMEM;
	}
	for (i = 0; i < n; i++) {
		range = place_range(&it, len - done, &at);
		place[i].node.start = at;
		place[i].node.last = at + range - 1;
		place[i].payload = payload;
		place[i].offset = done;
		place[i].known = false;
		RB_CLEAR_NODE(&place[i].node.rb);
		done += range;
	}
	payload->places = place;
	payload->nr_places = n;
	return LIBRA_REASON_NONE;
}

void libra_place_free(struct libra_payload *payload)
{
	if (payload->places != payload->few_places)
		kfree(payload->places);
}

static bool place_begins(const struct libra_place *place, u64 *begins)
{
	return place->node.last - place->node.start >= sizeof(*begins) - 1 &&
	       !get_user(*begins, (u64 __user *)place->node.start);
}

/* Pages that are not there stay so */
void libra_place_remember(struct libra_payload *payload)
{
	struct libra_place *place = payload->places;
	u32 i;

	pagefault_disable();
	for (i = 0; i < payload->nr_places && place->offset < payload->len; i++, place++)
		place->known = place_begins(place, &place->begins);
	pagefault_enable();
}

static void place_out(struct libra_domain *domain, struct libra_place *place)
{
	lockdep_assert_held(&domain->lock);
	if (RB_EMPTY_NODE(&place->node.rb))
		return;
	interval_tree_remove(&place->node, &domain->places);
	RB_CLEAR_NODE(&place->node.rb);
}

void libra_place_insert(struct libra_payload *payload)
{
	struct libra_domain *domain = payload->domain;
	u32 i;

	lockdep_assert_held(&domain->lock);
	for (i = 0; i < payload->nr_places; i++) {
		struct libra_place *place = &payload->places[i];
		u32 left;

		if (place->offset >= payload->len)
			break;
		left = payload->len - place->offset;
		if (place->node.last - place->node.start >= left)
			place->node.last = place->node.start + left - 1;
		interval_tree_insert(&place->node, &domain->places);
	}
}

void libra_place_remove(struct libra_payload *payload)
{
	u32 i;

	for (i = 0; i < payload->nr_places; i++)
		place_out(payload->domain, &payload->places[i]);
}

static struct libra_place *place_first(struct libra_domain *domain,
				       unsigned long at, size_t len)
{
	struct interval_tree_node *node;

	node = interval_tree_iter_first(&domain->places, at, at + len - 1);
	return node ? container_of(node, struct libra_place, node) : NULL;
}

void libra_place_forget(struct libra_domain *domain, const struct iov_iter *iter)
{
	struct iov_iter it = *iter;
	struct libra_place *place;
	unsigned long at;
	size_t len;

	if (!place_followed(iter) || place_none(domain))
		return;
	while ((len = place_range(&it, SIZE_MAX, &at))) {
		spin_lock(&domain->lock);
		while ((place = place_first(domain, at, len)))
			place_out(domain, place);
		spin_unlock(&domain->lock);
	}
}

/* ---- does a placeholder still stand? ---- */

/* 1 when the marker of @offset stands in the place, 0 when not, -1: none there */
static int place_marker(const struct libra_place *place, long offset)
{
	struct libra_marker marker, seen;
	unsigned long at;

	if (offset < (long)place->offset)
		return -1;
	at = place->node.start + offset - place->offset;
	if (at + sizeof(seen) - 1 > place->node.last)
		return -1;
	libra_marker_make(&marker, place->payload->id, place->payload->secret, offset);
	might_fault();
	return libra_marker_get_user(&seen, (void __user *)at) &&
	       libra_marker_equal(&seen, &marker);
}

/* The one that holds @offset */
static const struct libra_place *place_at(const struct libra_payload *payload, u32 offset)
{
	u32 low = 0, high = payload->nr_places;

	while (high - low > 1) {
		u32 middle = low + (high - low) / 2;

		if (payload->places[middle].offset <= offset)
			low = middle;
		else
			high = middle;
	}
	return &payload->places[low];
}

bool libra_place_has_marker(const struct libra_payload *payload, u32 offset)
{
	return place_marker(place_at(payload, offset), offset) > 0;
}

bool libra_place_holds(const struct libra_payload *payload, u32 offset,
		       const struct iov_iter *iter, u32 len)
{
	struct iov_iter it = *iter;
	unsigned long at;
	size_t range;

	if (!place_followed(iter))
		return false;
	for (; len; len -= range, offset += range) {
		const struct libra_place *place = place_at(payload, offset);

		range = place_range(&it, len, &at);
		if (!range || at != place->node.start + (offset - place->offset) ||
		    at + range - 1 > place->node.last)
			return false;
	}
	return true;
}

bool libra_place_has_token(const struct libra_payload *payload)
{
	return place_marker(&payload->places[0], 0) > 0;
}

/* The offsets of the markers next to [from, to] on either side, -1: none */
static void place_neighbours(const struct libra_payload *payload, u32 from, u32 to,
			     long *before, long *behind)
{
	unsigned long step = from / LIBRA_MARKER_STEP + 1;
	const unsigned long steps = LIBRA_PAYLOAD_MAX / LIBRA_MARKER_STEP;

	while (--step && !test_bit(step, payload->marked))
		;
	*before = step * LIBRA_MARKER_STEP;
	step = find_next_bit(payload->marked, steps, DIV_ROUND_UP(to, LIBRA_MARKER_STEP));
	*behind = step < steps ? (long)(step * LIBRA_MARKER_STEP) :
				 (long)payload->len - LIBRA_MARKER_LEN;
}

/* Is there a marker inside [from, to]? */
static bool place_marked(const struct libra_payload *payload, u32 from, u32 to)
{
	const unsigned long steps = LIBRA_PAYLOAD_MAX / LIBRA_MARKER_STEP;
	unsigned long step = DIV_ROUND_UP(from, LIBRA_MARKER_STEP);

	if (step)
		step = find_next_bit(payload->marked, steps, step);
	return step < steps && step * LIBRA_MARKER_STEP + LIBRA_MARKER_LEN - 1 <= to;
}

static bool place_begins_anew(const struct libra_place *place)
{
	u64 begins;

	might_fault();
	return place->known && (!place_begins(place, &begins) || begins != place->begins);
}

/*
 * @place is a copy. It stands when the markers next to the range do; when the
 * application has used the memory again one of them is gone, or one inside the
 * range, which was searched in vain. Where there is none on one side, as in all but the
 * first buffer of a vector, memory that was allocated anew tells it by its first bytes,
 * if it begins where the buffer did; what was freed does, often.
 */
static bool place_stands(const struct libra_place *place, unsigned long at, size_t len)
{
	unsigned long first = max(at, place->node.start);
	unsigned long last = min(at + len - 1, place->node.last);
	u32 from = place->offset + (first - place->node.start);
	u32 to = place->offset + (last - place->node.start);
	long before, behind;
	int one, other;

	if (place_marked(place->payload, from, to))
		return false;
	place_neighbours(place->payload, from, to, &before, &behind);
	one = place_marker(place, before);
	other = place_marker(place, behind);
	if (!one || !other || (one < 0 && other < 0))
		return false;
	return (one > 0 && other > 0) || !place_begins_anew(place);
}

static bool place_cut_range(struct libra_domain *domain, unsigned long at, size_t len)
{
	struct libra_place *place, copy;
	bool stands;

	for (;;) {
		spin_lock(&domain->lock);
		place = place_first(domain, at, len);
		if (place) {
			copy = *place;
			refcount_inc(&copy.payload->ref);
		}
		spin_unlock(&domain->lock);
		if (!place)
			return false;
		stands = place_stands(&copy, at, len);
		if (!stands) {
			/* @place is part of the payload, which is held */
			spin_lock(&domain->lock);
			place_out(domain, place);
			spin_unlock(&domain->lock);
		}
		libra_payload_put(copy.payload);
		if (stands)
			return true;
	}
}

bool libra_place_cut(struct libra_domain *domain, const struct iov_iter *iter,
		     size_t len)
{
	struct iov_iter it = *iter;
	unsigned long at;
	size_t range;

	if (!place_followed(iter) || place_none(domain))
		return false;
	while (len && (range = place_range(&it, len, &at))) {
		if (place_cut_range(domain, at, range))
			return true;
		len -= range;
	}
	return false;
}
