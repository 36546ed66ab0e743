/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Parsers: eBPF programs (struct_ops libra_parser_ops) that say what is
 * metadata and what is payload in a byte stream.
 */
#ifndef _LIBRA_PARSER_H
#define _LIBRA_PARSER_H

#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/types.h>

#include "uapi/libra.h"

/* A payload run that lasts until the connection ends */
#define LIBRA_PAYLOAD_EOF	U64_MAX
/* libra_frame.exchange: no request is waiting for its answer */
#define LIBRA_EXCHANGE_NONE	0
/* Requests that may wait for their answer on one connection */
#define LIBRA_EXCHANGE_MAX	64
/* A byte is kept of each of them */
#define LIBRA_TAG_MAX		255
/* Words of private state that a parser has for each direction */
#define LIBRA_STATE_WORDS	6
/* Readable zero bytes behind the window: a parser may look this far past it */
#define LIBRA_WINDOW_PAD	64

/* What a stream carries; libra_frame.side */
enum libra_side {
	LIBRA_SIDE_REQUEST,	/* from the connecting to the accepting end */
	LIBRA_SIDE_RESPONSE,
};

/* What parse() answers */
enum libra_verdict {
	LIBRA_GIVE_UP = -1,	/* unknown or ambiguous: opaque from here on */
	LIBRA_NEED_MORE = 0,	/* all of the window is metadata, the frame goes on */
	LIBRA_FRAME = 1,	/* meta_len, payload_len and flags are set */
};

/* libra_frame.flags, set by the parser */
enum libra_frame_flags {
	LIBRA_FRAME_LAST = 1 << 0,	/* the message ends with this frame */
	LIBRA_FRAME_OPENS = 1 << 1,	/* a request: remember `tag` until its answer */
	LIBRA_FRAME_ANSWERS = 1 << 2,	/* the final answer to `exchange` */
	LIBRA_FRAME_TUNNEL = 1 << 3,	/* from here on both directions leave the protocol */
};

/* Characters of a field's name that are kept for comparison */
#define LIBRA_FIELD_KEY		24

/**
 * struct libra_field - a line, name ":" OWS value OWS CRLF
 * @name_len: characters of the name
 * @value: where the value begins, as all offsets from the window's beginning
 * @value_end: where it ends, without the space that follows it
 * @end: behind the line
 * @key: the name in lower case, cut off or followed by zeros; the first
 *       character lowest
 */
struct libra_field {
	u32 name_len;
	u32 value;
	u32 value_end;
	u32 end;
	u64 key[LIBRA_FIELD_KEY / 8];
};

/**
 * struct libra_frame - what a parser reads and answers
 * @avail: bytes in the window, which begins where the frame begins
 * @side: enum libra_side
 * @exchange: tag of the oldest request without a final answer, or
 *            LIBRA_EXCHANGE_NONE; for LIBRA_SIDE_RESPONSE
 * @meta_len: bytes of metadata, 1 to @avail
 * @flags: enum libra_frame_flags
 * @tag: with LIBRA_FRAME_OPENS: what @exchange will say, 1 to LIBRA_TAG_MAX
 * @flow: reserved, 0
 * @payload_len: bytes of payload that follow the metadata, or LIBRA_PAYLOAD_EOF
 * @state: the parser's own words for this direction, 0 at first. What it
 *         writes there counts only when the frame is accepted: after
 *         NEED_MORE it sees the old words again, with a longer window
 *
 * The first three are read-only for the parser.
 */
struct libra_frame {
	u32 avail;
	u32 side;
	u32 exchange;
	u32 meta_len;
	u32 flags;
	u32 tag;
	u64 flow;
	u64 payload_len;
	u64 state[LIBRA_STATE_WORDS];
};

/**
 * struct libra_parser_ops - a parser, as eBPF sees it
 * @parse: looks at one frame; enum libra_verdict
 * @state_version: meaning of the state words; a replacement with another one
 *                 makes streams that are under way opaque
 * @name: what policies call it
 */
struct libra_parser_ops {
	int (*parse)(struct libra_frame *frame);
	u32 state_version;
	char name[LIBRA_NAME_MAX];
};

struct libra_parser;
struct libra_run;
struct sk_buff;
struct netlink_callback;

int libra_parser_init(void);

/*
 * Takes a reference by name; NULL when none of this name is loaded. References
 * may be taken and put in softirq. A parser that is unloaded while it has some
 * stays, without BPF: it gives up, until its name is loaded again.
 */
struct libra_parser *libra_parser_get(const char *name);
struct libra_parser *libra_parser_ref(struct libra_parser *parser);
void libra_parser_put(struct libra_parser *parser);
const char *libra_parser_name(const struct libra_parser *parser);
/* The state version in force, for a stream that begins now */
u32 libra_parser_version(const struct libra_parser *parser);
unsigned int libra_parser_count(void);

/*
 * Runs the parser. Answers enum libra_verdict, checked: a frame always has
 * 1 <= meta_len <= avail and known flags. LIBRA_GIVE_UP too when the parser is
 * gone, and -ESTALE when it is of another state version than @version.
 * May be called with spinlocks held.
 */
int libra_parser_run(struct libra_parser *parser, u32 version, struct libra_run *run);

/*
 * For the netlink dump: calls @fn for each loaded parser under the parsers' lock
 * (it must not sleep). @users counts references other than BPF's own.
 */
int libra_parser_for_each(int (*fn)(const char *name, u32 state_version,
				    u32 users, u32 generation, void *arg),
			  void *arg);

#endif /* _LIBRA_PARSER_H */
