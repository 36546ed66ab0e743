/* SPDX-License-Identifier: GPL-2.0 */
/* Policies: which processes and sockets are attached, and how */
#ifndef _LIBRA_POLICY_H
#define _LIBRA_POLICY_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/types.h>

#include "uapi/libra.h"

struct libra_parser;
struct netlink_ext_ack;
struct pid;

struct libra_policy {
	struct list_head node;		/* policies; under RCU */
	refcount_t ref;
	u32 id;
	/*
	 * The processes it matches, at least one of the two: all sockets of a
	 * process are attached, since payload may leave on any of them
	 */
	struct pid *pid;		/* the process and its descendants */
	char exe[LIBRA_PATH_MAX];	/* empty: any */
	/* the sockets of these that elide; 0 is any */
	u16 lport;
	u16 rport;
	/* what it asks for */
	struct libra_parser *parser;
	u32 threshold;
	u32 flags;			/* LIBRA_POLICY_F_SETTABLE */
	u32 proof;			/* verbatim messages that prove a class */
	u32 sample;			/* of a proven class, one in so many is verified */
	u8 mode;
	bool draining;			/* removed: elides no more */
	bool elided;			/* ever: its sockets cannot be let go */
	bool unwatched;			/* a socket could not be attached: elides no more */
	atomic_t sockets;
	u64 cap;			/* bytes that its domains may pin together; 0: any */
	atomic_long_t retained;		/* those that they pin */
	struct rcu_head rcu;
};

/* Cleared by `libractl off`: nothing is elided, connections go on */
extern bool libra_enabled;

void libra_policy_exit(void);

/* Takes over @policy's references; gives it its id. Process context */
int libra_policy_add(struct libra_policy *policy, struct netlink_ext_ack *extack);
/*
 * A policy for the same processes and parser that drains still: it is in force
 * again, as @wanted asks for, with all its sockets. NULL when there is none.
 * The list's reference is dropped by libra_policy_remove()
 */
struct libra_policy *libra_policy_revive(const struct libra_policy *wanted);
/*
 * Stops elision through it; new sockets no longer match it. It stays listed
 * until its last socket is gone. Hands the list's reference to the caller
 */
struct libra_policy *libra_policy_remove(u32 id);
/* For one that was never added */
void libra_policy_free(struct libra_policy *policy);
void libra_policy_put(struct libra_policy *policy);

static inline bool libra_policy_elides(const struct libra_policy *policy)
{
	u8 mode = READ_ONCE(policy->mode);

	return mode == LIBRA_MODE_ELIDE || mode == LIBRA_MODE_AUTO;
}

/* The policy for sockets of the current process, with a reference, or NULL */
struct libra_policy *libra_policy_match(void);
/* The policy with this id, with a reference, or NULL */
struct libra_policy *libra_policy_find(u32 id);
/* Is there one that may elide now? */
bool libra_policy_any_elides(void);
unsigned int libra_policy_count(void);

/* For the netlink dump: @fn for each policy whose id is above @after */
int libra_policy_for_each(u32 after,
			  int (*fn)(const struct libra_policy *policy, void *arg),
			  void *arg);

#endif /* _LIBRA_POLICY_H */
