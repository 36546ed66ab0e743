// SPDX-License-Identifier: GPL-2.0
/*
 * While tls comes in below (tls.c) the socket's calls are others' for an instant: TCP's or
 * tls's own. A thread that looks for them then, a stranger here, goes on in what it found once
 * it gets a lock there, however long that takes. As long as there may be one it is kept out:
 *
 *   TCP is told that nothing is sent any more, and says so to strangers. Whoever came through
 *   our calls waits for tx.lock, or knows better (libra_send_broken()).
 *
 *   In tls, which would take the bytes and send them when TCP lets it, tx_lock is ours.
 *
 * In the end nearly always nobody else has the file. Otherwise a grace period with the lock
 * held for which strangers wait says where they are: asleep in its queue, or gone. Those
 * of TCP are let in, to be refused, until there are none; with one in tls's queue the
 * connection ends.
 *
 * Who has the file is all that is known of others.
 */
#include <linux/delay.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/rcupdate.h>
#include <linux/sched/task_stack.h>
#include <net/tcp.h>
#include <net/tls.h>
#include <asm/syscall.h>
#include <asm/unistd.h>

#include "compat/compat.h"
#include "domain.h"
#include "payload.h"
#include "sock.h"
#include "swap.h"
#include "tls.h"

/* For those in a call to end it; a look at /proc/PID/fd soon does */
#define SWAP_TRIES	10

static void swap_pause(void)
{
	usleep_range(50, 200);
}

/* ---- who else is there ---- */

static bool swap_table_shared(void)
{
	return atomic_read(&current->files->count) > 1;
}

/*
 * Is this setsockopt(2), of a descriptor that is there still? A worker of io_uring has the
 * registers of whoever made it.
 */
static bool swap_by_descriptor(const struct file *file)
{
	struct pt_regs *regs = current_pt_regs();
	unsigned long args[6];
	struct file *named;

	if (current->flags & PF_IO_WORKER || syscall_get_nr(current, regs) != __NR_setsockopt)
		return false;
	syscall_get_arguments(current, regs, args);
	named = fget(args[0]);
	if (named)
		fput(named);
	return named == file;
}

/*
 * Whoever is in a system call on the socket has its file, and so has this one where the table
 * is shared; the rest is the table's own. A ring's calls may do without, but it has the file
 * itself. Where the table has it no longer somebody else has what is counted (asked behind:
 * whoever put it in meanwhile had it).
 */
static bool swap_alone_now(const struct sock *sk)
{
	struct file *file = sk->sk_socket->file;

	if (!file || !current->files)
		return false;
	/* our calls are there before this: who takes the file later, a full barrier, finds them */
	smp_mb();
	if (file_count(file) > 1 + swap_table_shared())
		return false;
	smp_rmb();	/* behind */
	return swap_by_descriptor(file);
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

/* May somebody have a placeholder to send, or soon? */
static bool swap_matters(const struct libra_sock *ls)
{
	struct libra_domain *domain = READ_ONCE(ls->domain);

	return READ_ONCE(libra_ever_elided) || (domain && READ_ONCE(domain->armed));
}

static bool swap_sends(const struct sock *sk)
{
	return (1 << sk->sk_state) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT);
}

/* ---- before ---- */

static bool swap_needed(struct libra_sock *ls, struct libra_swap *swap)
{
	lockdep_assert_held(&ls->tx.lock);
	swap->write_seq = READ_ONCE(tcp_sk(ls->sk)->write_seq);
	return swap_matters(ls) && !swap_private(ls->sk);
}

void libra_swap_begin_tcp(struct libra_sock *ls, struct libra_swap *swap)
{
	struct sock *sk = ls->sk;

	sock_owned_by_me(sk);
	if (!swap_needed(ls, swap) || !swap_sends(sk) || sk->sk_shutdown & SEND_SHUTDOWN)
		return;
	swap->barred = true;
	set_bit(LIBRA_SOCK_BARRED, &ls->bits);
	smp_wmb();	/* libra_send_broken() sees the one with the other */
	WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | SEND_SHUTDOWN);
}

