/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bytes looked at eight at a time: every byte that is copied is searched, and
 * every head is read twice. Pure functions, for the kernel and the unit tests;
 * none reads outside [p, end).
 */
#ifndef _LIBRA_WORDS_H
#define _LIBRA_WORDS_H

#ifdef __KERNEL__
#include <linux/string.h>
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/cdefs.h>
typedef unsigned char u8;
typedef unsigned int u32;
typedef long long s64;
typedef unsigned long long u64;
#endif

#define LIBRA_ONES	0x0101010101010101ULL
#define LIBRA_HIGHS	(LIBRA_ONES << 7)

/* Four samples, one every 32 bytes */
#define LIBRA_SAMPLES_SPAN	128
/* A sample tells of what begins up to its first half: of so many before the next one not */
#define LIBRA_SAMPLES_UNSEEN	28

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
static __always_inline u64 libra_word_less(u64 word, u8 limit)
{
	return (word - LIBRA_ONES * limit) & ~word & LIBRA_HIGHS;
}

static __always_inline u64 libra_word_equal(u64 word, u8 byte)
{
	return libra_word_less(word ^ (LIBRA_ONES * byte), 1);
}

/* The high bit of each byte of @word that is a letter, and of no other */
static inline u64 libra_word_letters(u64 word)
{
	u64 low = (word | LIBRA_ONES * 0x20) & ~LIBRA_HIGHS;

	return (low + LIBRA_ONES * (0x80 - 'a')) & ~(low + LIBRA_ONES * (0x7f - 'z')) &
	       ~word & LIBRA_HIGHS;
}

/* The high bit of each byte of @word that is @byte, and of no other */
static inline u64 libra_word_exactly(u64 word, u8 byte)
{
	u64 other = word ^ (LIBRA_ONES * byte);

	return ~(((other & ~LIBRA_HIGHS) + ~LIBRA_HIGHS) | other) & LIBRA_HIGHS;
}

/* The high bit of each byte of @word that would be no control without its high bit */
static inline u64 libra_word_no_controls(u64 word)
{
	u64 low = word & ~LIBRA_HIGHS;

	return (low + LIBRA_ONES * (0x80 - ' ')) & ~(low + LIBRA_ONES) & LIBRA_HIGHS;
}

/* Which byte the lowest bit of @bits stands for */
static inline u32 libra_word_first(u64 bits)
{
	return __builtin_ctzll(bits) / 8;
}

/* Is @byte, which has its high bit set, one of the 32 at @p? */
static inline bool libra_block_has(const u8 *p, u8 byte)
{
	u64 a = libra_word(p), b = libra_word(p + 8);
	u64 c = libra_word(p + 16), d = libra_word(p + 24);

	/* text has none like it */
	if (!((a | b | c | d) & LIBRA_HIGHS))
		return false;
	return libra_word_equal(a, byte) | libra_word_equal(b, byte) |
	       libra_word_equal(c, byte) | libra_word_equal(d, byte);
}

/*
 * Of 32 bytes in which each second one is @byte, wherever they lie, at least four
 * are among the eight at some multiple of 32: two times @byte. Can these eight be
 * such a sample?
 */
static __always_inline bool libra_word_sample(u64 word, u8 byte)
{
	u64 bits = libra_word_equal(word, byte);

	return bits & (bits >> 16);
}

/* The same for one of four samples; most have none of @byte, text no high bit */
static __always_inline bool libra_words_sample(u64 a, u64 b, u64 c, u64 d, u8 byte)
{
	if (!((a | b | c | d) & LIBRA_HIGHS))
		return false;
	if (!(libra_word_equal(a, byte) | libra_word_equal(b, byte) |
	      libra_word_equal(c, byte) | libra_word_equal(d, byte)))
		return false;
	return libra_word_sample(a, byte) || libra_word_sample(b, byte) ||
	       libra_word_sample(c, byte) || libra_word_sample(d, byte);
}

/*
 * In how many of the bytes from @p on no 32 like that begin, nor the first ones
 * of them that @end cuts. Where a sample may be one of them that ends, and near
 * @end.
 */
static inline size_t libra_samples_pass(const u8 *p, const u8 *end, u8 byte)
{
	const u8 *at = p;

	while (end - at >= LIBRA_SAMPLES_SPAN &&
	       !libra_words_sample(libra_word(at), libra_word(at + 32), libra_word(at + 64),
				   libra_word(at + 96), byte))
		at += LIBRA_SAMPLES_SPAN;
	while (end - at >= LIBRA_SAMPLES_SPAN / 4 && !libra_word_sample(libra_word(at), byte))
		at += LIBRA_SAMPLES_SPAN / 4;
	return at > p ? at - p - LIBRA_SAMPLES_UNSEEN : 0;
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

/* The same for a @byte with its high bit set, in what may be long */
static inline const u8 *libra_find_high_byte(const u8 *p, const u8 *end, u8 byte)
{
	while (end - p >= 32 && !libra_block_has(p, byte))
		p += 32;
	return libra_find_byte(p, end, byte);
}

#endif /* _LIBRA_WORDS_H */
