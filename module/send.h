/* SPDX-License-Identifier: GPL-2.0 */
/* What goes to lower */
#ifndef _LIBRA_SEND_H
#define _LIBRA_SEND_H

#include <linux/types.h>
#include <net/sock.h>

struct iov_iter;
struct libra_sock;
struct workqueue_struct;

/* For timers: who has the socket locked may sleep in user memory for as long as it likes */
extern struct workqueue_struct *libra_send_wq;

int libra_send_init(void);
void libra_send_exit(void);

/*
 * Nothing is between us and TCP: what does not fill a packet may wait there, and an
 * ACK lets it go. tls keeps what it was told to wait with until the next call.
 */
bool libra_send_to_tcp(const struct libra_sock *ls);

/*
 * Between these the socket is locked, where lower can send on a locked one: no
 * ACK pushes the end of a part out before the next part is there. With tx.lock;
 * nothing in between waits.
 */
void libra_send_begin(struct libra_sock *ls);
void libra_send_end(struct libra_sock *ls);
/* ... but that ACKs are not left waiting behind a very long write */
void libra_send_relieve(struct libra_sock *ls);

/*
 * One part to lower: the next @len bytes of @part, which is not advanced, or
 * bytes of ours. Bytes accepted or an error. Never waits; with tx.lock, and not
 * with the socket locked but by libra_send_begin().
 */
int libra_send_part(struct libra_sock *ls, const struct iov_iter *part, size_t len,
		    int flags);
int libra_send_bytes(struct libra_sock *ls, const u8 *bytes, u32 len, int flags);
/* The same for segments of retained pages, which go out as they are; not behind what is gathered */
int libra_send_pages(struct libra_sock *ls, const struct iov_iter *part, size_t len,
		     int flags);
/*
 * In between, while packets are in flight, TCP lets what does not fill a packet
 * wait for the next call or the next ACK: more of it is at hand. False: nothing
 * is in flight, and no libra_send_uncork() is due. With tx.lock.
 */
bool libra_send_cork(struct libra_sock *ls);
void libra_send_uncork(struct libra_sock *ls);

/* Behind bytes that were taken this is for the next call to learn, as on TCP */
bool libra_send_broken(const struct libra_sock *ls);

/* Counts @len bytes that went out copied; with tx.lock */
void libra_send_copied(struct libra_sock *ls, u32 len);
/*
 * Waits for room; with no progress since the last time (@stuck) for memory,
 * which sk_stream_wait_memory() does for a random while. Without tx.lock.
 */
int libra_send_wait(struct sock *sk, long *timeo, bool stuck);
/* A write that does not wait found no memory: it is to be tried again when EPOLLOUT comes */
void libra_send_starved(struct sock *sk);
/*
 * What a write that has returned left waiting, by @flush: its 0 or error, -EAGAIN
 * as long as somebody has the socket locked, or an error waits for the application's
 * next call. With tx.lock.
 */
int libra_send_unasked(struct libra_sock *ls, int (*flush)(struct libra_sock *ls, int flags));
/* Lets go what MSG_MORE kept back for a part that does not come; locks the socket */
void libra_send_push(struct libra_sock *ls);
/*
 * The same before a write waits for room: what a device's record still lacks goes first,
 * and that waits, for tls does not allow anybody else to while a part of one is left, see
 * tls_device_write_space(). Without tx.lock.
 */
void libra_send_push_first(struct libra_sock *ls);

#endif /* _LIBRA_SEND_H */
