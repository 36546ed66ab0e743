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
#include "parser.h"
#else
#include <errno.h>
#endif
#include "words.h"

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

/* libra_window_field_of(): names of so many characters, and longer ones, are never asked for */
#define LIBRA_FIELD_LENGTHS	32

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

/* First byte in [p, end) that may not be visible or a space, or near @end */
static __always_inline const u8 *libra_skip_from(const u8 *p, const u8 *end, u8 from)
{
	u64 word, bits;

	for (; end - p >= 8; p += 8) {
		word = libra_word(p);
		if (libra_word_all_visible(word, from))
			continue;
		bits = libra_word_visible(word, from) ^ LIBRA_HIGHS;
		if (bits)
			return p + libra_word_first(bits);
	}
	return p;
}

/* The same for bytes of @kinds: header values and targets are the bulk of a head */
static __always_inline const u8 *libra_skip_kinds(const u8 *p, const u8 *end, u32 kinds)
{
	if ((kinds & LIBRA_CH_TEXT) == LIBRA_CH_TEXT)
		p = libra_skip_from(p, end, ' ');
	else if (kinds & LIBRA_CH_VISIBLE)
		p = libra_skip_from(p, end, '!');
	while (p < end && libra_ch[*p] & kinds)
		p++;
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
	if (at >= window->len)
		return window->len;
	return libra_skip_kinds(window->data + at, window->data + window->len, kinds) -
	       window->data;
}

static inline void libra_field_put(struct libra_field *field, u32 at, u64 bytes)
{
	if (at < LIBRA_FIELD_KEY)
		field->key[at / 8] |= bytes << 8 * (at % 8);
}

/* Behind the name at @name, which is in the key then */
static inline const u8 *libra_field_name(struct libra_field *field, const u8 *name,
					 const u8 *end)
{
	u64 word, letters, fine = LIBRA_HIGHS;
	const u8 *p = name;
	u32 first;

	memset(field->key, 0, sizeof(field->key));
	/* most are letters with hyphens between */
	for (; end - p >= 8 && fine == LIBRA_HIGHS; p += first) {
		word = libra_word(p);
		letters = libra_word_letters(word);
		fine = letters | libra_word_exactly(word, '-');
		word |= letters >> 2;
		first = 8;
		if (fine != LIBRA_HIGHS) {
			first = libra_word_first(fine ^ LIBRA_HIGHS);
			word &= (1ULL << 8 * first) - 1;
		}
		libra_field_put(field, p - name, word);
	}
	for (; p < end && libra_ch[*p] & LIBRA_CH_TOKEN; p++)
		libra_field_put(field, p - name, libra_lower(*p));
	return p;
}

/* Behind the name at @p: letters in most cases, with hyphens between */
static inline const u8 *libra_skip_token(const u8 *p, const u8 *end)
{
	u64 word, other;

	for (; end - p >= 8; p += 8) {
		word = libra_word(p);
		other = (libra_word_letters(word) | libra_word_exactly(word, '-')) ^ LIBRA_HIGHS;
		if (other) {
			p += libra_word_first(other);
			break;
		}
	}
	while (p < end && libra_ch[*p] & LIBRA_CH_TOKEN)
		p++;
	return p;
}

/*
 * Moves @p behind the bytes of @kinds there. Does the line end there, with CRLF? 1, 0,
 * or -EAGAIN when that is not known yet.
 */
static __always_inline int libra_skip_line(const u8 **p, const u8 *end, u32 kinds)
{
	const u8 *at = libra_skip_kinds(*p, end, kinds);

	*p = at;
	if (end - at < 2)
		return at == end || *at == '\r' ? -EAGAIN : 0;
	return at[0] == '\r' && at[1] == '\n';
}

/*
 * Offset behind the line at @at, which is bytes of @kinds and CRLF. 0 when something
 * else is there, -EAGAIN when the window ends before that is known.
 */
static inline int libra_window_line(const struct libra_window *window, u32 at, u32 kinds)
{
	const u8 *p = window->data + at;
	int ends;

	if (at >= window->len)
		return -EAGAIN;
	ends = libra_skip_line(&p, window->data + window->len, kinds);
	return ends == 1 ? p + 2 - window->data : ends;
}

/*
 * Is a whole field line at @at? 1, 0, or -EAGAIN when the window ends before that
 * is known.
 */
static inline int libra_window_field(const struct libra_window *window, u32 at,
				     struct libra_field *field)
{
	const u8 *end = window->data + window->len, *name, *p, *value;
	int ends;

