// SPDX-License-Identifier: GPL-2.0
/*
 * Future sockets are met at the tracepoint inet_sock_set_state, which fires in
 * the process's own context with the socket locked when it begins to listen or
 * to connect; a listener's children are met in accept(). Sockets that are open
 * already are handed over by the command line (netlink.c).
 */
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/tracepoint.h>
#include <net/inet_common.h>
#include <net/tcp.h>

#include "attach.h"
#include "domain.h"
#include "finish.h"
#include "overlay.h"
#include "policy.h"
#include "sock.h"
#include "stats.h"
#include "tls.h"
#include "trace.h"
#include "ulp.h"

static struct tracepoint *tp_set_state;

/* The one way in; with the socket locked */
static int attach(struct sock *sk, struct libra_policy *policy,
		  enum libra_origin origin, gfp_t gfp)
{
	bool tls = libra_tls_present(sk);
	struct libra_overlay *overlay;
	struct libra_sock *ls;
	int err;

	if (inet_csk(sk)->icsk_ulp_ops && !tls)
		return -EEXIST;
	/* only a socket that is open already has it, and those may sleep here */
	overlay = tls ? libra_tls_overlay(sk) : libra_overlay_find(sk);
	if (!overlay)
		return -EOPNOTSUPP;
	ls = libra_sock_new(sk, policy, overlay, origin, gfp);
	if (!ls)
		return -ENOMEM;
	err = tls ? libra_ulp_install_over_tls(sk, ls) : libra_ulp_install(sk, ls, overlay);
	if (err) {
		libra_sock_put(ls);
		return err;
	}
	trace_libra_attach(ls, origin);
	return 0;
}

/* ---- sockets to come ---- */

/* A stream that a process begins, on a socket of its own or below one */
static bool stream_begins(const struct sock *sk)
{
	return sk->sk_type == SOCK_STREAM &&
	       in_task() && current->mm && !(current->flags & PF_KTHREAD);
}

static bool attach_wanted(const struct sock *sk)
{
	return sk->sk_protocol == IPPROTO_TCP &&
	       (sk->sk_family == AF_INET || sk->sk_family == AF_INET6) &&
	       /* not one that the kernel made, for SMC say */
	       sk->sk_socket && sk->sk_socket->file;
}

/* Nobody would see placeholders leave on this socket: it refuses to send */
static void refuse_to_send(struct sock *sk)
{
	if (!libra_domain_current_elided())
		return;
	if (sk_is_tcp(sk) && tcp_sk(sk)->fastopen_req)
		tcp_sk(sk)->fastopen_req->size = 0;
	sk->sk_shutdown |= SEND_SHUTDOWN;
}

/*
 * MSG_FASTOPEN gets here in the middle of a send whose bytes go past us.
 * TCP_FASTOPEN_CONNECT does not: its first send comes after the connect.
 */
static enum libra_origin connect_origin(struct sock *sk)
{
	if (!tcp_sk(sk)->fastopen_req)
		return LIBRA_ORIGIN_CONNECT;
	refuse_to_send(sk);
	return LIBRA_ORIGIN_LATE;
}

/*
 * A socket that connects or listens again is attached already. One that
 * listened has lower's proto until now; its context needs no memory to become
 * one that watches, so this cannot fail.
 */
static bool attached_before(struct sock *sk, enum libra_origin origin)
{
	struct libra_sock *ls = libra_sock_enter(sk);

	if (!ls)
		return false;
	if (ls->listener && origin != LIBRA_ORIGIN_LISTEN) {
		libra_sock_unlisten(ls);
		libra_overlay_push(ls->overlay, sk, false);
	}
	libra_sock_put(ls);
	return true;
}

static struct libra_policy *policy_of_current(void)
{
	return libra_policy_match() ?: libra_domain_current_policy();
}

static void attach_new(struct sock *sk, enum libra_origin origin)
{
	struct libra_policy *policy;

	if (attached_before(sk, origin))
		return;
	policy = policy_of_current();
	if (!policy)
		return;
	if (attach(sk, policy, origin, GFP_ATOMIC)) {
		libra_count(LIBRA_STAT_ATTACH_FAILED);
		WRITE_ONCE(policy->unwatched, true);
		refuse_to_send(sk);
	}
	libra_policy_put(policy);
}

