// SPDX-License-Identifier: GPL-2.0
/*
 * Locks, outermost first:
 *
 *   rx.lock or tx.lock (mutexes; both, in this order, only for keys of tls): a direction's stream
 *     the socket's own lock, taken by lower's calls, and around a write's parts
 *       exchanges.lock (stream.c), domain->lock (domain.c), socks_lock
 *
 * Lifetime: the attachment holds one reference, each call in flight and each
 * timer another. The context is freed by a work item after an RCU grace period
 * (libra_sock_enter() looks at it under RCU), pins the module until then, and
 * gives back its domain and policy there, since a socket can die in a softirq.
 * ls->sk is valid as long as somebody holds the sock: a call, a timer or the
 * attachment.
 */
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <net/tcp.h>

#include "classes.h"
#include "compat/compat.h"
#include "domain.h"
#include "gather.h"
#include "payload.h"
#include "policy.h"
#include "sock.h"
#include "stats.h"
#include "trace.h"
#include "ulp.h"

static LIST_HEAD(socks);
static DEFINE_SPINLOCK(socks_lock);
static unsigned int socks_count;
static u64 socks_order;
static struct workqueue_struct *sock_wq;
/* A work item for all of them: most are idle connections, and there are many */
static LLIST_HEAD(socks_freed);
/* Just above a power of two, they would take twice their size from kmalloc() */
static struct kmem_cache *sock_cache;

static void sock_uncount_gate(struct libra_sock *ls)
{
	if (test_and_clear_bit(LIBRA_SOCK_LATE, &ls->bits))
		atomic_dec(&ls->domain->late);
	if (test_and_clear_bit(LIBRA_SOCK_OPAQUE, &ls->bits))
		atomic_dec(&ls->domain->opaque);
}

static void sock_free(struct libra_sock *ls)
{
	if (ls->tx.cursor)
		libra_payload_put(ls->tx.cursor);
	libra_gather_free(ls->tx.gather);
	libra_held_free(&ls->tx.held);
	libra_stream_free(&ls->rx.stream);
	libra_stream_free(&ls->tx.stream);
	kfree(ls->rx.stream.verify);
	kfree(ls->tx.stream.verify);
	if (ls->domain) {
		libra_stream_forget_requests(ls);
		sock_uncount_gate(ls);
		atomic_dec(&ls->domain->sockets);
		libra_domain_put(ls->domain);
	}
	libra_exchanges_free(&ls->exchanges);
	atomic_dec(&ls->policy->sockets);
	libra_policy_put(ls->policy);
	kmem_cache_free(sock_cache, ls);
	module_put(THIS_MODULE);
}

static void sock_free_all(struct work_struct *work)
{
	struct libra_sock *ls, *next;

	llist_for_each_entry_safe(ls, next, llist_del_all(&socks_freed), freed) {
		sock_free(ls);
		cond_resched();
	}
}

static DECLARE_WORK(sock_free_work, sock_free_all);

static void sock_free_rcu(struct rcu_head *rcu)
{
	struct libra_sock *ls = container_of(rcu, struct libra_sock, rcu);

	if (llist_add(&ls->freed, &socks_freed))
		queue_work(sock_wq, &sock_free_work);
}

/* Side of the stream that is read */
static enum libra_side sock_rx_side(enum libra_origin origin)
{
	return origin == LIBRA_ORIGIN_CONNECT ? LIBRA_SIDE_RESPONSE : LIBRA_SIDE_REQUEST;
}

struct libra_sock *libra_sock_new(struct sock *sk, struct libra_policy *policy,
				  struct libra_overlay *overlay,
				  enum libra_origin origin, gfp_t gfp)
{
	enum libra_side rx_side = sock_rx_side(origin);
	struct libra_sock *ls;

