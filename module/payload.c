// SPDX-License-Identifier: GPL-2.0
/*
 * A payload object is filled by one read and then never changes, but for its
 * state, list and the domain's table: these are under domain->lock (see
 * domain.c for the order; no lock of a socket is ever taken inside), and so is
 * the exchange of its pages for a file, and back, while nobody uses them.
 *
 * References: the table has one from libra_payload_new() until the payload is
 * dropped, the filling read and each cursor have one. Pages are given back
 * with the last. What libra_payload_find() meets in the table, under the table's
 * own lock, has the table's reference: it is taken out before that is given back.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "classes.h"
#include "domain.h"
#include "payload.h"
#include "spill.h"
#include "stats.h"
#include "uapi/libra.h"

/* Payload that was not sent for as long as this hardly ever will be */
#define ABANDONED_AGE	(300 * HZ)
/* ... and as this, when its token is gone: HAProxy moves what waits in its buffers */
#define MOVED_AGE	(60 * HZ)
/* Spilled ones that are looked at before one more is left where it is */
#define EXPIRE_TRIES	64

static atomic64_t nr_live;
static atomic64_t nr_sent;
static atomic64_t spilled_bytes;

/* A constructor means that the kernel does not zero them first */
static struct kmem_cache *payload_cache;

static void payload_as_it_is(void *payload)
{
}

int __init libra_payload_init(void)
{
	payload_cache = kmem_cache_create("libra_payload", sizeof(struct libra_payload), 0,
					  SLAB_HWCACHE_ALIGN, payload_as_it_is);
	return payload_cache ? 0 : -ENOMEM;
}

void libra_payload_exit(void)
{
	kmem_cache_destroy(payload_cache);
}

struct libra_payload *libra_payload_new(struct libra_domain *domain)
{
	struct libra_payload *payload;
	bool armed;

	payload = kmem_cache_alloc(payload_cache, GFP_KERNEL);
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
	payload->credit = 0;
	payload->pinned = NULL;
	atomic_set(&payload->users, 0);
	payload->moves = 0;
	payload->shared = false;
	payload->spill = NULL;
	payload->class = NULL;
	payload->segs = payload->inline_segs;
	payload->places = payload->few_places;
	payload->nr_places = 0;
	bitmap_zero(payload->marked, LIBRA_PAYLOAD_MAX / LIBRA_MARKER_STEP);
	spin_lock(&domain->lock);
	armed = domain->armed && !libra_domain_gate(domain);
	if (armed) {
		WRITE_ONCE(domain->elided, true);
		payload->id = libra_domain_next_id(domain);
	}
	spin_unlock(&domain->lock);
	if (armed)
		payload->secret = libra_marker_secret(payload->id);
	/* stored now: later it could fail when the bytes are already taken */
	if (!armed || xa_err(xa_store(&domain->payloads, payload->id, payload,
				      GFP_KERNEL))) {
		kmem_cache_free(payload_cache, payload);
		return NULL;
	}
	return payload;
}

static void payload_put_pages(struct libra_domain *domain, const struct bio_vec *segs,
			      u32 nr, size_t charge)
{
	u32 i;

	for (i = 0; i < nr; i++)
		put_page(segs[i].bv_page);
	libra_domain_uncharge(domain, charge);
}

static void payload_free_segs(const struct libra_payload *payload, struct bio_vec *segs)
{
	if (segs != payload->inline_segs)
		kvfree(segs);
}

void libra_payload_put(struct libra_payload *payload)
{
	if (!refcount_dec_and_test(&payload->ref))
		return;
	payload_put_pages(payload->domain, payload->segs, payload->nr_segs, payload->charge);
	payload_free_segs(payload, payload->segs);
	if (payload->spill)
		fput(payload->spill);
	libra_place_free(payload);
	kmem_cache_free(payload_cache, payload);
}

/* ---- the domain's table ---- */

void libra_payload_publish(struct libra_payload *payload)
{
	struct libra_domain *domain = payload->domain;

	spin_lock(&domain->lock);
	payload->born = jiffies;
	/* pairs with libra_payload_find() */
	smp_store_release(&payload->state, LIBRA_PAYLOAD_LIVE);
	list_add_tail(&payload->node, &domain->live);
	libra_place_insert(payload);
	domain->nr_live++;
	spin_unlock(&domain->lock);
	atomic64_inc(&nr_live);
	libra_spill_later(domain);
}

struct libra_payload *libra_payload_find(struct libra_domain *domain, u64 id)
{
	struct libra_payload *payload;
	u8 state;

