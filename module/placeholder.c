// SPDX-License-Identifier: GPL-2.0
/*
 * Placeholders are written inside the recv whose buffer they stand in, and
 * checked while the application sends them: each marker that was written has to
 * be there, in its order.
 */
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "marker.h"
#include "payload.h"
#include "place.h"
#include "placeholder.h"
#include "search.h"

static bool placeholder_put(const struct libra_marker *marker,
			    const struct iov_iter *place, u32 offset)
{
	void __user *to = libra_place_flat(place, offset, LIBRA_MARKER_LEN);
	struct iov_iter it;

	if (likely(to))
		return libra_marker_put_user(marker, to);
	it = *place;
	iov_iter_advance(&it, offset);
	return copy_to_iter(marker, sizeof(*marker), &it) == sizeof(*marker);
}

bool libra_placeholder_mark(const struct libra_payload *payload,
			    const struct iov_iter *place, u32 offset)
{
	struct libra_marker marker;

	might_fault();
	libra_marker_make(&marker, payload->id, payload->secret, offset);
	return placeholder_put(&marker, place, offset);
}

bool libra_placeholder_mark_ends(const struct libra_payload *payload,
				 const struct iov_iter *place, u32 len)
{
	struct libra_marker marker;
	u32 end = len - LIBRA_MARKER_LEN;

	might_fault();
	libra_marker_make(&marker, payload->id, payload->secret, 0);
	if (!placeholder_put(&marker, place, 0))
		return false;
	libra_marker_move(&marker, payload->id, payload->secret, end);
	return placeholder_put(&marker, place, end);
}

/* Has nobody touched this page yet? A fault would tell as well, for four times as much */
static bool placeholder_absent(const struct iov_iter *place, u32 offset)
{
	unsigned long at = (unsigned long)libra_place_flat(place, offset, LIBRA_MARKER_LEN);
	struct page *page;

	if (!at)
		return false;
	if (!get_user_page_fast_only(at, FOLL_WRITE, &page))
		return true;
	put_page(page);
	return false;
}

/* Of the @count steps from @at on, those whose markers lie in one piece of memory */
static u32 placeholder_run(const struct iov_iter *iter, size_t at, u32 count, void __user **from)
{
	size_t run;

	*from = libra_place_run(iter, at, &run);
	if (run < LIBRA_MARKER_LEN)
		return 0;
	return min_t(size_t, count, 1 + (run - LIBRA_MARKER_LEN) / LIBRA_MARKER_STEP);
}

/*
 * Writes the markers from the one at @at on that lie in one piece of memory, at most
 * *@count of them, which is how many those are then; how many could be.
 */
static u32 placeholder_put_steps(const struct libra_payload *payload,
				 struct libra_marker *marker, const struct iov_iter *place,
				 u32 at, u32 *count)
{
	void __user *to;

	*count = placeholder_run(place, at, *count, &to);
	if (likely(*count))
		return libra_marker_put_steps(marker, payload->id, payload->secret, at, *count, to);
	*count = 1;
	libra_marker_move(marker, payload->id, payload->secret, at);
	return placeholder_put(marker, place, at);
}

/*
 * Pages that nobody has touched stay so; two in a row: the buffer is such a one.
 * Behind a page that is there another one is likely, and is not asked for first;
 * so is the first one where the buffer before this was there to its end.
 */
void libra_placeholder_mark_steps(struct libra_payload *payload,
				  const struct iov_iter *place, bool *likely_there)
{
	u32 step = 1, absent = 0, steps, count, done;
	struct libra_marker marker;

	if (payload->len < LIBRA_MARKER_STEP + LIBRA_PLACEHOLDER_MIN)
		return;
	steps = (payload->len - LIBRA_PLACEHOLDER_MIN) / LIBRA_MARKER_STEP + 1;
	libra_marker_make(&marker, payload->id, payload->secret, 0);
	pagefault_disable();
	while (step < steps && absent < 2) {
		count = steps - step;
		done = 0;
		if (*likely_there || !placeholder_absent(place, step * LIBRA_MARKER_STEP))
			done = placeholder_put_steps(payload, &marker, place,
						     step * LIBRA_MARKER_STEP, &count);
		bitmap_set(payload->marked, step, done);
		*likely_there = done == count;
		absent = done ? !*likely_there : absent + 1;
		step += *likely_there ? done : done + 1;
	}
	pagefault_enable();
}

/* @len bytes at @at of @iter; false: they cannot be read */
static bool placeholder_copy(u8 *bytes, u32 len, const struct iov_iter *iter, u32 at)
{
	struct iov_iter it = *iter;

	iov_iter_advance(&it, at);
	return copy_from_iter(bytes, len, &it) == len;
}

/*
 * The part of the marker at @at that lies in [offset, offset + len). @marker is one
 * of this payload, and is moved.
 */
