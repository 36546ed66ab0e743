// SPDX-License-Identifier: GPL-2.0
/*
 * icsk_ulp_data is changed with the socket locked and read under RCU by
 * libra_sock_enter(). Order of publication: the context is complete before
 * rcu_assign_pointer() shows it, and it is shown before the overlay's proto
 * and ops are, so that whoever gets into one of our calls finds it. They go
 * in the opposite order; a call that comes too late finds no context and goes
 * to the lower proto, which is in place by then.
 */
#include <linux/inet_diag.h>
#include <linux/module.h>
#include <linux/rhashtable.h>
#include <net/inet_connection_sock.h>
#include <net/tcp.h>

#include "attach.h"
#include "compat/compat.h"
#include "overlay.h"
#include "policy.h"
#include "sock.h"
#include "ulp.h"

static struct tcp_ulp_ops libra_ulp;

static struct tcp_ulp_ops libra_over_tls;
/* tls's own, the same for as long as one socket is covered: that one keeps tls.ko */
static const struct tcp_ulp_ops *tls_genuine;

/*
 * Contexts whose slot tls has, by their sock. One comes in before the slot is given
 * away and goes after it was taken back, so that it is found in between, too. In the
 * slot stand ops that look like those of tls, but end the context with the socket.
 */
static struct rhashtable over_tls;
static const struct rhashtable_params over_tls_params = {
	.key_len = sizeof_field(struct libra_sock, sk),
	.key_offset = offsetof(struct libra_sock, sk),
	.head_offset = offsetof(struct libra_sock, over_tls),
	.automatic_shrinking = true,
};

struct libra_sock *libra_ulp_context(const struct sock *sk)
{
	const struct inet_connection_sock *icsk = inet_csk(sk);
	struct libra_sock *ls = rcu_dereference(icsk->icsk_ulp_data);

	/*
	 * The data first: if the ops are still ours after it was read, it was
	 * ours too. Another ULP that came after us sets its data, then its ops.
	 */
	smp_rmb();
	if (likely(READ_ONCE(icsk->icsk_ulp_ops) == &libra_ulp && ls))
		return ls;
	return atomic_read(&over_tls.nelems) ?
	       rhashtable_lookup(&over_tls, &sk, over_tls_params) : NULL;
}

bool libra_ulp_yielded(const struct sock *sk)
{
	return READ_ONCE(inet_csk(sk)->icsk_ulp_ops) != &libra_ulp;
}

bool libra_ulp_holds(struct sock *sk, const struct libra_sock *ls)
{
	bool holds;

	sock_owned_by_me(sk);
	rcu_read_lock();
	holds = libra_ulp_context(sk) == ls;
	rcu_read_unlock();
	return holds;
}

int libra_ulp_yield(struct sock *sk, struct libra_sock *ls)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	int err;

	sock_owned_by_me(sk);
	err = rhashtable_insert_fast(&over_tls, &ls->over_tls, over_tls_params);
	if (err)
		return err;
	libra_overlay_pop(ls->overlay, sk);
	/* pairs with smp_rmb() in libra_ulp_context(): it is in the table first */
	smp_store_release(&icsk->icsk_ulp_ops, NULL);
	rcu_assign_pointer(icsk->icsk_ulp_data, NULL);
	return 0;
}

void libra_ulp_take_back(struct sock *sk, struct libra_sock *ls)
{
	struct inet_connection_sock *icsk = inet_csk(sk);

	sock_owned_by_me(sk);
	rcu_assign_pointer(icsk->icsk_ulp_data, ls);
	/* pairs with smp_rmb() in libra_ulp_context(): the data is there first */
	smp_store_release(&icsk->icsk_ulp_ops, &libra_ulp);
	libra_overlay_push(ls->overlay, sk, false);
	rhashtable_remove_fast(&over_tls, &ls->over_tls, over_tls_params);
}

void libra_ulp_cover(struct sock *sk, struct libra_sock *ls)
{
	struct inet_connection_sock *icsk = inet_csk(sk);

	sock_owned_by_me(sk);
	if (icsk->icsk_ulp_ops == &libra_over_tls)
		return;
	WRITE_ONCE(tls_genuine, icsk->icsk_ulp_ops);
	/* pairs with the calls below: whoever gets there finds the genuine ones */
	smp_store_release(&icsk->icsk_ulp_ops, &libra_over_tls);
}

static void ulp_hang(struct sock *sk, struct libra_sock *ls,
		     struct libra_overlay *overlay)
{
	struct inet_connection_sock *icsk = inet_csk(sk);

	rcu_assign_pointer(icsk->icsk_ulp_data, ls);
	/* pairs with smp_rmb() in libra_ulp_context(): the data is there first */
	smp_store_release(&icsk->icsk_ulp_ops, &libra_ulp);
	libra_overlay_push(overlay, sk, ls->listener);
	libra_sock_list(ls);
}

