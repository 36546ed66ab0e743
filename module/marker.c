// SPDX-License-Identifier: GPL-2.0
#include <linux/bvec.h>
#include <linux/hash.h>
#include <linux/highmem.h>
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/unaligned.h>

#include "frags.h"
#include "marker.h"
#include "words.h"

/*
 * One that UTF-8 text never has. It stands before each byte of what a marker
 * says, and is none of those of the magic.
 */
#define MARKER_BYTE		0xf5
#define MARKER_BYTES		(0x0001000100010001ULL * MARKER_BYTE)
#define MARKER_BYTES_MASK	0x00ff00ff00ff00ffULL
#define MARKER_MAGIC_LEN	sizeof_field(struct libra_marker, magic)

/* Around samples that may be a marker's, or near an end, each byte is looked at */
#define MARKER_NEAR		(3 * LIBRA_MARKER_LEN)
/* What is copied out of an iterator to be looked at: at each one's end is work of its own */
#define MARKER_PIECE		512

bool libra_ever_elided __read_mostly;

static __le64 marker_magic __ro_after_init;
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
		} while (magic[i] == MARKER_BYTE);
	}
	marker_magic = marker_spread(get_unaligned((const u32 *)magic));
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
	marker->magic = marker_magic;
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
	return marker->magic == marker_magic;
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

	if (marker->magic != marker_magic || (marker->auth & mask) != bytes ||
	    (marker->body[0] & marker->body[1] & mask) != bytes ||
	    ((marker->body[0] | marker->body[1]) & mask) != bytes)
		return false;
	secret = libra_marker_secret(libra_marker_id(marker));
	return marker_gather(marker->auth) == marker_auth(secret, libra_marker_offset(marker));
}

u32 libra_marker_prefix(const u8 *bytes, u32 len)
{
	u32 i;

	if (memcmp(bytes, &marker_magic, min(len, MARKER_MAGIC_LEN)))
		return 0;
	len = min_t(u32, len, LIBRA_MARKER_LEN);
	for (i = MARKER_MAGIC_LEN; i < len; i += 2) {
		if (bytes[i] != MARKER_BYTE)
			return 0;
	}
	return len;
}

/* ---- search ---- */

/* The same as libra_samples_run() for user memory, as far as that can be read */
static size_t marker_run_user(const u8 __user *p, size_t len)
{
	const u8 __user *at = p, *end = p + len;
	u16 a, b, c, d;
	u64 around;

	if (!user_read_access_begin(p, len))
		return 0;
	for (;;) {
		for (; end - at >= LIBRA_SAMPLES_SPAN; at += LIBRA_SAMPLES_SPAN) {
			unsafe_get_user(a, (const u16 __user *)at, fault);
			unsafe_get_user(b, (const u16 __user *)(at + 32), fault);
			unsafe_get_user(c, (const u16 __user *)(at + 64), fault);
			unsafe_get_user(d, (const u16 __user *)(at + 96), fault);
			if (libra_word_equal(libra_samples(a, b, c, d), MARKER_BYTE))
				break;
		}
		if (end - at < LIBRA_SAMPLES_STEP)
			break;
		unsafe_get_user(a, (const u16 __user *)at, fault);
		if (libra_word_equal(libra_samples(a, 0, 0, 0), MARKER_BYTE)) {
			if (at == p)
				break;
			unsafe_get_user(around, (const u64 __user *)(at - 2), fault);
			if (!libra_sample_alone(le64_to_cpu((__force __le64)around), MARKER_BYTE))
				break;
		}
		at += LIBRA_SAMPLES_STEP;
	}
fault:
	user_read_access_end();
	return at - p;
}

/*
 * The second byte of each marker. Where markers stood before there are rests of them,
 * in which it is far rarer than the other.
 */
static u8 marker_second(void)
{
	return le64_to_cpu(marker_magic) >> 8;
}

/* The first place in [p, end) where a marker may begin, or @end, at which a byte follows */
static const u8 *marker_candidate(const u8 *p, const u8 *end)
{
	return libra_find_byte(p + 1, end + 1, marker_second()) - 1;
}

/* May these be the first bytes of a marker that @end cuts? */
static bool marker_cut(const u8 *p, const u8 *end)
{
	return *p == MARKER_BYTE && (end - p == 1 || p[1] == marker_second()) &&
	       libra_marker_prefix(p, end - p);
}

