/* SPDX-License-Identifier: GPL-2.0 */
/* Where in bytes that pass a marker stands */
#ifndef _LIBRA_SEARCH_H
#define _LIBRA_SEARCH_H

#include <linux/types.h>

#include "marker.h"

struct iov_iter;

/* What a search met first */
enum libra_found {
	LIBRA_FOUND_NONE,
	LIBRA_FOUND_MARKER,	/* whole and authentic */
	LIBRA_FOUND_CUT,	/* bytes at the end that may begin a marker */
	LIBRA_FOUND_FAULT,	/* the memory could not be read */
};

/*
 * The last bytes of a stream that was searched piece by piece, as far as they may
 * begin a marker, which then lies across pieces.
 */
struct libra_tail {
	u8 len;
	u8 bytes[LIBRA_MARKER_LEN - 1];
};

/*
 * Searches @len bytes. With LIBRA_FOUND_MARKER and LIBRA_FOUND_CUT @at says
 * where it begins, with LIBRA_FOUND_FAULT how many bytes were searched before;
 * otherwise @at is @len.
 */
enum libra_found libra_marker_search(const u8 *bytes, u32 len, u32 *at,
				     struct libra_marker *marker);
/* The same over the next @len bytes of @iter, which is not advanced */
enum libra_found libra_marker_search_iter(const struct iov_iter *iter,
					  size_t len, size_t *at,
					  struct libra_marker *marker);
/* The same for markers of the payload @id alone, as if there were no others */
enum libra_found libra_marker_search_iter_of(const struct iov_iter *iter, size_t len, u64 id,
					     size_t *at, struct libra_marker *marker);
/*
 * A marker of which the first @have of @len bytes are a part, and the rest of it
 * stands somewhere behind, up to @end: framing lies between. LIBRA_FOUND_CUT: too
 * few bytes follow to tell.
 */
enum libra_found libra_marker_across(const u8 *bytes, u32 have, u32 len,
				     struct libra_marker *marker, u32 *end);
/* True when @bytes, after what came before, complete an authentic marker */
bool libra_tail_search(struct libra_tail *tail, const u8 *bytes, u32 len);
/* The same over the next @len bytes of @iter, which is not advanced */
bool libra_tail_search_iter(struct libra_tail *tail, const struct iov_iter *iter,
			    size_t len);

#endif /* _LIBRA_SEARCH_H */
