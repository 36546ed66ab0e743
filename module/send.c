// SPDX-License-Identifier: GPL-2.0
/*
 * Lower's sendmsg() as the rest of the module uses it: in parts that never
 * wait, with tx.lock held, and waiting for room without it.
 */
#include <linux/uio.h>
#include <linux/workqueue.h>
#include <net/tcp.h>

#include "frags.h"
#include "gather.h"
#include "overlay.h"
#include "send.h"
#include "sock.h"
#include "stats.h"
#include "tls.h"

struct workqueue_struct *libra_send_wq;

bool libra_send_to_tcp(const struct libra_sock *ls)
{
	return libra_sock_over(ls)->tx == LIBRA_LOWER_TCP;
}

void libra_send_begin(struct libra_sock *ls)
{
	lockdep_assert_held(&ls->tx.lock);
	/* tls locks it itself; what its ops have in that place is TCP's */
	ls->tx.locked = libra_send_to_tcp(ls) && libra_sock_over(ls)->lower_ops->sendmsg_locked;
	if (ls->tx.locked)
		lock_sock(ls->sk);
}

void libra_send_end(struct libra_sock *ls)
{
	lockdep_assert_held(&ls->tx.lock);
	if (ls->tx.locked)
		release_sock(ls->sk);
	ls->tx.locked = false;
}

void libra_send_relieve(struct libra_sock *ls)
{
	if (ls->tx.locked)
		sk_flush_backlog(ls->sk);
}

static int send_lower(struct libra_sock *ls, struct msghdr *msg, size_t len, int flags)
{
	lockdep_assert_held(&ls->tx.lock);
	/* a signal is for the whole write, see libra_sendmsg() */
	msg->msg_flags = flags | MSG_DONTWAIT | MSG_NOSIGNAL;
	if (flags & MSG_MORE)
		msg->msg_flags &= ~MSG_EOR;
	iov_iter_truncate(&msg->msg_iter, len);
	if (ls->tx.locked)
		return libra_sock_over(ls)->lower_ops->sendmsg_locked(ls->sk, msg, len);
	return libra_sock_over(ls)->lower->sendmsg(ls->sk, msg, len);
}

static int send_iter(struct libra_sock *ls, const struct iov_iter *part, size_t len,
		     int flags)
{
	struct msghdr msg = { .msg_iter = *part };

	return send_lower(ls, &msg, len, flags);
}

int libra_send_part(struct libra_sock *ls, const struct iov_iter *part, size_t len,
		    int flags)
{
	int ret = libra_gather_flush(ls, flags | MSG_MORE);

	return ret ?: send_iter(ls, part, len, flags);
}

int libra_send_pages(struct libra_sock *ls, const struct iov_iter *part, size_t len,
		     int flags)
{
	struct libra_frags frags;
	int ret;

	if (ls->tx.locked) {
		libra_frags_init(&frags, ls->sk, part, &ls->tx.ubuf);
		ret = send_lower(ls, &frags.msg, len,
				 (flags & ~MSG_SPLICE_PAGES) | MSG_ZEROCOPY);
		/* short of memory: TCP's own way says how to wait for it */
		if (ret != -EFAULT)
			return ret;
	}
	return send_iter(ls, part, len, flags | MSG_SPLICE_PAGES);
}

/* More than a packet that is not full yet has */
#define SEND_CORK	SKB_TRUESIZE(GSO_LEGACY_MAX_SIZE)

bool libra_send_cork(struct libra_sock *ls)
{
	lockdep_assert_held(&ls->tx.lock);
	if (!libra_send_to_tcp(ls) || !READ_ONCE(tcp_sk(ls->sk)->packets_out))
		return false;
	/* as much as a packet that the device still has, see tcp_should_autocork() */
	refcount_add(SEND_CORK, &ls->sk->sk_wmem_alloc);
	return true;
}

void libra_send_uncork(struct libra_sock *ls)
{
	/* the sock itself has one, so nothing is freed */
	WARN_ON_ONCE(refcount_sub_and_test(SEND_CORK, &ls->sk->sk_wmem_alloc));
}

