// SPDX-License-Identifier: GPL-2.0
/*
 * A socket has one slot for an upper layer protocol. When the application asks for
 * tls, it gets the slot, and Libra's context a place of its own (ulp.c).
 *
 * tls copies the proto and ops that it finds on the first socket into tables for all
 * that follow, and calls them as its own lower ones. So it has to find TCP's: the
 * overlay is taken away for as long as the call lasts, and another one is put over
 * what tls put there. The same happens without our doing when a direction gets its
 * keys: tls puts its own calls in place. The socket may be detached meanwhile.
 *
 * What another thread reads in between goes past us, and what it sends must not (swap.c).
 * No application does either while it sets up TLS. A stream is not framed where one
 * could have, which the file's other users tell, or where records passed before that we
 * did not see.
 */
#include <linux/unaligned.h>
#include <net/tcp.h>
#include <net/tls.h>
#include <net/tls_prot.h>

#include "gather.h"
#include "overlay.h"
#include "send.h"
#include "sock.h"
#include "swap.h"
#include "tls.h"
#include "ulp.h"

bool libra_tls_option(int level, int optname)
{
	return level == SOL_TLS || (level == SOL_TCP && optname == TCP_ULP);
}

bool libra_tls_present(const struct sock *sk)
{
	const struct tcp_ulp_ops *ops = READ_ONCE(inet_csk(sk)->icsk_ulp_ops);

	return ops && !strcmp(ops->name, "tls");
}

static enum libra_lower tls_lower(u8 conf)
{
	switch (conf) {
	case TLS_SW:
		return LIBRA_LOWER_TLS_SW;
	case TLS_HW:
		return LIBRA_LOWER_TLS_HW;
	default:
		return LIBRA_LOWER_TCP;
	}
}

struct libra_overlay *libra_tls_overlay(const struct sock *sk)
{
	const struct tls_context *ctx = tls_get_ctx(sk);

	return libra_overlay_over_tls(sk, tls_lower(ctx->rx_conf), tls_lower(ctx->tx_conf));
}

/* It shares a byte with what else is set there with the socket locked */
static void tls_set_zerocopy(struct sock *sk, bool on)
{
	lock_sock(sk);
	tls_get_ctx(sk)->zerocopy_sendfile = on;
	release_sock(sk);
}

void libra_tls_device_begin(struct libra_sock *ls, struct libra_tls_device *before)
{
	struct sock *sk = ls->sk;

	lockdep_assert_held(&ls->tx.lock);
	before->zerocopy = tls_get_ctx(sk)->zerocopy_sendfile;
	before->corked = tcp_sk(sk)->nonagle & TCP_NAGLE_CORK;
	if (!before->zerocopy)
		tls_set_zerocopy(sk, true);
	/* tls pushes each page of a record by itself */
	if (!before->corked)
		tcp_sock_set_cork(sk, true);
}

void libra_tls_device_end(struct libra_sock *ls, const struct libra_tls_device *before)
{
	if (!before->corked)
		tcp_sock_set_cork(ls->sk, false);
	if (!before->zerocopy)
		tls_set_zerocopy(ls->sk, false);
}

int libra_tls_setsockopt_between(struct libra_sock *ls, int level, int optname,
				 sockptr_t optval, unsigned int optlen)
{
	int err;

	mutex_lock(&ls->tx.lock);
	err = libra_sock_over(ls)->lower->setsockopt(ls->sk, level, optname, optval, optlen);
	mutex_unlock(&ls->tx.lock);
	return err;
}

/* ---- the slot ---- */

static bool tls_in_front(const struct libra_sock *ls)
{
	return READ_ONCE(ls->sk->sk_prot) != &ls->overlay->prot;
}

/* With the socket locked */
static void tls_push(struct libra_sock *ls)
{
	struct libra_overlay *overlay;

	/* another thread was faster */
	if (!tls_in_front(ls))
		return;
	overlay = libra_tls_overlay(ls->sk);
	WRITE_ONCE(ls->overlay, overlay);
	libra_overlay_push(overlay, ls->sk, false);
}

