// SPDX-License-Identifier: GPL-2.0
/*
 * A stream is SYNCED from its first byte until its parser gives up; then it
 * is OPAQUE (or TUNNEL) for life. In between it alternates:
 *
 *   metadata: libra_stream_look(), libra_stream_parse(), then either
 *             libra_stream_commit(), when all of the frame's metadata has
 *             passed, or libra_stream_passed(), when only a part has
 *   payload:  libra_stream_payload(), until payload_left is 0
 *
 * What passed of an unfinished head is kept and parsed again with what
 * follows: the parser only ever sees whole windows, and its state words change
 * only with a commit. So nothing is lost when a copy faults, memory is short
 * or the peer's buffer is full.
 *
 * Locks: exchanges.lock is innermost and held for a few instructions; the
 * rest belongs to whoever holds the direction's mutex.
 */
#include <linux/percpu.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "classes.h"
#include "domain.h"
#include "frame.h"
#include "policy.h"
#include "run.h"
#include "sock.h"
#include "stats.h"
#include "stream.h"
#include "trace.h"
#include "verify.h"

void libra_stream_init(struct libra_stream *stream, struct libra_sock *ls,
		       enum libra_side side)
{
	stream->state = LIBRA_STREAM_SYNCED;
	stream->side = side;
	stream->version = libra_parser_version(ls->policy->parser);
}

void libra_stream_restart(struct libra_stream *stream, struct libra_sock *ls)
{
	libra_stream_free(stream);
	stream->version = libra_parser_version(ls->policy->parser);
	stream->begun = false;
	stream->opened = LIBRA_EXCHANGE_NONE;
	stream->flags = 0;
	stream->payload_left = 0;
	memset(stream->words, 0, sizeof(stream->words));
	stream->tail.len = 0;
	WRITE_ONCE(stream->reason, LIBRA_REASON_NONE);
	WRITE_ONCE(stream->state, LIBRA_STREAM_SYNCED);
}

/* ---- heads ---- */

/* Nearly all of them; a constructor means that the kernel does not zero them first */
static struct kmem_cache *stream_heads;
/* ... and nearly every call needs one, for a moment: one of each CPU's is not given back */
static DEFINE_PER_CPU(u8 *, stream_spare_head);

static void stream_head_as_it_is(void *head)
{
}

int __init libra_stream_cache_init(void)
{
	const unsigned int size = LIBRA_HEAD_MIN + LIBRA_WINDOW_PAD;

	/* what was parsed is copied to the application from there */
	stream_heads = kmem_cache_create_usercopy("libra_head", size, 0, SLAB_HWCACHE_ALIGN,
						  0, size, stream_head_as_it_is);
	return stream_heads ? 0 : -ENOMEM;
}

void libra_stream_cache_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		if (per_cpu(stream_spare_head, cpu))
			kmem_cache_free(stream_heads, per_cpu(stream_spare_head, cpu));
	kmem_cache_destroy(stream_heads);
}

static u8 *stream_get_head(void)
{
	return this_cpu_xchg(stream_spare_head, NULL) ?:
	       kmem_cache_alloc(stream_heads, GFP_KERNEL);
}

static u32 stream_head_room(const struct libra_stream *stream)
{
	return stream->head_kb * SZ_1K;
}

static void stream_put_head(struct libra_stream *stream)
{
	u8 *other;

	if (!stream->head)
		return;
	if (stream_head_room(stream) > LIBRA_HEAD_MIN) {
		kfree(stream->head);
		return;
	}
	other = this_cpu_xchg(stream_spare_head, stream->head);
	if (other)
		kmem_cache_free(stream_heads, other);
}

void libra_stream_free(struct libra_stream *stream)
{
	stream_put_head(stream);
	stream->head = NULL;
	stream->head_len = 0;
	stream->head_kb = 0;
}

/* A larger one, with what has passed */
static bool stream_grow_head(struct libra_stream *stream, u32 room)
{
	u8 kb = DIV_ROUND_UP(room, SZ_1K);
	u8 *head;

	if (room <= LIBRA_HEAD_MIN)
		head = stream_get_head();
	else
		head = kmalloc(kb * SZ_1K + LIBRA_WINDOW_PAD, GFP_KERNEL);
	if (!head)
		return false;
	memcpy(head, stream->head, stream->head_len);
	stream_put_head(stream);
	stream->head = head;
	stream->head_kb = kb;
	return true;
}

