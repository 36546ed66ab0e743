/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * libra_parser.h: all that a parser needs, see docs/parsers.md
 *
 *	#include "libra_parser.h"
 *
 *	char _license[] SEC("license") = "GPL";
 *
 *	LIBRA_PARSER(mine, 1)
 *	{
 *		const u8 *head = bpf_libra_window(frame, 0, 4);
 *
 *		if (frame->avail < 4)
 *			return LIBRA_NEED_MORE;
 *		if (!head)
 *			return LIBRA_GIVE_UP;
 *		frame->meta_len = 4;
 *		frame->payload_len = libra_be32(head);
 *		frame->flags = LIBRA_FRAME_LAST;
 *		return LIBRA_FRAME;
 *	}
 *
 * The kernel lets struct_ops programs in only when they say that their license
 * is compatible with the GPL. This header itself may be used under either of
 * the licenses above.
 *
 * Build: clang -O2 -g -target bpf -mcpu=v3 -c mine.bpf.c (clang 14 or newer,
 * libbpf 1.4 or newer).
 */
#ifndef LIBRA_PARSER_H
#define LIBRA_PARSER_H

/* Only uapi headers since 6.4 have this; the detour suits old and new ones */
#define bpf_iter_num bpf_iter_num_of_uapi
#include <linux/bpf.h>
#undef bpf_iter_num
struct bpf_iter_num {
	__u64 __opaque[1];
} __attribute__((aligned(8)));

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;

#define LIBRA_NAME_MAX		16
#define LIBRA_STATE_WORDS	6
#define LIBRA_PAYLOAD_EOF	(~0ULL)
#define LIBRA_EXCHANGE_NONE	0
#define LIBRA_EXCHANGE_MAX	64
#define LIBRA_TAG_MAX		255
#define LIBRA_WINDOW_PAD	64
#define LIBRA_WINDOW_MAX	0x7fffffff

/* What a stream carries */
enum libra_side {
	LIBRA_SIDE_REQUEST,	/* from the connecting to the accepting end */
	LIBRA_SIDE_RESPONSE,
};

/* What a parser answers. Whatever else it returns means LIBRA_GIVE_UP */
enum libra_verdict {
	LIBRA_GIVE_UP = -1,	/* unknown or ambiguous: opaque from here on */
	LIBRA_NEED_MORE = 0,	/* all of the window is metadata, the frame goes on */
	LIBRA_FRAME = 1,	/* meta_len, payload_len and flags are set */
};

enum libra_frame_flags {
	LIBRA_FRAME_LAST = 1 << 0,	/* the message ends with this frame */
	LIBRA_FRAME_OPENS = 1 << 1,	/* a request: remember `tag` until its answer */
	LIBRA_FRAME_ANSWERS = 1 << 2,	/* the final answer to `exchange` */
	LIBRA_FRAME_TUNNEL = 1 << 3,	/* from here on both directions leave the protocol */
};

/* A frame: meta_len bytes of metadata, then payload_len bytes of payload */
struct libra_frame {
	/* Read-only: */
	u32 avail;		/* bytes in the window, which begins with the frame */
	u32 side;		/* enum libra_side */
	u32 exchange;		/* responses: tag of the oldest open request */
	/* The answer, all 0 when parse() is called: */
	u32 meta_len;		/* 1 to avail */
	u32 flags;		/* enum libra_frame_flags */
	u32 tag;		/* with LIBRA_FRAME_OPENS: 1 to LIBRA_TAG_MAX */
	u64 flow;		/* leave it 0 */
	u64 payload_len;	/* less than 2^62, or LIBRA_PAYLOAD_EOF */
	/*
	 * The parser's own, for this direction of this connection, 0 at first.
	 * Kept only with LIBRA_FRAME. Constant indexes only.
	 */
	u64 state[LIBRA_STATE_WORDS];
} __attribute__((preserve_access_index));

/* A line: name ":" OWS value OWS CRLF; offsets as everywhere */
#define LIBRA_FIELD_KEY		24

