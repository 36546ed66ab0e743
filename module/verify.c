// SPDX-License-Identifier: GPL-2.0
/*
 * A message that came in leaves a record when its last byte was copied to the
 * application; one that goes out looks for it when its last byte was sent. The
 * checksum is for statistics, not against an adversary. Messages that end with
 * their connection leave no record: their class is never proven.
 *
 * Locks: records->lock is innermost.
 */
#include <linux/crc32.h>
#include <linux/jiffies.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "domain.h"
#include "policy.h"
#include "sock.h"
#include "spill.h"
#include "verify.h"

/* Messages that have come in and may go out yet */
#define RECORDS_MAX	256
/* Bytes by which a message is known that was altered behind them */
#define START_LEN	64
#define RECORD_AGE	(10 * HZ)

struct record {
	struct list_head node;
	struct libra_label label;
	u8 side;
	u32 sum;
	u32 start;
	u64 len;
	bool begun;			/* something that began alike went out */
	unsigned long born;
};

struct libra_records {
	spinlock_t lock;		/* all of it */
	struct list_head waiting;	/* oldest first */
	unsigned int nr;
};

/* ---- records ---- */

static struct libra_records *records_get(struct libra_domain *domain)
{
	struct libra_records *records = READ_ONCE(domain->records), *before;

	if (likely(records))
		return records;
	records = kzalloc(sizeof(*records), GFP_KERNEL);
	if (!records)
		return NULL;
	spin_lock_init(&records->lock);
	INIT_LIST_HEAD(&records->waiting);
	before = cmpxchg(&domain->records, NULL, records);
	if (!before)
		return records;
	kfree(records);
	return before;
}

void libra_verify_free(struct libra_records *records)
{
	struct record *record, *next;

	if (!records)
		return;
	list_for_each_entry_safe(record, next, &records->waiting, node)
		kfree(record);
	kfree(records);
}

static void record_out(struct libra_records *records, struct record *record)
{
	lockdep_assert_held(&records->lock);
	list_del(&record->node);
	records->nr--;
}

/* The oldest, when it is too old or one too many */
static struct record *record_late(struct libra_records *records)
{
	struct record *record;

	spin_lock(&records->lock);
	record = list_first_entry_or_null(&records->waiting, struct record, node);
	if (record && records->nr <= RECORDS_MAX &&
	    time_before(jiffies, record->born + RECORD_AGE))
		record = NULL;
	if (record)
		record_out(records, record);
	spin_unlock(&records->lock);
	return record;
}

bool libra_verify_expire(struct libra_domain *domain)
{
	struct libra_records *records = READ_ONCE(domain->records);
	struct record *record;

	if (!records)
		return false;
	while ((record = record_late(records))) {
		const struct libra_compared message = {
			.label = &record->label,
			.side = record->side,
			.request = LIBRA_REQUEST_NONE,
		};

		libra_classes_count(domain, domain->policy, &message,
				    record->begun ? LIBRA_ALTERED : LIBRA_UNFORWARDED);
		kfree(record);
	}
	return READ_ONCE(records->nr);
}

static void record_add(struct libra_domain *domain, const struct libra_verify *verify,
		       u8 side)
{
	struct libra_records *records = records_get(domain);
	struct record *record;

	record = records ? kmalloc(sizeof(*record), GFP_KERNEL) : NULL;
	if (!record)
		return;
	record->label = verify->label;
	record->side = side;
	record->sum = verify->sum;
	record->start = verify->start;
	record->len = verify->len;
	record->begun = false;
	record->born = jiffies;
	spin_lock(&records->lock);
	list_add_tail(&record->node, &records->waiting);
	records->nr++;
	spin_unlock(&records->lock);
	libra_verify_expire(domain);
	libra_spill_later(domain);
}

/* The message that went out. Of one that only began like it others may tell more */
static struct record *record_take(struct libra_records *records,
				  const struct libra_verify *verify, u8 side)
{
	struct record *record, *found = NULL;

	spin_lock(&records->lock);
	list_for_each_entry(record, &records->waiting, node) {
		if (record->side != side || record->start != verify->start)
			continue;
		if (record->sum == verify->sum && record->len == verify->len) {
			found = record;
			break;
		}
		record->begun |= min(record->len, verify->len) >= START_LEN;
	}
	if (found)
		record_out(records, found);
	spin_unlock(&records->lock);
	return found;
}

static void record_settle(struct libra_sock *ls, struct libra_domain *domain,
			  const struct libra_verify *verify, u8 side)
{
	struct libra_records *records = READ_ONCE(domain->records);
	struct libra_compared message;
	struct record *record;

	record = records ? record_take(records, verify, side) : NULL;
	if (!record)
		return;
	message = (struct libra_compared) {
		.label = &record->label,
		.side = side,
		.request = verify->request,
		.bytes = record->len,
	};
	libra_classes_count(domain, ls->policy, &message, LIBRA_VERBATIM);
	kfree(record);
}

