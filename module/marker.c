// SPDX-License-Identifier: GPL-2.0
#include <linux/hash.h>
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/unaligned.h>

#include "marker.h"

#define MARKER_BYTES		(0x0001000100010001ULL * LIBRA_MARKER_BYTE)
#define MARKER_BYTES_MASK	0x00ff00ff00ff00ffULL
#define MARKER_MAGIC_LEN	sizeof_field(struct libra_marker, magic)

bool libra_ever_elided __read_mostly;
__le64 libra_marker_magic __ro_after_init;
static siphash_key_t marker_key __ro_after_init;

static __always_inline __le64 marker_spread(u32 bytes)
{
	u64 word = bytes;

	word = (word | word << 16) & 0x0000ffff0000ffffULL;
	word = (word | word << 8) & MARKER_BYTES_MASK;
	return cpu_to_le64(word << 8 | MARKER_BYTES);
}

static u32 marker_gather(__le64 spread)
{
	u64 word = le64_to_cpu(spread) >> 8 & MARKER_BYTES_MASK;

	word = (word | word >> 8) & 0x0000ffff0000ffffULL;
	return word | word >> 16;
}

static u64 marker_body(const struct libra_marker *marker)
{
	return (u64)marker_gather(marker->body[1]) << 32 | marker_gather(marker->body[0]);
}

u64 libra_marker_secret(u64 id)
{
	return siphash_1u64(id, &marker_key);
}

/*
 * One hash for a payload, not for each of its markers: who has seen one of them
 * gains nothing by making another.
 */
static __always_inline u32 marker_auth(u64 secret, u32 offset)
{
	return ((secret ^ offset) * GOLDEN_RATIO_64) >> 32;
}

void __init libra_marker_init(void)
{
	u8 magic[sizeof(u32)];
	int i;

	for (i = 0; i < sizeof(magic); i++) {
		do {
			magic[i] = get_random_u8();
		} while (magic[i] == LIBRA_MARKER_BYTE);
	}
	libra_marker_magic = marker_spread(get_unaligned((const u32 *)magic));
	get_random_bytes(&marker_key, sizeof(marker_key));
}

/* The same for another @offset; inline, for where no function may be called */
static __always_inline void marker_move(struct libra_marker *marker, u64 id, u64 secret,
					u32 offset)
{
	marker->auth = marker_spread(marker_auth(secret, offset));
	marker->body[0] = marker_spread(lower_32_bits(id << LIBRA_PAYLOAD_BITS) | offset);
}

void libra_marker_make(struct libra_marker *marker, u64 id, u64 secret, u32 offset)
{
	marker->magic = libra_marker_magic;
	marker->body[1] = marker_spread(upper_32_bits(id << LIBRA_PAYLOAD_BITS));
	marker_move(marker, id, secret, offset);
}

void libra_marker_move(struct libra_marker *marker, u64 id, u64 secret, u32 offset)
{
	marker_move(marker, id, secret, offset);
}

bool libra_marker_put_user(const struct libra_marker *marker, void __user *to)
{
	struct libra_marker __user *put = to;

	if (!user_write_access_begin(put, sizeof(*put)))
		return false;
	unsafe_put_user(marker->magic, &put->magic, fault);
	unsafe_put_user(marker->auth, &put->auth, fault);
	unsafe_put_user(marker->body[0], &put->body[0], fault);
	unsafe_put_user(marker->body[1], &put->body[1], fault);
	user_write_access_end();
	return true;
fault:
	user_write_access_end();
	return false;
}

bool libra_marker_get_user(struct libra_marker *marker, const void __user *from)
{
	const struct libra_marker __user *get = from;

	if (!user_read_access_begin(get, sizeof(*get)))
		return false;
	unsafe_get_user(marker->magic, &get->magic, fault);
	unsafe_get_user(marker->auth, &get->auth, fault);
	unsafe_get_user(marker->body[0], &get->body[0], fault);
	unsafe_get_user(marker->body[1], &get->body[1], fault);
	user_read_access_end();
	return true;
fault:
	user_read_access_end();
	return false;
}