	xa_lock(&domain->payloads);
	payload = xa_load(&domain->payloads, id);
	if (payload)
		refcount_inc(&payload->ref);
	xa_unlock(&domain->payloads);
	if (!payload)
		return NULL;
	/* pairs with libra_payload_publish(): all fields, when it is no longer OPEN */
	state = smp_load_acquire(&payload->state);
	if (state == LIBRA_PAYLOAD_LIVE || state == LIBRA_PAYLOAD_SPILLED ||
	    state == LIBRA_PAYLOAD_SENT)
		return payload;
	libra_payload_put(payload);
	return NULL;
}

static void payload_uncount_spilled(struct libra_payload *payload)
{
	size_t cost = libra_spill_cost(payload->len);

	payload->domain->nr_spilled--;
	payload->domain->spilled_bytes -= cost;
	atomic64_sub(cost, &spilled_bytes);
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
	WRITE_ONCE(payload->state, LIBRA_PAYLOAD_DEAD);
	libra_place_remove(payload);
	if (state == LIBRA_PAYLOAD_SPILLED)
		payload_uncount_spilled(payload);
	if (state == LIBRA_PAYLOAD_LIVE || state == LIBRA_PAYLOAD_SPILLED) {
		domain->nr_live--;
		atomic64_dec(&nr_live);
	} else if (state == LIBRA_PAYLOAD_SENT) {
		domain->nr_sent--;
		domain->sent_bytes -= payload->len;
		atomic64_dec(&nr_sent);
	}
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

bool libra_payload_reclaim(struct libra_domain *domain, unsigned long before)
{
	struct libra_payload *payload;

	spin_lock(&domain->lock);
	payload = list_first_entry_or_null(&domain->sent, struct libra_payload, node);
	if (payload && time_after(payload->born, before))
		payload = NULL;
	if (payload)
		payload_unlist(payload);
	spin_unlock(&domain->lock);
	if (!payload)
		return false;
	libra_count(LIBRA_STAT_RECLAIMED);
	payload_forget(payload);
	return true;
}

void libra_payload_sent(struct libra_payload *payload, bool whole)
{
	struct libra_domain *domain = payload->domain;
	size_t room = READ_ONCE(libra_limits.sent);
	bool over;

	spin_lock(&domain->lock);
	/* what moved out while a cursor waited in it stays where it is */
	if (payload->state == LIBRA_PAYLOAD_LIVE) {
		domain->nr_live--;
		domain->nr_sent++;
		atomic64_dec(&nr_live);
		atomic64_inc(&nr_sent);
		WRITE_ONCE(payload->state, LIBRA_PAYLOAD_SENT);
		domain->sent_bytes += payload->len;
	}
	if (payload->state == LIBRA_PAYLOAD_SENT) {
		if (whole)
			libra_place_remove(payload);
		payload->born = jiffies;
		list_move_tail(&payload->node, &domain->sent);
	}
	over = domain->sent_bytes > room;
	spin_unlock(&domain->lock);
	while (over && libra_payload_reclaim(domain, jiffies))
		over = READ_ONCE(domain->sent_bytes) > room;
}

void libra_payload_drop_all(struct libra_domain *domain)
{
	struct libra_payload *payload;

	while ((payload = payload_unlist_first(domain, &domain->live)))
		payload_forget(payload);
	while ((payload = payload_unlist_first(domain, &domain->spilled)))
		payload_forget(payload);
	while ((payload = payload_unlist_first(domain, &domain->sent)))
		payload_forget(payload);
}

bool libra_payload_any_live(struct libra_domain *domain)
{
	return READ_ONCE(domain->nr_live);
}

void libra_payload_gauges(u64 *live, u64 *sent, u64 *spilled)
{
	*live = atomic64_read(&nr_live);
	*sent = atomic64_read(&nr_sent);
	*spilled = atomic64_read(&spilled_bytes);
}

/* ---- out and home again, see spill.c ---- */

/* What a payload pins, taken out of it */
struct payload_pages {
	struct bio_vec *segs;
	u32 nr;
	size_t charge;
	struct bio_vec few[LIBRA_PAYLOAD_INLINE];	/* of those that were inline */
};

static void payload_take_pages(struct libra_payload *payload, struct payload_pages *pages)
{
	pages->segs = payload->segs;
	pages->nr = payload->nr_segs;
	pages->charge = payload->charge;
	memcpy(pages->few, payload->inline_segs, sizeof(pages->few));
	payload->segs = payload->inline_segs;
	payload->nr_segs = 0;
	payload->charge = 0;
}

struct libra_payload *libra_payload_oldest(struct libra_domain *domain,
					   unsigned long before, u64 max)
{
	struct libra_payload *payload, *found = NULL;

	spin_lock(&domain->lock);
	list_for_each_entry(payload, &domain->live, node) {
		if (time_after(payload->born, before))
			break;
		if (atomic_read(&payload->users) || libra_spill_cost(payload->len) > max)
			continue;
		refcount_inc(&payload->ref);
		found = payload;
		break;
	}
	spin_unlock(&domain->lock);
	return found;
}

int libra_payload_move_out(struct libra_payload *payload, struct file *file)
{
	struct libra_domain *domain = payload->domain;
	struct payload_pages pages;
	bool inline_segs;

	spin_lock(&domain->lock);
	if (payload->state != LIBRA_PAYLOAD_LIVE)
		goto busy;
	WRITE_ONCE(payload->state, LIBRA_PAYLOAD_SPILLED);
	/* pairs with libra_spill_hold(): one of the two sees what the other did */
	smp_mb();
	if (atomic_read(&payload->users)) {
		WRITE_ONCE(payload->state, LIBRA_PAYLOAD_LIVE);
		goto busy;
	}
	payload_take_pages(payload, &pages);
	payload->spill = file;
	list_move_tail(&payload->node, &domain->spilled);
	domain->nr_spilled++;
	domain->spilled_bytes += libra_spill_cost(payload->len);
	atomic64_add(libra_spill_cost(payload->len), &spilled_bytes);
	spin_unlock(&domain->lock);
	libra_count(LIBRA_STAT_SPILLS);
	inline_segs = pages.segs == payload->inline_segs;
	payload_put_pages(domain, inline_segs ? pages.few : pages.segs, pages.nr, pages.charge);
	payload_free_segs(payload, pages.segs);
	return 0;

busy:
	spin_unlock(&domain->lock);
	return -EBUSY;
}

struct file *libra_payload_spilled(struct libra_payload *payload)
{
	struct file *file = NULL;

	spin_lock(&payload->domain->lock);
	if (payload->state == LIBRA_PAYLOAD_SPILLED)
		file = get_file(payload->spill);
	else if (!payload->nr_segs)
		file = ERR_PTR(-ESTALE);	/* died there */
	spin_unlock(&payload->domain->lock);
	return file;
}

int libra_payload_move_in(struct libra_payload *payload, struct bio_vec *segs, u32 nr)
{
	struct libra_domain *domain = payload->domain;
	struct file *file;

	spin_lock(&domain->lock);
	if (payload->state != LIBRA_PAYLOAD_SPILLED || READ_ONCE(domain->exited)) {
		bool dead = !payload->nr_segs;

		spin_unlock(&domain->lock);
		return dead ? -ESTALE : -EEXIST;
	}
	payload->segs = segs;
	payload->nr_segs = nr;
	payload->max_segs = nr;
	payload->moves++;
	payload->shared = true;
	payload->charge = (size_t)nr << PAGE_SHIFT;
	/* it is about to be sent, whatever the limit says */
	libra_domain_charge_anyway(domain, payload->charge);
	file = payload->spill;
	payload->spill = NULL;
	payload_uncount_spilled(payload);
	WRITE_ONCE(payload->state, LIBRA_PAYLOAD_LIVE);
	payload->born = jiffies;
	list_move_tail(&payload->node, &domain->live);
	spin_unlock(&domain->lock);
	libra_count(LIBRA_STAT_LOADS);
	libra_spill_later(domain);
	/* the caller's reference keeps it until the pages are held */
	fput(file);
	return 0;
}

/* Looks whether nobody will send it any more; sleeps, in the process's memory */
static bool payload_abandoned(const struct libra_payload *payload)
{
	if (time_before(jiffies, payload->born + MOVED_AGE))
		return false;
	return !libra_place_has_token(payload) ||
	       time_after(jiffies, payload->born + ABANDONED_AGE);
}

/* The next one to look at, with a reference; it goes to the end of the queue */
static struct libra_payload *payload_candidate(struct libra_domain *domain)
{
	struct libra_payload *payload;
	bool idle;

	spin_lock(&domain->lock);
	payload = list_first_entry_or_null(&domain->spilled, struct libra_payload, node);
	if (payload) {
		list_move_tail(&payload->node, &domain->spilled);
		/* a cursor that waits in it holds it too: it is being sent */
		idle = refcount_read(&payload->ref) == 1;
		refcount_inc(&payload->ref);
	}
	spin_unlock(&domain->lock);
	if (payload && !idle) {
		libra_payload_put(payload);
		return ERR_PTR(-EBUSY);
	}
	return payload;
}

bool libra_payload_expire(struct libra_domain *domain)
{
	struct libra_payload *payload;
	unsigned int tries;
	bool abandoned;

	for (tries = 0; tries < EXPIRE_TRIES; tries++) {
		payload = payload_candidate(domain);
		if (!payload)
			return false;
		if (IS_ERR(payload))
			continue;
		abandoned = payload_abandoned(payload);
		if (abandoned) {
			libra_payload_drop(payload);
			libra_count(LIBRA_STAT_EXPIRED);
			if (payload->class)
				libra_classes_died(domain, payload->class);
		}
		libra_payload_put(payload);
		if (abandoned)
			return true;
	}
	return false;
}
