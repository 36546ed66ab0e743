// SPDX-License-Identifier: GPL-2.0
/*
 * MSG_ZEROCOPY on a stream that is framed. The pages that lower would pin may
 * hold placeholders, and may change after they were searched: such bytes are
 * copied or reused like all others. The application learns it the way plain TCP
 * tells it on devices that cannot do without a copy.
 *
 * A notice is there before anything is sent, since there may be no room for it, but
 * has no number until then: a call that sends nothing must not take one from under
 * another that has sent meanwhile.
 */
#include <linux/skbuff.h>
#include <linux/socket.h>
#include <net/sock.h>

#include "compat/compat.h"
#include "send.h"
#include "sock.h"
#include "stream.h"
#include "zerocopy.h"

struct ubuf_info *libra_zerocopy_begin(struct libra_sock *ls, struct msghdr *msg)
{
	struct ubuf_info *notice;
	struct sock *sk = ls->sk;

	/* an opaque stream is lower's, the guard aside, and tls refuses it */
	if (!(msg->msg_flags & MSG_ZEROCOPY) || !libra_stream_synced(&ls->tx.stream) ||
	    !libra_send_to_tcp(ls))
		return NULL;
	msg->msg_flags &= ~MSG_ZEROCOPY;
	/* io_uring drops its own reference, which is its notice */
	if (msg->msg_ubuf) {
		msg->msg_ubuf = NULL;
		return NULL;
	}
	if (!sock_flag(sk, SOCK_ZEROCOPY))
		return NULL;
	lock_sock(sk);
	notice = libra_msg_zerocopy_alloc(sk, msg_data_left(msg));
	if (notice)
		atomic_dec(&sk->sk_zckey);
	release_sock(sk);
	if (!notice)
		return ERR_PTR(-ENOBUFS);
	uarg_to_msgzc(notice)->zerocopy = 0;
	return notice;
}

void libra_zerocopy_end(struct libra_sock *ls, struct ubuf_info *notice, bool sent)
{
	if (!notice)
		return;
	lock_sock(ls->sk);
	uarg_to_msgzc(notice)->id = (u32)atomic_inc_return(&ls->sk->sk_zckey) - 1;
	if (sent)
		net_zcopy_put(notice);
	else	/* which takes the number back, with the socket still locked */
		net_zcopy_put_abort(notice, true);
	release_sock(ls->sk);
}