/* MPTCP, SMC and whatever else hides TCP below it: nobody sees what it carries */
static void meet_hidden(struct sock *sk)
{
	struct libra_policy *policy = policy_of_current();

	if (!policy)
		return;
	WRITE_ONCE(policy->unwatched, true);
	refuse_to_send(sk);
	libra_policy_put(policy);
}

/* The tracepoint fires before sk_state changes */
static void probe_set_state(void *data, const struct sock *traced,
			    const int oldstate, const int newstate)
{
	struct sock *sk = (struct sock *)traced;

	if (newstate != TCP_LISTEN && newstate != TCP_SYN_SENT)
		return;
	if (!libra_policy_count() || !stream_begins(sk))
		return;
	if (!attach_wanted(sk))
		meet_hidden(sk);
	else
		attach_new(sk, newstate == TCP_LISTEN ? LIBRA_ORIGIN_LISTEN :
			   connect_origin(sk));
}

/* ---- children ---- */

/* Before accept() returns the child to the application */
static int attach_child(const struct libra_sock *listener, struct socket *sock)
{
	struct libra_policy *policy = listener->policy;
	struct sock *sk = sock->sk;
	int err;

	lock_sock(sk);
	err = attach(sk, policy, LIBRA_ORIGIN_ACCEPT, GFP_KERNEL);
	release_sock(sk);
	if (!err)
		return 0;
	libra_count(LIBRA_STAT_ATTACH_FAILED);
	WRITE_ONCE(policy->unwatched, true);
	/* see refuse_to_send(); here the connection can be refused as a whole */
	return libra_domain_current_elided() ? -ECONNABORTED : 0;
}

int libra_accept(struct socket *sock, struct socket *newsock,
		 struct proto_accept_arg *arg)
{
	/* pins the module while lower waits */
	struct libra_sock *before = libra_sock_enter(sock->sk);
	struct libra_sock *listener;
	int err;

	/* do_accept() gave the child the listener's ops of before */
	WRITE_ONCE(newsock->ops, libra_lower_ops(newsock));
	if (!before)
		return libra_past(libra_lower_ops(sock)->accept(sock, newsock, arg));
	err = libra_sock_over(before)->lower_ops->accept(sock, newsock, arg);
	/* let go or attached anew, perhaps, in the meantime */
	listener = libra_sock_enter(sock->sk);
	if (!err && listener)
		err = attach_child(listener, newsock);
	if (listener)
		libra_sock_put(listener);
	libra_sock_put(before);
	return err;
}

/* ---- the application itself ---- */

struct libra_sock *libra_attach_self(struct sock *sk, struct libra_overlay **overlay,
				     int *err)
{
	enum libra_origin origin = sk->sk_state == TCP_LISTEN ?
				   LIBRA_ORIGIN_LISTEN : LIBRA_ORIGIN_LATE;
	struct libra_policy *policy;
	struct libra_sock *ls = NULL;

	*err = -ENOTCONN;
	if (sk->sk_state == TCP_CLOSE)
		return NULL;
	/* while tls is given the slot it is free for a moment */
	*err = -EEXIST;
	if (libra_sock_attached(sk))
		return NULL;
	*err = -EPERM;
	policy = libra_policy_match();
	if (!policy)
		return NULL;
	if (!(policy->flags & LIBRA_POLICY_F_SETSOCKOPT))
		goto put;
	*err = -EOPNOTSUPP;
	*overlay = libra_overlay_find(sk);
	if (!*overlay)
		goto put;
	*err = -ENOMEM;
	ls = libra_sock_new(sk, policy, *overlay, origin, GFP_KERNEL);
put:
	libra_policy_put(policy);
	return ls;
}

/* ---- sockets that are open ---- */

/* A listener that had to stay when its policy went: the next one takes it over */
static int attach_again(struct sock *sk, struct libra_policy *policy)
{
	struct libra_sock *before = libra_sock_enter(sk);
	struct libra_sock *ls;
	int err = -EALREADY;

	if (!before)
		return -EALREADY;
	if (!before->listener || !READ_ONCE(before->policy->draining))
		goto put;
	err = -ENOMEM;
	ls = libra_sock_new(sk, policy, before->overlay, LIBRA_ORIGIN_LISTEN, GFP_KERNEL);
	if (!ls)
		goto put;
	err = 0;
	libra_ulp_replace(sk, ls);
	trace_libra_attach(ls, LIBRA_ORIGIN_LISTEN);
put:
	libra_sock_put(before);
	return err;
}