int libra_ulp_install_over_tls(struct sock *sk, struct libra_sock *ls)
{
	int err;

	sock_owned_by_me(sk);
	/* tcp_cleanup_ulp() and libra_ulp_remove() put it */
	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	err = rhashtable_insert_fast(&over_tls, &ls->over_tls, over_tls_params);
	if (err) {
		module_put(THIS_MODULE);
		return err;
	}
	libra_ulp_cover(sk, ls);
	libra_overlay_push(ls->overlay, sk, false);
	libra_sock_list(ls);
	return 0;
}

int libra_ulp_install(struct sock *sk, struct libra_sock *ls,
		      struct libra_overlay *overlay)
{
	if (inet_csk(sk)->icsk_ulp_ops)
		return -EEXIST;
	/* tcp_cleanup_ulp() and libra_ulp_remove() put it */
	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	ulp_hang(sk, ls, overlay);
	return 0;
}

void libra_ulp_replace(struct sock *sk, struct libra_sock *ls)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct libra_sock *before;

	sock_owned_by_me(sk);
	before = rcu_dereference_protected(icsk->icsk_ulp_data, 1);
	rcu_assign_pointer(icsk->icsk_ulp_data, ls);
	libra_sock_list(ls);
	libra_sock_unlist(before);
	libra_sock_put(before);
}

static void ulp_unhang(struct sock *sk)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct libra_sock *ls = rcu_dereference_protected(icsk->icsk_ulp_data, 1);

	if (!ls)
		return;
	libra_overlay_pop(ls->overlay, sk);
	rcu_assign_pointer(icsk->icsk_ulp_data, NULL);
	libra_sock_unlist(ls);
	libra_sock_put(ls);
}

/* Nobody finds the context any more; the caller has a reference, or is the last */
static void ulp_uncover(struct sock *sk, struct libra_sock *ls)
{
	libra_overlay_pop(ls->overlay, sk);
	rhashtable_remove_fast(&over_tls, &ls->over_tls, over_tls_params);
	libra_sock_unlist(ls);
	libra_sock_put(ls);
}

/* tls keeps the slot, or whoever has it just now */
static void ulp_remove_over_tls(struct sock *sk)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct libra_sock *ls;

	ls = rhashtable_lookup_fast(&over_tls, &sk, over_tls_params);
	if (!ls)
		return;
	if (icsk->icsk_ulp_ops == &libra_over_tls)
		WRITE_ONCE(icsk->icsk_ulp_ops, tls_genuine);
	ulp_uncover(sk, ls);
	module_put(THIS_MODULE);
}

void libra_ulp_remove(struct sock *sk)
{
	sock_owned_by_me(sk);
	if (libra_ulp_yielded(sk)) {
		ulp_remove_over_tls(sk);
		return;
	}
	ulp_unhang(sk);
	WRITE_ONCE(inet_csk(sk)->icsk_ulp_ops, NULL);
	module_put(THIS_MODULE);
}

/* setsockopt(TCP_ULP) of the application itself; tcp_set_ulp() assigns the ops */
static int ulp_init(struct sock *sk)
{
	struct libra_overlay *overlay;
	struct libra_sock *ls;
	int err;

	ls = libra_attach_self(sk, &overlay, &err);
	if (!ls)
		return err;
	ulp_hang(sk, ls, overlay);
	return 0;
}

/* The socket is destroyed, maybe in a softirq; tcp_cleanup_ulp() does the rest */
static void ulp_release(struct sock *sk)
{
	ulp_unhang(sk);
}

/*
 * A child of a listener, in a softirq: its fields are the listener's, and so is
 * its proto when that was connected before it began to listen. Its struct socket
 * comes with accept(), which attaches it before the application can use it
 * (libra_accept()); nothing was read or written by then.
 */
static void ulp_clone(const struct request_sock *req, struct sock *child,
		      const gfp_t priority)
{
	RCU_INIT_POINTER(inet_csk(child)->icsk_ulp_data, NULL);
	inet_csk(child)->icsk_ulp_ops = NULL;
	WRITE_ONCE(child->sk_prot, libra_lower_prot(child));
}

