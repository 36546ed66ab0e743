/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What parsers can ask about the bytes of a window.
 *
 * Pure functions: the kfuncs wrap them in the kernel, the unit tests in user
 * space. None of them reads outside data[0..len), whatever the offsets are,
 * because offsets come from parsers.
 */
#ifndef _LIBRA_WINDOW_H
#define _LIBRA_WINDOW_H

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>
#else
#include <errno.h>
#include <stdbool.h>
#include <string.h>
typedef unsigned char u8;
typedef unsigned int u32;
typedef long long s64;
typedef unsigned long long u64;
#endif

/* Offsets are answered as int, errors are negative */
#define LIBRA_WINDOW_MAX	0x7fffffff
/* Numbers stay below this, so that sums of a few of them cannot overflow */
#define LIBRA_UINT_LIMIT	0x4000000000000000ULL	/* 2^62 */

/* Kinds of bytes, to be or'ed for libra_window_span() */
#define LIBRA_CH_SPACE		0x01	/* space and tab */
#define LIBRA_CH_DIGIT		0x02	/* 0-9 */
#define LIBRA_CH_XDIGIT		0x04	/* 0-9 a-f A-F */
#define LIBRA_CH_TOKEN		0x08	/* RFC 9110 tchar */
#define LIBRA_CH_VISIBLE	0x10	/* all but controls, space and DEL */
#define LIBRA_CH_TEXT		(LIBRA_CH_SPACE | LIBRA_CH_VISIBLE)

/* libra_window_match(): letters of any case match the pattern's lower case */
#define LIBRA_NOCASE		0x01

struct libra_window {
	const u8 *data;
	u32 len;
};

#define S_ LIBRA_CH_SPACE
#define V_ LIBRA_CH_VISIBLE
#define T_ (LIBRA_CH_TOKEN | V_)
#define X_ (LIBRA_CH_XDIGIT | T_)
#define D_ (LIBRA_CH_DIGIT | X_)

static const u8 libra_ch[256] = {
	0,  0,  0,  0,  0,  0,  0,  0,	0,  S_, 0,  0,  0,  0,  0,  0,	/* 00 */
	0,  0,  0,  0,  0,  0,  0,  0,	0,  0,  0,  0,  0,  0,  0,  0,	/* 10 */
	S_, T_, V_, T_, T_, T_, T_, T_,	V_, V_, T_, T_, V_, T_, T_, V_,	/* 20 */
	D_, D_, D_, D_, D_, D_, D_, D_,	D_, D_, V_, V_, V_, V_, V_, V_,	/* 30 */
	V_, X_, X_, X_, X_, X_, X_, T_,	T_, T_, T_, T_, T_, T_, T_, T_,	/* 40 */
	T_, T_, T_, T_, T_, T_, T_, T_,	T_, T_, T_, V_, V_, V_, T_, T_,	/* 50 */
	T_, X_, X_, X_, X_, X_, X_, T_,	T_, T_, T_, T_, T_, T_, T_, T_,	/* 60 */
	T_, T_, T_, T_, T_, T_, T_, T_,	T_, T_, T_, V_, T_, V_, T_, 0,	/* 70 */
	V_, V_, V_, V_, V_, V_, V_, V_,	V_, V_, V_, V_, V_, V_, V_, V_,	/* 80 */
	V_, V_, V_, V_, V_, V_, V_, V_,	V_, V_, V_, V_, V_, V_, V_, V_,	/* 90 */
	V_, V_, V_, V_, V_, V_, V_, V_,	V_, V_, V_, V_, V_, V_, V_, V_,	/* a0 */
	V_, V_, V_, V_, V_, V_, V_, V_,	V_, V_, V_, V_, V_, V_, V_, V_,	/* b0 */
	V_, V_, V_, V_, V_, V_, V_, V_,	V_, V_, V_, V_, V_, V_, V_, V_,	/* c0 */
	V_, V_, V_, V_, V_, V_, V_, V_,	V_, V_, V_, V_, V_, V_, V_, V_,	/* d0 */
	V_, V_, V_, V_, V_, V_, V_, V_,	V_, V_, V_, V_, V_, V_, V_, V_,	/* e0 */
	V_, V_, V_, V_, V_, V_, V_, V_,	V_, V_, V_, V_, V_, V_, V_, V_,	/* f0 */
};

#undef S_
#undef V_
#undef T_
#undef X_
#undef D_

#define LIBRA_ONES	0x0101010101010101ULL

