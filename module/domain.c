// SPDX-License-Identifier: GPL-2.0
/*
 * Locks, outermost first:
 *
 *   mm->mmap_lock (libra_domain_get() only)
 *     domains_lock: the lists of domains
 *     users_lock: the list of users
 *     domain->lock: its payload lists (payload.c)
 *
 * No two of the last three nest. None is taken in softirqs: sockets give
 * their domain back from a work item (sock.c).
 *
 * A domain is an mmu_notifier that mmu_notifier_get() finds again for the same
 * mm; its users are the sockets that are bound to it and, once it is armed,
 * itself, until ->release() tells that the process is gone. It is freed from
 * SRCU's callback by a work item. It pins the module until then.
 */
#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "compat/compat.h"
#include "domain.h"
#include "look.h"
#include "payload.h"
#include "policy.h"
#include "sock.h"
#include "spill.h"
#include "verify.h"

struct libra_limits libra_limits = {
	.total = 256 << 20,
	.domain = 64 << 20,
	.user = 128 << 20,
	.sent = 2 << 20,
	.spill = 64 << 20,
};

/* All processes of one user share a limit */
struct libra_user {
	struct list_head node;
	kuid_t uid;
	unsigned int domains;
	atomic_long_t retained;
};

/* A domain takes this many payload ids at a time from next_block */
#define ID_BLOCK	1024

static DEFINE_HASHTABLE(domains, 8);
static LIST_HEAD(all_domains);
static DEFINE_SPINLOCK(domains_lock);
static unsigned int domains_count;
static u32 last_id;

static LIST_HEAD(users);
static DEFINE_SPINLOCK(users_lock);

static atomic64_t next_block = ATOMIC64_INIT(1);
static atomic_long_t retained_total;
static atomic_long_t retained_peak;
static struct workqueue_struct *domain_wq;

/* ---- users ---- */

static struct libra_user *user_get(kuid_t uid)
{
	struct libra_user *user, *fresh;

	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL);
	spin_lock(&users_lock);
	list_for_each_entry(user, &users, node)
		if (uid_eq(user->uid, uid))
			goto found;
	user = fresh;
	fresh = NULL;
	if (!user)
		goto unlock;
	user->uid = uid;
	list_add(&user->node, &users);
found:
	user->domains++;
unlock:
	spin_unlock(&users_lock);
	kfree(fresh);
	return user;
}

static void user_put(struct libra_user *user)
{
	spin_lock(&users_lock);
	if (--user->domains)
		user = NULL;
	else
		list_del(&user->node);
	spin_unlock(&users_lock);
	kfree(user);
}

kuid_t libra_domain_uid(const struct libra_domain *domain)
{
	return domain->user->uid;
}

/* ---- life ---- */

static void domain_free_work(struct work_struct *work)
{
	struct libra_domain *domain = container_of(to_rcu_work(work),
						   struct libra_domain, free_work);

	libra_spill_end(domain);
	mmdrop(domain->mn.mm);
	WARN_ON_ONCE(atomic_long_read(&domain->retained));
	xa_destroy(&domain->payloads);
	libra_verify_free(domain->records);
	libra_classes_free(domain->classes);
	if (domain->policy)
		libra_policy_put(domain->policy);
	user_put(domain->user);
	put_pid(domain->pid);
	kfree(domain);
	module_put(THIS_MODULE);
}

static void domain_unlist(struct libra_domain *domain)
{
	spin_lock(&domains_lock);
	hash_del_rcu(&domain->node);
	list_del(&domain->all);
	domains_count--;
	spin_unlock(&domains_lock);
}

/* Attach makes domains for other processes; under RCU */
static struct task_struct *domain_owner(struct mm_struct *mm)
{
	struct task_struct *owner = NULL;

#ifdef CONFIG_MEMCG
	owner = rcu_dereference(mm->owner);
#endif
	return owner ?: current->group_leader;
}

static struct mmu_notifier *domain_alloc(struct mm_struct *mm)
{
	struct libra_domain *domain;
	struct task_struct *owner;
	kuid_t uid;

