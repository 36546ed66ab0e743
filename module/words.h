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
typedef unsigned short u16;
typedef unsigned int u32;
typedef long long s64;
typedef unsigned long long u64;
#endif

#define LIBRA_ONES	0x0101010101010101ULL
#define LIBRA_HIGHS	(LIBRA_ONES << 7)

/* Four samples, one every 32 bytes */
#define LIBRA_SAMPLES_STEP	32
#define LIBRA_SAMPLES_SPAN	(4 * LIBRA_SAMPLES_STEP)
/* So many bytes before the next sample may be the first ones of what only that one tells of */
#define LIBRA_SAMPLES_UNSEEN	30

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

/* The high bit of each byte of @word that, without its high bit, is @from to '~' */
static __always_inline u64 libra_word_visible(u64 word, u8 from)
{
	u64 low = word & ~LIBRA_HIGHS;

	return (low + LIBRA_ONES * (0x80 - from)) & ~(low + LIBRA_ONES) & LIBRA_HIGHS;
}

/* Are all bytes of @word @from (up to 128) to '~'? Half as dear as asking for each */
static __always_inline bool libra_word_all_visible(u64 word, u8 from)
{
	return !(((word - LIBRA_ONES * from) | word | (word + LIBRA_ONES)) & LIBRA_HIGHS);
}

/* Which byte the lowest bit of @bits stands for */
static inline u32 libra_word_first(u64 bits)
{
	return __builtin_ctzll(bits) / 8;
}

/*
 * Of 32 bytes in which each second one is @byte, the first among them, one of the two
 * at some multiple of 32 is @byte, wherever they lie: the search for such bytes looks
 * at no others. Neither of these two?
 */
static __always_inline bool libra_sample_none(const u8 *at, u8 byte)
{
	return at[0] != byte && at[1] != byte;
}

/* What stands around such two, two bytes on either side: is it @byte, but alone? */
static inline bool libra_sample_alone(u64 around, u8 byte)
{
	u64 bits = libra_word_equal(around, byte);

	return !(bits & (bits >> 16 | bits << 16) & 0x80800000);
}

/* Four samples that were loaded anyway, to be looked at together */
static __always_inline u64 libra_samples(u16 a, u16 b, u16 c, u16 d)
{
	return a | (u32)b << 16 | (u64)c << 32 | (u64)d << 48;
}

/*
 * How many of the bytes from @p on are between samples that are none of theirs: up
 * to one that may be, or to the last multiple of 32.
 */
static inline size_t libra_samples_run(const u8 *p, const u8 *end, u8 byte)
{
	const u8 *at = p;

	for (;;) {
		while (end - at >= LIBRA_SAMPLES_SPAN && libra_sample_none(at, byte) &&
		       libra_sample_none(at + 32, byte) && libra_sample_none(at + 64, byte) &&
		       libra_sample_none(at + 96, byte))
			at += LIBRA_SAMPLES_SPAN;
		if (end - at < LIBRA_SAMPLES_STEP)
			return at - p;
		if (!libra_sample_none(at, byte) &&
		    (at == p || !libra_sample_alone(libra_word(at - 2), byte)))
			return at - p;
		at += LIBRA_SAMPLES_STEP;
	}
}

/*
 * In how many of the first bytes of such a @run no 32 like that begin, nor the
 * first ones of them that an end cuts. Runs may be added up when each but the last
 * took all of its bytes.
 */
static inline size_t libra_samples_pass(size_t run)
{
	return run ? run - LIBRA_SAMPLES_UNSEEN : 0;
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

#endif /* _LIBRA_WORDS_H */
