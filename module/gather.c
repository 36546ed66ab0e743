// SPDX-License-Identifier: GPL-2.0
/*
 * Everything here is under tx.lock. What waits are pages that are held like those
 * in TCP's own queue: neither the payload objects nor their charge are needed any
 * more. They leave in whole packets, so that nothing small is left behind, and begin
 * to wait only where TCP has room and nothing in flight, so that they can go at any
 * time.
 *
 * The timer holds the context and the sock, and is left alone when what it was
 * for has gone: it finds nothing then, or lets go what came after that early.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <net/tcp.h>

#include "frags.h"
#include "gather.h"
#include "send.h"
#include "sock.h"
#include "stats.h"

/* How long the application may take for its next write, in the worst case */
#define GATHER_JIFFIES	2
/* A packet, and what waits at most: less than one, and a part more */
#define GATHER_PACKET	(GSO_LEGACY_MAX_SIZE - 1 - MAX_TCP_HEADER)
#define GATHER_MAX	(2 * GATHER_PACKET)
#define GATHER_SEGS	(2 * MAX_SKB_FRAGS)

struct libra_gather {
	struct libra_sock *ls;
	struct delayed_work timer;
	bool armed;
	u32 len;
	u32 nr_segs;
	struct bio_vec segs[GATHER_SEGS];
};

static void gather_drop(struct libra_gather *gather, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++)
		put_page(gather->segs[i].bv_page);
	gather->nr_segs -= nr;
	memmove(gather->segs, gather->segs + nr, gather->nr_segs * sizeof(gather->segs[0]));
}

static void gather_drop_all(struct libra_gather *gather)
{
	gather_drop(gather, gather->nr_segs);
	WRITE_ONCE(gather->len, 0);
}

/* Lower took the first @len bytes */
static void gather_sent(struct libra_gather *gather, u32 len)
{
	struct bio_vec *seg = gather->segs;

	WRITE_ONCE(gather->len, gather->len - len);
	while (len && len >= seg->bv_len)
		len -= seg++->bv_len;
	if (len) {
		seg->bv_offset += len;
		seg->bv_len -= len;
	}
	gather_drop(gather, seg - gather->segs);
}

/* The first @len bytes go; 0 when all of them are gone */
static int gather_flush(struct libra_gather *gather, u32 len, int flags)
{
	struct iov_iter all;
	int ret;

	for (; len; len -= ret) {
		iov_iter_bvec(&all, ITER_SOURCE, gather->segs, gather->nr_segs, gather->len);
		ret = libra_send_pages(gather->ls, &all, len, flags);
		if (ret <= 0)
			return ret ?: -EAGAIN;
		gather_sent(gather, ret);
		/* what went wrong meanwhile is for the application to learn, and told once */
		if (ret < len && libra_send_broken(gather->ls))
			return -EAGAIN;
	}
	return 0;
}

int libra_gather_flush(struct libra_sock *ls, int flags)
{
	struct libra_gather *gather = ls->tx.gather;

	lockdep_assert_held(&ls->tx.lock);
	if (!gather || !gather->len)
		return 0;
	/* it was for a connection that is gone */
	if (test_bit(LIBRA_SOCK_RECONNECTED, &ls->bits))
		gather_drop_all(gather);
	return gather_flush(gather, gather->len, flags);
}

/* Those that fill packets go, as far as there is room */
static void gather_flush_whole(struct libra_gather *gather)
{
	const struct tcp_sock *tp = tcp_sk(gather->ls->sk);
	u32 mss = READ_ONCE(tp->mss_cache);
	u32 packet = max(rounddown(GATHER_PACKET, mss), mss);
	/* a head that was sent with MSG_MORE */
	u32 before = READ_ONCE(tp->write_seq) - READ_ONCE(tp->snd_nxt);

	if (before < packet && before + gather->len >= packet)
		gather_flush(gather, rounddown(before + gather->len, packet) - before, MSG_MORE);
}

/* ---- when the application does not come again ---- */

static void gather_arm(struct libra_gather *gather, unsigned long delay)
{
	if (gather->armed)
		return;
	gather->armed = true;
	refcount_inc(&gather->ls->ref);
	sock_hold(gather->ls->sk);
	queue_delayed_work(libra_send_wq, &gather->timer, delay);
}

static void gather_timer(struct work_struct *work)
{
	struct libra_gather *gather = container_of(to_delayed_work(work),
						   struct libra_gather, timer);
	struct libra_sock *ls = gather->ls;
	struct sock *sk = ls->sk;

	/* whoever sends just now may add to it */
	if (!mutex_trylock(&ls->tx.lock)) {
		queue_delayed_work(libra_send_wq, &gather->timer, GATHER_JIFFIES);
		return;
	}
	gather->armed = false;
	if (gather->len)
		libra_send_unasked(ls, libra_gather_flush);
	/* TCP lets go what nobody will hear any more */
	if (READ_ONCE(sk->sk_state) == TCP_CLOSE || READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN)
		gather_drop_all(gather);
	if (gather->len)
		gather_arm(gather, sk_stream_memory_free(sk) ? GATHER_JIFFIES : HZ / 10);
	mutex_unlock(&ls->tx.lock);
	sock_put(sk);
	libra_sock_put(ls);
}

