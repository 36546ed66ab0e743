// SPDX-License-Identifier: GPL-2.0
/*
 * While tls comes in below (tls.c) the socket's calls are others' for an instant: TCP's or
 * tls's own. A thread that looks for them then goes on in what it found, once the
 * socket's lock is its, however long that takes. So as long as one may be there, TCP is
 * told that nothing is sent any more: it says so to them, while whoever came through
 * our calls waits for tx.lock, or knows better (libra_send_broken()).
 *
 * A process whose threads have no socket in common with others' files, and each that never
 * got a placeholder, is spared all that.
 */
#include <linux/delay.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/rcupdate.h>
#include <net/tcp.h>

#include "domain.h"
#include "payload.h"
#include "policy.h"
#include "sock.h"
#include "swap.h"

/* For those in a call to end it; a look at /proc/PID/fd soon does */
#define SWAP_TRIES	10
/* For those who waited for the socket to hear it; each takes some microseconds */
#define SWAP_DRAINS	1000

static void swap_pause(void)
{
	usleep_range(50, 200);
}

static bool swap_table_shared(void)
{
	return atomic_read(&current->files->count) > 1;
}

/* Whoever is in a call on the socket has its file, and so has this call where it is shared */
static bool swap_alone_now(const struct sock *sk)
{
	struct file *file = sk->sk_socket->file;

	return file && current->files && file_count(file) <= 1 + swap_table_shared();
}

/* A call cannot end while the socket is locked */
static bool swap_alone(const struct sock *sk)
{
	int tries;

	sock_owned_by_me(sk);
	for (tries = 0; tries < SWAP_TRIES; tries++) {
		if (swap_alone_now(sk))
			return true;
		swap_pause();
	}
	return false;
}

/* Can nobody come until this call returns? */
static bool swap_private(const struct sock *sk)
{
	return swap_alone_now(sk) && !swap_table_shared();
}

static bool swap_any_live(const struct libra_sock *ls)
{
	struct libra_domain *domain = READ_ONCE(ls->domain);

	return domain && libra_payload_any_live(domain);
}

/* May somebody have a placeholder to send? Where all is copied none is made any more */
static bool swap_matters(const struct libra_sock *ls)
{
	return READ_ONCE(ls->policy->elided) &&
	       (READ_ONCE(ls->tx.stream.state) != LIBRA_STREAM_OPAQUE || swap_any_live(ls));
}

static bool swap_sends(const struct sock *sk)
{
	return (1 << sk->sk_state) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT);
}

void libra_swap_begin(struct libra_sock *ls, struct libra_swap *swap)
{
	struct sock *sk = ls->sk;

	lockdep_assert_held(&ls->tx.lock);
	lock_sock(sk);
	swap->write_seq = READ_ONCE(tcp_sk(sk)->write_seq);
	swap->barred = swap_matters(ls) && !swap_private(sk) && swap_sends(sk) &&
		       !(sk->sk_shutdown & SEND_SHUTDOWN);
	if (swap->barred) {
		set_bit(LIBRA_SOCK_BARRED, &ls->bits);
		smp_wmb();	/* libra_send_broken() sees the one with the other */
		WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | SEND_SHUTDOWN);
	}
	release_sock(sk);
}

void libra_swap_look(struct libra_sock *ls, struct libra_swap *swap, bool written)
{
	if (READ_ONCE(tcp_sk(ls->sk)->write_seq) == swap->write_seq)
		written = false;
	swap->alone = swap_alone(ls->sk);
	if (!swap->alone || written)
		libra_sock_opaque(ls, LIBRA_REASON_API);
	if (written && swap_any_live(ls))
		libra_sock_kill(ls, LIBRA_RESET_GUARD);
}

/* Nobody waits for the socket's lock, nor for room */
static bool swap_quiet(struct sock *sk)
{
	return !wq_has_sleeper(&sk->sk_lock.wq) && !READ_ONCE(sk->sk_write_pending);
}

/* False: they do not get to know */
static bool swap_drain(struct sock *sk)
{
	int tries, quiet = 0;

	/* on the way to the lock nobody sleeps: he is there by then, or was told */
	synchronize_rcu_tasks();
	for (tries = 0; tries < SWAP_DRAINS && quiet < 2; tries++) {
		lock_sock(sk);
		sk->sk_state_change(sk);
		quiet = swap_quiet(sk) ? quiet + 1 : 0;
		release_sock(sk);
		swap_pause();
	}
	return quiet == 2;
}

void libra_swap_end(struct libra_sock *ls, struct libra_swap *swap)
{
	struct sock *sk = ls->sk;

	lockdep_assert_held(&ls->tx.lock);
	if (!swap->barred)
		return;
	if (!swap->alone && !swap_drain(sk) && swap_any_live(ls))
		libra_sock_kill(ls, LIBRA_RESET_GUARD);
	lock_sock(sk);
	/* unless it was shut down, or connected anew, meanwhile */
	if (swap_sends(sk))
		WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown & ~SEND_SHUTDOWN);
	release_sock(sk);
	smp_wmb();	/* as in libra_swap_begin() */
	clear_bit(LIBRA_SOCK_BARRED, &ls->bits);
}