void libra_send_copied(struct libra_sock *ls, u32 len)
{
	WRITE_ONCE(ls->tx.stream.copied, ls->tx.stream.copied + len);
	libra_count_add(LIBRA_STAT_TX_COPIED, len);
}

int libra_send_bytes(struct libra_sock *ls, const u8 *bytes, u32 len, int flags)
{
	struct kvec vec = { .iov_base = (void *)bytes, .iov_len = len };
	struct iov_iter part;
	int ret;

	iov_iter_kvec(&part, ITER_SOURCE, &vec, 1, len);
	ret = libra_send_part(ls, &part, len, flags & ~MSG_SPLICE_PAGES);
	if (ret > 0)
		libra_send_copied(ls, ret);
	return ret;
}

static void send_splice_eof(struct libra_sock *ls)
{
	struct socket *sock = ls->sk->sk_socket;

	if (sock && libra_sock_over(ls)->lower_ops->splice_eof)
		libra_sock_over(ls)->lower_ops->splice_eof(sock);
}

void libra_send_push(struct libra_sock *ls)
{
	if (libra_send_to_tcp(ls))
		send_splice_eof(ls);
	else
		libra_tls_push(ls);
}

void libra_send_push_first(struct libra_sock *ls)
{
	if (libra_sock_over(ls)->tx == LIBRA_LOWER_TLS_HW)
		send_splice_eof(ls);
	else
		libra_send_push(ls);
}

/* Who came through our calls does not mind what swap.c says to others */
static bool send_shut(const struct libra_sock *ls)
{
	if (likely(!(READ_ONCE(ls->sk->sk_shutdown) & SEND_SHUTDOWN)))
		return false;
	smp_rmb();	/* that, and why: see libra_swap_begin_tcp() ... */
	if (test_bit(LIBRA_SOCK_BARRED, &ls->bits))
		return false;
	smp_rmb();	/* ... and it may have come to its end in between */
	return READ_ONCE(ls->sk->sk_shutdown) & SEND_SHUTDOWN;
}

bool libra_send_broken(const struct libra_sock *ls)
{
	return READ_ONCE(ls->sk->sk_err) || send_shut(ls);
}

/* As TCP does it: the next ACK wakes who waits for room, and where none is due we do */
void libra_send_starved(struct sock *sk)
{
	lock_sock(sk);
	if (sk->sk_socket)
		set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	if (tcp_rtx_and_write_queues_empty(sk))
		sk->sk_write_space(sk);
	release_sock(sk);
}

int libra_send_wait(struct sock *sk, long *timeo, bool stuck)
{
	int err = 0;

	lock_sock(sk);
	if ((1 << sk->sk_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV))
		err = sk_stream_wait_connect(sk, timeo);
	else if (stuck || !sk_stream_memory_free(sk))
		err = sk_stream_wait_memory(sk, timeo);
	release_sock(sk);
	/* what is wrong with the connection the next part says better */
	return err == -EPIPE ? 0 : err;
}

int libra_send_unasked(struct libra_sock *ls, int (*flush)(struct libra_sock *ls, int flags))
{
	struct sock *sk = ls->sk;
	int ret;

	/* whoever has it may sleep in user memory, and others wait for this worker */
	if (sock_owned_by_user_nocheck(sk))
		return -EAGAIN;
	libra_send_begin(ls);
	if (READ_ONCE(sk->sk_state) == TCP_CLOSE ||
	    READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN)
		ret = 0;
	else if (READ_ONCE(sk->sk_err) || tcp_sk(sk)->repair)
		ret = -EAGAIN;	/* an error that the connection outlives */
	else
		ret = flush(ls, 0);
	libra_send_end(ls);
	return ret;
}

int __init libra_send_init(void)
{
	libra_send_wq = alloc_workqueue("libra_send", WQ_UNBOUND, 0);
	return libra_send_wq ? 0 : -ENOMEM;
}

/* Each timer held a context, and none is left: what may be is the end of their work */
void libra_send_exit(void)
{
	destroy_workqueue(libra_send_wq);
}