	if (!try_module_get(THIS_MODULE))
		return ERR_PTR(-ENODEV);
	domain = kzalloc(sizeof(*domain), GFP_KERNEL);
	if (!domain)
		goto put_module;
	rcu_read_lock();
	owner = domain_owner(mm);
	uid = task_uid(owner);
	domain->pid = get_pid(task_tgid(owner));
	get_task_comm(domain->comm, owner);
	rcu_read_unlock();
	domain->user = user_get(uid);
	if (!domain->user)
		goto free_domain;
	spin_lock_init(&domain->lock);
	INIT_LIST_HEAD(&domain->live);
	INIT_LIST_HEAD(&domain->spilled);
	INIT_LIST_HEAD(&domain->sent);
	libra_spill_begin(domain);
	domain->places = RB_ROOT_CACHED;
	xa_init(&domain->payloads);
	INIT_RCU_WORK(&domain->free_work, domain_free_work);
	/* the notifier drops its own reference before our work items are done */
	mmgrab(mm);
	domain->mn.mm = mm;	/* for hash lookups already */
	spin_lock(&domains_lock);
	domain->id = ++last_id;
	hash_add_rcu(domains, &domain->node, (unsigned long)mm);
	list_add_tail(&domain->all, &all_domains);
	domains_count++;
	spin_unlock(&domains_lock);
	return &domain->mn;

free_domain:
	put_pid(domain->pid);
	kfree(domain);
put_module:
	module_put(THIS_MODULE);
	return ERR_PTR(-ENOMEM);
}

/* From SRCU's callback, which must not sleep */
static void domain_free(struct mmu_notifier *mn)
{
	struct libra_domain *domain = container_of(mn, struct libra_domain, mn);

	domain_unlist(domain);
	queue_rcu_work(domain_wq, &domain->free_work);
}

/* The process is gone, and with it every placeholder that it had in memory */
static void domain_release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct libra_domain *domain = container_of(mn, struct libra_domain, mn);

	bool armed;

	WRITE_ONCE(domain->exited, true);
	libra_payload_drop_all(domain);
	spin_lock(&domain->lock);
	armed = domain->armed;
	WRITE_ONCE(domain->armed, false);
	spin_unlock(&domain->lock);
	if (armed)
		libra_domain_put(domain);
}

static const struct mmu_notifier_ops domain_ops = {
	.alloc_notifier = domain_alloc,
	.free_notifier = domain_free,
	.release = domain_release,
};

struct libra_domain *libra_domain_get(struct mm_struct *mm)
{
	struct mmu_notifier *mn = mmu_notifier_get(&domain_ops, mm);

	return IS_ERR(mn) ? ERR_CAST(mn) : container_of(mn, struct libra_domain, mn);
}

void libra_domain_put(struct libra_domain *domain)
{
	mmu_notifier_put(&domain->mn);
}

/*
 * Runs in a call of the process itself, so ->release() has not run and cannot
 * run before this returns: the reference taken here is dropped there.
 */
void libra_domain_arm(struct libra_domain *domain, const struct libra_sock *ls)
{
	struct libra_domain *self;
	bool arm;

	if (likely(!libra_look_due(domain)))
		return;
	if (libra_look(domain) || READ_ONCE(domain->armed))
		return;
	self = libra_domain_get(domain->mn.mm);
	if (IS_ERR(self))
		return;
	spin_lock(&domain->lock);
	/*
	 * Asked once more, since the caller asked long ago: whoever keeps the
	 * socket from eliding does so before it takes this lock to disarm.
	 */
	arm = !domain->armed && libra_sock_may_elide(ls);
	if (arm)
		WRITE_ONCE(domain->armed, true);
	spin_unlock(&domain->lock);
	if (!arm)
		libra_domain_put(self);
}

void libra_domain_disarm(struct libra_domain *domain)
{
	bool was_armed;

	spin_lock(&domain->lock);
	was_armed = domain->armed && !domain->elided;
	if (was_armed)
		WRITE_ONCE(domain->armed, false);
	spin_unlock(&domain->lock);
	if (was_armed)
		libra_domain_put(domain);
}

/* Under RCU */
static struct libra_domain *domain_current(void)
{
	struct mm_struct *mm = current->mm;
	struct libra_domain *domain;

	hash_for_each_possible_rcu(domains, domain, node, (unsigned long)mm)
		if (domain->mn.mm == mm)
			return domain;
	return NULL;
}

bool libra_domain_current_elided(void)
{
	struct libra_domain *domain;
	bool elided = false;

	rcu_read_lock();
	domain = domain_current();
	if (domain) {
		spin_lock(&domain->lock);
		elided = domain->elided;
		spin_unlock(&domain->lock);
	}
	rcu_read_unlock();
	return elided;
}

struct libra_policy *libra_domain_current_policy(void)
{
	struct libra_policy *policy = NULL;
	struct libra_domain *domain;

	rcu_read_lock();
	domain = domain_current();
	if (domain && READ_ONCE(domain->elided))
		policy = READ_ONCE(domain->policy);
	if (policy && !refcount_inc_not_zero(&policy->ref))
		policy = NULL;
	rcu_read_unlock();
	return policy;
}

/* The first one stays: it says how sockets are attached that no policy matches */
void libra_domain_set_policy(struct libra_domain *domain, struct libra_policy *policy)
{
	if (READ_ONCE(domain->policy))
		return;
	refcount_inc(&policy->ref);
	if (cmpxchg(&domain->policy, NULL, policy))
		libra_policy_put(policy);
}

