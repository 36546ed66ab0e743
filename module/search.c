// SPDX-License-Identifier: GPL-2.0
/*
 * Looking for markers, which each byte that is copied goes through: two in 32 are
 * looked at, see libra_samples_run(), and around those that may be a marker's all.
 */
#include <linux/bvec.h>
#include <linux/highmem.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/unaligned.h>

#include "frags.h"
#include "search.h"
#include "words.h"

/* Around samples that may be a marker's, or near an end, each byte is looked at */
#define MARKER_NEAR		(3 * LIBRA_MARKER_LEN)
/* What is copied out of an iterator to be looked at: at each one's end is work of its own */
#define MARKER_PIECE		512

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
			if (libra_word_equal(libra_samples(a, b, c, d), LIBRA_MARKER_BYTE))
				break;
		}
		if (end - at < LIBRA_SAMPLES_STEP)
			break;
		unsafe_get_user(a, (const u16 __user *)at, fault);
		if (libra_word_equal(libra_samples(a, 0, 0, 0), LIBRA_MARKER_BYTE)) {
			if (at == p)
				break;
			unsafe_get_user(around, (const u64 __user *)(at - 2), fault);
			if (!libra_sample_alone(le64_to_cpu((__force __le64)around),
						LIBRA_MARKER_BYTE))
				break;
		}
		at += LIBRA_SAMPLES_STEP;
	}
fault:
	user_read_access_end();
	return at - p;
}

/* What body[0] says of the id, see libra_marker: twelve bits, behind those of the offset */
#define MARKER_ID_MASK		cpu_to_le64(0xff00f00000000000ULL)
/* ... of which the last byte has eight: a quick look tells by it, and then by what is around */
#define MARKER_ID_BYTE		(offsetofend(struct libra_marker, body[0]) - 1)
#define MARKER_AROUND_ID	(MARKER_ID_BYTE - 2)
#define MARKER_AROUND_MASK	cpu_to_le64(0xfffffffffffffff0ULL)
static_assert(LIBRA_PAYLOAD_BITS == 20);

/*
 * The same for markers of @like's payload alone. Memory that has held many placeholders is
 * full of others, whose samples tell nothing.
 */
static size_t marker_run_like_user(const u8 __user *p, size_t len,
				   const struct libra_marker *like)
{
	const __le64 wanted = get_unaligned((const __le64 *)((const u8 *)like + MARKER_AROUND_ID));
	const u8 byte = ((const u8 *)like)[MARKER_ID_BYTE];
	const u8 __user *at = p, *end = p + len, *id;
	u64 a, b, c, d;
	__le64 around;
	u8 one;

	if (!user_read_access_begin(p, len))
		return 0;
	for (; end - at >= 4 * sizeof(u64); at += 4 * sizeof(u64)) {
		unsafe_get_user(a, (const u64 __user *)at, fault);
		unsafe_get_user(b, (const u64 __user *)at + 1, fault);
		unsafe_get_user(c, (const u64 __user *)at + 2, fault);
		unsafe_get_user(d, (const u64 __user *)at + 3, fault);
		if (likely(!(libra_word_equal(a, byte) | libra_word_equal(b, byte) |
			     libra_word_equal(c, byte) | libra_word_equal(d, byte))))
			continue;
		for (id = at; id < at + 4 * sizeof(u64); id++) {
			unsafe_get_user(one, id, fault);
			if (one != byte)
				continue;
			if (id - p < MARKER_ID_BYTE - MARKER_AROUND_ID ||
			    end - id < sizeof(around))
				goto fault;
			unsafe_get_user(around, (const __le64 __user *)(id - MARKER_ID_BYTE +
									MARKER_AROUND_ID), fault);
			if (!((around ^ wanted) & MARKER_AROUND_MASK))
				goto fault;
		}
	}
fault:
	user_read_access_end();
	return at - p;
}

/* ... and in how many of the first bytes none of them begins, nor one that an end cuts */
static size_t marker_pass_like(size_t run)
{
	return run < LIBRA_MARKER_LEN ? 0 : run - (LIBRA_MARKER_LEN - 1);
}

/*
 * The second byte of each marker. Where markers stood before there are rests of them,
 * in which it is far rarer than the other.
 */
static u8 marker_second(void)
{
	return le64_to_cpu(libra_marker_magic) >> 8;
}

