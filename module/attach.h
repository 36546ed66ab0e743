/* SPDX-License-Identifier: GPL-2.0 */
/* The roads by which a socket comes under Libra, and the way back */
#ifndef _LIBRA_ATTACH_H
#define _LIBRA_ATTACH_H

#include <linux/net.h>

struct libra_domain;
struct libra_overlay;
struct libra_policy;
struct libra_sock;
struct netlink_ext_ack;

int libra_attach_init(void);
void libra_attach_exit(void);

/* proto_ops.accept of an attached listener: its children are attached */
int libra_accept(struct socket *sock, struct socket *newsock,
		 struct proto_accept_arg *arg);

/*
 * The application sets the ULP itself: a context where a policy allows it,
 * NULL and @err otherwise. With the socket locked.
 */
struct libra_sock *libra_attach_self(struct sock *sk, struct libra_overlay **overlay,
				     int *err);

/*
 * A socket that is open already, for the process of @domain, whose reference
 * is taken over on success. -EALREADY when it is attached.
 */
int libra_attach_open(struct sock *sk, struct libra_policy *policy,
		      struct libra_domain *domain, struct netlink_ext_ack *extack);

/*
 * Lets go of the sockets of a policy that was removed. Those of processes that
 * ever received placeholders, or still may, through another policy, stay,
 * copying and watched, until they close.
 */
void libra_detach_policy(struct libra_policy *policy);

#endif /* _LIBRA_ATTACH_H */