/* A write that waits for room, of a stream that is not framed, may have it for long */
void libra_swap_begin_tls(struct libra_sock *ls, struct libra_swap *swap)
{
	struct tls_context *ctx;
	int tries;

	/* keys that come before tls are refused */
	if (!swap_needed(ls, swap) || !libra_tls_present(ls->sk))
		return;
	ctx = tls_get_ctx(ls->sk);
	for (tries = 0; tries < SWAP_TRIES && !swap->locked; tries++) {
		if (mutex_trylock(&ctx->tx_lock))
			swap->locked = ctx;
		else
			swap_pause();
	}
	swap->open = !swap->locked;
}

/* ---- behind ---- */

static bool swap_any_live(const struct libra_sock *ls)
{
	struct libra_domain *domain = READ_ONCE(ls->domain);

	return domain && libra_payload_any_live(domain);
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

/* Where is everybody who found others' calls? Asleep, when this returns. Locks the socket */
static void swap_settle(struct sock *sk)
{
	lock_sock(sk);
	synchronize_rcu_tasks();
}

/* Nobody waits for the socket's lock, nor for room */
static bool swap_quiet(struct sock *sk)
{
	return !wq_has_sleeper(&sk->sk_lock.wq) && !READ_ONCE(sk->sk_write_pending);
}

/* Locks the socket. False: they do not get to know, and there is what they may send */
static bool swap_drain(struct libra_sock *ls)
{
	struct sock *sk = ls->sk;
	int tries;

	for (tries = 0; tries < SWAP_TRIES; tries++) {
		swap_settle(sk);
		if (swap_quiet(sk))
			return true;
		/* those who wait for room, too */
		sk->sk_state_change(sk);
		release_sock(sk);
		swap_pause();
	}
	lock_sock(sk);
	return !swap_any_live(ls);
}

/* Locks the socket. False: somebody was behind us */
static bool swap_unlock_tls(struct libra_sock *ls, struct tls_context *ctx)
{
	struct sock *sk = ls->sk;
	bool wanted;

	swap_settle(sk);
	wanted = libra_mutex_wanted(&ctx->tx_lock);
	mutex_unlock(&ctx->tx_lock);
	if (wanted || swap_quiet(sk))
		return !wanted;
	/* who waits for the socket may want to set keys, too: now, and not behind us */
	release_sock(sk);
	return swap_drain(ls);
}

/* Locks the socket. False: strangers may be left */
static bool swap_see_off(struct libra_sock *ls, const struct libra_swap *swap)
{
	if (swap->locked)
		return swap_unlock_tls(ls, swap->locked);
	if (!swap->open && (swap->barred || swap_matters(ls)))
		return swap_drain(ls);
	lock_sock(ls->sk);
	return !swap->open || !swap_any_live(ls);
}

static void swap_lift_bar(struct libra_sock *ls)
{
	struct sock *sk = ls->sk;

	sock_owned_by_me(sk);
	/* unless it was shut down, or connected anew, meanwhile, or is about to be reset */
	if (swap_sends(sk) && !READ_ONCE(ls->reset))
		WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown & ~SEND_SHUTDOWN);
	smp_wmb();	/* as in libra_swap_begin_tcp() */
	clear_bit(LIBRA_SOCK_BARRED, &ls->bits);
}

void libra_swap_end(struct libra_sock *ls, struct libra_swap *swap)
{
	struct sock *sk = ls->sk;

	lockdep_assert_held(&ls->tx.lock);
	if (swap->alone) {
		if (swap->locked)
			mutex_unlock(&swap->locked->tx_lock);
		lock_sock(sk);
	} else if (!swap_see_off(ls, swap) && swap_matters(ls)) {
		libra_sock_kill(ls, LIBRA_RESET_GUARD);
		WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | SEND_SHUTDOWN);
	}
	if (swap->barred)
		swap_lift_bar(ls);
	release_sock(sk);
}
