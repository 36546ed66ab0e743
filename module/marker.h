/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Markers: 32 bytes that stand in a placeholder and name the payload that was
 * left out of it. A marker is only believed when its authentication fits, so
 * nobody who has not seen one can make one; the key never leaves the module.
 *
 * Each second byte of a marker is the same. That is for the search, which every
 * byte that is copied goes through: it need look at two in 32 only, see
 * libra_samples_run().
 */
#ifndef _LIBRA_MARKER_H
#define _LIBRA_MARKER_H

#include <linux/bits.h>
#include <linux/types.h>
#include <linux/uio.h>

#define LIBRA_MARKER_LEN	32
/* Bytes of a cut marker that identify it beyond doubt */
#define LIBRA_MARKER_SURE	4
/* Framing inside a marker: a chunk's end and the next one's size line */
#define LIBRA_FRAMING_MAX	80
/* A marker stands at each multiple of this offset, where the page is present */
#define LIBRA_MARKER_STEP	4096
#define LIBRA_PAYLOAD_BITS	20
/* Bytes of payload that one object holds at most: offsets fit in a marker */
#define LIBRA_PAYLOAD_MAX	BIT(LIBRA_PAYLOAD_BITS)

/* On the user's pages: bytes of each word are in the order of memory */
struct libra_marker {
	__le64 magic;
	__le64 auth;
	__le64 body[2];	/* payload id << LIBRA_PAYLOAD_BITS | offset, the lower half first */
};

u64 libra_marker_id(const struct libra_marker *marker);
u32 libra_marker_offset(const struct libra_marker *marker);
bool libra_marker_equal(const struct libra_marker *one, const struct libra_marker *other);

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

/* True once any placeholder was made: until then there is nothing to search */
extern bool libra_ever_elided;

void libra_marker_init(void);
/* What the markers of a payload are authenticated with; never leaves the module */
u64 libra_marker_secret(u64 id);
void libra_marker_make(struct libra_marker *marker, u64 id, u64 secret, u32 offset);
/* The same for another @offset, when @marker is one of that payload already */
void libra_marker_move(struct libra_marker *marker, u64 id, u64 secret, u32 offset);
/* To and from user memory; false: it cannot be written, or read */
bool libra_marker_put_user(const struct libra_marker *marker, void __user *to);
bool libra_marker_get_user(struct libra_marker *marker, const void __user *from);
/*
 * @count of them, one each LIBRA_MARKER_STEP from the one at @offset on, which goes
 * to @to: how many were written before one could not be. @marker is of that payload.
 */
u32 libra_marker_put_steps(struct libra_marker *marker, u64 id, u64 secret, u32 offset,
			   u32 count, u8 __user *to);
/* Do they stand there? 0, -EILSEQ or -EFAULT */
int libra_marker_check_steps(struct libra_marker *marker, u64 id, u64 secret, u32 offset,
			     u32 count, const u8 __user *from);
/* Has it the magic number, whatever else it says? */
bool libra_marker_likely(const struct libra_marker *marker);
bool libra_marker_authentic(const struct libra_marker *marker);
/* How many of @len bytes agree with the beginning of any marker */
u32 libra_marker_prefix(const u8 *bytes, u32 len);

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

#endif /* _LIBRA_MARKER_H */