static int placeholder_check_one(const struct libra_payload *payload,
				 struct libra_marker *marker, u32 at,
				 u32 offset, u32 len, const struct iov_iter *iter)
{
	u32 from = max(at, offset), to = min(at + LIBRA_MARKER_LEN, offset + len);
	const void __user *flat;
	struct libra_marker seen;

	if (from >= to)
		return 0;
	libra_marker_move(marker, payload->id, payload->secret, at);
	flat = libra_place_flat(iter, from - offset, LIBRA_MARKER_LEN);
	if (likely(flat && to - from == LIBRA_MARKER_LEN)) {
		if (!libra_marker_get_user(&seen, flat))
			return -EFAULT;
		return libra_marker_equal(&seen, marker) ? 0 : -EILSEQ;
	}
	if (!placeholder_copy((u8 *)&seen, to - from, iter, from - offset))
		return -EFAULT;
	return memcmp(&seen, (u8 *)marker + from - at, to - from) ? -EILSEQ : 0;
}

/* The whole markers of the @count steps from @at on, which were all written */
static int placeholder_check_steps(const struct libra_payload *payload,
				   struct libra_marker *marker, u32 at, u32 count,
				   u32 offset, u32 len, const struct iov_iter *iter)
{
	const u8 __user *from;
	void __user *flat = NULL;
	u32 n;
	int err;

	for (; count; count -= n, at += n * LIBRA_MARKER_STEP) {
		n = at < offset ? 0 : placeholder_run(iter, at - offset, count, &flat);
		/* the last one may go on behind these bytes */
		if (n && at + (n - 1) * LIBRA_MARKER_STEP + LIBRA_MARKER_LEN > offset + len)
			n--;
		from = flat;
		if (n) {
			err = libra_marker_check_steps(marker, payload->id, payload->secret,
						       at, n, from);
		} else {
			err = placeholder_check_one(payload, marker, at, offset, len, iter);
			n = 1;
		}
		if (err)
			return err;
	}
	return 0;
}

/*
 * The next @len bytes of @iter lie where those from @offset on were put, and the
 * marker behind them is in its place: whoever had left out something before it
 * would have moved it.
 */
static bool placeholder_stands(const struct libra_payload *payload, u32 offset,
			       u32 len, const struct iov_iter *iter)
{
	const unsigned long steps = LIBRA_PAYLOAD_MAX / LIBRA_MARKER_STEP;
	unsigned long next;

	if (!libra_place_holds(payload, offset, iter, len))
		return false;
	next = find_next_bit(payload->marked, steps,
			     DIV_ROUND_UP(offset + len, LIBRA_MARKER_STEP));
	return libra_place_has_marker(payload, next < steps ? next * LIBRA_MARKER_STEP :
				      payload->len - LIBRA_MARKER_LEN);
}

/*
 * Behind the last marker of a run, which ends at @seen, nothing tells where its
 * bytes belong, unless one of the markers that follow comes too early: something
 * was left out before it. Those of other payload are what the memory held before.
 */
static int placeholder_check_tail(const struct libra_payload *payload, u32 offset,
				  u32 seen, u32 len, const struct iov_iter *iter)
{
	u32 from = max(seen - offset, len - min_t(u32, len, LIBRA_MARKER_STEP));
	size_t to = min_t(size_t, iov_iter_count(iter), len + 2 * LIBRA_MARKER_STEP);
	struct iov_iter it = *iter;
	struct libra_marker marker;
	size_t at;

	iov_iter_advance(&it, from);
	if (placeholder_stands(payload, offset + from, len - from, &it))
		return 0;
	while (libra_marker_search_iter_of(&it, to - from, payload->id, &at, &marker) ==
	       LIBRA_FOUND_MARKER) {
		from += at;
		if (from < len || offset + from < libra_marker_offset(&marker))
			return -EILSEQ;
		from += LIBRA_MARKER_LEN;
		iov_iter_advance(&it, at + LIBRA_MARKER_LEN);
	}
	return 0;
}

int libra_placeholder_check(const struct libra_payload *payload, u32 offset,
			    u32 len, const struct iov_iter *iter)
{
	unsigned long step = offset / LIBRA_MARKER_STEP, behind;
	unsigned long steps = DIV_ROUND_UP(offset + len, LIBRA_MARKER_STEP);
	u32 end = payload->len - LIBRA_MARKER_LEN, seen = LIBRA_MARKER_LEN;
	struct libra_marker marker;
	int err;

	might_fault();
	libra_marker_make(&marker, payload->id, payload->secret, 0);
	err = placeholder_check_one(payload, &marker, 0, offset, len, iter);
	if (err)
		return err;
	for_each_set_bitrange_from(step, behind, payload->marked, steps) {
		err = placeholder_check_steps(payload, &marker, step * LIBRA_MARKER_STEP,
					      behind - step, offset, len, iter);
		if (err)
			return err;
		seen = (behind - 1) * LIBRA_MARKER_STEP + LIBRA_MARKER_LEN;
	}
	err = placeholder_check_one(payload, &marker, end, offset, len, iter);
	seen = max(seen, offset);
	if (err || offset + len > end || seen >= offset + len)
		return err;
	return placeholder_check_tail(payload, offset, seen, len, iter);
}
