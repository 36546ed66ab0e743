/* SPDX-License-Identifier: GPL-2.0 */
/* What Libra knows of an attached socket */
#ifndef _LIBRA_SOCK_H
#define _LIBRA_SOCK_H

#include <linux/list.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/rhashtable-types.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <net/inet_connection_sock.h>
#include <net/sock.h>

#include "handshake.h"
#include "held.h"
#include "stream.h"
#include "uapi/libra.h"

struct libra_domain;
struct libra_gather;
struct libra_overlay;
struct libra_payload;
struct libra_policy;

/* Few clients ask more before they are answered */
#define LIBRA_EXCHANGE_FEW	4

struct libra_exchange {
	u8 tag;			/* of a parser */
	u8 request;		/* of classes.c */
};

/* Requests whose answers have not come, a ring with the oldest first */
struct libra_exchanges {
	spinlock_t lock;	/* all of it */
	u8 first;
	u8 count;
	u8 room;		/* LIBRA_EXCHANGE_FEW, or LIBRA_EXCHANGE_MAX */
	union {
		struct libra_exchange few[LIBRA_EXCHANGE_FEW];
		struct libra_exchange *ring;	/* when there is more room */
	};
};

struct libra_rx {
	struct mutex lock;	/* one read at a time; never held while waiting for data */
	struct libra_stream stream;
};

struct libra_tx {
	struct mutex lock;	/* one write at a time; never held while waiting for room */
	struct ubuf_info ubuf;	/* of frags.c */
	struct libra_stream stream;
	/* the cursor: the payload that is being sent, and how far it is */
	struct libra_payload *cursor;
	u32 cursor_off;
	u32 cursor_seg;		/* segment that holds cursor_off ... */
	u32 cursor_seg_off;	/* ... and where it begins ... */
	u32 cursor_moves;	/* ... in the pages that it had by then */
	struct libra_gather *gather;	/* NULL until something was gathered */
	struct libra_handshake handshake;
	bool locked;		/* the socket, by libra_send_begin() */
	struct libra_held held;
};

enum libra_sock_bits {
	LIBRA_SOCK_LATE,	/* counted in domain->late */
	LIBRA_SOCK_OPAQUE,	/* counted in domain->opaque */
	LIBRA_SOCK_CLOSING,	/* by the application */
	LIBRA_SOCK_RECONNECTED,	/* disconnected by the application */
	LIBRA_SOCK_FOREIGN,	/* used by more than one process */
	LIBRA_SOCK_BARRED,	/* to whoever comes past us, see swap.c */
	LIBRA_SOCK_FINISHED,	/* closed or let go: lower may have freed what it had */
};

struct libra_sock {
	struct sock *sk;
	refcount_t ref;			/* the attachment, calls in flight, timers */
	u8 reset;			/* enum libra_reset: sticky */
	bool listener;
	bool buffers_there;		/* pages of the buffer that was read into last; rx.lock */
	unsigned long bits;		/* enum libra_sock_bits */
	struct libra_overlay *overlay;	/* another one when tls comes in below, see tls.c */
	struct libra_policy *policy;
	struct libra_domain *domain;	/* set once, by the first call of a process */
	union {
		struct list_head node;		/* all attached sockets */
		/* once nobody refers to it: until a grace period is over, and then */
		struct rcu_head rcu;
		struct llist_node freed;
	};
	struct rhash_head over_tls;	/* of ulp.c */
	u64 order;			/* position in that list, for dumps */
	struct libra_exchanges exchanges;
	struct libra_rx rx;
	struct libra_tx tx;
};

static inline const struct libra_overlay *libra_sock_over(const struct libra_sock *ls)
{
	return READ_ONCE(ls->overlay);
}

int libra_sock_init(void);
void libra_sock_exit(void);

/* How a socket comes in */
enum libra_origin {
	LIBRA_ORIGIN_LISTEN,
	LIBRA_ORIGIN_ACCEPT,
	LIBRA_ORIGIN_CONNECT,
	LIBRA_ORIGIN_LATE,	/* bytes may have passed already */
};

/*
 * A context for @sk, not yet installed; takes a reference of its own to
 * @policy. NULL: no memory.
 */
struct libra_sock *libra_sock_new(struct sock *sk, struct libra_policy *policy,
				  struct libra_overlay *overlay,
				  enum libra_origin origin, gfp_t gfp);
void libra_sock_put(struct libra_sock *ls);

/*
 * The context of @sk with a reference, which keeps it and the module for a
 * call, or NULL when @sk is not attached (any more).
 */
struct libra_sock *libra_sock_enter(const struct sock *sk);

bool libra_sock_attached(const struct sock *sk);

/* In and out of the list of attached sockets */
void libra_sock_list(struct libra_sock *ls);
void libra_sock_unlist(struct libra_sock *ls);

/*
 * The domain of the current process, to which the socket is bound by its
 * first call; NULL when the process has none or the socket is another's.
 * Sleeps: no lock of the socket may be held.
 */
struct libra_domain *libra_sock_bind(struct libra_sock *ls);
/* Binds it to a domain before its first call; takes over the reference */
void libra_sock_bind_to(struct libra_sock *ls, struct libra_domain *domain);

/* What the policy asks for, now */
bool libra_sock_may_elide(const struct libra_sock *ls);

/* Framing is lost for good, in both directions or in one of them */
void libra_sock_opaque(struct libra_sock *ls, enum libra_reason reason);
void libra_sock_tx_opaque(struct libra_sock *ls, enum libra_reason reason);
void libra_sock_rx_opaque(struct libra_sock *ls, enum libra_reason reason);
/*
 * TLS is being set up on the connection: nothing is framed in @stream until kTLS
 * takes over there, which libra_sock_secured() says, with the lock of the stream's
 * direction. In between the application asks for kTLS, libra_sock_securing(), with
 * the socket locked.
 */
void libra_sock_handshake(struct libra_sock *ls, struct libra_stream *stream);
void libra_sock_securing(struct libra_sock *ls);
void libra_sock_secured(struct libra_sock *ls, struct libra_stream *stream);
/*
 * A listener that is about to connect: watched only. With the socket locked,
 * before it gets the overlay's proto.
 */
void libra_sock_unlisten(struct libra_sock *ls);
/* The application is done with it: it is no sink any more */
void libra_sock_closed(struct libra_sock *ls);
/* Both directions left the protocol by its own rules */
void libra_sock_tunnel(struct libra_sock *ls);

/*
 * Marks the connection as dead for @reset; the caller calls
 * libra_sock_finish() when it has given up its locks. -ECONNRESET.
 */
int libra_sock_kill(struct libra_sock *ls, enum libra_reset reset);
/* Resets a connection that was marked; nothing otherwise */
void libra_sock_finish(struct libra_sock *ls);

unsigned int libra_sock_count(void);
/*
 * The attached socket that follows @after in the list, with references to it
 * and its sock, or NULL. Begins with 0; the sock's order goes on.
 */
struct libra_sock *libra_sock_next(u64 after);

#endif /* _LIBRA_SOCK_H */