struct libra_field {
	u32 name_len;
	u32 value;
	u32 value_end;		/* without the space that follows the value */
	u32 end;		/* behind the line */
	u64 key[LIBRA_FIELD_KEY / 8];	/* for libra_field_is() */
};

struct libra_parser_ops {
	int (*parse)(struct libra_frame *frame);
	u32 state_version;
	char name[LIBRA_NAME_MAX];
};

/* Kinds of bytes, to be or'ed for bpf_libra_span() */
#define LIBRA_CH_SPACE		0x01	/* space and tab */
#define LIBRA_CH_DIGIT		0x02	/* 0-9 */
#define LIBRA_CH_XDIGIT		0x04	/* 0-9 a-f A-F */
#define LIBRA_CH_TOKEN		0x08	/* RFC 9110 tchar */
#define LIBRA_CH_VISIBLE	0x10	/* all but controls, space and DEL */
#define LIBRA_CH_TEXT		(LIBRA_CH_SPACE | LIBRA_CH_VISIBLE)

/* bpf_libra_match(): letters of any case match the pattern's lower case */
#define LIBRA_NOCASE		0x01

/*
 * Offsets count from the beginning of the frame. Patterns are string constants.
 * None of these reads outside the window.
 */

/*
 * `size` bytes (a constant, at most LIBRA_WINDOW_PAD) from `at` on, or NULL when
 * `at` is behind the window. Bytes from frame->avail on mean nothing.
 */
extern const u8 *bpf_libra_window(struct libra_frame *frame, u32 at,
				  const unsigned long size) __ksym;
/* The byte at `at`, or -ENOENT behind the window's end */
extern int bpf_libra_byte(struct libra_frame *frame, u32 at) __ksym;
/* Offset of the first `pattern` at or after `at`, or -ENOENT */
extern int bpf_libra_find(struct libra_frame *frame, u32 at,
			  const char *pattern) __ksym;
/* 1: `pattern` is at `at`; 0: it is not; -EAGAIN: the window ends too early */
extern int bpf_libra_match(struct libra_frame *frame, u32 at,
			   const char *pattern, u32 flags) __ksym;
/* Offset of the first byte from `at` on that is of none of `kinds`, or avail */
extern u32 bpf_libra_span(struct libra_frame *frame, u32 at, u32 kinds) __ksym;
/*
 * Offset behind the line's rest at `at`: bytes of `kinds` (0: none) and CRLF. 0: something
 * else is there; -EAGAIN: the window ends too early
 */
extern int bpf_libra_line(struct libra_frame *frame, u32 at, u32 kinds) __ksym;
/*
 * 1: a whole field line is at `at`, and in `field`; 0: something else is there;
 * -EAGAIN: the window ends too early. Names are of LIBRA_CH_TOKEN, values of
 * LIBRA_CH_TEXT.
 */
extern int bpf_libra_field(struct libra_frame *frame, u32 at,
			   struct libra_field *field) __ksym;
/*
 * The same for the first field line at or behind `at` whose name is as long as one
 * of `lengths`: names that are asked for, as LIBRA_FIELD_LENGTH("one") |
 * LIBRA_FIELD_LENGTH("other"), and a few others. 0: something else than a field
 * line is at field->end.
 */
extern int bpf_libra_field_of(struct libra_frame *frame, u32 at, u32 lengths,
			      struct libra_field *field) __ksym;
/*
 * The number whose digits fill [at, end) exactly, in base 2 to 16. -EINVAL when
 * there is anything else or nothing, -ERANGE from 2^62 on
 */
extern s64 bpf_libra_parse_uint(struct libra_frame *frame, u32 at, u32 end,
				u32 base) __ksym;

/* False: nobody asks for a label, and looking for what would be in it can be spared */
extern _Bool bpf_libra_labels(struct libra_frame *frame) __ksym;
/*
 * Adds [at, end) as a word to the message's label. Messages with the same label
 * are those that an application is expected to treat alike: modes verify and
 * auto count by it. Without a label a message is never elided in mode auto.
 */