int libra_attach_open(struct sock *sk, struct libra_policy *policy,
		      struct libra_domain *domain, struct netlink_ext_ack *extack)
{
	struct libra_sock *ls;
	int err;

	if (!sk_is_tcp(sk)) {
		NL_SET_ERR_MSG(extack, "not a TCP socket");
		return -EPROTONOSUPPORT;
	}
	lock_sock(sk);
	if (sk->sk_state == TCP_CLOSE) {
		NL_SET_ERR_MSG(extack, "the socket is neither connected nor listening");
		err = -ENOTCONN;
		goto unlock;
	}
	if (libra_sock_attached(sk))
		err = attach_again(sk, policy);
	else
		err = attach(sk, policy, sk->sk_state == TCP_LISTEN ?
			     LIBRA_ORIGIN_LISTEN : LIBRA_ORIGIN_LATE, GFP_KERNEL);
	if (err == -EALREADY)
		NL_SET_ERR_MSG(extack, "the socket is attached already");
	else if (err == -EEXIST)
		NL_SET_ERR_MSG(extack, "the socket has another upper layer protocol");
	else if (err == -EOPNOTSUPP)
		NL_SET_ERR_MSG(extack, "the socket's protocol was replaced (sockmap, SMC, MPTCP)");
	else if (err)
		NL_SET_ERR_MSG(extack, "no memory");
unlock:
	release_sock(sk);
	if (err)
		return err;
	ls = libra_sock_enter(sk);
	if (ls) {
		libra_sock_bind_to(ls, domain);
		libra_sock_put(ls);
	} else {
		libra_domain_put(domain);
	}
	return 0;
}

/* ---- the way back ---- */

static void detach(struct libra_sock *ls)
{
	struct sock *sk = ls->sk;

	libra_finish_close(ls);
	lock_sock(sk);
	libra_ulp_remove(sk);
	release_sock(sk);
}

/*
 * From here on no process begins to elide through this policy, which drains
 * already: no socket of it arms a domain again. True when one ever did.
 */
static bool disarm_all(const struct libra_policy *policy)
{
	struct libra_domain *domain;
	struct libra_sock *ls;
	bool elided = false;
	u64 after = 0;

	while ((ls = libra_sock_next(after))) {
		after = ls->order;
		domain = ls->policy == policy ? READ_ONCE(ls->domain) : NULL;
		if (domain) {
			libra_domain_disarm(domain);
			elided |= READ_ONCE(domain->elided);
		}
		sock_put(ls->sk);
		libra_sock_put(ls);
	}
	return elided || READ_ONCE(policy->elided);
}

/* May the socket become one that nobody watches? */
static bool may_detach(const struct libra_sock *ls, bool elided)
{
	const struct libra_domain *domain = READ_ONCE(ls->domain);

	/* what a listener accepts nobody would watch, in whatever process */
	if (!domain || ls->listener)
		return !elided;
	return !READ_ONCE(domain->elided) && !READ_ONCE(domain->armed);
}

void libra_detach_policy(struct libra_policy *policy)
{
	struct libra_sock *ls;
	bool elided, detached = false;
	u64 after = 0;

	/* whoever has a socket pins the module */
	if (libra_policy_any_elides() || !try_module_get(THIS_MODULE))
		return;
	/* all of them first: only then it is known for good whether any elided */
	elided = disarm_all(policy);
	while ((ls = libra_sock_next(after))) {
		after = ls->order;
		if (ls->policy == policy && may_detach(ls, elided)) {
			detach(ls);
			detached = true;
		}
		sock_put(ls->sk);
		libra_sock_put(ls);
	}
	/* see libra_past_begin(): what took a socket's proto or ops for ours gets here */
	if (detached)
		synchronize_rcu_tasks();
	module_put(THIS_MODULE);
}

static void find_set_state(struct tracepoint *tp, void *priv)
{
	if (!strcmp(tp->name, "inet_sock_set_state"))
		tp_set_state = tp;
}

int __init libra_attach_init(void)
{
	for_each_kernel_tracepoint(find_set_state, NULL);
	if (!tp_set_state) {
		pr_err("libra: this kernel has no tracepoint inet_sock_set_state\n");
		return -ENOENT;
	}
	return tracepoint_probe_register(tp_set_state, probe_set_state, NULL);
}

void libra_attach_exit(void)
{
	tracepoint_probe_unregister(tp_set_state, probe_set_state, NULL);
	tracepoint_synchronize_unregister();
}
