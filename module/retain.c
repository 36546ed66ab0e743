// SPDX-License-Identifier: GPL-2.0
/*
 * Filling a payload object: references to the pages of received skbs, not the
 * skbs, which would hold page pools. With rx.lock and the socket locked.
 */
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/sizes.h>
#include <linux/skbuff.h>
#include <linux/slab.h>

#include "domain.h"
#include "frags.h"
#include "payload.h"
#include "retain.h"
#include "spill.h"

/* Bytes that are charged in advance of the pages that pin them */
#define CREDIT	SZ_64K

static bool retain_grow(struct libra_payload *payload)
{
	struct bio_vec *segs;
	u32 max = payload->max_segs * 4;

	segs = kvmalloc_array(max, sizeof(*segs), GFP_KERNEL_ACCOUNT);
	if (!segs)
		return false;
	memcpy(segs, payload->segs, payload->nr_segs * sizeof(*segs));
	if (payload->segs != payload->inline_segs)
		kvfree(payload->segs);
	payload->segs = segs;
	payload->max_segs = max;
	return true;
}

/* Sent payload is kept only as long as nothing else needs the room */
static bool retain_find_room(struct libra_domain *domain, size_t charge)
{
	while (!libra_domain_charge(domain, charge))
		if (!libra_payload_reclaim(domain, jiffies))
			return false;
	return true;
}

/* Counters that all share are touched once for many pages */
static noinline bool retain_credit(struct libra_payload *payload, size_t charge)
{
	size_t more = max(charge, CREDIT);

	if (!libra_domain_charge(payload->domain, more)) {
		more = charge;
		if (!retain_find_room(payload->domain, more)) {
			/* copied this time; the next payload finds room, perhaps */
			libra_spill_now(payload->domain);
			return false;
		}
	}
	payload->charge += more;
	payload->credit += more;
	return true;
}

static bool retain_charge(struct libra_payload *payload, size_t charge)
{
	if (unlikely(payload->credit < charge) && !retain_credit(payload, charge))
		return false;
	payload->credit -= charge;
	return true;
}

void libra_retain_end(struct libra_payload *payload)
{
	libra_domain_uncharge(payload->domain, payload->credit);
	payload->charge -= payload->credit;
	payload->credit = 0;
}

/* Neither a slab's nor one that nobody can take references to, see sendpage_ok() */
static bool retain_pinnable(const struct folio *folio)
{
	return !folio_test_slab(folio) && folio_ref_count(folio) > 0;
}

/* Takes a reference of its own to @page; inline, since it is done for each of them */
static __always_inline enum libra_reason retain_page(struct libra_payload *payload,
						     struct page *page, u32 offset, u32 len)
{
	struct folio *folio = page_folio(page);

	if (folio == payload->pinned) {
		struct bio_vec *last = &payload->segs[payload->nr_segs - 1];

		/* neighbours of one folio pin it once, as one segment if they touch */
		if (libra_frags_follow(last, page, offset)) {
			last->bv_len += len;
			payload->len += len;
			return LIBRA_REASON_NONE;
		}
	} else {
		if (!retain_pinnable(folio))
			return LIBRA_REASON_LINEAR;
		if (!retain_charge(payload, folio_size(folio)))
			return LIBRA_REASON_CAP;
		if (!payload->shared)
			payload->shared = READ_ONCE(folio->mapping) || folio_mapped(folio);
	}
	if (payload->nr_segs == payload->max_segs && !retain_grow(payload))
		return LIBRA_REASON_NOMEM;
	folio_get(folio);
	payload->pinned = folio;
	bvec_set_page(&payload->segs[payload->nr_segs++], page, len, offset);
	payload->len += len;
	return LIBRA_REASON_NONE;
}

/* The few bytes that a driver pulls into the linear part: into a page of ours */
static enum libra_reason retain_copy(struct libra_payload *payload,
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
		reason = retain_page(payload, page, 0, len);
	put_page(page);
	return reason;
}

/* More linear bytes than this are copied to the application right away */
#define LINEAR_MAX	512

bool libra_retainable(const struct sk_buff *skb, u32 offset)
{
	u32 headlen = skb_headlen(skb);

	return skb_frags_readable(skb) &&
	       (offset >= headlen || skb->head_frag || headlen - offset <= LINEAR_MAX);
}

static enum libra_reason retain_linear(struct libra_payload *payload,
				       struct sk_buff *skb, u32 offset, u32 len)
{
	struct page *page;

	if (skb->head_frag) {
		page = virt_to_head_page(skb->data);
		return retain_page(payload, page,
				   skb->data + offset - (u8 *)page_address(page), len);
	}
	if (len > LINEAR_MAX)
		return LIBRA_REASON_LINEAR;
	return retain_copy(payload, skb, offset, len);
}

static enum libra_reason retain_frag(struct libra_payload *payload,
				     const skb_frag_t *frag, u32 offset, u32 len)
{
	struct page *page = skb_frag_page(frag);

	offset += skb_frag_off(frag);
	page += offset >> PAGE_SHIFT;
	return retain_page(payload, page, offset_in_page(offset), len);
}

/* Up to @len bytes of the fragments, from @offset in them on; how many, @reason why not more */
static u32 retain_frags(struct libra_payload *payload, const struct skb_shared_info *shinfo,
			u32 offset, u32 len, u8 *reason)
{
	const skb_frag_t *frag = shinfo->frags, *end = frag + shinfo->nr_frags;
	u32 taken = 0, n;

	for (; frag < end && offset >= skb_frag_size(frag); frag++)
		offset -= skb_frag_size(frag);
	for (; frag < end && taken < len; frag++, taken += n, offset = 0) {
		n = min(len - taken, skb_frag_size(frag) - offset);
		if (!n)
			continue;
		*reason = retain_frag(payload, frag, offset, n);
		if (*reason)
			break;
	}
	return taken;
}

/* The same of the packets in the list */
static u32 retain_list(struct libra_payload *payload, struct sk_buff *skb,
		       u32 offset, u32 len, u8 *reason)
{
	struct sk_buff *part;
	u32 taken = 0;

	skb_walk_frags(skb, part) {
		if (offset >= part->len) {
			offset -= part->len;
			continue;
		}
		taken += libra_retain(payload, part, offset,
				      min(len - taken, part->len - offset), reason);
		if (*reason || taken == len)
			break;
		offset = 0;
	}
	return taken;
}

u32 libra_retain(struct libra_payload *payload, struct sk_buff *skb,
		 u32 offset, u32 len, u8 *reason)
{
	u32 headlen = skb_headlen(skb), taken = 0, n;

	*reason = LIBRA_REASON_NONE;
	if (!skb_frags_readable(skb)) {
		*reason = LIBRA_REASON_LINEAR;
		return 0;
	}
	payload->shared |= skb_has_shared_frag(skb);
	if (offset < headlen) {
		n = min(len, headlen - offset);
		*reason = retain_linear(payload, skb, offset, n);
		if (*reason)
			return 0;
		if (n == len)
			return n;
		taken = n;
	}
	offset += taken - headlen;
	n = retain_frags(payload, skb_shinfo(skb), offset, len - taken, reason);
	taken += n;
	if (*reason || taken == len)
		return taken;
	offset += n - (skb_pagelen(skb) - headlen);
	return taken + retain_list(payload, skb, offset, len - taken, reason);
}