	if (at >= window->len)
		return -EAGAIN;
	name = window->data + at;
	p = libra_field_name(field, name, end);
	if (p == end)
		return -EAGAIN;
	if (p == name || *p != ':')
		return 0;
	field->name_len = p - name;

	for (p++; p < end && libra_ch[*p] & LIBRA_CH_SPACE; p++)
		;
	value = p;
	ends = libra_skip_line(&p, end, LIBRA_CH_TEXT);
	if (ends != 1)
		return ends;
	field->end = p + 2 - window->data;
	while (p > value && libra_ch[p[-1]] & LIBRA_CH_SPACE)
		p--;
	field->value = value - window->data;
	field->value_end = p - window->data;
	return 1;
}

/*
 * The same for the first field line from @at on whose name is as long as one of
 * @lengths, a bit for each. Those before it are not looked into. With 0 @field->end
 * says where there is no field line.
 */
static inline int libra_window_field_of(const struct libra_window *window, u32 at, u32 lengths,
					struct libra_field *field)
{
	const u8 *end = window->data + window->len, *name, *p;
	int ends;

	if (at >= window->len)
		return -EAGAIN;
	for (name = window->data + at; name < end; name = p + 2) {
		p = libra_skip_token(name, end);
		if (p == end)
			return -EAGAIN;
		field->end = name - window->data;
		if (p == name || *p != ':')
			return 0;
		if (p - name < LIBRA_FIELD_LENGTHS && lengths >> (p - name) & 1)
			return libra_window_field(window, field->end, field);
		p++;
		ends = libra_skip_line(&p, end, LIBRA_CH_TEXT);
		if (ends != 1)
			return ends;
	}
	return -EAGAIN;
}

/* A digit's value, 16 for everything else */
static inline u32 libra_digit(u8 byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	return libra_ch[byte] & LIBRA_CH_XDIGIT ? libra_lower(byte) - 'a' + 10 : 16;
}

/*
 * The number that fills [at, end) in @base (2 to 16). -EINVAL unless every byte
 * is a digit and there is one; -ERANGE from LIBRA_UINT_LIMIT on.
 */
static inline s64 libra_window_parse_uint(const struct libra_window *window,
					  u32 at, u32 end, u32 base)
{
	u64 value = 0, more;
	u32 digit;

	if (at >= end || end > window->len || base < 2 || base > 16)
		return -EINVAL;

	for (; at < end; at++) {
		digit = libra_digit(window->data[at]);
		if (digit >= base)
			return -EINVAL;
		/* what is less stays below the limit, whatever the base */
		if (value >> 57 && (__builtin_mul_overflow(value, (u64)base, &more) ||
				    more >= LIBRA_UINT_LIMIT - digit))
			return -ERANGE;
		value = value * base + digit;
	}
	return value;
}

/*
 * Labels: @text has @len characters of @max with its NUL. What does not fit is left
 * out; the answer is its length then.
 */
static inline u32 libra_label_add(char *text, u32 len, u32 max, u8 c)
{
	c = libra_lower(c);
	if (libra_ch[c] & LIBRA_CH_VISIBLE && c < 0x80 && len + 1 < max)
		text[len++] = c;
	text[len] = '\0';
	return len;
}

static inline u32 libra_label_begin(char *text, u32 len, u32 max)
{
	if (len && len + 1 < max)
		text[len++] = ' ';
	text[len] = '\0';
	return len;
}

static inline u32 libra_label_bytes(const struct libra_window *window, u32 at, u32 end,
				    char *text, u32 len, u32 max)
{
	if (end > window->len)
		end = window->len;
	for (; at < end && len + 1 < max; at++)
		len = libra_label_add(text, len, max, window->data[at]);
	return len;
}

/* Adds [at, end) as a word, lower case and without what is no text */
static inline u32 libra_window_label(const struct libra_window *window, u32 at, u32 end,
				     char *text, u32 len, u32 max)
{
	if (at >= end || at >= window->len)
		return len;
	len = libra_label_begin(text, len, max);
	return libra_label_bytes(window, at, end, text, len, max);
}

/* Adds name ":" value as a word, in the same way */
static inline u32 libra_window_label_field(const struct libra_window *window,
					   const struct libra_field *field,
					   char *text, u32 len, u32 max)
{
	u32 i;

	len = libra_label_begin(text, len, max);
	for (i = 0; i < field->name_len && i < LIBRA_FIELD_KEY; i++)
		len = libra_label_add(text, len, max, field->key[i / 8] >> 8 * (i % 8));
	len = libra_label_add(text, len, max, ':');
	return libra_label_bytes(window, field->value, field->value_end, text, len, max);
}

#endif /* _LIBRA_WINDOW_H */
