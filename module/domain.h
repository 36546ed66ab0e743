/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Domains: one for each process (mm) that uses attached sockets. A domain
 * owns payload objects, is charged for the pages that they pin, and has the
 * gate that decides whether anything may be elided.
 */
#ifndef _LIBRA_DOMAIN_H
#define _LIBRA_DOMAIN_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "uapi/libra.h"

struct libra_classes;
struct libra_payload;
struct libra_policy;
struct libra_records;
struct libra_sock;
struct libra_user;
struct pid;

/* Limits in bytes, set over netlink */
struct libra_limits {
	u64 total;
	u64 domain;
	u64 user;
	u64 sent;
	u64 spill;
};

extern struct libra_limits libra_limits;

struct libra_domain {
	struct mmu_notifier mn;		/* its users are our reference count */
	struct hlist_node node;		/* domains, by mm; under RCU */
	struct list_head all;		/* all domains */
	u32 id;
	struct pid *pid;		/* who it was when the domain began */
	char comm[TASK_COMM_LEN];
	struct libra_user *user;
	struct libra_policy *policy;	/* of the first socket that was bound; then fixed */

	/* the gate: what keeps it closed */
	atomic_t late;			/* sockets with a past that nobody saw */
	atomic_t opaque;		/* sockets whose framing was given up */
	bool tls;			/* for good: an outgoing stream was unreadable */
	bool stamped;			/* for good: it wants time stamps of what it sends */
	bool exited;
	bool unwatched;			/* has a TCP socket that is not attached, or had */
	unsigned long next_look;	/* for one, in jiffies */
	bool armed;			/* lives as long as the process: it may elide */
	bool elided;			/* ever */

	atomic_t sockets;
	atomic_long_t retained;		/* bytes pinned */
	atomic_long_t peak;
	atomic64_t elided_bytes;

	spinlock_t lock;		/* all below but @payloads */
	struct list_head live;		/* payload objects not yet sent, oldest first */
	struct list_head spilled;	/* of those not yet sent, with their bytes in files */
	struct list_head sent;		/* payload objects kept for retries, oldest first */
	size_t sent_bytes;	/* of payload, however much its pages hold */
	u64 next_id;
	u64 end_id;
	unsigned int nr_live;		/* and spilled */
	unsigned int nr_spilled;
	size_t spilled_bytes;
	unsigned int nr_sent;
	struct rb_root_cached places;	/* of live payload, by user address */
	struct xarray payloads;		/* by id; under its own lock */
	struct libra_classes *classes;	/* NULL as long as nothing was verified */
	struct libra_records *records;
	bool pressed;			/* a limit is met: spill more */
	long spill_goal;		/* ... until so many bytes are pinned; of its work alone */
	struct delayed_work spill;
	struct rcu_work free_work;
};

int libra_domain_init(void);
void libra_domain_exit(void);

/*
 * The domain of @mm, made when there is none, with a reference, or an
 * ERR_PTR. Sleeps; takes mmap_lock. Must not be called with a socket locked.
 */
struct libra_domain *libra_domain_get(struct mm_struct *mm);
/* Does not sleep, but takes a lock that softirqs must not take */
void libra_domain_put(struct libra_domain *domain);
/*
 * True when the current process has a domain that ever elided. When not, it
 * will not as long as the gate is closed by what the caller found before:
 * libra_payload_new() asks the gate under the lock that is taken here.
 */
bool libra_domain_current_elided(void);
/* In that case the policy of its sockets, with a reference, or NULL */
struct libra_policy *libra_domain_current_policy(void);
void libra_domain_set_policy(struct libra_domain *domain, struct libra_policy *policy);

/* LIBRA_GATE_*, 0 when open */
u32 libra_domain_gate(const struct libra_domain *domain);

/*
 * Makes a domain ready to elide, when all its process's TCP sockets are
 * attached: from now on it lives until the process is gone. Nothing is elided
 * before. Afterwards it goes on looking for such sockets, once in a while: the
 * first one closes the gate for good. Called by the process itself, with no
 * socket locked, for @ls; when that may not elide (any more), and on failure, it
 * stays as it is.
 */
void libra_domain_arm(struct libra_domain *domain, const struct libra_sock *ls);
/*
 * Undoes that, unless it has elided. A socket that was kept from eliding
 * (libra_sock_may_elide()) before this is called cannot arm it again
 */
void libra_domain_disarm(struct libra_domain *domain);
/* The id of the next payload object, never used again; with domain->lock */
u64 libra_domain_next_id(struct libra_domain *domain);
kuid_t libra_domain_uid(const struct libra_domain *domain);

/*
 * Charges @bytes that are about to be pinned to the domain, its user, its
 * policy and the total; false, with nothing charged, when that would pass a
 * limit. The domain has its policy since its first socket was bound, before
 * which nothing is pinned, and until it is freed.
 */
bool libra_domain_charge(struct libra_domain *domain, size_t bytes);
/* The same without a limit */
void libra_domain_charge_anyway(struct libra_domain *domain, size_t bytes);
void libra_domain_uncharge(struct libra_domain *domain, size_t bytes);

unsigned int libra_domain_count(void);
long libra_domain_retained_total(void);
long libra_domain_retained_peak(void);

/* For the netlink dump: @fn for each domain whose id is above @after */
int libra_domain_for_each(u32 after,
			  int (*fn)(struct libra_domain *domain, void *arg),
			  void *arg);

#endif /* _LIBRA_DOMAIN_H */