/* A stranger may have set keys, too, and been let in only now */
static void tls_end_swap(struct libra_sock *ls, struct libra_swap *swap)
{
	libra_swap_end(ls, swap);
	if (swap->alone)
		return;
	lock_sock(ls->sk);
	if (libra_ulp_holds(ls->sk, ls) && libra_tls_present(ls->sk) && tls_in_front(ls)) {
		tls_push(ls);
		/* who else came in between? */
		if (READ_ONCE(libra_ever_elided))
			libra_sock_kill(ls, LIBRA_RESET_GUARD);
	}
	release_sock(ls->sk);
}

/* With the socket locked; false: it was detached meanwhile, and is none of ours */
static bool tls_took_slot(struct libra_sock *ls)
{
	if (!libra_ulp_holds(ls->sk, ls))
		return false;
	if (libra_tls_present(ls->sk)) {
		libra_ulp_cover(ls->sk, ls);
		tls_push(ls);
		libra_sock_securing(ls);
	} else {
		libra_ulp_take_back(ls->sk, ls);
	}
	return true;
}

/* With the socket locked; 0 too where it was detached meanwhile */
static int tls_clear_slot(struct libra_sock *ls, struct libra_swap *swap)
{
	struct sock *sk = ls->sk;
	int err;

	libra_swap_nothing(swap);
	if (!libra_ulp_holds(sk, ls))
		return 0;
	if (libra_ulp_yielded(sk))
		return -EEXIST;
	/* tls says so as well, but those who wait for the connection would go past us */
	if (sk->sk_state != TCP_ESTABLISHED)
		return -ENOTCONN;
	libra_swap_begin_tcp(ls, swap);
	err = libra_ulp_yield(sk, ls);
	if (!err)
		swap->alone = false;
	return err;
}

static int tls_take_slot(struct libra_sock *ls, struct libra_swap *swap, char *name, int len)
{
	const struct libra_overlay *over = libra_sock_over(ls);
	struct sock *sk = ls->sk;
	int err;

	lock_sock(sk);
	err = tls_clear_slot(ls, swap);
	release_sock(sk);
	if (err)
		return err;
	err = over->lower->setsockopt(sk, SOL_TCP, TCP_ULP, KERNEL_SOCKPTR(name), len);
	lock_sock(sk);
	if (tls_took_slot(ls))
		libra_swap_look(ls, swap, true);
	release_sock(sk);
	return err;
}

/* What waits was written before TLS, and must not be encrypted; with tx.lock */
static int tls_clear_way(struct libra_sock *ls)
{
	int err;

	if (ls->tx.held.state != LIBRA_HELD_NONE)
		return -EBUSY;
	libra_send_begin(ls);
	err = libra_gather_flush(ls, 0);
	libra_send_end(ls);
	return err ? -EBUSY : 0;
}

static int tls_set_ulp(struct libra_sock *ls, sockptr_t optval, unsigned int optlen)
{
	char name[TCP_ULP_NAME_MAX];
	struct libra_swap swap = {};
	int len, err;

	if (optlen < 1)
		return -EINVAL;
	len = strncpy_from_sockptr(name, optval, min_t(long, TCP_ULP_NAME_MAX - 1, optlen));
	if (len < 0)
		return -EFAULT;
	name[len] = '\0';
	/* as far as others are concerned the slot is taken */
	if (strcmp(name, "tls"))
		return libra_sock_over(ls)->lower->setsockopt(ls->sk, SOL_TCP, TCP_ULP,
							      KERNEL_SOCKPTR(name), len + 1);
	mutex_lock(&ls->tx.lock);
	err = tls_clear_way(ls);
	if (!err) {
		err = tls_take_slot(ls, &swap, name, len + 1);
		tls_end_swap(ls, &swap);
	}
	mutex_unlock(&ls->tx.lock);
	return err;
}

/* ---- keys ---- */

/*
 * The first bytes that are the kernel's are the stream's first, too: at most the
 * handshake's last message, which TLS 1.2 encrypts with the same key, was the
 * application's. It may have read more than that before it handed over.
 */