u32 libra_domain_gate(const struct libra_domain *domain)
{
	u32 closed = 0;

	if (atomic_read(&domain->late))
		closed |= LIBRA_GATE_LATE;
	if (atomic_read(&domain->opaque) || READ_ONCE(domain->stamped))
		closed |= LIBRA_GATE_OPAQUE;
	if (READ_ONCE(domain->tls))
		closed |= LIBRA_GATE_TLS;
	if (READ_ONCE(domain->exited))
		closed |= LIBRA_GATE_EXITED;
	if (READ_ONCE(domain->unwatched) ||
	    (domain->policy && READ_ONCE(domain->policy->unwatched)))
		closed |= LIBRA_GATE_UNWATCHED;
	return closed;
}

u64 libra_domain_next_id(struct libra_domain *domain)
{
	lockdep_assert_held(&domain->lock);
	if (domain->next_id == domain->end_id) {
		domain->next_id = atomic64_fetch_add(ID_BLOCK, &next_block);
		domain->end_id = domain->next_id + ID_BLOCK;
	}
	return domain->next_id++;
}

/* ---- charge ---- */

static bool charge_below(atomic_long_t *counter, size_t bytes, u64 limit)
{
	if (atomic_long_add_return(bytes, counter) <= limit)
		return true;
	atomic_long_sub(bytes, counter);
	return false;
}

static void raise_peak(atomic_long_t *peak, long now)
{
	long was = atomic_long_read(peak);

	while (now > was && !atomic_long_try_cmpxchg(peak, &was, now))
		;
}

static bool charge_policy(struct libra_policy *policy, size_t bytes)
{
	u64 cap = READ_ONCE(policy->cap);

	return charge_below(&policy->retained, bytes, cap ?: LONG_MAX);
}

bool libra_domain_charge(struct libra_domain *domain, size_t bytes)
{
	if (!charge_below(&domain->retained, bytes, READ_ONCE(libra_limits.domain)))
		return false;
	if (!charge_below(&domain->user->retained, bytes, READ_ONCE(libra_limits.user)))
		goto undo_domain;
	if (!charge_policy(domain->policy, bytes))
		goto undo_user;
	if (!charge_below(&retained_total, bytes, READ_ONCE(libra_limits.total)))
		goto undo_policy;
	raise_peak(&domain->peak, atomic_long_read(&domain->retained));
	raise_peak(&retained_peak, atomic_long_read(&retained_total));
	return true;

undo_policy:
	atomic_long_sub(bytes, &domain->policy->retained);
undo_user:
	atomic_long_sub(bytes, &domain->user->retained);
undo_domain:
	atomic_long_sub(bytes, &domain->retained);
	return false;
}

void libra_domain_charge_anyway(struct libra_domain *domain, size_t bytes)
{
	atomic_long_add(bytes, &retained_total);
	atomic_long_add(bytes, &domain->policy->retained);
	atomic_long_add(bytes, &domain->user->retained);
	atomic_long_add(bytes, &domain->retained);
}

void libra_domain_uncharge(struct libra_domain *domain, size_t bytes)
{
	atomic_long_sub(bytes, &retained_total);
	atomic_long_sub(bytes, &domain->policy->retained);
	atomic_long_sub(bytes, &domain->user->retained);
	atomic_long_sub(bytes, &domain->retained);
}

/* ---- what netlink asks ---- */

unsigned int libra_domain_count(void)
{
	return READ_ONCE(domains_count);
}

long libra_domain_retained_total(void)
{
	return atomic_long_read(&retained_total);
}

long libra_domain_retained_peak(void)
{
	return atomic_long_read(&retained_peak);
}

int libra_domain_for_each(u32 after,
			  int (*fn)(struct libra_domain *domain, void *arg),
			  void *arg)
{
	struct libra_domain *domain;
	int err = 0;

	spin_lock(&domains_lock);
	list_for_each_entry(domain, &all_domains, all) {
		if (domain->id <= after)
			continue;
		err = fn(domain, arg);
		if (err)
			break;
	}
	spin_unlock(&domains_lock);
	return err;
}

int __init libra_domain_init(void)
{
	domain_wq = alloc_workqueue("libra_domain", LIBRA_WQ_PERCPU, 0);
	return domain_wq ? 0 : -ENOMEM;
}

/*
 * Every domain pinned the module until its work was all but done, so what is
 * left is to wait for the end of that.
 */
void libra_domain_exit(void)
{
	mmu_notifier_synchronize();
	rcu_barrier();
	destroy_workqueue(domain_wq);
}