extern void bpf_libra_label(struct libra_frame *frame, u32 at, u32 end) __ksym;
/*
 * Adds name ":" value as a word, which no other field can say. field->value_end may
 * be set to an earlier one first, when only a part of the value matters.
 */
extern void bpf_libra_label_field(struct libra_frame *frame, struct libra_field *field) __ksym;

/* Has the field this name, in any case? `_name`: a constant, in lower case */
#define libra_field_is(_field, _name)					\
({									\
	_Static_assert(sizeof(_name) - 1 <= LIBRA_FIELD_KEY, "name too long"); \
	(_field)->name_len == sizeof(_name) - 1 &&			\
	(_field)->key[0] == LIBRA_KEY(_name, 0) &&			\
	(sizeof(_name) - 1 <= 8 || (_field)->key[1] == LIBRA_KEY(_name, 8)) && \
	(sizeof(_name) - 1 <= 16 || (_field)->key[2] == LIBRA_KEY(_name, 16)); \
})

/* Such a name's bit of bpf_libra_field_of()'s lengths */
#define LIBRA_FIELD_LENGTH(_name)	(1U << (sizeof(_name) - 1))

/* Eight characters of a name as they are in libra_field.key */
#define LIBRA_KEY(_name, _at)						\
	(LIBRA_KEY_BYTE(_name, (_at), 0) | LIBRA_KEY_BYTE(_name, (_at), 1) | \
	 LIBRA_KEY_BYTE(_name, (_at), 2) | LIBRA_KEY_BYTE(_name, (_at), 3) | \
	 LIBRA_KEY_BYTE(_name, (_at), 4) | LIBRA_KEY_BYTE(_name, (_at), 5) | \
	 LIBRA_KEY_BYTE(_name, (_at), 6) | LIBRA_KEY_BYTE(_name, (_at), 7))
#define LIBRA_KEY_BYTE(_name, _at, _i)					\
	((_at) + (_i) < sizeof(_name) ?					\
	 (u64)(u8)(_name)[(_at) + (_i) < sizeof(_name) ? (_at) + (_i) : 0] << 8 * (_i) : 0)

/* Does `_text`, a constant of 1 to 8 characters, stand at `_p`, where 8 bytes can be read? */
#define libra_is(_p, _text)						\
({									\
	_Static_assert(sizeof(_text) > 1 && sizeof(_text) <= 9, "1 to 8 characters"); \
	!((libra_le64(_p) ^ LIBRA_KEY(_text, 0)) << 8 * (9 - sizeof(_text))); \
})

/* Numbers out of a window */
static inline u64 libra_le64(const u8 *p)
{
	u64 word;

	__builtin_memcpy(&word, p, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

static inline u32 libra_be16(const u8 *p)
{
	return p[0] << 8 | p[1];
}

static inline u32 libra_be32(const u8 *p)
{
	return (u32)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

/*
 * LIBRA_PARSER(name, state_version) { ... } defines parse(frame) and registers
 * it as `name`: letters, digits and _, at most 15 of them. Change the state
 * version when the meaning of frame->state changes.
 */
#define LIBRA_PARSER(_name, _version)					\
	static int _name##_parse(struct libra_frame *frame);		\
									\
	SEC("struct_ops/parse")						\
	int BPF_PROG(_name##_prog, struct libra_frame *frame)		\
	{								\
		return _name##_parse(frame);				\
	}								\
									\
	SEC(".struct_ops.link")						\
	struct libra_parser_ops _name = {				\
		.parse = (void *)_name##_prog,				\
		.state_version = (_version),				\
		.name = #_name,						\
	};								\
									\
	_Static_assert(sizeof(#_name) <= LIBRA_NAME_MAX, "name too long"); \
									\
	static __always_inline int _name##_parse(struct libra_frame *frame)

#endif /* LIBRA_PARSER_H */