u8 *libra_stream_look(struct libra_stream *stream, u32 len)
{
	u32 need = stream->head_len + len;

	if (need > LIBRA_HEAD_MAX)
		return NULL;
	if (need > stream_head_room(stream) && !stream_grow_head(stream, need))
		return NULL;
	return stream->head + stream->head_len;
}

/* ---- requests and their answers ---- */

/* The one that is @nr places behind the oldest; with exchanges->lock */
static struct libra_exchange *exchanges_at(struct libra_exchanges *exchanges, u8 nr)
{
	struct libra_exchange *ring = exchanges->room == LIBRA_EXCHANGE_FEW ? exchanges->few :
									       exchanges->ring;

	lockdep_assert_held(&exchanges->lock);
	return &ring[(exchanges->first + nr) % exchanges->room];
}

static u8 exchange_oldest(struct libra_exchanges *exchanges)
{
	u8 tag = LIBRA_EXCHANGE_NONE;

	spin_lock(&exchanges->lock);
	if (exchanges->count)
		tag = exchanges_at(exchanges, 0)->tag;
	spin_unlock(&exchanges->lock);
	return tag;
}

void libra_exchanges_init(struct libra_exchanges *exchanges)
{
	spin_lock_init(&exchanges->lock);
	exchanges->room = LIBRA_EXCHANGE_FEW;
}

void libra_exchanges_free(struct libra_exchanges *exchanges)
{
	if (exchanges->room != LIBRA_EXCHANGE_FEW)
		kfree(exchanges->ring);
}

/* Only one direction asks, so that nobody else makes it larger or fills it meanwhile */
static bool exchange_make_room(struct libra_exchanges *exchanges)
{
	struct libra_exchange *ring;
	u8 i;

	if (READ_ONCE(exchanges->count) < exchanges->room)
		return true;
	if (exchanges->room == LIBRA_EXCHANGE_MAX)
		return false;
	ring = kmalloc_array(LIBRA_EXCHANGE_MAX, sizeof(*ring), GFP_KERNEL);
	if (!ring)
		return false;
	spin_lock(&exchanges->lock);
	for (i = 0; i < exchanges->count; i++)
		ring[i] = *exchanges_at(exchanges, i);
	exchanges->first = 0;
	exchanges->room = LIBRA_EXCHANGE_MAX;
	exchanges->ring = ring;
	spin_unlock(&exchanges->lock);
	return true;
}

static bool exchange_open(struct libra_exchanges *exchanges, u8 tag, u8 request)
{
	struct libra_exchange *exchange;

	if (!exchange_make_room(exchanges))
		return false;
	spin_lock(&exchanges->lock);
	exchange = exchanges_at(exchanges, exchanges->count);
	exchange->tag = tag;
	exchange->request = request;
	exchanges->count++;
	spin_unlock(&exchanges->lock);
	return true;
}

/* The number of the request that is answered by that */
static u8 exchange_answer(struct libra_exchanges *exchanges)
{
	u8 request = LIBRA_REQUEST_UNASKED;

	spin_lock(&exchanges->lock);
	if (exchanges->count) {
		request = exchanges_at(exchanges, 0)->request;
		exchanges->first = (exchanges->first + 1) % exchanges->room;
		exchanges->count--;
	}
	spin_unlock(&exchanges->lock);
	return request;
}

/* Only what clients ask for counts, and only in processes where somebody verifies */
static u8 stream_ask(struct libra_sock *ls, const struct libra_stream *stream)
{
	static const struct libra_label unknown;
	struct libra_classes *classes;

	if (stream != &ls->rx.stream || !ls->domain)
		return LIBRA_REQUEST_UNASKED;
	classes = stream->verify ? libra_classes_get(ls->domain) :
				   READ_ONCE(ls->domain->classes);
	if (!classes)
		return LIBRA_REQUEST_UNASKED;
	/* of a request that nobody looked at nothing can be proven */
	return libra_classes_ask(classes, stream->verify ? &stream->verify->parsed : &unknown);
}