static __always_inline bool marker_equal(const struct libra_marker *one,
					 const struct libra_marker *other)
{
	return one->magic == other->magic && one->auth == other->auth &&
	       one->body[0] == other->body[0] && one->body[1] == other->body[1];
}

bool libra_marker_equal(const struct libra_marker *one, const struct libra_marker *other)
{
	return marker_equal(one, other);
}

/* From the first of @count steps to the end of the last one's marker */
static size_t marker_steps_span(u32 count)
{
	return (size_t)(count - 1) * LIBRA_MARKER_STEP + LIBRA_MARKER_LEN;
}

u32 libra_marker_put_steps(struct libra_marker *marker, u64 id, u64 secret, u32 offset,
			   u32 count, u8 __user *to)
{
	u32 done = 0;

	if (!user_write_access_begin(to, marker_steps_span(count)))
		return 0;
	for (; done < count; done++) {
		struct libra_marker __user *put = (void __user *)(to + done * LIBRA_MARKER_STEP);

		marker_move(marker, id, secret, offset + done * LIBRA_MARKER_STEP);
		unsafe_put_user(marker->magic, &put->magic, fault);
		unsafe_put_user(marker->auth, &put->auth, fault);
		unsafe_put_user(marker->body[0], &put->body[0], fault);
		unsafe_put_user(marker->body[1], &put->body[1], fault);
	}
fault:
	user_write_access_end();
	return done;
}

int libra_marker_check_steps(struct libra_marker *marker, u64 id, u64 secret, u32 offset,
			     u32 count, const u8 __user *from)
{
	struct libra_marker seen;
	int err = 0;
	u32 i;

	if (!user_read_access_begin(from, marker_steps_span(count)))
		return -EFAULT;
	for (i = 0; i < count && !err; i++) {
		const struct libra_marker __user *get =
			(const void __user *)(from + i * LIBRA_MARKER_STEP);

		marker_move(marker, id, secret, offset + i * LIBRA_MARKER_STEP);
		unsafe_get_user(seen.magic, &get->magic, fault);
		unsafe_get_user(seen.auth, &get->auth, fault);
		unsafe_get_user(seen.body[0], &get->body[0], fault);
		unsafe_get_user(seen.body[1], &get->body[1], fault);
		if (!marker_equal(&seen, marker))
			err = -EILSEQ;
	}
	user_read_access_end();
	return err;
fault:
	user_read_access_end();
	return -EFAULT;
}

bool libra_marker_likely(const struct libra_marker *marker)
{
	return marker->magic == libra_marker_magic;
}

u64 libra_marker_id(const struct libra_marker *marker)
{
	return marker_body(marker) >> LIBRA_PAYLOAD_BITS;
}

u32 libra_marker_offset(const struct libra_marker *marker)
{
	return marker_body(marker) & (LIBRA_PAYLOAD_MAX - 1);
}

bool libra_marker_authentic(const struct libra_marker *marker)
{
	const __le64 mask = cpu_to_le64(MARKER_BYTES_MASK), bytes = cpu_to_le64(MARKER_BYTES);
	u64 secret;

	if (marker->magic != libra_marker_magic || (marker->auth & mask) != bytes ||
	    (marker->body[0] & marker->body[1] & mask) != bytes ||
	    ((marker->body[0] | marker->body[1]) & mask) != bytes)
		return false;
	secret = libra_marker_secret(libra_marker_id(marker));
	return marker_gather(marker->auth) == marker_auth(secret, libra_marker_offset(marker));
}

u32 libra_marker_prefix(const u8 *bytes, u32 len)
{
	u32 i;

	if (memcmp(bytes, &libra_marker_magic, min(len, MARKER_MAGIC_LEN)))
		return 0;
	len = min_t(u32, len, LIBRA_MARKER_LEN);
	for (i = MARKER_MAGIC_LEN; i < len; i += 2) {
		if (bytes[i] != LIBRA_MARKER_BYTE)
			return 0;
	}
	return len;
}