static int ulp_put_info(struct sk_buff *skb, const struct libra_sock *ls)
{
	const struct libra_stream *rx = &ls->rx.stream, *tx = &ls->tx.stream;

	if (nla_put_string(skb, LIBRA_INFO_ATTR_PARSER,
			   libra_parser_name(ls->policy->parser)) ||
	    nla_put_u8(skb, LIBRA_INFO_ATTR_MODE, ls->policy->mode) ||
	    nla_put_u8(skb, LIBRA_INFO_ATTR_RX_STATE, READ_ONCE(rx->state)) ||
	    nla_put_u8(skb, LIBRA_INFO_ATTR_TX_STATE, READ_ONCE(tx->state)) ||
	    nla_put_u64_64bit(skb, LIBRA_INFO_ATTR_RX_COPIED,
			      READ_ONCE(rx->copied), LIBRA_INFO_ATTR_PAD) ||
	    nla_put_u64_64bit(skb, LIBRA_INFO_ATTR_RX_ELIDED,
			      READ_ONCE(rx->uncopied), LIBRA_INFO_ATTR_PAD) ||
	    nla_put_u64_64bit(skb, LIBRA_INFO_ATTR_TX_COPIED,
			      READ_ONCE(tx->copied), LIBRA_INFO_ATTR_PAD) ||
	    nla_put_u64_64bit(skb, LIBRA_INFO_ATTR_TX_REUSED,
			      READ_ONCE(tx->uncopied), LIBRA_INFO_ATTR_PAD))
		return -EMSGSIZE;
	return 0;
}

static int ulp_get_info(struct sock *sk, struct sk_buff *skb LIBRA_ULP_INFO_PARAM)
{
	struct libra_sock *ls;
	struct nlattr *nest;
	int err = 0;

	nest = nla_nest_start(skb, __INET_ULP_INFO_MAX);
	if (!nest)
		return -EMSGSIZE;
	rcu_read_lock();
	ls = libra_ulp_context(sk);
	if (ls)
		err = ulp_put_info(skb, ls);
	rcu_read_unlock();
	if (err) {
		nla_nest_cancel(skb, nest);
		return err;
	}
	nla_nest_end(skb, nest);
	return 0;
}

static size_t ulp_get_info_size(const struct sock *sk LIBRA_ULP_INFO_PARAM)
{
	return nla_total_size(0) + nla_total_size(LIBRA_NAME_MAX) +
	       3 * nla_total_size(sizeof(u8)) + 4 * nla_total_size_64bit(sizeof(u64));
}

/* ---- in the place of tls ---- */

/* The socket is destroyed, maybe in a softirq; tcp_cleanup_ulp() puts our reference */
static void over_tls_release(struct sock *sk)
{
	struct libra_sock *ls = rhashtable_lookup_fast(&over_tls, &sk, over_tls_params);
	const struct tcp_ulp_ops *tls = READ_ONCE(tls_genuine);

	if (WARN_ON_ONCE(!ls))
		return;
	if (tls->release)
		tls->release(sk);
	ulp_uncover(sk, ls);
	module_put(tls->owner);
}

/* tls's own, as long as @sk is covered; under RCU */
static const struct tcp_ulp_ops *over_tls_genuine(const struct sock *sk)
{
	return rhashtable_lookup(&over_tls, &sk, over_tls_params) ? READ_ONCE(tls_genuine) : NULL;
}

static void over_tls_update(struct sock *sk, struct proto *prot,
			    void (*write_space)(struct sock *sk))
{
	const struct tcp_ulp_ops *tls;

	rcu_read_lock();
	tls = over_tls_genuine(sk);
	if (tls && tls->update)
		tls->update(sk, prot, write_space);
	rcu_read_unlock();
}

static int over_tls_get_info(struct sock *sk, struct sk_buff *skb LIBRA_ULP_INFO_PARAM)
{
	const struct tcp_ulp_ops *tls;
	int err = 0;

	rcu_read_lock();
	tls = over_tls_genuine(sk);
	if (tls && tls->get_info)
		err = tls->get_info(sk, skb LIBRA_ULP_INFO_ARG);
	rcu_read_unlock();
	return err;
}

static size_t over_tls_get_info_size(const struct sock *sk LIBRA_ULP_INFO_PARAM)
{
	const struct tcp_ulp_ops *tls;
	size_t size = 0;

	rcu_read_lock();
	tls = over_tls_genuine(sk);
	if (tls && tls->get_info_size)
		size = tls->get_info_size(sk LIBRA_ULP_INFO_ARG);
	rcu_read_unlock();
	return size;
}

/* Never registered: tls is, under that name */
static struct tcp_ulp_ops libra_over_tls = {
	.name = "tls",
	.owner = THIS_MODULE,
	.update = over_tls_update,
	.release = over_tls_release,
	.get_info = over_tls_get_info,
	.get_info_size = over_tls_get_info_size,
};

static struct tcp_ulp_ops libra_ulp = {
	.name = "libra",
	.owner = THIS_MODULE,
	.init = ulp_init,
	.release = ulp_release,
	.clone = ulp_clone,
	.get_info = ulp_get_info,
	.get_info_size = ulp_get_info_size,
};

int __init libra_ulp_init(void)
{
	int err = rhashtable_init(&over_tls, &over_tls_params);

	if (err)
		return err;
	err = tcp_register_ulp(&libra_ulp);
	if (err)
		rhashtable_destroy(&over_tls);
	return err;
}

void libra_ulp_exit(void)
{
	tcp_unregister_ulp(&libra_ulp);
	rhashtable_destroy(&over_tls);
}