	if (!try_module_get(THIS_MODULE))
		return NULL;
	ls = kmem_cache_zalloc(sock_cache, gfp);
	if (!ls) {
		module_put(THIS_MODULE);
		return NULL;
	}
	ls->sk = sk;
	refcount_set(&ls->ref, 1);
	refcount_inc(&policy->ref);
	atomic_inc(&policy->sockets);
	ls->policy = policy;
	ls->overlay = overlay;
	ls->listener = origin == LIBRA_ORIGIN_LISTEN;
	INIT_LIST_HEAD(&ls->node);
	libra_exchanges_init(&ls->exchanges);
	mutex_init(&ls->rx.lock);
	mutex_init(&ls->tx.lock);
	libra_stream_init(&ls->rx.stream, ls, rx_side);
	libra_stream_init(&ls->tx.stream, ls, rx_side == LIBRA_SIDE_REQUEST ?
			  LIBRA_SIDE_RESPONSE : LIBRA_SIDE_REQUEST);
	if (origin == LIBRA_ORIGIN_LATE)
		libra_sock_opaque(ls, LIBRA_REASON_LATE);
	if (origin == LIBRA_ORIGIN_LISTEN) {
		ls->rx.stream.state = LIBRA_STREAM_LISTEN;
		ls->tx.stream.state = LIBRA_STREAM_LISTEN;
	}
	return ls;
}

void libra_sock_put(struct libra_sock *ls)
{
	/* in a hurry, since it has references whose end others wait for */
	if (refcount_dec_and_test(&ls->ref))
		call_rcu_hurry(&ls->rcu, sock_free_rcu);
}

struct libra_sock *libra_sock_enter(const struct sock *sk)
{
	struct libra_sock *ls;

	rcu_read_lock();
	ls = libra_ulp_context(sk);
	if (ls && !refcount_inc_not_zero(&ls->ref))
		ls = NULL;
	rcu_read_unlock();
	return ls;
}

bool libra_sock_attached(const struct sock *sk)
{
	bool attached;

	rcu_read_lock();
	attached = libra_ulp_context(sk);
	rcu_read_unlock();
	return attached;
}

/* ---- the list ---- */

void libra_sock_list(struct libra_sock *ls)
{
	spin_lock_bh(&socks_lock);
	ls->order = ++socks_order;
	list_add_tail(&ls->node, &socks);
	socks_count++;
	spin_unlock_bh(&socks_lock);
	libra_count(LIBRA_STAT_ATTACHED);
}

void libra_sock_unlist(struct libra_sock *ls)
{
	spin_lock_bh(&socks_lock);
	if (!list_empty(&ls->node)) {
		list_del_init(&ls->node);
		socks_count--;
	}
	spin_unlock_bh(&socks_lock);
}

unsigned int libra_sock_count(void)
{
	return READ_ONCE(socks_count);
}

struct libra_sock *libra_sock_next(u64 after)
{
	struct libra_sock *ls, *found = NULL;

	spin_lock_bh(&socks_lock);
	list_for_each_entry(ls, &socks, node) {
		/* listed means attached: both are there until it is unlisted */
		if (ls->order > after && refcount_inc_not_zero(&ls->sk->sk_refcnt)) {
			refcount_inc(&ls->ref);
			found = ls;
			break;
		}
	}
	spin_unlock_bh(&socks_lock);
	return found;
}

/* ---- who uses it ---- */

static bool sock_in_handshake(const struct libra_sock *ls)
{
	return READ_ONCE(ls->tx.stream.state) == LIBRA_STREAM_HANDSHAKE ||
	       (READ_ONCE(ls->rx.stream.state) == LIBRA_STREAM_HANDSHAKE &&
		ls->rx.stream.side == LIBRA_SIDE_REQUEST);
}

static void sock_count_gate(struct libra_sock *ls)
{
	struct libra_domain *domain = READ_ONCE(ls->domain);

	if (!domain || ls->listener || READ_ONCE(ls->rx.stream.state) == LIBRA_STREAM_TUNNEL)
		return;
	/* nobody knows yet whether what will be written can be read here */
	if (sock_in_handshake(ls)) {
		if (!test_and_set_bit(LIBRA_SOCK_OPAQUE, &ls->bits))
			atomic_inc(&domain->opaque);
		return;
	}
	if (ls->rx.stream.reason == LIBRA_REASON_LATE) {
		if (!test_and_set_bit(LIBRA_SOCK_LATE, &ls->bits))
			atomic_inc(&domain->late);
	} else if (!test_and_set_bit(LIBRA_SOCK_OPAQUE, &ls->bits)) {
		atomic_inc(&domain->opaque);
		/* to a client's connection that is no HTTP nothing will be forwarded */
		if (ls->rx.stream.side == LIBRA_SIDE_RESPONSE)
			libra_classes_doubt(domain);
	}
}