/* ---- messages ---- */

static bool verify_mode(const struct libra_policy *policy)
{
	u8 mode = READ_ONCE(policy->mode);

	return mode == LIBRA_MODE_VERIFY || mode == LIBRA_MODE_AUTO;
}

struct libra_verify *libra_verify_of(struct libra_sock *ls, struct libra_stream *stream)
{
	if (likely(!verify_mode(ls->policy)))
		return NULL;
	if (!stream->verify)
		stream->verify = kzalloc(sizeof(*stream->verify), GFP_KERNEL);
	return stream->verify;
}

static void verify_first(struct libra_sock *ls, const struct libra_stream *stream,
			 u8 request)
{
	struct libra_verify *verify = stream->verify;

	verify->label = verify->parsed;
	verify->sum = ~0;
	verify->start = 0;
	verify->len = 0;
	verify->request = request == LIBRA_REQUEST_UNASKED ? LIBRA_REQUEST_NONE : request;
	verify->asked = false;
	verify->elides = NULL;
	/* ends when the first byte of it is elided or reused */
	verify->compares = ls->domain && verify_mode(ls->policy) &&
			   stream->payload_left != LIBRA_PAYLOAD_EOF;
}

static void verify_end(struct libra_sock *ls, struct libra_stream *stream)
{
	struct libra_verify *verify = stream->verify;

	if (!verify->compares || !verify->len)
		return;
	verify->compares = false;
	if (stream == &ls->rx.stream)
		record_add(ls->domain, verify, stream->side);
	else
		record_settle(ls, ls->domain, verify, stream->side);
}

void libra_verify_frame(struct libra_sock *ls, struct libra_stream *stream,
			const struct libra_frame *frame, bool first, u8 request)
{
	if (likely(!stream->verify))
		return;
	if (first)
		verify_first(ls, stream, request);
	if (frame->flags & LIBRA_FRAME_LAST && !frame->payload_len)
		verify_end(ls, stream);
}

static void verify_add(struct libra_verify *verify, const u8 *bytes, u32 len)
{
	u32 n = verify->len < START_LEN ? min_t(u64, len, START_LEN - verify->len) : 0;

	if (n) {
		verify->sum = crc32_le(verify->sum, bytes, n);
		verify->start = verify->sum;
	}
	verify->sum = crc32_le(verify->sum, bytes + n, len - n);
	verify->len += len;
}

static void verify_passed(struct libra_sock *ls, struct libra_stream *stream)
{
	if (!stream->payload_left && libra_stream_last(stream))
		verify_end(ls, stream);
}

void libra_verify_received(struct libra_sock *ls, const struct sk_buff *skb,
			   u32 offset, u32 len)
{
	struct libra_stream *stream = &ls->rx.stream;
	u8 bytes[256];
	u32 n;

	if (likely(!stream->verify) || !stream->verify->compares)
		return;
	for (; len; len -= n, offset += n) {
		n = min_t(u32, len, sizeof(bytes));
		if (skb_copy_bits(skb, offset, bytes, n)) {
			stream->verify->compares = false;
			return;
		}
		verify_add(stream->verify, bytes, n);
	}
	verify_passed(ls, stream);
}

void libra_verify_sent(struct libra_sock *ls, const struct iov_iter *from, size_t len)
{
	struct libra_stream *stream = &ls->tx.stream;
	struct iov_iter it = *from;
	u8 bytes[256];
	size_t n;

	if (likely(!stream->verify) || !stream->verify->compares)
		return;
	for (; len; len -= n) {
		n = min(len, sizeof(bytes));
		if (copy_from_iter(bytes, n, &it) != n) {
			stream->verify->compares = false;
			return;
		}
		verify_add(stream->verify, bytes, n);
	}
	verify_passed(ls, stream);
}

bool libra_verify_allows(struct libra_sock *ls)
{
	struct libra_verify *verify = ls->rx.stream.verify;
	struct libra_classes *classes;

	if (READ_ONCE(ls->policy->mode) != LIBRA_MODE_AUTO)
		return true;
	/* what would be copied anyway is not asked for: it is compared */
	if (!verify || !ls->domain || !libra_sock_may_elide(ls) || libra_domain_gate(ls->domain))
		return false;
	if (!verify->asked) {
		verify->asked = true;
		classes = libra_classes_get(ls->domain);
		if (classes)
			verify->elides = libra_classes_elides(classes, ls->rx.stream.side,
							      &verify->label, ls->policy);
	}
	return verify->elides;
}
