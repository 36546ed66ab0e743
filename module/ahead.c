// SPDX-License-Identifier: GPL-2.0
#include <linux/minmax.h>
#include <linux/uio.h>

#include "ahead.h"
#include "marker.h"
#include "tx_call.h"

/* How far: a marker interval, framed in small chunks */
#define AHEAD_MAX	(32 << 10)

bool libra_ahead_of_part(struct libra_tx_call *call, size_t len)
{
	size_t left = iov_iter_count(call->from), from = len, at;
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
	/*
	 * From a token behind this part it would be less far. The token itself may
	 * be cut by framing, and is not found then.
	 */
	return found == LIBRA_FOUND_MARKER &&
	       libra_marker_offset(&marker) + len > from + at + LIBRA_MARKER_LEN;
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
	u32 n;

	iov_iter_advance(&it, at);
	n = min(iov_iter_count(&it), sizeof(bytes));
	if (copy_from_iter(bytes, n, &it) != n)
		return false;
	switch (libra_marker_across(bytes, len - at, n, &marker)) {
	case LIBRA_FOUND_MARKER:
		return libra_marker_offset(&marker);
	case LIBRA_FOUND_NONE:
		/* a false beginning; but for one that is beyond doubt, and cut once more */
		return len - at < LIBRA_MARKER_SURE && libra_ahead_of_part(call, len);
	default:
		return false;
	}
}
