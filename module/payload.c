// SPDX-License-Identifier: GPL-2.0
/*
 * A payload object is filled by one read and then never changes, but for its
 * state, list and the domain's table: these are under domain->lock (see
 * domain.c for the order; no lock of a socket is ever taken inside).
 *
 * References: the table has one from libra_payload_new() until the payload is
 * dropped, the filling read and each cursor have one. Pages are given back
 * with the last.
 */
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/skbuff.h>
#include <linux/slab.h>

#include "domain.h"
#include "payload.h"
#include "stats.h"
#include "uapi/libra.h"

static atomic64_t nr_live;
static atomic64_t nr_sent;

struct libra_payload *libra_payload_new(struct libra_domain *domain)
{
	struct libra_payload *payload;
	bool armed;

	payload = kmalloc(sizeof(*payload), GFP_KERNEL);
	if (!payload)
		return NULL;
	refcount_set(&payload->ref, 2);		/* the table's and the caller's */
	payload->state = LIBRA_PAYLOAD_OPEN;
	payload->domain = domain;
	INIT_LIST_HEAD(&payload->node);
	payload->len = 0;
	payload->nr_segs = 0;
	payload->max_segs = LIBRA_PAYLOAD_INLINE;
	payload->charge = 0;
	payload->segs = payload->inline_segs;
	payload->places = &payload->place;
	payload->nr_places = 0;
	bitmap_zero(payload->marked, LIBRA_PAYLOAD_MAX / LIBRA_MARKER_STEP);
	spin_lock(&domain->lock);
	armed = domain->armed;
	if (armed) {
		WRITE_ONCE(domain->elided, true);
		payload->id = libra_domain_next_id(domain);
	}
	spin_unlock(&domain->lock);
	/* stored now: later it could fail when the bytes are already taken */
	if (!armed || xa_err(xa_store(&domain->payloads, payload->id, payload,
				      GFP_KERNEL))) {
		kfree(payload);
		return NULL;
	}
	return payload;
}

void libra_payload_put(struct libra_payload *payload)
{
	u32 i;

	if (!refcount_dec_and_test(&payload->ref))
		return;
	for (i = 0; i < payload->nr_segs; i++)
		put_page(payload->segs[i].bv_page);
	libra_domain_uncharge(payload->domain, payload->charge);
	if (payload->segs != payload->inline_segs)
		kvfree(payload->segs);
	libra_place_free(payload);
	kfree_rcu(payload, rcu);
}

/* ---- filling ---- */

static bool payload_grow(struct libra_payload *payload)
{
	struct bio_vec *segs;
	u32 max = payload->max_segs * 4;

	segs = kvmalloc_array(max, sizeof(*segs), GFP_KERNEL);
	if (!segs)
		return false;
	memcpy(segs, payload->segs, payload->nr_segs * sizeof(*segs));
	if (payload->segs != payload->inline_segs)
		kvfree(payload->segs);
	payload->segs = segs;
	payload->max_segs = max;
	return true;
}

/* Bytes right behind the last segment, in the same compound page, need no more */
static bool payload_extends(const struct libra_payload *payload,
			    struct page *page, u32 offset)
{
	const struct bio_vec *last;

	if (!payload->nr_segs)
		return false;
	last = &payload->segs[payload->nr_segs - 1];
	return compound_head(last->bv_page) == compound_head(page) &&
	       page_to_phys(last->bv_page) + last->bv_offset + last->bv_len ==
	       page_to_phys(page) + offset;
}

/* Sent payload is kept only as long as nothing else needs the room */
static bool payload_charge(struct libra_payload *payload, size_t charge)
{
	while (!libra_domain_charge(payload->domain, charge))
		if (!libra_payload_reclaim(payload->domain))
			return false;
	payload->charge += charge;
	return true;
}

/* Takes a reference of its own to @page */
static enum libra_reason payload_add(struct libra_payload *payload,
				     struct page *page, u32 offset, u32 len)
{
	const struct bio_vec *last;

	if (payload_extends(payload, page, offset)) {
		payload->segs[payload->nr_segs - 1].bv_len += len;
		goto added;
	}
	if (!sendpage_ok(page))
		return LIBRA_REASON_LINEAR;
	if (payload->nr_segs == payload->max_segs && !payload_grow(payload))
		return LIBRA_REASON_NOMEM;
	last = payload->nr_segs ? &payload->segs[payload->nr_segs - 1] : NULL;
	/* neighbours of one compound page pin it once */
	if (!(last && compound_head(last->bv_page) == compound_head(page)) &&
	    !payload_charge(payload, page_size(compound_head(page))))
		return LIBRA_REASON_CAP;
	get_page(page);
	bvec_set_page(&payload->segs[payload->nr_segs++], page, len, offset);
added:
	payload->len += len;
	return LIBRA_REASON_NONE;
}

