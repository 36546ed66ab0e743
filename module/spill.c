// SPDX-License-Identifier: GPL-2.0
/*
 * Payload of a client that is slow, or gone, would pin pages for as long as the
 * process lives, many of them a driver's. It moves to a shmem file, which is
 * charged to the process's memory cgroup and can be swapped; nothing is lost.
 * What was sent and is kept for a retry is dropped after the same time.
 * Only when it is too much for the limit there something dies, and only what
 * nobody will send, most likely: its token is gone from where it stood, or it
 * has waited for minutes. What finds no room stays where it is.
 *
 * A domain's work item moves out payload whose pages nobody uses: it writes the
 * file while the payload is still LIVE, then exchanges the pages for it with
 * domain->lock held. Who finds it SPILLED on the way to its pages brings them
 * home first.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "compat/compat.h"
#include "domain.h"
#include "payload.h"
#include "spill.h"
#include "stats.h"
#include "verify.h"

/* Live for as long as this, a payload waits for somebody slow */
#define SPILL_AGE	(10 * HZ)
/* The same when a limit is met: what is younger is about to be sent */
#define PRESSED_AGE	(HZ / 10)

static struct workqueue_struct *spill_wq;
static struct shrinker *spill_shrinker;

/* ---- out ---- */

static struct file *spill_write(const struct libra_payload *payload)
{
	struct iov_iter from;
	struct file *file;
	loff_t at = 0;
	ssize_t ret;

