// SPDX-License-Identifier: GPL-2.0
/*
 * Locks: classes->lock is innermost; _bh, since a stream can be given up in a
 * softirq, and then all classes are in doubt.
 *
 * The rows of a domain are made once and stay as long as it does, so that they
 * are few: at ROWS_MAX nothing new is learnt, and what is not known is copied.
 */
#include <linux/bitmap.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "classes.h"
#include "domain.h"
#include "events.h"
#include "parser.h"
#include "policy.h"

#define ROWS_MAX	256
/* Kinds of requests, besides LIBRA_REQUEST_NONE */
#define REQUESTS_MAX	63

struct libra_request {
	struct libra_label label;
	u32 waiting;			/* of them, for their answers */
};

struct libra_classes {
	spinlock_t lock;		/* all of it */
	struct list_head rows;		/* struct libra_class, by id */
	u32 nr_rows;
	u8 nr_requests;			/* the last one's number */
	struct libra_request requests[REQUESTS_MAX + 1];
};

static bool label_equal(const struct libra_label *a, const struct libra_label *b)
{
	return a->len == b->len && !memcmp(a->text, b->text, a->len);
}

/* ---- life ---- */

struct libra_classes *libra_classes_get(struct libra_domain *domain)
{
	struct libra_classes *classes = READ_ONCE(domain->classes), *before;

	if (likely(classes))
		return classes;
	classes = kzalloc(sizeof(*classes), GFP_KERNEL);
	if (!classes)
		return NULL;
	spin_lock_init(&classes->lock);
	INIT_LIST_HEAD(&classes->rows);
	before = cmpxchg(&domain->classes, NULL, classes);
	if (!before)
		return classes;
	kfree(classes);
	return before;
}

void libra_classes_free(struct libra_classes *classes)
{
	struct libra_class *row, *next;

	if (!classes)
		return;
	list_for_each_entry_safe(row, next, &classes->rows, node)
		kfree(row);
	kfree(classes);
}

/* ---- requests that wait ---- */

/* One that was cut may hide what differs behind it */
static bool label_useful(const struct libra_label *label)
{
	return label->len && label->len < LIBRA_LABEL_MAX - 1;
}

/* A number whose kind of request nobody waits for, and nothing is known of */
static u8 request_spare(struct libra_classes *classes)
{
	DECLARE_BITMAP(used, REQUESTS_MAX + 1) = { 1 };
	struct libra_class *row;
	u8 i;

	if (classes->nr_requests < REQUESTS_MAX)
		return ++classes->nr_requests;
	list_for_each_entry(row, &classes->rows, node)
		__set_bit(row->request, used);
	for_each_clear_bit(i, used, REQUESTS_MAX + 1)
		if (!classes->requests[i].waiting)
			return i;
	return LIBRA_REQUEST_NONE;
}

static u8 request_number(struct libra_classes *classes, const struct libra_label *label)
{
	u8 i;

	lockdep_assert_held(&classes->lock);
	if (!label_useful(label))
		return LIBRA_REQUEST_NONE;
	for (i = 1; i <= classes->nr_requests; i++)
		if (label_equal(&classes->requests[i].label, label))
			return i;
	i = request_spare(classes);
	if (i != LIBRA_REQUEST_NONE)
		classes->requests[i].label = *label;
	return i;
}

u8 libra_classes_ask(struct libra_classes *classes, const struct libra_label *label)
{
	u8 number;

	spin_lock_bh(&classes->lock);
	number = request_number(classes, label);
	classes->requests[number].waiting++;
	spin_unlock_bh(&classes->lock);
	return number;
}

void libra_classes_answered(struct libra_classes *classes, u8 request)
{
	spin_lock_bh(&classes->lock);
	classes->requests[request].waiting--;
	spin_unlock_bh(&classes->lock);
}

/* ---- rows ---- */

static struct libra_class *row_find(struct libra_classes *classes, u8 side, u8 request,
				    const struct libra_label *label)
{
	struct libra_class *row;

	lockdep_assert_held(&classes->lock);
	list_for_each_entry(row, &classes->rows, node)
		if (row->side == side && row->request == request &&
		    label_equal(&row->label, label))
			return row;
	return NULL;
}

/* Whoever's request it answers */
static struct libra_class *row_of_label(struct libra_classes *classes, u8 side,
					const struct libra_label *label)
{
	struct libra_class *row;

	list_for_each_entry(row, &classes->rows, node)
		if (row->side == side && label_equal(&row->label, label))
			return row;
	return NULL;
}

/* Made in advance, since it may not sleep under the lock */
static struct libra_class *row_add(struct libra_classes *classes, struct libra_class *fresh,
				   const struct libra_compared *message)
{
	if (!fresh || classes->nr_rows == ROWS_MAX)
		return NULL;
	fresh->id = ++classes->nr_rows;
	fresh->side = message->side;
	fresh->request = message->request;
	fresh->label = *message->label;
	list_add_tail(&fresh->node, &classes->rows);
	return fresh;
}

/* ---- mode auto ---- */

static bool row_proven(const struct libra_class *row)
{
	return row && row->state == LIBRA_CLASS_PROVEN;
}

/* Is it proven, whoever of those that wait will get it? */
static bool classes_proven(struct libra_classes *classes, u8 side,
			   const struct libra_label *label)
{
	bool any = false;
	u8 i;

	if (side == LIBRA_SIDE_REQUEST)
		return row_proven(row_find(classes, side, LIBRA_REQUEST_NONE, label));
	if (classes->requests[LIBRA_REQUEST_NONE].waiting)
		return false;
	for (i = 1; i <= classes->nr_requests; i++) {
		if (!classes->requests[i].waiting)
			continue;
		if (!row_proven(row_find(classes, side, i, label)))
			return false;
		any = true;
	}
	return any;
}

