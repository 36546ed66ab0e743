// SPDX-License-Identifier: GPL-2.0
#include <linux/fdtable.h>
#include <linux/in.h>
#include <linux/jiffies.h>
#include <linux/net.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#include "domain.h"
#include "look.h"
#include "sock.h"

/* Not begun yet: probe_set_state() (attach.c) will see it when it does */
static bool will_be_seen(const struct sock *sk)
{
	return READ_ONCE(sk->sk_state) == TCP_CLOSE &&
	       (sk->sk_protocol == IPPROTO_TCP || sk->sk_protocol == IPPROTO_MPTCP);
}

/*
 * Inherited or received listeners and connections, say, what was accepted
 * before the attach, and MPTCP, SMC and whatever else hides TCP below it.
 */
static int fd_unwatched(const void *data, struct file *file, unsigned int fd)
{
	struct socket *sock = sock_from_file(file);
	struct sock *sk = sock ? sock->sk : NULL;

	if (!sk || sk->sk_type != SOCK_STREAM)
		return 0;
	if (sk->sk_family == AF_SMC)
		return 1;
	if ((sk->sk_family != AF_INET && sk->sk_family != AF_INET6) || will_be_seen(sk))
		return 0;
	return sk->sk_protocol != IPPROTO_TCP || !libra_sock_attached(sk);
}

bool libra_look_due(const struct libra_domain *domain)
{
	unsigned long next = READ_ONCE(domain->next_look);

	if (next && time_before(jiffies, next))
		return false;
	/* closed for good: there is nothing to be learnt */
	return !READ_ONCE(domain->armed) || !READ_ONCE(domain->unwatched);
}

/*
 * What was found holds until the next look, and for good once the domain is
 * armed: payload may be in the process's memory by then, and be sent on what was
 * found after that is gone from its descriptors.
 */
static void look_note(struct libra_domain *domain, bool unwatched)
{
	spin_lock(&domain->lock);
	if (unwatched || !domain->armed)
		WRITE_ONCE(domain->unwatched, unwatched);
	spin_unlock(&domain->lock);
}

bool libra_look(struct libra_domain *domain)
{
	unsigned long start = jiffies;
	bool unwatched;

	/* until it is over nobody else begins one */
	WRITE_ONCE(domain->next_look, start + HZ);
	unwatched = iterate_fd(current->files, 0, fd_unwatched, NULL);
	/* it holds the table's lock: no more than a twentieth of the time */
	WRITE_ONCE(domain->next_look, jiffies + HZ + 20 * (jiffies - start));
	look_note(domain, unwatched);
	return unwatched;
}
