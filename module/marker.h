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

#define LIBRA_MARKER_LEN	32
/*
 * One that UTF-8 text never has. It stands before each byte of what a marker
 * says, and is none of those of the magic.
 */
#define LIBRA_MARKER_BYTE	0xf5
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

/* True once any placeholder was made: until then there is nothing to search */
extern bool libra_ever_elided;
/* What each begins with, for who looks for one */
extern __le64 libra_marker_magic;

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

#endif /* _LIBRA_MARKER_H */