static bool tls_from_the_first(const struct tls_context *ctx, const struct cipher_context *cipher)
{
	u64 passed = get_unaligned_be64(cipher->rec_seq);

	return passed <= (ctx->prot_info.version == TLS_1_2_VERSION ? 1 : 0);
}

/* tls put its own calls in place, in front of ours; with the socket locked. @written: as there */
static void tls_keyed(struct libra_sock *ls, struct libra_stream *stream,
		      struct libra_swap *swap, bool written)
{
	const struct tls_context *ctx;

	if (!libra_ulp_holds(ls->sk, ls) || !libra_tls_present(ls->sk) || !tls_in_front(ls)) {
		libra_swap_nothing(swap);
		return;
	}
	tls_push(ls);
	ctx = tls_get_ctx(ls->sk);
	if (tls_from_the_first(ctx, stream == &ls->tx.stream ? &ctx->tx : &ctx->rx))
		libra_sock_secured(ls, stream);
	else
		libra_sock_opaque(ls, LIBRA_REASON_NO_KTLS);
	libra_swap_look(ls, swap, written);
}

/* What comes past us goes to tls where it sends already, or will as soon as @stream is keyed */
static void tls_begin_keys(struct libra_sock *ls, const struct libra_stream *stream,
			   struct libra_swap *swap)
{
	if (stream == &ls->tx.stream || !libra_send_to_tcp(ls)) {
		libra_swap_begin_tls(ls, swap);
		return;
	}
	lock_sock(ls->sk);
	libra_swap_begin_tcp(ls, swap);
	release_sock(ls->sk);
}

/* With tx.lock, and with @stream's; libra_swap_end() is due */
static int tls_set_key(struct libra_sock *ls, struct libra_stream *stream,
		       struct libra_swap *swap, int optname, sockptr_t optval,
		       unsigned int optlen)
{
	const struct libra_overlay *over = libra_sock_over(ls);
	int err;

	lockdep_assert_held(&ls->tx.lock);
	tls_begin_keys(ls, stream, swap);
	err = over->lower->setsockopt(ls->sk, SOL_TLS, optname, optval, optlen);
	lock_sock(ls->sk);
	/* what tls encrypted before may be sent any time, with a key in place of another too */
	tls_keyed(ls, stream, swap, over->tx == LIBRA_LOWER_TCP);
	release_sock(ls->sk);
	return err;
}

static int tls_set_tx(struct libra_sock *ls, sockptr_t optval, unsigned int optlen)
{
	struct libra_swap swap = {};
	int err;

	mutex_lock(&ls->tx.lock);
	err = tls_set_key(ls, &ls->tx.stream, &swap, TLS_TX, optval, optlen);
	tls_end_swap(ls, &swap);
	mutex_unlock(&ls->tx.lock);
	return err;
}

/* Who writes waits as well: the calls of both directions are exchanged */
static int tls_set_rx(struct libra_sock *ls, sockptr_t optval, unsigned int optlen)
{
	struct libra_swap swap = {};
	int err;

	mutex_lock(&ls->rx.lock);
	mutex_lock(&ls->tx.lock);
	err = tls_set_key(ls, &ls->rx.stream, &swap, TLS_RX, optval, optlen);
	mutex_unlock(&ls->rx.lock);
	tls_end_swap(ls, &swap);
	mutex_unlock(&ls->tx.lock);
	return err;
}

int libra_tls_setsockopt(struct libra_sock *ls, int level, int optname,
			 sockptr_t optval, unsigned int optlen)
{
	int err;

	/* which payload could be sent past us? */
	libra_sock_bind(ls);
	if (level == SOL_TCP)
		err = tls_set_ulp(ls, optval, optlen);
	else if (optname == TLS_TX)
		err = tls_set_tx(ls, optval, optlen);
	else if (optname == TLS_RX)
		err = tls_set_rx(ls, optval, optlen);
	else
		err = libra_tls_setsockopt_between(ls, level, optname, optval, optlen);
	libra_sock_finish(ls);
	return err;
}

/* ---- writes ---- */

