/* SPDX-License-Identifier: GPL-2.0 */
/* kTLS that comes in below Libra */
#ifndef _LIBRA_TLS_H
#define _LIBRA_TLS_H

#include <linux/sockptr.h>
#include <linux/types.h>

struct libra_overlay;
struct libra_sock;
struct msghdr;
struct sock;

/* Options by which an application sets up kTLS */
bool libra_tls_option(int level, int optname);
/* proto.setsockopt for these */
int libra_tls_setsockopt(struct libra_sock *ls, int level, int optname,
			 sockptr_t optval, unsigned int optlen);

/* tls has the slot for upper layer protocols */
bool libra_tls_present(const struct sock *sk);
/* The overlay over what tls does on @sk now; with the socket locked, sleeps */
struct libra_overlay *libra_tls_overlay(const struct sock *sk);

/* How the application has it */
struct libra_tls_device {
	bool zerocopy;		/* TLS_TX_ZEROCOPY_RO */
	bool corked;		/* TCP_CORK */
};

/*
 * Around a send of pages that a device encrypts from where they are. With tx.lock, and
 * without the socket's.
 */
void libra_tls_device_begin(struct libra_sock *ls, struct libra_tls_device *before);
void libra_tls_device_end(struct libra_sock *ls, const struct libra_tls_device *before);
/* The application changes one of these two: not while such a send has them */
int libra_tls_setsockopt_between(struct libra_sock *ls, int level, int optname,
				 sockptr_t optval, unsigned int optlen);

/* What the application says that it writes: 0 when it does not, or wrongly */
u8 libra_tls_record_type(const struct msghdr *msg);
/* A write by which the application says that it will write no more */
bool libra_tls_ends(const struct msghdr *msg);
/* The error with which tls would refuse a write for its flags, or 0 */
int libra_tls_refuses(const struct libra_sock *ls, const struct msghdr *msg);
/* A write to tls that is no part of the stream: an alert or a part of a handshake */
bool libra_tls_aside(const struct libra_sock *ls, const struct msghdr *msg);

/* tls has taken records that TCP has not: a write that may wait is not over then */
bool libra_tls_unsent(const struct libra_sock *ls);
/* There is room: tls's worker passes them on */
void libra_tls_go_on(struct libra_sock *ls);
/* An empty write: tls closes the record that MSG_MORE kept open. Never waits */
void libra_tls_push(struct libra_sock *ls);

#endif /* _LIBRA_TLS_H */
