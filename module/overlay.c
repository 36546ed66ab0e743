// SPDX-License-Identifier: GPL-2.0
/*
 * An overlay is made once and never changes or goes away while the module is
 * loaded, so what is in it needs no lock. Its proto is owned by this module, since clones
 * of a socket hold their proto's owner; its proto_ops keep the owner of the
 * lower ones, since __sock_release() puts the owner of the ops that it finds,
 * not of those that socket creation took it from.
 */
#include <linux/in6.h>
#include <linux/module.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <net/inet_common.h>
#include <net/tcp.h>
#include <net/transp_v6.h>

#include <asm/ioctls.h>

#include "attach.h"
#include "compat/compat.h"
#include "finish.h"
#include "gather.h"
#include "overlay.h"
#include "rx.h"
#include "send.h"
#include "sock.h"
#include "tls.h"
#include "tx.h"
#include "ulp.h"

/*
 * tcp over IPv4 and IPv6 (a v4-mapped socket keeps its IPv6 pair), then those over
 * tls, nine for each family at most. Read under RCU, added to under overlays_lock.
 */
static LIST_HEAD(overlays);
static DEFINE_MUTEX(overlays_lock);

static bool overlay_is_over(const struct libra_overlay *overlay, const struct sock *sk)
{
	return overlay->lower == READ_ONCE(sk->sk_prot) &&
	       overlay->lower_ops == READ_ONCE(sk->sk_socket->ops);
}

struct libra_overlay *libra_overlay_find(const struct sock *sk)
{
	struct libra_overlay *overlay, *found = NULL;

	if (!sk->sk_socket)
		return NULL;
	rcu_read_lock();
	list_for_each_entry_rcu(overlay, &overlays, node) {
		if (overlay->tx == LIBRA_LOWER_TCP && overlay->rx == LIBRA_LOWER_TCP &&
		    overlay_is_over(overlay, sk)) {
			found = overlay;
			break;
		}
	}
	rcu_read_unlock();
	return found;
}

/* Ours are known by their calls */
static struct libra_overlay *overlay_of_prot(struct proto *prot)
{
	return prot->recvmsg == libra_recvmsg ?
	       container_of(prot, struct libra_overlay, prot) : NULL;
}

static const struct libra_overlay *overlay_of_ops(const struct proto_ops *ops)
{
	return ops->accept == libra_accept ?
	       container_of(ops, struct libra_overlay, ops) : NULL;
}

struct proto *libra_lower_prot(const struct sock *sk)
{
	struct proto *prot = READ_ONCE(sk->sk_prot);
	const struct libra_overlay *overlay = overlay_of_prot(prot);

	return overlay ? overlay->lower : prot;
}

const struct proto_ops *libra_lower_ops(const struct socket *sock)
{
	const struct proto_ops *ops = READ_ONCE(sock->ops);
	const struct libra_overlay *overlay = overlay_of_ops(ops);

	return overlay ? overlay->lower_ops : ops;
}

void libra_overlay_push(struct libra_overlay *overlay, struct sock *sk, bool listener)
{
	sock_owned_by_me(sk);
	WRITE_ONCE(sk->sk_socket->ops, &overlay->ops);
	if (!listener)
		WRITE_ONCE(sk->sk_prot, &overlay->prot);
}

void libra_overlay_pop(const struct libra_overlay *overlay, struct sock *sk)
{
	/* a socket that is destroyed has lost its struct socket already */
	if (sk->sk_socket && READ_ONCE(sk->sk_socket->ops) == &overlay->ops)
		WRITE_ONCE(sk->sk_socket->ops, overlay->lower_ops);
	if (sk->sk_prot == &overlay->prot)
		WRITE_ONCE(sk->sk_prot, overlay->lower);
}

/* ---- calls that do not carry bytes, but change what is known of them ---- */

static void overlay_close(struct sock *sk, long timeout)
{
	struct libra_sock *ls = libra_sock_enter(sk);
	const struct libra_overlay *over;

	if (!ls) {
		libra_past_begin();
		libra_lower_prot(sk)->close(sk, timeout);
		libra_past_end();
		return;
	}
	set_bit(LIBRA_SOCK_CLOSING, &ls->bits);
	libra_finish_close(ls);
	libra_sock_closed(ls);
	over = libra_sock_over(ls);
	/* tls's close() has its own ideas of what it may find in front of it */
	if (libra_ulp_yielded(sk)) {
		lock_sock(sk);
		libra_ulp_remove(sk);
		release_sock(sk);
	}
	over->lower->close(sk, timeout);
	/* the socket may be gone; this kept the module while that took its time */
	libra_sock_put(ls);
}

