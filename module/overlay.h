/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Overlays: copies of the lower protocol's proto and proto_ops in which the
 * calls that carry bytes are Libra's. One for each lower pair, never one a
 * socket. `lower` is the seam: everything below is called through it.
 */
#ifndef _LIBRA_OVERLAY_H
#define _LIBRA_OVERLAY_H

#include <linux/module.h>
#include <linux/net.h>
#include <net/sock.h>

struct libra_overlay {
	const char *name;			/* of the lower protocol */
	struct proto *lower;
	const struct proto_ops *lower_ops;
	struct proto prot;
	struct proto_ops ops;
};

int libra_overlay_init(void);

/* The overlay over what @sk has now, or NULL when there is none for it */
struct libra_overlay *libra_overlay_find(const struct sock *sk);

/* What may be read now without waiting, bytes; with the socket locked */
int libra_lower_available(const struct libra_overlay *overlay, struct sock *sk);

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