/* The first place in [p, end) where a marker may begin, or @end, at which a byte follows */
static const u8 *marker_candidate(const u8 *p, const u8 *end)
{
	return libra_find_byte(p + 1, end + 1, marker_second()) - 1;
}

/* May these be the first bytes of a marker that @end cuts? */
static bool marker_cut(const u8 *p, const u8 *end)
{
	return *p == LIBRA_MARKER_BYTE && (end - p == 1 || p[1] == marker_second()) &&
	       libra_marker_prefix(p, end - p);
}

/*
 * Does a marker stand here, and when @like is one, is it of the same payload? Memory that
 * has held many placeholders is full of others.
 */
static __always_inline bool marker_stands(const u8 *p, const struct libra_marker *like,
					  struct libra_marker *marker)
{
	const struct libra_marker *at = (const void *)p;

	if (likely(get_unaligned(&at->magic) != libra_marker_magic))
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
	const u8 *whole = end - p < LIBRA_MARKER_LEN ? p :
					min(near, end - LIBRA_MARKER_LEN + 1);

	/* most text has none at all */
	p = libra_find_byte(p, near, LIBRA_MARKER_BYTE);
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
		p += libra_samples_pass(libra_samples_run(p, end, LIBRA_MARKER_BYTE));
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
		run = libra_samples_run(bytes, bytes + n, LIBRA_MARKER_BYTE);
		kunmap_local(bytes);
		done += run;
		if (run < n)
			break;
	}
	return done;
}

/* Samples are quicker, up to the first marker of any kind: more of them are near it */
static size_t marker_pass_user(const u8 __user *p, size_t len, const struct libra_marker *like)
{
	size_t passed = libra_samples_pass(marker_run_user(p, len));

	if (like && len - passed > 2 * LIBRA_MARKER_LEN)
		passed += marker_pass_like(marker_run_like_user(p + passed, len - passed, like));
	return passed;
}

/*
 * In how many of the next bytes of @iter, which is not moved, no marker begins, or when @like
 * is one, none of that payload
 */
static size_t marker_pass_iter(const struct iov_iter *iter, size_t len,
			       const struct libra_marker *like)
{
	if (iter_is_ubuf(iter))
		return marker_pass_user(iter->ubuf + iter->iov_offset, len, like);
	if (iter_is_iovec(iter))
		return marker_pass_user(iter_iov_addr(iter), min(len, iter_iov_len(iter)), like);
	if (iov_iter_is_bvec(iter))
		return libra_samples_pass(marker_run_pages(*iter, len));
	return 0;
}

static enum libra_found marker_search_iter(const struct iov_iter *iter, size_t len,
					   const struct libra_marker *like, size_t *at,
					   struct libra_marker *marker)
{
	u8 buf[MARKER_PIECE];
	struct iov_iter it = *iter;
	enum libra_found found = LIBRA_FOUND_NONE;
	size_t base = 0, passed;
	u32 kept = 0, where = 0, n, got;

	while (len) {
		if (!kept) {
			passed = marker_pass_iter(&it, len, like);
			iov_iter_advance(&it, passed);
			base += passed;
			len -= passed;
		}
		n = min_t(size_t, len, sizeof(buf) - kept);
		got = copy_from_iter(buf + kept, n, &it);
		len -= n;
		found = marker_search(buf, kept + got, like, &where, marker);
		/* lower sends what can be read, up to its last byte */
		if (got < n && found != LIBRA_FOUND_MARKER)
			found = LIBRA_FOUND_FAULT;
		if (found == LIBRA_FOUND_MARKER || found == LIBRA_FOUND_FAULT)
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
	u32 got;

	/* what was just read into the buffer is looked at too */
	all.data_source = true;
	if (unlikely(tail->len)) {
		it = all;
		got = copy_from_iter(bytes, near, &it);
		if (tail_seam(tail, bytes, got) == LIBRA_FOUND_MARKER)
			return true;
		if (got == len || got < near)
			return false;
	}
	found = libra_marker_search_iter(&all, len, &at, &marker);
	if (found == LIBRA_FOUND_CUT || found == LIBRA_FOUND_FAULT) {
		/* ... or up to where memory cannot be read, if a cut one is before that */
		iov_iter_advance(&all, at);
		near = copy_from_iter(bytes, min(len - at, sizeof(bytes)), &all);
		found = near ? LIBRA_FOUND_CUT : LIBRA_FOUND_NONE;
	}
	tail_keep(tail, found, bytes, near);
	return found == LIBRA_FOUND_MARKER;
}
