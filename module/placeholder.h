/* SPDX-License-Identifier: GPL-2.0 */
/* What stands in the application's memory instead of payload: markers */
#ifndef _LIBRA_PLACEHOLDER_H
#define _LIBRA_PLACEHOLDER_H

#include <linux/types.h>
#include <linux/uio.h>

#include "marker.h"

struct libra_payload;

/* Room for the token and the marker at the end */
#define LIBRA_PLACEHOLDER_MIN	(2 * LIBRA_MARKER_LEN)

/* Writes the marker of @offset into @place; false when it cannot be written */
bool libra_placeholder_mark(const struct libra_payload *payload,
			    const struct iov_iter *place, u32 offset);
/* The same with both ends of @len bytes */
bool libra_placeholder_mark_ends(const struct libra_payload *payload,
				 const struct iov_iter *place, u32 len);
/*
 * Writes those in between, where the page is present: a slice from the middle is
 * then seen on its way out. @likely_there: a guess, and how it turned out.
 */
void libra_placeholder_mark_steps(struct libra_payload *payload,
				  const struct iov_iter *place, bool *likely_there);
/*
 * Are the markers of [offset, offset + len) what the next bytes of @iter say,
 * and none of them out of order? 0, -EILSEQ, or -EFAULT.
 */
int libra_placeholder_check(const struct libra_payload *payload, u32 offset,
			    u32 len, const struct iov_iter *iter);

#endif /* _LIBRA_PLACEHOLDER_H */