/* What body[0] says of the id, see libra_marker */
#define MARKER_ID_MASK		cpu_to_le64(0xff00f00000000000ULL)

/*
 * Does a marker stand here, and when @like is one, is it of the same payload? Memory that
 * has held many placeholders is full of others.
 */
static __always_inline bool marker_stands(const u8 *p, const struct libra_marker *like,
					  struct libra_marker *marker)
{
	const struct libra_marker *at = (const void *)p;

	if (likely(get_unaligned(&at->magic) != marker_magic))
		return false;
	if (like && (((get_unaligned(&at->body[0]) ^ like->body[0]) & MARKER_ID_MASK) ||
		     get_unaligned(&at->body[1]) != like->body[1]))
		return false;
	memcpy(marker, p, sizeof(*marker));
	return libra_marker_authentic(marker);
}

/*
 * Around samples that may be a marker's. Bytes that are all like them, which a
 * peer may send, must not cost much more than others: no look at less than a word but
 * where a byte is a marker's second one, which he does not know.
 */
static const u8 *marker_near(const u8 *p, const u8 *end, const struct libra_marker *like,
			     struct libra_marker *marker, enum libra_found *found)
{
	const u8 *near = end - p > MARKER_NEAR ? p + MARKER_NEAR : end;
	const u8 *whole = end - p < LIBRA_MARKER_LEN ? p : min(near, end - LIBRA_MARKER_LEN + 1);

	/* most text has none at all */
	p = libra_find_byte(p, near, MARKER_BYTE);
	while ((p = marker_candidate(p, whole)) < whole) {
		if (unlikely(marker_stands(p, like, marker))) {
			*found = LIBRA_FOUND_MARKER;
			return p;
		}
		p++;
	}
	for (; p < near; p++) {
		if (marker_cut(p, end)) {
			*found = LIBRA_FOUND_CUT;
			return p;
		}
	}
	return p;
}

static enum libra_found marker_search(const u8 *bytes, u32 len, const struct libra_marker *like,
				      u32 *at, struct libra_marker *marker)
{
	enum libra_found found = LIBRA_FOUND_NONE;
	const u8 *end = bytes + len, *p = bytes;

	while (p < end && found == LIBRA_FOUND_NONE) {
		p += libra_samples_pass(libra_samples_run(p, end, MARKER_BYTE));
		p = marker_near(p, end, like, marker, &found);
	}
	*at = p - bytes;
	return found;
}

enum libra_found libra_marker_search(const u8 *bytes, u32 len, u32 *at,
				     struct libra_marker *marker)
{
	return marker_search(bytes, len, NULL, at, marker);
}

/*
 * For pages. Samples of one go on in the next, so that what lies across both needs
 * no other look, as long as all of it was between samples.
 */
static size_t marker_run_pages(struct iov_iter it, size_t len)
{
	size_t done = 0, offset, n, run;
	struct page *page;
	const u8 *bytes;

	for (; len; len -= n) {
		n = libra_frags_page(&it, len, &page, &offset);
		bytes = kmap_local_page(page) + offset;
		run = libra_samples_run(bytes, bytes + n, MARKER_BYTE);
		kunmap_local(bytes);
		done += run;
		if (run < n)
			break;
	}
	return done;
}

/* In how many of the next bytes of @iter, which is not moved, no marker begins */
static size_t marker_pass_iter(const struct iov_iter *iter, size_t len)
{
	size_t run = 0;

	if (iter_is_ubuf(iter))
		run = marker_run_user(iter->ubuf + iter->iov_offset, len);
	else if (iter_is_iovec(iter))
		run = marker_run_user(iter_iov_addr(iter), min(len, iter_iov_len(iter)));
	else if (iov_iter_is_bvec(iter))
		run = marker_run_pages(*iter, len);
	return libra_samples_pass(run);
}

static enum libra_found marker_search_iter(const struct iov_iter *iter, size_t len,
					   const struct libra_marker *like, size_t *at,
					   struct libra_marker *marker)
{
	u8 buf[MARKER_PIECE];
	struct iov_iter it = *iter;
	enum libra_found found = LIBRA_FOUND_NONE;
	size_t base = 0, passed;
	u32 kept = 0, where = 0, n;