/* Eight bytes at once, the first one lowest; @p need not be aligned */
static inline u64 libra_word(const u8 *p)
{
	u64 word;

	memcpy(&word, p, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/*
 * The high bit of each byte of @word that is less than @limit (up to 128). A
 * borrow can set bits behind the first such byte, never before it.
 */
static inline u64 libra_word_less(u64 word, u8 limit)
{
	return (word - LIBRA_ONES * limit) & ~word & (LIBRA_ONES << 7);
}

static inline u64 libra_word_equal(u64 word, u8 byte)
{
	return libra_word_less(word ^ (LIBRA_ONES * byte), 1);
}

/* Which byte the lowest bit of @bits stands for */
static inline u32 libra_word_first(u64 bits)
{
	return __builtin_ctzll(bits) / 8;
}

/* First @byte in [p, end), or @end. The kernel's memchr() goes byte by byte */
static inline const u8 *libra_find_byte(const u8 *p, const u8 *end, u8 byte)
{
	u64 bits;

	for (; end - p >= 8; p += 8) {
		bits = libra_word_equal(libra_word(p), byte);
		if (bits)
			return p + libra_word_first(bits);
	}
	while (p < end && *p != byte)
		p++;
	return p;
}

/* First byte in [p, end) that may not be LIBRA_CH_TEXT, or near @end */
static inline const u8 *libra_skip_text(const u8 *p, const u8 *end)
{
	u64 word, bits;

	for (; end - p >= 8; p += 8) {
		word = libra_word(p);
		bits = libra_word_less(word, ' ') | libra_word_equal(word, 0x7f);
		if (bits)
			return p + libra_word_first(bits);
	}
	return p;
}

/* The byte at @at, or -ENOENT behind the window's end */
static inline int libra_window_byte(const struct libra_window *window, u32 at)
{
	return at < window->len ? window->data[at] : -ENOENT;
}

/* Offset of the first @pattern at or after @at, or -ENOENT */
static inline int libra_window_find(const struct libra_window *window, u32 at,
				    const char *pattern)
{
	u32 length = strlen(pattern), i;
	const u8 *p, *end;

	if (!length || at > window->len || length > window->len - at)
		return -ENOENT;

	p = window->data + at;
	end = window->data + window->len - length + 1;
	for (; (p = libra_find_byte(p, end, pattern[0])) < end; p++) {
		for (i = 1; i < length && p[i] == (u8)pattern[i]; i++)
			;
		if (i == length)
			return p - window->data;
	}
	return -ENOENT;
}

static inline u8 libra_lower(u8 byte)
{
	return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

/*
 * Whether @pattern stands at @at: 1, 0, or -EAGAIN when the window ends before
 * that is known. With LIBRA_NOCASE the pattern is in lower case.
 */
static inline int libra_window_match(const struct libra_window *window, u32 at,
				     const char *pattern, u32 flags)
{
	u8 byte;

	for (; *pattern; pattern++, at++) {
		if (at >= window->len)
			return -EAGAIN;
		byte = window->data[at];
		if (flags & LIBRA_NOCASE)
			byte = libra_lower(byte);
		if (byte != (u8)*pattern)
			return 0;
	}
	return 1;
}

/*
 * Offset of the first byte at or after @at that is of none of the @kinds
 * (LIBRA_CH_*), or the window's length.
 */
static inline u32 libra_window_span(const struct libra_window *window, u32 at,
				    u32 kinds)
{
	bool text = (kinds & LIBRA_CH_TEXT) == LIBRA_CH_TEXT;
	const u8 *p, *end = window->data + window->len;

	if (at >= window->len)
		return window->len;

	for (p = window->data + at; p < end; p++) {
		/* Header values are the bulk of a head */
		if (text)
			p = libra_skip_text(p, end);
		if (p == end || !(libra_ch[*p] & kinds))
			break;
	}
	return p - window->data;
}

/* A digit's value, 16 for everything else */
static inline u32 libra_digit(u8 byte)
{
	if (!(libra_ch[byte] & LIBRA_CH_XDIGIT))
		return 16;
	return byte <= '9' ? byte - '0' : libra_lower(byte) - 'a' + 10;
}

/*
 * The number that fills [at, end) in @base (2 to 16). -EINVAL unless every byte
 * is a digit and there is one; -ERANGE from LIBRA_UINT_LIMIT on.
 */
static inline s64 libra_window_parse_uint(const struct libra_window *window,
					  u32 at, u32 end, u32 base)
{
	u64 value = 0;
	u32 digit;

	if (at >= end || end > window->len || base < 2 || base > 16)
		return -EINVAL;

	for (; at < end; at++) {
		digit = libra_digit(window->data[at]);
		if (digit >= base)
			return -EINVAL;
		if (__builtin_mul_overflow(value, (u64)base, &value) ||
		    value >= LIBRA_UINT_LIMIT - digit)
			return -ERANGE;
		value += digit;
	}
	return value;
}

/*
 * Adds [at, end) as a word, lower case and without what is no text, to @text,
 * which has @len characters of @max with its NUL. Its length then; what does not
 * fit is left out.
 */
static inline u32 libra_window_label(const struct libra_window *window, u32 at, u32 end,
				     char *text, u32 len, u32 max)
{
	u8 c;

	if (end > window->len)
		end = window->len;
	if (at < end && len && len + 1 < max)
		text[len++] = ' ';
	for (; at < end && len + 1 < max; at++) {
		c = window->data[at];
		if (c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		if (libra_ch[c] & LIBRA_CH_VISIBLE && c < 0x80)
			text[len++] = c;
	}
	text[len] = '\0';
	return len;
}

#endif /* _LIBRA_WINDOW_H */
