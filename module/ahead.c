// SPDX-License-Identifier: GPL-2.0
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/uio.h>

#include "ahead.h"
#include "marker.h"
#include "search.h"
#include "tx_call.h"

/* How far: a marker interval, framed in small chunks */
#define AHEAD_MAX	(32 << 10)

/* How many bytes are looked at together for a marker that framing cuts */
#define AHEAD_LOOK	128
#define AHEAD_CUT_MAX	(LIBRA_MARKER_LEN + LIBRA_FRAMING_MAX)

/*
 * A marker's first @have bytes. Do more of them stand behind framing, beyond doubt?
 * An old marker of which only the beginning is left does not go on.
 */
static bool ahead_goes_on(const u8 *bytes, u32 have, u32 len)
{
	u8 both[LIBRA_MARKER_LEN];
	u32 at;

	/* with all the rest it would have been found */
	if (have + LIBRA_MARKER_SURE >= LIBRA_MARKER_LEN)
		return false;
	len = min_t(u32, len, have + LIBRA_FRAMING_MAX + LIBRA_MARKER_SURE);
	memcpy(both, bytes, have);
	for (at = have + 1; at + LIBRA_MARKER_SURE <= len; at++) {
		memcpy(both + have, bytes + at, LIBRA_MARKER_SURE);
		if (libra_marker_prefix(both, have + LIBRA_MARKER_SURE))
			return true;
	}
	return false;
}

/*
 * The marker of which some of the first @have bytes stand here, and its rest behind
 * framing, which may begin with what a marker would have gone on with. Its own rest
 * is nearer than that of an older one, which may begin alike.
 */
static bool ahead_nearest(const u8 *bytes, u32 have, u32 len, struct libra_marker *nearest)
{
	struct libra_marker marker;
	bool found = false;
	u32 k, end;

	for (k = have; k; k--) {
		if (libra_marker_across(bytes, k, len, &marker, &end) != LIBRA_FOUND_MARKER)
			continue;
		/* a few bytes go with the rest of any marker, older ones as well */
		if (k < LIBRA_MARKER_SURE && libra_marker_offset(&marker))
			continue;
		*nearest = marker;
		found = true;
		len = end - 1;
	}
	return found;
}

/*
 * Does a marker begin here that framing cuts? LIBRA_FOUND_CUT: beyond doubt, but
 * it is cut more than once, or its rest is not there yet.
 */
static enum libra_found ahead_cut_marker(const u8 *bytes, u32 len,
					 struct libra_marker *marker)
{
	u32 have = 0;

	len = min_t(u32, len, AHEAD_CUT_MAX);
	while (have + 1 < min_t(u32, len, LIBRA_MARKER_LEN) &&
	       libra_marker_prefix(bytes, have + 1))
		have++;
	if (ahead_nearest(bytes, have, len, marker))
		return LIBRA_FOUND_MARKER;
	if (have < LIBRA_MARKER_SURE)
		return LIBRA_FOUND_NONE;
	/* the last one may be framing's as well, see above */
	return len < AHEAD_CUT_MAX || ahead_goes_on(bytes, have, len) ||
	       ahead_goes_on(bytes, have - 1, len) ? LIBRA_FOUND_CUT : LIBRA_FOUND_NONE;
}

/*
 * No marker stands whole in the next @len bytes of @iter. Is there a token that
 * framing cuts, or can nobody know? What follows it is its memory, and may be older.
 */
static bool ahead_cut_token(const struct iov_iter *iter, size_t len)
{
	u8 bytes[AHEAD_LOOK + AHEAD_CUT_MAX];
	struct iov_iter all = *iter, it;
	struct libra_marker marker;
	u32 at, n, look;

	for (; len; len -= look) {
		it = all;
		n = min(iov_iter_count(&it), sizeof(bytes));
		if (copy_from_iter(bytes, n, &it) != n)
			return true;
		look = min_t(size_t, len, AHEAD_LOOK);
		for (at = 0; at < look; at++) {
			switch (ahead_cut_marker(bytes + at, n - at, &marker)) {
			case LIBRA_FOUND_MARKER:
				return !libra_marker_offset(&marker);
			case LIBRA_FOUND_CUT:
				return true;
			default:
				break;
			}
		}
		iov_iter_advance(&all, look);
	}
	return false;
}

bool libra_ahead_of_part(struct libra_tx_call *call, size_t len)
{
	size_t left = iov_iter_count(call->from), from = len, near, at;
	struct iov_iter it = *call->from;
	struct libra_marker marker;
	enum libra_found found;

	if (left <= len)
		return false;
	if (left > call->unseen)
		from = max(from, left - call->unseen);
	if (from >= min(left, len + AHEAD_MAX))
		return false;
	from -= min_t(size_t, from, LIBRA_MARKER_LEN - 1);
	iov_iter_advance(&it, from);
	found = libra_marker_search_iter(&it, min(left, len + AHEAD_MAX) - from, &at, &marker);
	if (found == LIBRA_FOUND_FAULT)
		return false;
	call->unseen = left - from - at;
	/* from a token behind this part it would be less far */
	if (found != LIBRA_FOUND_MARKER ||
	    libra_marker_offset(&marker) + len <= from + at + LIBRA_MARKER_LEN)
		return false;
	/* unless it is an older one, which a token's memory still holds */
	near = len - min_t(size_t, len, LIBRA_MARKER_LEN - 1);
	it = *call->from;
	iov_iter_advance(&it, near);
	return !ahead_cut_token(&it, from + at - near);
}

/*
 * It may be a token, and then all is well, whatever older markers its memory
 * holds. It may as well be the first marker in a slice.
 */
bool libra_ahead_of_cut(struct libra_tx_call *call, size_t at, size_t len)
{
	u8 bytes[LIBRA_MARKER_LEN + LIBRA_FRAMING_MAX];
	struct iov_iter it = *call->from;
	struct libra_marker marker;
	u32 n, end;

	iov_iter_advance(&it, at);
	n = min(iov_iter_count(&it), sizeof(bytes));
	if (copy_from_iter(bytes, n, &it) != n)
		return false;
	switch (libra_marker_across(bytes, len - at, n, &marker, &end)) {
	case LIBRA_FOUND_MARKER:
		return libra_marker_offset(&marker);
	case LIBRA_FOUND_NONE:
		/* a false beginning; but for one that is beyond doubt, and cut once more */
		return (len - at < LIBRA_MARKER_SURE || !ahead_goes_on(bytes, len - at, n)) &&
		       libra_ahead_of_part(call, len);
	default:
		return false;
	}
}
