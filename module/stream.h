/* SPDX-License-Identifier: GPL-2.0 */
/* Framing: where metadata ends and payload begins, one stream a direction */
#ifndef _LIBRA_STREAM_H
#define _LIBRA_STREAM_H

#include <linux/minmax.h>
#include <linux/types.h>

#include "parser.h"
#include "search.h"
#include "uapi/libra.h"

struct libra_exchanges;
struct libra_run;
struct libra_sock;
struct libra_verify;

/* Metadata of one frame that is looked at, at most */
#define LIBRA_HEAD_MAX	(64 << 10)
/* What is looked at first; more when the parser asks for it */
#define LIBRA_HEAD_MIN	1024
/* ... and inside a message, where nearly all frames begin with a chunk's size line */
#define LIBRA_CHUNK_MIN	64

/*
 * One direction of a socket. Belongs to whoever holds that direction's lock
 * (rx.lock, tx.lock); @state and @reason are also set by the other direction
 * when it learns that both leave the protocol, hence READ_ONCE.
 */
struct libra_stream {
	u8 state;		/* enum libra_stream_state */
	u8 reason;		/* enum libra_reason, when opaque */
	u8 side;		/* enum libra_side */
	bool begun;		/* a frame was accepted */
	u8 opened;		/* tag of the request whose head is passing */
	/* the frame under way, once its metadata has passed */
	u8 flags;		/* enum libra_frame_flags */
	bool elides;		/* it is worth it, where it is read */
	u8 head_kb;		/* what @head has room for, in KB */
	u64 payload_left;	/* what has not passed yet */
	u32 version;		/* state version that @words have */
	/*
	 * Metadata of the next frame: head[0, head_len) has passed, what is
	 * behind it is being looked at. NULL between frames.
	 */
	u32 head_len;
	u8 *head;
	u64 words[LIBRA_STATE_WORDS];
	struct libra_tail tail;	/* of the bytes that were copied */
	struct libra_verify *verify;	/* NULL where nothing is verified */
	u64 copied;
	u64 uncopied;		/* elided or reused */
};

int libra_stream_cache_init(void);
void libra_stream_cache_exit(void);

void libra_stream_init(struct libra_stream *stream, struct libra_sock *ls,
		       enum libra_side side);
void libra_stream_free(struct libra_stream *stream);
/* Its first byte comes next: what has passed was not of the protocol */
void libra_stream_restart(struct libra_stream *stream, struct libra_sock *ls);

static inline bool libra_stream_synced(const struct libra_stream *stream)
{
	return READ_ONCE(stream->state) == LIBRA_STREAM_SYNCED;
}

static inline bool libra_stream_in_payload(const struct libra_stream *stream)
{
	return stream->payload_left;
}

/* How many of @len bytes there is room to look at */
static inline u32 libra_stream_look_most(const struct libra_stream *stream, size_t len)
{
	return min_t(size_t, len, LIBRA_HEAD_MAX - stream->head_len);
}

static inline u32 libra_stream_look_first(const struct libra_stream *stream)
{
	return stream->begun && !(stream->flags & LIBRA_FRAME_LAST) ? LIBRA_CHUNK_MIN :
								       LIBRA_HEAD_MIN;
}

/*
 * Room for @len bytes to look at behind what has passed, or NULL (no memory
 * or more than LIBRA_HEAD_MAX). The caller fills it.
 */
u8 *libra_stream_look(struct libra_stream *stream, u32 len);

/*
 * Lets the parser see what has passed and the @len bytes behind it. With
 * LIBRA_FRAME, @run->frame tells where the metadata ends, counted from the frame's
 * beginning; nothing is committed yet. Requests are remembered for their
 * answers already here, since the answer may overtake the commit.
 */
int libra_stream_parse(struct libra_sock *ls, struct libra_stream *stream,
		       u32 len, struct libra_run *run);

/* The first @len of the bytes looked at have passed; the frame goes on */
void libra_stream_passed(struct libra_stream *stream, u32 len);

/* All metadata of @frame has passed: its payload comes next */
void libra_stream_commit(struct libra_sock *ls, struct libra_stream *stream,
			 const struct libra_frame *frame);
/* @len bytes of payload have passed */
static inline void libra_stream_payload(struct libra_stream *stream, u64 len)
{
	if (stream->payload_left != LIBRA_PAYLOAD_EOF)
		stream->payload_left -= len;
}

void libra_exchanges_init(struct libra_exchanges *exchanges);
void libra_exchanges_free(struct libra_exchanges *exchanges);
/* The connection is gone, and with it what was asked on it; no call is in flight */
void libra_stream_forget_requests(struct libra_sock *ls);

/* The message ends where the payload of this frame ends */
static inline bool libra_stream_last(const struct libra_stream *stream)
{
	return stream->flags & LIBRA_FRAME_LAST;
}

#endif /* _LIBRA_STREAM_H */