static int overlay_shutdown(struct socket *sock, int how)
{
	struct libra_sock *ls = libra_sock_enter(sock->sk);
	int err;

	if (!ls)
		return libra_past(libra_lower_ops(sock)->shutdown(sock, how));
	/* others are refused, and change nothing */
	if (how == SHUT_WR || how == SHUT_RDWR)
		libra_finish_send(ls);
	err = libra_sock_over(ls)->lower_ops->shutdown(sock, how);
	libra_sock_put(ls);
	return err;
}

static int overlay_disconnect(struct sock *sk, int flags)
{
	struct libra_sock *ls = libra_sock_enter(sk);
	int err;

	if (!ls)
		return libra_past(libra_lower_prot(sk)->disconnect(sk, flags));
	err = libra_sock_over(ls)->lower->disconnect(sk, flags);
	/* an abortive close disconnects too, but nobody will connect again */
	if (!err && !test_bit(LIBRA_SOCK_CLOSING, &ls->bits)) {
		set_bit(LIBRA_SOCK_RECONNECTED, &ls->bits);
		libra_sock_opaque(ls, LIBRA_REASON_RECONNECT);
	}
	libra_sock_put(ls);
	return err;
}

static int overlay_setsockopt(struct sock *sk, int level, int optname,
			      sockptr_t optval, unsigned int optlen)
{
	struct libra_sock *ls = libra_sock_enter(sk);
	int err;

	if (!ls)
		return libra_past(libra_lower_prot(sk)->setsockopt(sk, level, optname, optval,
								   optlen));
	if (libra_tls_option(level, optname)) {
		err = libra_tls_setsockopt(ls, level, optname, optval, optlen);
		libra_sock_put(ls);
		return err;
	}
	/* checkpoint and restore moves bytes past the parser */
	if (level == SOL_TCP && optname == TCP_REPAIR) {
		libra_sock_opaque(ls, LIBRA_REASON_API);
		mutex_lock(&ls->tx.lock);
		libra_send_unasked(ls, libra_gather_flush);
		mutex_unlock(&ls->tx.lock);
	}
	if (level == SOL_TCP && optname == TCP_CORK &&
	    libra_sock_over(ls)->tx == LIBRA_LOWER_TLS_HW)
		err = libra_tls_setsockopt_between(ls, level, optname, optval, optlen);
	else
		err = libra_sock_over(ls)->lower->setsockopt(sk, level, optname, optval, optlen);
	libra_sock_put(ls);
	return err;
}

static int overlay_getsockopt(struct sock *sk, int level, int optname,
			      char __user *optval, int __user *optlen)
{
	struct libra_sock *ls = libra_sock_enter(sk);
	int err;

	if (!ls)
		return libra_past(libra_lower_prot(sk)->getsockopt(sk, level, optname, optval,
								   optlen));
	if (level == SOL_TCP && optname == TCP_ZEROCOPY_RECEIVE)
		libra_rx_lose(ls, LIBRA_REASON_API);
	err = libra_sock_over(ls)->lower->getsockopt(sk, level, optname, optval, optlen);
	libra_sock_put(ls);
	return err;
}

/* What waits here was sent, for the application */
static int overlay_ioctl(struct sock *sk, int cmd, int *arg)
{
	struct libra_sock *ls = libra_sock_enter(sk);
	u32 waiting;
	int err;

	if (!ls)
		return libra_past(libra_lower_prot(sk)->ioctl(sk, cmd, arg));
	/* first: what leaves meanwhile is counted twice rather than not at all */
	waiting = libra_gather_len(ls) + libra_held_len(&ls->tx.held);
	smp_rmb();	/* TCP has it before it is taken off here, see gather_flush() */
	err = libra_sock_over(ls)->lower->ioctl(sk, cmd, arg);
	if (!err && (cmd == SIOCOUTQ || cmd == SIOCOUTQNSD))
		*arg += waiting;
	libra_sock_put(ls);
	return err;
}

static ssize_t overlay_splice_read(struct socket *sock, loff_t *ppos,
				   struct pipe_inode_info *pipe, size_t len,
				   unsigned int flags)
{
	struct libra_sock *ls = libra_sock_enter(sock->sk);
	const struct proto_ops *ops;
	ssize_t ret;

	if (!ls)
		return libra_past(libra_lower_ops(sock)->splice_read(sock, ppos, pipe, len,
								     flags));
	ops = libra_sock_over(ls)->lower_ops;
	libra_rx_lose(ls, LIBRA_REASON_API);
	ret = ops->splice_read(sock, ppos, pipe, len, flags);
	libra_sock_put(ls);
	return ret;
}