/* The few bytes that a driver pulls into the linear part: into a page of ours */
static enum libra_reason payload_add_copy(struct libra_payload *payload,
					  struct sk_buff *skb, u32 offset, u32 len)
{
	enum libra_reason reason;
	struct page *page;

	page = alloc_page(GFP_KERNEL);
	if (!page)
		return LIBRA_REASON_NOMEM;
	if (skb_copy_bits(skb, offset, page_address(page), len))
		reason = LIBRA_REASON_LINEAR;
	else
		reason = payload_add(payload, page, 0, len);
	put_page(page);
	return reason;
}

/* More linear bytes than this are copied to the application right away */
#define LINEAR_MAX	512

bool libra_payload_retainable(const struct sk_buff *skb, u32 offset)
{
	u32 headlen = skb_headlen(skb);

	return skb_frags_readable(skb) &&
	       (offset >= headlen || skb->head_frag || headlen - offset <= LINEAR_MAX);
}

static enum libra_reason payload_add_linear(struct libra_payload *payload,
					    struct sk_buff *skb, u32 offset, u32 len)
{
	struct page *page;

	if (skb->head_frag) {
		page = virt_to_head_page(skb->data);
		return payload_add(payload, page,
				   skb->data + offset - (u8 *)page_address(page), len);
	}
	if (len > LINEAR_MAX)
		return LIBRA_REASON_LINEAR;
	return payload_add_copy(payload, skb, offset, len);
}

static enum libra_reason payload_add_frag(struct libra_payload *payload,
					  const skb_frag_t *frag, u32 offset, u32 len)
{
	struct page *page = skb_frag_page(frag);

	offset += skb_frag_off(frag);
	page += offset >> PAGE_SHIFT;
	return payload_add(payload, page, offset_in_page(offset), len);
}

u32 libra_payload_take(struct libra_payload *payload, struct sk_buff *skb,
		       u32 offset, u32 len, u8 *reason)
{
	u32 taken = 0, begin = skb_headlen(skb), n;
	struct sk_buff *part;
	int i;

	*reason = LIBRA_REASON_NONE;
	if (!skb_frags_readable(skb)) {
		*reason = LIBRA_REASON_LINEAR;
		return 0;
	}
	if (offset < begin) {
		n = min(len, begin - offset);
		*reason = payload_add_linear(payload, skb, offset, n);
		if (*reason)
			return 0;
		taken = n;
	}
	for (i = 0; taken < len && i < skb_shinfo(skb)->nr_frags; i++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];
		u32 end = begin + skb_frag_size(frag);

		if (offset + taken < end) {
			n = min(len - taken, end - offset - taken);
			*reason = payload_add_frag(payload, frag,
						   offset + taken - begin, n);
			if (*reason)
				return taken;
			taken += n;
		}
		begin = end;
	}
	skb_walk_frags(skb, part) {
		if (taken == len)
			break;
		if (offset + taken < begin + part->len) {
			n = min(len - taken, begin + part->len - offset - taken);
			i = libra_payload_take(payload, part,
					       offset + taken - begin, n, reason);
			taken += i;
			if (*reason)
				return taken;
		}
		begin += part->len;
	}
	return taken;
}

/* ---- the domain's table ---- */

void libra_payload_publish(struct libra_payload *payload)
{
	struct libra_domain *domain = payload->domain;

	spin_lock(&domain->lock);
	payload->state = LIBRA_PAYLOAD_LIVE;
	list_add_tail(&payload->node, &domain->live);
	libra_place_insert(payload);
	domain->nr_live++;
	spin_unlock(&domain->lock);
	atomic64_inc(&nr_live);
}

struct libra_payload *libra_payload_find(struct libra_domain *domain, u64 id)
{
	struct libra_payload *payload;

	rcu_read_lock();
	payload = xa_load(&domain->payloads, id);
	if (payload && !refcount_inc_not_zero(&payload->ref))
		payload = NULL;
	rcu_read_unlock();
	if (!payload)
		return NULL;
	spin_lock(&domain->lock);
	if (payload->state != LIBRA_PAYLOAD_LIVE &&
	    payload->state != LIBRA_PAYLOAD_SENT) {
		spin_unlock(&domain->lock);
		libra_payload_put(payload);
		return NULL;
	}
	spin_unlock(&domain->lock);
	return payload;
}