/* Counts it for those rows that it may belong to; is it time to look again? */
static bool classes_sample(struct libra_classes *classes, u8 side,
			   const struct libra_label *label, u32 sample)
{
	struct libra_class *row;
	bool due = false;

	list_for_each_entry(row, &classes->rows, node) {
		if (row->side != side || !label_equal(&row->label, label) ||
		    (side == LIBRA_SIDE_RESPONSE && !classes->requests[row->request].waiting))
			continue;
		if (++row->skipped < sample) {
			row->elided++;
			continue;
		}
		row->skipped = 0;
		due = true;
	}
	return due;
}

const struct libra_class *libra_classes_elides(struct libra_classes *classes, u8 side,
					       const struct libra_label *label,
					       const struct libra_policy *policy)
{
	const struct libra_class *class = NULL;

	if (!label_useful(label))
		return NULL;
	spin_lock_bh(&classes->lock);
	if (classes_proven(classes, side, label) &&
	    !classes_sample(classes, side, label, READ_ONCE(policy->sample)))
		class = row_of_label(classes, side, label);
	spin_unlock_bh(&classes->lock);
	return class;
}

/* ---- what was seen ---- */

static u8 row_verbatim(struct libra_class *row, u64 bytes, u32 proof)
{
	row->verbatim++;
	row->bytes += bytes;
	if (++row->streak < proof || row->state == LIBRA_CLASS_PROVEN)
		return LIBRA_CHANGE_NONE;
	row->state = LIBRA_CLASS_PROVEN;
	return LIBRA_CHANGE_PROVEN;
}

static u8 row_doubt(struct libra_class *row, u8 change)
{
	bool proven = row->state == LIBRA_CLASS_PROVEN;

	row->streak = 0;
	row->skipped = 0;
	row->state = LIBRA_CLASS_WATCHED;
	return proven ? change : LIBRA_CHANGE_NONE;
}

/*
 * A message of this label was read by the application itself. Whoever its
 * client was, all classes with this label are in doubt: nobody can tell what
 * decided about it.
 */
static u8 classes_altered(struct libra_classes *classes, const struct libra_compared *message,
			  u8 change)
{
	u8 changed = LIBRA_CHANGE_NONE;
	struct libra_class *row;

	list_for_each_entry(row, &classes->rows, node)
		if (row->side == message->side && label_equal(&row->label, message->label))
			changed = row_doubt(row, change) ?: changed;
	return changed;
}

static u8 classes_count(struct libra_classes *classes, struct libra_class *row,
			const struct libra_policy *policy,
			const struct libra_compared *message,
			enum libra_verdict_of_class verdict)
{
	switch (verdict) {
	case LIBRA_VERBATIM:
		return row_verbatim(row, message->bytes, READ_ONCE(policy->proof));
	case LIBRA_ALTERED:
		row->altered++;
		return classes_altered(classes, message, LIBRA_CHANGE_ALTERED);
	default:
		row->unforwarded++;
		return classes_altered(classes, message, LIBRA_CHANGE_UNFORWARDED);
	}
}

void libra_classes_count(struct libra_domain *domain, const struct libra_policy *policy,
			 const struct libra_compared *message,
			 enum libra_verdict_of_class verdict)
{
	struct libra_classes *classes = libra_classes_get(domain);
	struct libra_class *row, *fresh = NULL, copy;
	char request[LIBRA_LABEL_MAX];
	u8 change = LIBRA_CHANGE_NONE;

	if (!classes || !label_useful(message->label))
		return;
	spin_lock_bh(&classes->lock);
	row = row_find(classes, message->side, message->request, message->label);
	if (!row) {
		spin_unlock_bh(&classes->lock);
		fresh = kzalloc(sizeof(*fresh), GFP_KERNEL);
		spin_lock_bh(&classes->lock);
		row = row_find(classes, message->side, message->request, message->label);
	}
	if (!row) {
		row = row_add(classes, fresh, message);
		fresh = row ? NULL : fresh;
	}
	if (row) {
		change = classes_count(classes, row, policy, message, verdict);
		copy = *row;
		strscpy(request, classes->requests[row->request].label.text);
	}
	spin_unlock_bh(&classes->lock);
	kfree(fresh);
	if (change)
		libra_event_class(domain, &copy, request, change);
}

void libra_classes_died(struct libra_domain *domain, const struct libra_class *class)
{
	const struct libra_compared message = {
		.label = &class->label,
		.side = class->side,
		.request = class->request,
	};

	libra_classes_count(domain, domain->policy, &message, LIBRA_UNFORWARDED);
}

void libra_classes_doubt(struct libra_domain *domain)
{
	struct libra_classes *classes = READ_ONCE(domain->classes);
	struct libra_class *row;
	u8 change = LIBRA_CHANGE_NONE;

	if (!classes)
		return;
	spin_lock_bh(&classes->lock);
	list_for_each_entry(row, &classes->rows, node)
		change = row_doubt(row, LIBRA_CHANGE_SINK) ?: change;
	spin_unlock_bh(&classes->lock);
	if (change)
		libra_event_class(domain, NULL, NULL, change);
}

int libra_classes_for_each(struct libra_domain *domain, u32 after,
			   int (*fn)(const struct libra_class *class, const char *request,
				     void *arg),
			   void *arg)
{
	struct libra_classes *classes = READ_ONCE(domain->classes);
	struct libra_class *row;
	int err = 0;

	if (!classes)
		return 0;
	spin_lock_bh(&classes->lock);
	list_for_each_entry(row, &classes->rows, node) {
		if (row->id <= after)
			continue;
		err = fn(row, classes->requests[row->request].label.text, arg);
		if (err)
			break;
	}
	spin_unlock_bh(&classes->lock);
	return err;
}