void libra_sock_bind_to(struct libra_sock *ls, struct libra_domain *domain)
{
	/* whoever sees the domain charges its policy */
	libra_domain_set_policy(domain, ls->policy);
	/* counted before others can see it: the work item counts it down */
	atomic_inc(&domain->sockets);
	if (cmpxchg(&ls->domain, NULL, domain)) {
		atomic_dec(&domain->sockets);
		libra_domain_put(domain);
		return;
	}
	if (READ_ONCE(ls->tx.stream.state) == LIBRA_STREAM_OPAQUE || sock_in_handshake(ls))
		sock_count_gate(ls);
}

static struct libra_domain *sock_bind_slow(struct libra_sock *ls)
{
	struct libra_domain *domain = READ_ONCE(ls->domain);
	struct mm_struct *mm = current->mm;

	if (!mm) {
		libra_count_fallback(LIBRA_REASON_NO_MM);
		return NULL;
	}
	if (!domain) {
		domain = libra_domain_get(mm);
		if (IS_ERR(domain)) {
			libra_count_fallback(LIBRA_REASON_NOMEM);
			return NULL;
		}
		libra_sock_bind_to(ls, domain);
		domain = READ_ONCE(ls->domain);
	}
	if (domain->mn.mm == mm)
		return domain;
	if (!test_and_set_bit(LIBRA_SOCK_FOREIGN, &ls->bits))
		libra_sock_rx_opaque(ls, LIBRA_REASON_FOREIGN);
	return NULL;
}

struct libra_domain *libra_sock_bind(struct libra_sock *ls)
{
	struct libra_domain *domain = READ_ONCE(ls->domain);

	if (likely(domain && domain->mn.mm == current->mm))
		return domain;
	return sock_bind_slow(ls);
}

bool libra_sock_may_elide(const struct libra_sock *ls)
{
	const struct libra_policy *policy = ls->policy;
	const struct inet_sock *inet = inet_sk(ls->sk);
	u16 lport = READ_ONCE(policy->lport), rport = READ_ONCE(policy->rport);

	if (lport && lport != inet->inet_num)
		return false;
	if (rport && rport != ntohs(inet->inet_dport))
		return false;
	return libra_policy_elides(policy) && READ_ONCE(libra_enabled) &&
	       !READ_ONCE(policy->draining) &&
	       !test_bit(LIBRA_SOCK_FOREIGN, &ls->bits);
}

/* ---- streams that are given up ---- */

static void stream_give_up(struct libra_sock *ls, struct libra_stream *stream,
			   enum libra_reason reason)
{
	if (!libra_stream_synced(stream) && READ_ONCE(stream->state) != LIBRA_STREAM_HANDSHAKE)
		return;
	WRITE_ONCE(stream->reason, reason);
	WRITE_ONCE(stream->state, LIBRA_STREAM_OPAQUE);
	libra_count_fallback(reason);
	trace_libra_fallback(ls, stream == &ls->rx.stream, reason);
}

void libra_sock_opaque(struct libra_sock *ls, enum libra_reason reason)
{
	stream_give_up(ls, &ls->rx.stream, reason);
	stream_give_up(ls, &ls->tx.stream, reason);
	sock_count_gate(ls);
}

/*
 * What is written can still be framed as long as the answers of known
 * requests last; then its parser gives up too. The gate closes already now:
 * payload must not be on its way to an answer that cannot be framed.
 */
void libra_sock_rx_opaque(struct libra_sock *ls, enum libra_reason reason)
{
	stream_give_up(ls, &ls->rx.stream, reason);
	if (ls->rx.stream.side == LIBRA_SIDE_REQUEST)
		sock_count_gate(ls);
}

void libra_sock_tx_opaque(struct libra_sock *ls, enum libra_reason reason)
{
	stream_give_up(ls, &ls->tx.stream, reason);
	sock_count_gate(ls);
}

/* ---- streams that TLS is set up for ---- */