/* As tls_process_cmsg() reads it */
u8 libra_tls_record_type(const struct msghdr *msg)
{
	struct cmsghdr *cmsg;
	u8 type = 0;

	for_each_cmsghdr(cmsg, (struct msghdr *)msg) {
		if (!CMSG_OK(msg, cmsg))
			return 0;
		if (cmsg->cmsg_level != SOL_TLS)
			continue;
		if (cmsg->cmsg_type != TLS_SET_RECORD_TYPE ||
		    cmsg->cmsg_len < CMSG_LEN(sizeof(type)))
			return 0;
		type = *(u8 *)CMSG_DATA(cmsg);
	}
	return type;
}

/* close_notify, or what ends the connection; warnings do not */
bool libra_tls_ends(const struct msghdr *msg)
{
	struct iov_iter it = msg->msg_iter;
	u8 alert[2];

	return libra_tls_record_type(msg) == TLS_RECORD_TYPE_ALERT &&
	       copy_from_iter(alert, sizeof(alert), &it) == sizeof(alert) &&
	       (alert[0] == TLS_ALERT_LEVEL_FATAL || alert[1] == TLS_ALERT_DESC_CLOSE_NOTIFY);
}

int libra_tls_refuses(const struct libra_sock *ls, const struct msghdr *msg)
{
	/* see tls_sw_sendmsg() */
	const int taken = MSG_MORE | MSG_DONTWAIT | MSG_NOSIGNAL | MSG_CMSG_COMPAT |
			  MSG_SPLICE_PAGES | MSG_EOR | MSG_SENDPAGE_NOPOLICY;

	if (libra_send_to_tcp(ls))
		return 0;
	if (msg->msg_flags & ~taken)
		return -EOPNOTSUPP;
	/* ... tls_process_cmsg() */
	if (msg->msg_flags & MSG_MORE && (msg->msg_flags & MSG_EOR || msg->msg_controllen))
		return -EINVAL;
	return 0;
}

bool libra_tls_aside(const struct libra_sock *ls, const struct msghdr *msg)
{
	return !libra_send_to_tcp(ls) && msg->msg_controllen &&
	       libra_tls_record_type(msg) != TLS_RECORD_TYPE_DATA;
}

bool libra_tls_unsent(const struct libra_sock *ls)
{
	const struct tls_context *ctx;

	if (libra_sock_over(ls)->tx != LIBRA_LOWER_TLS_SW)
		return false;
	ctx = tls_get_ctx(ls->sk);
	return ctx && !list_empty(&tls_sw_ctx_tx(ctx)->tx_list);
}

/* TCP tells tls of room only where it was asked to, and not in the midst of a write */
void libra_tls_go_on(struct libra_sock *ls)
{
	lock_sock(ls->sk);
	ls->sk->sk_write_space(ls->sk);
	release_sock(ls->sk);
}

/* Neither waits for room as splice_eof() does: what has none leaves when there is some */

static void tls_push_sw(struct libra_sock *ls, struct msghdr *msg)
{
	struct {
		struct cmsghdr head;
		u8 type;
	} control = {
		.head = {
			.cmsg_len = CMSG_LEN(sizeof(control.type)),
			.cmsg_level = SOL_TLS,
			.cmsg_type = TLS_SET_RECORD_TYPE,
		},
		.type = TLS_RECORD_TYPE_DATA,
	};

	/* of the type that the open record has: of any other write of nothing tls takes no note */
	msg->msg_control = &control;
	msg->msg_controllen = sizeof(control);
	libra_sock_over(ls)->lower->sendmsg(ls->sk, msg, 0);
}

static void tls_push_device(struct libra_sock *ls, struct msghdr *msg)
{
	const struct tls_context *ctx = tls_get_ctx(ls->sk);

	/* where no record is open it would make an empty one */
	if (ctx && ctx->pending_open_record_frags)
		libra_sock_over(ls)->lower->sendmsg(ls->sk, msg, 0);
}

void libra_tls_push(struct libra_sock *ls)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };

	iov_iter_kvec(&msg.msg_iter, ITER_SOURCE, NULL, 0, 0);
	if (libra_sock_over(ls)->tx == LIBRA_LOWER_TLS_HW)
		tls_push_device(ls, &msg);
	else
		tls_push_sw(ls, &msg);
}