	file = shmem_file_setup("libra", payload->len, LIBRA_SHMEM_NORESERVE);
	if (IS_ERR(file))
		return file;
	/* rather keep the pages than have somebody killed for the copy */
	mapping_set_gfp_mask(file->f_mapping, mapping_gfp_mask(file->f_mapping) |
			     __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	iov_iter_bvec(&from, ITER_SOURCE, payload->segs, payload->nr_segs, payload->len);
	ret = vfs_iter_write(file, &from, &at, 0);
	if (ret == payload->len)
		return file;
	fput(file);
	return ERR_PTR(ret < 0 ? ret : -ENOSPC);
}

/* Lets abandoned ones there die until @len bytes more are within the limit */
static bool spill_make_room(struct libra_domain *domain, u32 len)
{
	u64 limit = READ_ONCE(libra_limits.spill);

	while (READ_ONCE(domain->spilled_bytes) + libra_spill_cost(len) > limit)
		if (!libra_payload_expire(domain))
			return false;
	return true;
}

/* @payload, which the caller holds, has moved when this answers 0, or is in use */
static int spill_out(struct libra_payload *payload)
{
	struct file *file;
	int err;

	if (!spill_make_room(payload->domain, payload->len))
		return -ENOSPC;
	file = spill_write(payload);
	if (IS_ERR(file))
		return PTR_ERR(file);
	err = libra_payload_move_out(payload, file);
	if (err)
		fput(file);
	/* in use again: that is as good */
	return err == -EBUSY ? 0 : err;
}

/* Until no more than @goal bytes are pinned; true: what is left is too young, or in use */
static bool spill_all(struct libra_domain *domain, long goal)
{
	struct libra_payload *payload;
	bool pressed;
	int err;

	do {
		pressed = atomic_long_read(&domain->retained) > goal;
		payload = libra_payload_oldest(domain,
					       jiffies - (pressed ? PRESSED_AGE : SPILL_AGE),
					       READ_ONCE(libra_limits.spill));
		if (!payload)
			return pressed;
		err = spill_out(payload);
		libra_payload_put(payload);
		cond_resched();
	} while (!err);
	return false;
}

static void spill_work(struct work_struct *work)
{
	struct libra_domain *domain = container_of(to_delayed_work(work),
						   struct libra_domain, spill);
	bool pressed = xchg(&domain->pressed, false), young = false;
	long goal = pressed ? atomic_long_read(&domain->retained) / 2 : domain->spill_goal;
	struct mm_struct *mm = domain->mn.mm;
	bool waiting;

	while (libra_payload_reclaim(domain, jiffies - (pressed ? 0 : SPILL_AGE)))
		cond_resched();
	/* in its memory: to look there, and for its memory cgroup to be charged */
	if (mmget_not_zero(mm)) {
		kthread_use_mm(mm);
		young = spill_all(domain, goal);
		kthread_unuse_mm(mm);
		mmput(mm);
	}
	/* once more: all that was there when the limit was met is old enough then */
	domain->spill_goal = pressed && young ? goal : LONG_MAX;
	waiting = libra_verify_expire(domain);
	if (pressed && young)
		queue_delayed_work(spill_wq, &domain->spill, PRESSED_AGE);
	else if (waiting ||
		 READ_ONCE(domain->nr_live) > READ_ONCE(domain->nr_spilled) ||
		 READ_ONCE(domain->nr_sent))
		queue_delayed_work(spill_wq, &domain->spill, SPILL_AGE);
}

void libra_spill_begin(struct libra_domain *domain)
{
	INIT_DELAYED_WORK(&domain->spill, spill_work);
	domain->spill_goal = LONG_MAX;
}

void libra_spill_end(struct libra_domain *domain)
{
	cancel_delayed_work_sync(&domain->spill);
}

void libra_spill_later(struct libra_domain *domain)
{
	/* pairs with the work, which is pending no more before it looks for payload */
	smp_mb();
	if (!delayed_work_pending(&domain->spill))
		queue_delayed_work(spill_wq, &domain->spill, SPILL_AGE);
}

void libra_spill_now(struct libra_domain *domain)
{
	if (READ_ONCE(domain->pressed))
		return;
	WRITE_ONCE(domain->pressed, true);
	mod_delayed_work(spill_wq, &domain->spill, 0);
}

/* ---- home ---- */

static int spill_read(struct file *file, struct bio_vec *segs, u32 len)
{
	struct address_space *mapping = file->f_mapping;
	struct page *page;
	u32 at;

	for (at = 0; at < len; at += PAGE_SIZE) {
		page = shmem_read_mapping_page_gfp(mapping, at >> PAGE_SHIFT, GFP_KERNEL);
		if (IS_ERR(page))
			return PTR_ERR(page);
		bvec_set_page(segs++, page, min_t(u32, PAGE_SIZE, len - at), 0);
	}
	return 0;
}

int libra_spill_load(struct libra_payload *payload)
{
	u32 nr = DIV_ROUND_UP(payload->len, PAGE_SIZE), i;
	struct bio_vec *segs;
	struct file *file;
	int err;

	file = libra_payload_spilled(payload);
	if (IS_ERR_OR_NULL(file))
		return PTR_ERR_OR_ZERO(file);
	segs = kvcalloc(nr, sizeof(*segs), GFP_KERNEL);
	if (!segs) {
		err = -ENOMEM;
		goto put_file;
	}
	err = spill_read(file, segs, payload->len);
	if (!err)
		err = libra_payload_move_in(payload, segs, nr);
	if (!err)
		goto put_file;
	for (i = 0; i < nr && segs[i].bv_page; i++)
		put_page(segs[i].bv_page);
	kvfree(segs);
	if (err == -EEXIST)
		err = 0;	/* somebody else was faster */
put_file:
	fput(file);
	return err;
}

static int spill_where(struct libra_payload *payload)
{
	struct file *file = libra_payload_spilled(payload);

	if (IS_ERR_OR_NULL(file))
		return PTR_ERR_OR_ZERO(file);
	fput(file);
	return LIBRA_SPILL_AWAY;
}

int libra_spill_hold(struct libra_payload *payload)
{
	int err;

	atomic_inc(&payload->users);
	/* pairs with libra_payload_move_out() */
	smp_mb__after_atomic();
	if (likely(READ_ONCE(payload->state) != LIBRA_PAYLOAD_SPILLED &&
		   READ_ONCE(payload->state) != LIBRA_PAYLOAD_DEAD))
		return 0;
	err = spill_where(payload);
	if (err)
		atomic_dec(&payload->users);
	return err;
}

void libra_spill_release(struct libra_payload *payload)
{
	/* the pages were used before others may take them away */
	smp_mb__before_atomic();
	atomic_dec(&payload->users);
}

/* ---- when the machine has no memory left ---- */

static unsigned long spill_count(struct shrinker *shrinker, struct shrink_control *sc)
{
	return libra_domain_retained_total() >> PAGE_SHIFT ?: SHRINK_EMPTY;
}

static int spill_press(struct libra_domain *domain, void *arg)
{
	libra_spill_now(domain);
	return 0;
}

/* Moving out takes memory first, so it is left to the work, once a second */
static unsigned long spill_scan(struct shrinker *shrinker, struct shrink_control *sc)
{
	static unsigned long next;

	if (!next || time_after(jiffies, READ_ONCE(next))) {
		WRITE_ONCE(next, jiffies + HZ);
		libra_domain_for_each(0, spill_press, NULL);
	}
	/* it is on its way: do not ask for it again and again */
	return sc->nr_to_scan;
}

int __init libra_spill_init(void)
{
	int err = -ENOMEM;

	spill_wq = alloc_workqueue("libra_spill", WQ_UNBOUND, 0);
	if (!spill_wq)
		return err;
	spill_shrinker = shrinker_alloc(0, "libra");
	if (!spill_shrinker)
		goto destroy_wq;
	spill_shrinker->count_objects = spill_count;
	spill_shrinker->scan_objects = spill_scan;
	shrinker_register(spill_shrinker);
	return 0;

destroy_wq:
	destroy_workqueue(spill_wq);
	return err;
}

void libra_spill_exit(void)
{
	shrinker_free(spill_shrinker);
	destroy_workqueue(spill_wq);
}