static bool stream_untouched(const struct libra_stream *stream)
{
	return libra_stream_synced(stream) && !stream->begun && !stream->head_len &&
	       !stream->copied && !stream->uncopied;
}

static bool stream_in_handshake(const struct libra_stream *stream)
{
	return READ_ONCE(stream->state) == LIBRA_STREAM_HANDSHAKE;
}

void libra_sock_handshake(struct libra_sock *ls, struct libra_stream *stream)
{
	WRITE_ONCE(stream->state, LIBRA_STREAM_HANDSHAKE);
	sock_count_gate(ls);
}

/* What was no TLS is over; a line for the proxy, say, may have come in before */
static bool sock_begins_anew(const struct libra_sock *ls)
{
	const struct libra_stream *rx = &ls->rx.stream, *tx = &ls->tx.stream;

	return (stream_untouched(tx) || stream_in_handshake(tx)) && !ls->exchanges.count &&
	       (stream_untouched(rx) || stream_in_handshake(rx) ||
		(READ_ONCE(rx->state) == LIBRA_STREAM_OPAQUE &&
		 rx->reason == LIBRA_REASON_PARSER && !rx->uncopied));
}

void libra_sock_securing(struct libra_sock *ls)
{
	if (!sock_begins_anew(ls)) {
		libra_sock_opaque(ls, LIBRA_REASON_PARSER);
		return;
	}
	libra_sock_handshake(ls, &ls->rx.stream);
	libra_sock_handshake(ls, &ls->tx.stream);
}

void libra_sock_secured(struct libra_sock *ls, struct libra_stream *stream)
{
	if (READ_ONCE(stream->state) != LIBRA_STREAM_HANDSHAKE)
		return;
	libra_stream_restart(stream, ls);
	if (!sock_in_handshake(ls) && libra_stream_synced(&ls->tx.stream))
		sock_uncount_gate(ls);
}

void libra_sock_unlisten(struct libra_sock *ls)
{
	WRITE_ONCE(ls->listener, false);
	/* nobody frames yet, since its calls that carry bytes are still lower's */
	WRITE_ONCE(ls->rx.stream.state, LIBRA_STREAM_SYNCED);
	WRITE_ONCE(ls->tx.stream.state, LIBRA_STREAM_SYNCED);
	libra_sock_opaque(ls, LIBRA_REASON_RECONNECT);
}

void libra_sock_closed(struct libra_sock *ls)
{
	sock_uncount_gate(ls);
	/* the socket can live on for minutes, but nobody waits for an answer */
	if (ls->domain)
		libra_stream_forget_requests(ls);
}

void libra_sock_tunnel(struct libra_sock *ls)
{
	WRITE_ONCE(ls->rx.stream.state, LIBRA_STREAM_TUNNEL);
	WRITE_ONCE(ls->tx.stream.state, LIBRA_STREAM_TUNNEL);
}

/* ---- exact or dead ---- */

int libra_sock_kill(struct libra_sock *ls, enum libra_reset reset)
{
	if (!cmpxchg(&ls->reset, LIBRA_RESET_NONE, reset)) {
		WRITE_ONCE(ls->rx.stream.state, LIBRA_STREAM_DEAD);
		WRITE_ONCE(ls->tx.stream.state, LIBRA_STREAM_DEAD);
		libra_count_reset(reset);
		trace_libra_reset(ls, reset);
	}
	return -ECONNRESET;
}

void libra_sock_finish(struct libra_sock *ls)
{
	if (unlikely(READ_ONCE(ls->reset)))
		tcp_abort(ls->sk, ECONNRESET);
}

int __init libra_sock_init(void)
{
	sock_cache = KMEM_CACHE(libra_sock, 0);
	if (!sock_cache)
		return -ENOMEM;
	sock_wq = alloc_workqueue("libra_sock", LIBRA_WQ_PERCPU, 0);
	if (!sock_wq) {
		kmem_cache_destroy(sock_cache);
		return -ENOMEM;
	}
	return 0;
}

/* Every context pinned the module: what is left is the end of their work */
void libra_sock_exit(void)
{
	rcu_barrier();
	destroy_workqueue(sock_wq);
	kmem_cache_destroy(sock_cache);
}