	while (len) {
		if (!kept) {
			passed = marker_pass_iter(&it, len);
			iov_iter_advance(&it, passed);
			base += passed;
			len -= passed;
		}
		n = min_t(size_t, len, sizeof(buf) - kept);
		if (copy_from_iter(buf + kept, n, &it) != n) {
			*at = base;
			return LIBRA_FOUND_FAULT;
		}
		len -= n;
		found = marker_search(buf, kept + n, like, &where, marker);
		if (found == LIBRA_FOUND_MARKER)
			break;
		/* a cut one, and only that, is looked at again with what follows */
		kept = kept + n - where;
		base += where;
		memmove(buf, buf + where, kept);
		where = 0;
	}
	*at = base + where;
	return found;
}

enum libra_found libra_marker_search_iter(const struct iov_iter *iter, size_t len, size_t *at,
					  struct libra_marker *marker)
{
	return marker_search_iter(iter, len, NULL, at, marker);
}

enum libra_found libra_marker_search_iter_of(const struct iov_iter *iter, size_t len, u64 id,
					     size_t *at, struct libra_marker *marker)
{
	struct libra_marker like;

	/* whatever it is authenticated with */
	libra_marker_make(&like, id, 0, 0);
	return marker_search_iter(iter, len, &like, at, marker);
}

enum libra_found libra_marker_across(const u8 *bytes, u32 have, u32 len,
				     struct libra_marker *marker, u32 *end)
{
	u32 rest = LIBRA_MARKER_LEN - have, at;
	u8 whole[LIBRA_MARKER_LEN];

	memcpy(whole, bytes, have);
	for (at = have; at + rest <= len; at++) {
		memcpy(whole + have, bytes + at, rest);
		memcpy(marker, whole, sizeof(*marker));
		if (libra_marker_authentic(marker)) {
			*end = at + rest;
			return LIBRA_FOUND_MARKER;
		}
	}
	return len < LIBRA_FRAMING_MAX + LIBRA_MARKER_LEN ? LIBRA_FOUND_CUT : LIBRA_FOUND_NONE;
}

/* What of @len bytes may begin a marker, if anything: only that matters to what follows */
static void tail_keep(struct libra_tail *tail, enum libra_found found, const u8 *bytes, u32 len)
{
	tail->len = found == LIBRA_FOUND_CUT ? len : 0;
	memmove(tail->bytes, bytes, tail->len);
}

/* The same search over what was kept and the first @len bytes of what comes */
static enum libra_found tail_seam(struct libra_tail *tail, const u8 *bytes, u32 len)
{
	u8 seam[2 * (LIBRA_MARKER_LEN - 1)];
	struct libra_marker marker;
	enum libra_found found;
	u32 at;

	memcpy(seam, tail->bytes, tail->len);
	memcpy(seam + tail->len, bytes, len);
	len += tail->len;
	found = libra_marker_search(seam, len, &at, &marker);
	tail_keep(tail, found, seam + at, len - at);
	return found;
}

bool libra_tail_search(struct libra_tail *tail, const u8 *bytes, u32 len)
{
	u32 near = min_t(u32, len, sizeof(tail->bytes)), at;
	struct libra_marker marker;
	enum libra_found found;

	if (unlikely(tail->len)) {
		if (tail_seam(tail, bytes, near) == LIBRA_FOUND_MARKER)
			return true;
		if (near == len)
			return false;
	}
	found = libra_marker_search(bytes, len, &at, &marker);
	tail_keep(tail, found, bytes + at, len - at);
	return found == LIBRA_FOUND_MARKER;
}

bool libra_tail_search_iter(struct libra_tail *tail, const struct iov_iter *iter,
			    size_t len)
{
	u32 near = min_t(size_t, len, sizeof(tail->bytes));
	struct iov_iter all = *iter, it;
	u8 bytes[sizeof(tail->bytes)];
	struct libra_marker marker;
	enum libra_found found;
	size_t at;

	/* what was just read into the buffer is looked at too */
	all.data_source = true;
	if (unlikely(tail->len)) {
		it = all;
		if (copy_from_iter(bytes, near, &it) != near)
			return false;
		if (tail_seam(tail, bytes, near) == LIBRA_FOUND_MARKER)
			return true;
		if (near == len)
			return false;
	}
	found = libra_marker_search_iter(&all, len, &at, &marker);
	if (found == LIBRA_FOUND_CUT) {
		near = len - at;
		iov_iter_advance(&all, at);
		if (copy_from_iter(bytes, near, &all) != near)
			found = LIBRA_FOUND_FAULT;
	}
	tail_keep(tail, found, bytes, near);
	return found == LIBRA_FOUND_MARKER;
}