static void stream_answered(struct libra_sock *ls, u8 request)
{
	if (request != LIBRA_REQUEST_UNASKED)
		libra_classes_answered(ls->domain->classes, request);
}

void libra_stream_forget_requests(struct libra_sock *ls)
{
	while (ls->exchanges.count)
		stream_answered(ls, exchange_answer(&ls->exchanges));
}

/*
 * Remembers a request once, however often its head is parsed before all of it
 * has passed: its answer may come and go meanwhile.
 */
static bool stream_remember(struct libra_sock *ls, struct libra_stream *stream, u32 tag)
{
	u8 request;

	if (stream->opened)
		return stream->opened == tag;
	if (tag > U8_MAX)
		return false;
	request = stream_ask(ls, stream);
	if (!exchange_open(&ls->exchanges, tag, request)) {
		stream_answered(ls, request);
		return false;
	}
	stream->opened = tag;
	return true;
}

/* ---- frames ---- */

int libra_stream_parse(struct libra_sock *ls, struct libra_stream *stream,
		       u32 len, struct libra_run *run)
{
	struct libra_verify *verify = libra_verify_of(ls, stream);
	u32 window = stream->head_len + len;
	struct libra_frame *frame = &run->frame;
	int verdict;

	/* none of the answers is left over from the last frame */
	memset(frame, 0, sizeof(*frame));
	frame->avail = window;
	frame->side = stream->side;
	if (stream->side == LIBRA_SIDE_RESPONSE)
		frame->exchange = exchange_oldest(&ls->exchanges);
	memcpy(frame->state, stream->words, sizeof(frame->state));
	memset(stream->head + window, 0, LIBRA_WINDOW_PAD);
	run->window.data = stream->head;
	run->window.len = window;
	run->label = verify ? &verify->parsed : NULL;
	verdict = libra_parser_run(ls->policy->parser, stream->version, run);
	if (verdict != LIBRA_FRAME)
		return verdict;
	/* what has passed was all metadata when it passed */
	if (frame->meta_len < stream->head_len)
		return LIBRA_GIVE_UP;
	if (frame->flags & LIBRA_FRAME_OPENS && !stream_remember(ls, stream, frame->tag))
		return LIBRA_GIVE_UP;
	return LIBRA_FRAME;
}

void libra_stream_passed(struct libra_stream *stream, u32 len)
{
	stream->head_len += len;
}

static void stream_count(const struct libra_stream *stream,
			 const struct libra_sock *ls, u32 flags)
{
	bool rx = stream == &ls->rx.stream;

	libra_count(rx ? LIBRA_STAT_RX_FRAMES : LIBRA_STAT_TX_FRAMES);
	if (flags & LIBRA_FRAME_LAST)
		libra_count(rx ? LIBRA_STAT_RX_MESSAGES : LIBRA_STAT_TX_MESSAGES);
}

static_assert(LIBRA_FRAME_KNOWN <= U8_MAX, "see libra_stream.flags");

void libra_stream_commit(struct libra_sock *ls, struct libra_stream *stream,
			 const struct libra_frame *frame)
{
	bool first = !stream->begun || libra_stream_last(stream);
	u8 request = LIBRA_REQUEST_UNASKED;

	memcpy(stream->words, frame->state, sizeof(stream->words));
	stream->begun = true;
	stream->opened = LIBRA_EXCHANGE_NONE;
	stream->flags = frame->flags;
	stream->payload_left = frame->payload_len;
	/* idle connections are many, and the next head may be long in coming */
	libra_stream_free(stream);
	if (frame->flags & LIBRA_FRAME_ANSWERS)
		request = exchange_answer(&ls->exchanges);
	libra_verify_frame(ls, stream, frame, first, request);
	stream_answered(ls, request);
	stream_count(stream, ls, frame->flags);
	trace_libra_frame(ls, stream == &ls->rx.stream, frame);
	if (frame->flags & LIBRA_FRAME_TUNNEL)
		libra_sock_tunnel(ls);
}
