// SPDX-License-Identifier: GPL-2.0
#include <linux/fdtable.h>
#include <linux/in.h>
#include <linux/net.h>
#include <linux/sched.h>
#include <net/sock.h>
#include <net/tcp_states.h>

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

bool libra_look_unwatched(void)
{
	return iterate_fd(current->files, 0, fd_unwatched, NULL);
}
