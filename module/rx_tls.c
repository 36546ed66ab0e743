// SPDX-License-Identifier: GPL-2.0
/*
 * tls's read_sock() hands over decrypted records, each in pages that nobody else
 * has. It never waits, and stops before a record that is no data: that one is
 * read through tls's recvmsg(), with the type that the application has to know.
 */
#include <linux/socket.h>
#include <net/sock.h>
#include <net/tls.h>
#include <net/tls_prot.h>

#include "compat/compat.h"
#include "overlay.h"
#include "rx_call.h"
#include "rx_tls.h"
#include "sock.h"

/*
 * Until a record of any kind is there, without taking it: tls knows best when
 * that is, and what else ends the wait. More than 0 when there is one.
 */
static int rx_tls_wait(struct libra_rx_call *call, int flags)
{
	u8 byte, control[CMSG_SPACE(sizeof(byte))];
	struct kvec vec = { .iov_base = &byte, .iov_len = sizeof(byte) };
	struct msghdr msg = { .msg_control = control, .msg_controllen = sizeof(control) };
	struct libra_sock *ls = call->ls;
	int ret;

	iov_iter_kvec(&msg.msg_iter, ITER_DEST, &vec, 1, sizeof(byte));
	release_sock(ls->sk);
	mutex_unlock(&ls->rx.lock);
	ret = libra_sock_over(ls)->lower->recvmsg(ls->sk, &msg, sizeof(byte),
						  (flags & MSG_DONTWAIT) | MSG_PEEK
						  LIBRA_RECVMSG_NO_ARG);
	mutex_lock(&ls->rx.lock);
	lock_sock(ls->sk);
	return ret;
}

/* An alert or a part of a handshake: no part of the stream; its place is kept by rx.lock */
static int rx_tls_control(struct libra_rx_call *call, struct msghdr *msg, size_t len, int flags)
{
	struct libra_sock *ls = call->ls;
	struct iov_iter from = msg->msg_iter;
	struct libra_tail tail = {};
	int ret;

	ret = libra_sock_over(ls)->lower->recvmsg(ls->sk, msg, len, flags | MSG_DONTWAIT
						  LIBRA_RECVMSG_NO_ARG);
	if (ret > 0 && READ_ONCE(libra_ever_elided) && libra_tail_search_iter(&tail, &from, ret))
		return libra_sock_kill(ls, LIBRA_RESET_REPLAY);
	return ret;
}

static void rx_tls_tell_type(const struct libra_rx_call *call, struct msghdr *msg)
{
	u8 type = TLS_RECORD_TYPE_DATA;

	put_cmsg(msg, SOL_TLS, TLS_GET_RECORD_TYPE, sizeof(type), &type);
	if (call->record_ends)
		msg->msg_flags |= MSG_EOR;
}

/* Behind bytes that were read an error is for the next call to learn, but lower took it */
static int rx_tls_failed(const struct libra_rx_call *call, int err)
{
	if (call->done && err != -EAGAIN && err != -EINTR && err != -ERESTARTSYS)
		WRITE_ONCE(call->ls->sk->sk_err, -err);
	return err;
}

/* read_sock() leaves there what is no data; the same error is for headers that are no TLS */
static bool rx_tls_control_next(const struct sock *sk)
{
	return !skb_queue_empty(&tls_sw_ctx_rx(tls_get_ctx(sk))->rx_list);
}

static bool rx_tls_at_end(const struct sock *sk)
{
	return READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN || sock_flag(sk, SOCK_DONE) ||
	       READ_ONCE(sk->sk_state) == TCP_CLOSE;
}

/*
 * All that is there, and more as long as the call asks for more. What stopped
 * lower, when nothing was read: 0 at the stream's end, LIBRA_RX_PLAIN before a record
 * that is no data, or an error.
 */
static int rx_tls_read(struct libra_rx_call *call, size_t target, int flags)
{
	struct sock *sk = call->ls->sk;
	int ret;

	for (;;) {
		ret = libra_rx_drain(call);
		if (call->err)
			return call->err;
		if (!iov_iter_count(call->to) || call->done >= target)
			return 0;
		if (ret == -EAGAIN) {
			ret = rx_tls_wait(call, flags);
			/* such a record may be empty */
			if (!ret && !rx_tls_at_end(sk))
				return LIBRA_RX_PLAIN;
		}
		if (ret == -EINVAL && rx_tls_control_next(sk))
			return LIBRA_RX_PLAIN;
		if (ret < 0)
			return rx_tls_failed(call, ret);
		/* an empty record of data, which older kernels put back for ever */
		if (!ret && !rx_tls_at_end(sk))
			return libra_sock_kill(call->ls, LIBRA_RESET_FAULT);
		if (!ret)
			return 0;
	}
}

int libra_rx_tls_receive(struct libra_rx_call *call, struct msghdr *msg, size_t len, int flags)
{
	struct libra_sock *ls = call->ls;
	int ret;

	lock_sock(ls->sk);
	ret = rx_tls_read(call, sock_rcvlowat(ls->sk, flags & MSG_WAITALL, len), flags);
	release_sock(ls->sk);
	if (READ_ONCE(ls->reset))
		return -ECONNRESET;
	if (call->done) {
		rx_tls_tell_type(call, msg);
		return call->done;
	}
	return ret == LIBRA_RX_PLAIN ? rx_tls_control(call, msg, len, flags) : ret;
}