static struct libra_gather *gather_new(struct libra_sock *ls)
{
	struct libra_gather *gather;

	/* with the socket locked, as TCP allocates its packets */
	gather = kmalloc(sizeof(*gather), ls->sk->sk_allocation | __GFP_NOWARN);
	if (!gather)
		return NULL;
	gather->ls = ls;
	INIT_DELAYED_WORK(&gather->timer, gather_timer);
	gather->armed = false;
	gather->len = 0;
	gather->nr_segs = 0;
	/* pairs with libra_gather_len(): all of it is there first */
	smp_store_release(&ls->tx.gather, gather);
	return gather;
}

void libra_gather_free(struct libra_gather *gather)
{
	if (!gather)
		return;
	gather_drop_all(gather);
	kfree(gather);
}

/* ---- what comes ---- */

static bool gather_seg(struct libra_gather *gather, struct page *page, u32 offset, u32 len)
{
	struct bio_vec *last = gather->nr_segs ? &gather->segs[gather->nr_segs - 1] : NULL;

	if (last && libra_frags_touch(last, page, offset)) {
		last->bv_len += len;
		return true;
	}
	if (gather->nr_segs == GATHER_SEGS)
		return false;
	get_page(page);
	bvec_set_page(&gather->segs[gather->nr_segs++], page, len, offset);
	return true;
}

/* All of what waits and @len bytes more could go to TCP now, and nothing is wrong */
static bool gather_fits(const struct libra_sock *ls, u32 len)
{
	const struct sock *sk = ls->sk;

	return (1 << READ_ONCE(sk->sk_state)) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT) &&
	       !libra_send_broken(ls) && sk_stream_memory_free(sk) &&
	       sk_stream_wspace(sk) >= (int)(libra_gather_len(ls) + len);
}

bool libra_gather_may(const struct libra_sock *ls, u32 len, u64 left)
{
	/* two that make no packet together gain nothing, but for the end of a body */
	if (len > GATHER_PACKET / 2 && left > GATHER_MAX - libra_gather_len(ls))
		return false;
	return libra_send_to_tcp(ls) && !READ_ONCE(tcp_sk(ls->sk)->packets_out) &&
	       !ls->tx.held.finished && gather_fits(ls, len);
}

/* As many of the next @len bytes of @part as there is room for */
static u32 gather_take(struct libra_gather *gather, const struct iov_iter *part, u32 len)
{
	const struct bio_vec *seg = part->bvec;
	u32 offset = part->iov_offset, done = 0, n;

	len = min_t(u32, len, GATHER_MAX - gather->len);
	for (; done < len; done += n, seg++, offset = 0) {
		n = min(seg->bv_len - offset, len - done);
		if (n && !gather_seg(gather, seg->bv_page, seg->bv_offset + offset, n))
			break;
	}
	WRITE_ONCE(gather->len, gather->len + done);
	return done;
}

u32 libra_gather_add(struct libra_sock *ls, const struct iov_iter *part, u32 len)
{
	struct libra_gather *gather;
	u32 done;

	lockdep_assert_held(&ls->tx.lock);
	gather = ls->tx.gather ?: gather_new(ls);
	if (!gather)
		return 0;
	done = gather_take(gather, part, len);
	gather_flush_whole(gather);
	if (gather->len)
		gather_arm(gather, GATHER_JIFFIES);
	if (done)
		libra_count(LIBRA_STAT_GATHERED);
	return done;
}

int libra_gather_send(struct libra_sock *ls, const struct iov_iter *part, u32 len, int flags)
{
	int ret;
	u32 n;

	if (!libra_gather_len(ls))
		return libra_send_pages(ls, part, len, flags);
	if (flags & MSG_EOR || !gather_fits(ls, len)) {
		ret = libra_gather_flush(ls, flags | MSG_MORE);
		return ret ?: libra_send_pages(ls, part, len, flags);
	}
	n = gather_take(ls->tx.gather, part, len);
	ret = libra_gather_flush(ls, n < len ? flags | MSG_MORE : flags);
	if (ret)
		gather_arm(ls->tx.gather, GATHER_JIFFIES);
	/* what was added is taken */
	return n ?: ret;
}

u32 libra_gather_len(const struct libra_sock *ls)
{
	/* pairs with gather_new() */
	const struct libra_gather *gather = smp_load_acquire(&ls->tx.gather);

	return gather ? READ_ONCE(gather->len) : 0;
}