static int overlay_read_sock(struct sock *sk, read_descriptor_t *desc,
			     sk_read_actor_t actor)
{
	struct libra_sock *ls = libra_sock_enter(sk);
	int ret;

	if (!ls)
		return libra_past(libra_lower_ops(sk->sk_socket)->read_sock(sk, desc, actor));
	/* the caller has the socket locked: no reader of ours is at work */
	libra_sock_rx_opaque(ls, LIBRA_REASON_API);
	ret = libra_sock_over(ls)->lower_ops->read_sock(sk, desc, actor);
	libra_sock_put(ls);
	return ret;
}

static struct libra_overlay *overlay_make(struct proto *lower, const struct proto_ops *lower_ops,
					  gfp_t gfp)
{
	struct libra_overlay *overlay = kzalloc(sizeof(*overlay), gfp);

	if (!overlay)
		return NULL;
	overlay->lower = lower;
	overlay->lower_ops = lower_ops;
	overlay->seen = *lower;
	overlay->prot = *lower;
	overlay->prot.owner = THIS_MODULE;
	overlay->prot.recvmsg = libra_recvmsg;
	overlay->prot.sendmsg = libra_sendmsg;
	overlay->prot.close = overlay_close;
	overlay->prot.disconnect = overlay_disconnect;
	overlay->prot.setsockopt = overlay_setsockopt;
	overlay->prot.getsockopt = overlay_getsockopt;
	overlay->prot.ioctl = overlay_ioctl;
	overlay->ops = *lower_ops;
	overlay->ops.accept = libra_accept;
	overlay->ops.shutdown = overlay_shutdown;
	overlay->ops.splice_read = overlay_splice_read;
	overlay->ops.read_sock = overlay_read_sock;
	return overlay;
}

/* Its lower pair is where it was, but tls.ko may have been loaded anew in between */
static struct libra_overlay *overlay_over_tls(const struct sock *sk, enum libra_lower rx,
					      enum libra_lower tx)
{
	struct libra_overlay *overlay;

	lockdep_assert_held(&overlays_lock);
	list_for_each_entry(overlay, &overlays, node)
		if (overlay_is_over(overlay, sk) && overlay->rx == rx && overlay->tx == tx &&
		    !memcmp(&overlay->seen, overlay->lower, sizeof(overlay->seen)))
			return overlay;
	return NULL;
}

struct libra_overlay *libra_overlay_over_tls(const struct sock *sk, enum libra_lower rx,
					     enum libra_lower tx)
{
	struct libra_overlay *overlay;

	mutex_lock(&overlays_lock);
	overlay = overlay_over_tls(sk, rx, tx);
	if (!overlay) {
		/* a handful in all the time; without it nobody would watch the socket */
		overlay = overlay_make(sk->sk_prot, sk->sk_socket->ops,
				       GFP_KERNEL | __GFP_NOFAIL);
		overlay->rx = rx;
		overlay->tx = tx;
		list_add_tail_rcu(&overlay->node, &overlays);
	}
	mutex_unlock(&overlays_lock);
	return overlay;
}

static int __init overlay_over_tcp(struct proto *lower, const struct proto_ops *lower_ops)
{
	struct libra_overlay *overlay = overlay_make(lower, lower_ops, GFP_KERNEL);

	if (!overlay)
		return -ENOMEM;
	list_add_tail_rcu(&overlay->node, &overlays);
	return 0;
}

int __init libra_overlay_init(void)
{
	struct socket *sock;
	int err;

	err = overlay_over_tcp(&tcp_prot, &inet_stream_ops);
	if (err)
		return err;
#if IS_ENABLED(CONFIG_IPV6)
	/* inet6_stream_ops is not exported: a socket shows it, where IPv6 is on */
	if (!sock_create_kern(&init_net, AF_INET6, SOCK_STREAM, IPPROTO_TCP, &sock)) {
		err = overlay_over_tcp(&tcpv6_prot, sock->ops);
		sock_release(sock);
		if (err)
			libra_overlay_exit();
	}
#endif
	return err;
}

void libra_overlay_exit(void)
{
	struct libra_overlay *overlay, *next;

	list_for_each_entry_safe(overlay, next, &overlays, node)
		kfree(overlay);
}