/* Takes it out of its list; true when it was not dead before */
static bool payload_unlist(struct libra_payload *payload)
{
	struct libra_domain *domain = payload->domain;
	u8 state = payload->state;

	lockdep_assert_held(&domain->lock);
	if (state == LIBRA_PAYLOAD_DEAD)
		return false;
	list_del_init(&payload->node);
	libra_place_remove(payload);
	if (state == LIBRA_PAYLOAD_LIVE) {
		domain->nr_live--;
		atomic64_dec(&nr_live);
	} else if (state == LIBRA_PAYLOAD_SENT) {
		domain->nr_sent--;
		domain->sent_charge -= payload->charge;
		atomic64_dec(&nr_sent);
	}
	payload->state = LIBRA_PAYLOAD_DEAD;
	return true;
}

/* Gives back the table's reference of one that payload_unlist() took out */
static void payload_forget(struct libra_payload *payload)
{
	xa_erase(&payload->domain->payloads, payload->id);
	libra_payload_put(payload);
}

void libra_payload_drop(struct libra_payload *payload)
{
	bool was_there;

	spin_lock(&payload->domain->lock);
	was_there = payload_unlist(payload);
	spin_unlock(&payload->domain->lock);
	if (was_there)
		payload_forget(payload);
}

static struct libra_payload *payload_unlist_first(struct libra_domain *domain,
						  struct list_head *list)
{
	struct libra_payload *payload;

	spin_lock(&domain->lock);
	payload = list_first_entry_or_null(list, struct libra_payload, node);
	if (payload)
		payload_unlist(payload);
	spin_unlock(&domain->lock);
	return payload;
}

bool libra_payload_reclaim(struct libra_domain *domain)
{
	struct libra_payload *payload = payload_unlist_first(domain, &domain->sent);

	if (!payload)
		return false;
	libra_count(LIBRA_STAT_RECLAIMED);
	payload_forget(payload);
	return true;
}

void libra_payload_sent(struct libra_payload *payload)
{
	struct libra_domain *domain = payload->domain;
	size_t room = READ_ONCE(libra_limits.sent);
	bool over;

	spin_lock(&domain->lock);
	if (payload->state == LIBRA_PAYLOAD_LIVE) {
		domain->nr_live--;
		domain->nr_sent++;
		atomic64_dec(&nr_live);
		atomic64_inc(&nr_sent);
		payload->state = LIBRA_PAYLOAD_SENT;
		libra_place_remove(payload);
		domain->sent_charge += payload->charge;
	}
	if (payload->state == LIBRA_PAYLOAD_SENT)
		list_move_tail(&payload->node, &domain->sent);
	over = domain->sent_charge > room;
	spin_unlock(&domain->lock);
	while (over && libra_payload_reclaim(domain))
		over = READ_ONCE(domain->sent_charge) > room;
}

void libra_payload_drop_all(struct libra_domain *domain)
{
	struct libra_payload *payload;

	while ((payload = payload_unlist_first(domain, &domain->live)))
		payload_forget(payload);
	while ((payload = payload_unlist_first(domain, &domain->sent)))
		payload_forget(payload);
}

bool libra_payload_any_live(struct libra_domain *domain)
{
	return READ_ONCE(domain->nr_live);
}

void libra_payload_gauges(u64 *live, u64 *sent)
{
	*live = atomic64_read(&nr_live);
	*sent = atomic64_read(&nr_sent);
}

/* ---- markers ---- */

void libra_payload_marker(const struct libra_payload *payload, u32 offset,
			  struct libra_marker *marker)
{
	libra_marker_make(marker, payload->id, offset);
}

/* The part of the marker at @at that lies in [offset, offset + len) */
static bool payload_verify_one(const struct libra_payload *payload, u32 at,
			       u32 offset, u32 len, const struct iov_iter *iter)
{
	u32 from = max(at, offset), to = min(at + LIBRA_MARKER_LEN, offset + len);
	u8 seen[LIBRA_MARKER_LEN];
	struct libra_marker marker;
	struct iov_iter it = *iter;

	if (from >= to)
		return true;
	libra_payload_marker(payload, at, &marker);
	iov_iter_advance(&it, from - offset);
	if (copy_from_iter(seen, to - from, &it) != to - from)
		return false;
	return !memcmp(seen, (u8 *)&marker + from - at, to - from);
}

bool libra_payload_verify(const struct libra_payload *payload, u32 offset,
			  u32 len, const struct iov_iter *iter)
{
	unsigned long step = offset / LIBRA_MARKER_STEP;
	unsigned long steps = DIV_ROUND_UP(offset + len, LIBRA_MARKER_STEP);

	if (!payload_verify_one(payload, 0, offset, len, iter))
		return false;
	for_each_set_bit_from(step, payload->marked, steps)
		if (!payload_verify_one(payload, step * LIBRA_MARKER_STEP,
					offset, len, iter))
			return false;
	return payload_verify_one(payload, payload->len - LIBRA_MARKER_LEN,
				  offset, len, iter);
}
