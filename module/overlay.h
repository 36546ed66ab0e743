/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Overlays: copies of the lower protocol's proto and proto_ops in which the
 * calls that carry bytes are Libra's. One for each lower pair, never one a
 * socket. `lower` is the seam: everything below is called through it.
 *
 * Lower is tcp, or tls (kTLS) over tcp, in each direction by itself.
 */
#ifndef _LIBRA_OVERLAY_H
#define _LIBRA_OVERLAY_H

#include <linux/module.h>
#include <linux/net.h>
#include <net/sock.h>

#include "uapi/libra.h"

struct libra_overlay {
	struct list_head node;
	enum libra_lower rx;		/* what is read from ... */
	enum libra_lower tx;		/* ... and written to */
	struct proto *lower;
	const struct proto_ops *lower_ops;
	struct proto seen;		/* lower as it was: tls may have come anew since */
	struct proto prot;
	struct proto_ops ops;
};

int libra_overlay_init(void);
void libra_overlay_exit(void);

/* The overlay over what @sk has now when that is tcp, or NULL; never sleeps */
struct libra_overlay *libra_overlay_find(const struct sock *sk);
/*
 * The same over whatever @sk has now, made when it is the first of its kind. With
 * the socket locked; sleeps.
 */
struct libra_overlay *libra_overlay_over_tls(const struct sock *sk, enum libra_lower rx,
					     enum libra_lower tx);

/*
 * What is below the overlay, or what is there: for calls that found no context
 * any more. They never come back to us that way.
 */
struct proto *libra_lower_prot(const struct sock *sk);
const struct proto_ops *libra_lower_ops(const struct socket *sock);

/*
 * Such a call has no context that pins the module, and may sleep below, for as
 * long as a read does: it pins the module itself until it is back, and unload is
 * refused meanwhile. That is in time, because libra_detach_policy() keeps the
 * module until all that was on its way to us when a socket was let go has got
 * here; the instructions behind the end are for synchronize_rcu_tasks() at exit.
 */
static inline void libra_past_begin(void)
{
	__module_get(THIS_MODULE);
}

static inline void libra_past_end(void)
{
	module_put(THIS_MODULE);
}

/* The same around a call that returns something, which is its value */
#define libra_past(call) ({			\
	libra_past_begin();			\
	typeof(call) past_ret = (call);		\
	libra_past_end();			\
	past_ret;				\
})

/*
 * Puts the overlay in front of the socket, or takes it away. A listener keeps
 * its lower proto, which its children are cloned with: only accept() is of
 * interest. With the socket locked.
 */
void libra_overlay_push(struct libra_overlay *overlay, struct sock *sk, bool listener);
void libra_overlay_pop(const struct libra_overlay *overlay, struct sock *sk);

#endif /* _LIBRA_OVERLAY_H */
