// SPDX-License-Identifier: GPL-2.0
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/string.h>
#include <linux/unaligned.h>
#include <asm/word-at-a-time.h>

#include "marker.h"

/*
 * The first byte is one that UTF-8 text never has, and none of the others is
 * equal to it: a search that fails inside the magic can go on behind it.
 */
#define MARKER_FIRST_BYTE	0xf5

bool libra_ever_elided __read_mostly;

static u32 marker_magic __ro_after_init;
static siphash_key_t marker_key __ro_after_init;

static u32 marker_auth(u64 body)
{
	return (u32)siphash_1u64(body, &marker_key);
}

void __init libra_marker_init(void)
{
	u8 magic[LIBRA_MARKER_SURE] = { MARKER_FIRST_BYTE };
	int i;

	for (i = 1; i < LIBRA_MARKER_SURE; i++) {
		do {
			magic[i] = get_random_u8();
		} while (magic[i] == MARKER_FIRST_BYTE);
	}
	memcpy(&marker_magic, magic, sizeof(marker_magic));
	get_random_bytes(&marker_key, sizeof(marker_key));
}

void libra_marker_make(struct libra_marker *marker, u64 id, u32 offset)
{
	marker->magic = marker_magic;
	marker->body = id << LIBRA_PAYLOAD_BITS | offset;
	marker->auth = marker_auth(marker->body);
}

bool libra_marker_authentic(const struct libra_marker *marker)
{
	return marker->magic == marker_magic &&
	       marker->auth == marker_auth(marker->body);
}

u32 libra_marker_prefix(const u8 *bytes, u32 len)
{
	u32 n = min_t(u32, len, LIBRA_MARKER_SURE);

	if (memcmp(bytes, &marker_magic, n))
		return 0;
	return min_t(u32, len, LIBRA_MARKER_LEN);
}

/* memchr() for MARKER_FIRST_BYTE, a word at a time: every copied byte passes */
static const u8 *marker_candidate(const u8 *p, const u8 *end)
{
	const struct word_at_a_time constants = WORD_AT_A_TIME_CONSTANTS;
	unsigned long bits;

	for (; p + sizeof(long) <= end; p += sizeof(long)) {
		unsigned long word = get_unaligned((const unsigned long *)p) ^
				     REPEAT_BYTE(MARKER_FIRST_BYTE);

		if (has_zero(word, &bits, &constants))
			break;
	}
	for (; p < end; p++)
		if (*p == MARKER_FIRST_BYTE)
			return p;
	return NULL;
}

enum libra_found libra_marker_search(const u8 *bytes, u32 len, u32 *at,
				     struct libra_marker *marker)
{
	const u8 *end = bytes + len, *p = bytes;

	while ((p = marker_candidate(p, end))) {
		u32 n = libra_marker_prefix(p, end - p);

		*at = p - bytes;
		if (n == LIBRA_MARKER_LEN) {
			memcpy(marker, p, sizeof(*marker));
			if (libra_marker_authentic(marker))
				return LIBRA_FOUND_MARKER;
		} else if (n) {
			return LIBRA_FOUND_CUT;
		}
		p++;
	}
	*at = len;
	return LIBRA_FOUND_NONE;
}

enum libra_found libra_marker_search_iter(const struct iov_iter *iter,
					  size_t len, size_t *at,
					  struct libra_marker *marker)
{
	u8 buf[LIBRA_MARKER_LEN - 1 + 512];
	struct iov_iter it = *iter;
	enum libra_found found = LIBRA_FOUND_NONE;
	size_t base = 0;
	u32 kept = 0, where = 0;

	while (len) {
		u32 n = min_t(size_t, len, sizeof(buf) - kept);

		if (copy_from_iter(buf + kept, n, &it) != n)
			return LIBRA_FOUND_FAULT;
		len -= n;
		found = libra_marker_search(buf, kept + n, &where, marker);
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

enum libra_found libra_marker_across(const u8 *bytes, u32 have, u32 len,
				     struct libra_marker *marker)
{
	u32 rest = LIBRA_MARKER_LEN - have, at;
	u8 whole[LIBRA_MARKER_LEN];

	memcpy(whole, bytes, have);
	for (at = have; at + rest <= len; at++) {
		memcpy(whole + have, bytes + at, rest);
		memcpy(marker, whole, sizeof(*marker));
		if (libra_marker_authentic(marker))
			return LIBRA_FOUND_MARKER;
	}
	return len < LIBRA_FRAMING_MAX + LIBRA_MARKER_LEN ? LIBRA_FOUND_CUT : LIBRA_FOUND_NONE;
}

bool libra_tail_search(struct libra_tail *tail, const u8 *bytes, u32 len)
{
	u8 seam[2 * (LIBRA_MARKER_LEN - 1)];
	u32 head = min_t(u32, len, LIBRA_MARKER_LEN - 1);
	struct libra_marker marker;
	u32 at, keep;

	memcpy(seam, tail->bytes, tail->len);
	memcpy(seam + tail->len, bytes, head);
	if (libra_marker_search(seam, tail->len + head, &at, &marker) ==
	    LIBRA_FOUND_MARKER)
		return true;
	if (len > head &&
	    libra_marker_search(bytes, len, &at, &marker) == LIBRA_FOUND_MARKER)
		return true;
	if (len >= sizeof(tail->bytes)) {
		tail->len = sizeof(tail->bytes);
		memcpy(tail->bytes, bytes + len - tail->len, tail->len);
	} else {
		keep = min_t(u32, tail->len, sizeof(tail->bytes) - len);
		memmove(tail->bytes, tail->bytes + tail->len - keep, keep);
		memcpy(tail->bytes + keep, bytes, len);
		tail->len = keep + len;
	}
	return false;
}

bool libra_tail_search_iter(struct libra_tail *tail, const struct iov_iter *iter,
			    size_t len)
{
	struct iov_iter it = *iter;
	u8 buf[512];

	/* what was just read into the buffer is looked at too */
	it.data_source = true;
	while (len) {
		u32 n = min_t(size_t, len, sizeof(buf));

		if (copy_from_iter(buf, n, &it) != n)
			return false;
		if (libra_tail_search(tail, buf, n))
			return true;
		len -= n;
	}
	return false;
}
