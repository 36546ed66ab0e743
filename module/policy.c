// SPDX-License-Identifier: GPL-2.0
/*
 * Locks: policies_lock serializes changes of the list; readers walk it under
 * RCU. Nothing is taken inside it. The last reference may be dropped in any
 * context, hence _bh.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/pid.h>
#include <linux/rculist.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "parser.h"
#include "policy.h"

bool libra_enabled = true;

static LIST_HEAD(policies);
static DEFINE_SPINLOCK(policies_lock);
static u32 last_id;
static unsigned int policies_count;

int libra_policy_add(struct libra_policy *policy, struct netlink_ext_ack *extack)
{
	spin_lock_bh(&policies_lock);
	if (last_id == U32_MAX) {
		spin_unlock_bh(&policies_lock);
		NL_SET_ERR_MSG(extack, "policy ids are used up: reload the module");
		return -ENOSPC;
	}
	policy->id = ++last_id;
	refcount_set(&policy->ref, 1);	/* dropped by libra_policy_remove() */
	list_add_tail_rcu(&policy->node, &policies);
	WRITE_ONCE(policies_count, policies_count + 1);
	spin_unlock_bh(&policies_lock);
	return 0;
}

static bool policy_is_again(const struct libra_policy *policy,
			    const struct libra_policy *wanted)
{
	return policy->draining && policy->pid == wanted->pid &&
	       policy->parser == wanted->parser && !strcmp(policy->exe, wanted->exe);
}

struct libra_policy *libra_policy_revive(const struct libra_policy *wanted)
{
	struct libra_policy *policy, *found = NULL;

	spin_lock_bh(&policies_lock);
	list_for_each_entry(policy, &policies, node) {
		if (!policy_is_again(policy, wanted) || !refcount_inc_not_zero(&policy->ref))
			continue;
		/* a call that sees some of these and not others is right either way */
		WRITE_ONCE(policy->lport, wanted->lport);
		WRITE_ONCE(policy->rport, wanted->rport);
		WRITE_ONCE(policy->threshold, wanted->threshold);
		WRITE_ONCE(policy->flags, wanted->flags);
		WRITE_ONCE(policy->proof, wanted->proof);
		WRITE_ONCE(policy->sample, wanted->sample);
		WRITE_ONCE(policy->cap, wanted->cap);
		WRITE_ONCE(policy->mode, wanted->mode);
		WRITE_ONCE(policy->draining, false);
		found = policy;
		break;
	}
	spin_unlock_bh(&policies_lock);
	return found;
}

struct libra_policy *libra_policy_remove(u32 id)
{
	struct libra_policy *policy, *found = NULL;

	spin_lock_bh(&policies_lock);
	list_for_each_entry(policy, &policies, node) {
		if (policy->id != id || policy->draining)
			continue;
		found = policy;
		WRITE_ONCE(policy->draining, true);
		break;
	}
	spin_unlock_bh(&policies_lock);
	return found;
}

void libra_policy_free(struct libra_policy *policy)
{
	put_pid(policy->pid);
	if (policy->parser)
		libra_parser_put(policy->parser);
	kfree_rcu(policy, rcu);
}

void libra_policy_put(struct libra_policy *policy)
{
	if (!refcount_dec_and_test(&policy->ref))
		return;
	spin_lock_bh(&policies_lock);
	list_del_rcu(&policy->node);
	WRITE_ONCE(policies_count, policies_count - 1);
	spin_unlock_bh(&policies_lock);
	libra_policy_free(policy);
}

static bool policy_matches_pid(const struct libra_policy *policy)
{
	const struct task_struct *task = current->group_leader;

	/* init is its own ancestor's end: pid 1 of the first namespace */
	for (; task && task->pid; task = rcu_dereference(task->real_parent)->group_leader) {
		if (task_tgid((struct task_struct *)task) == policy->pid)
			return true;
		if (is_global_init((struct task_struct *)task))
			break;
	}
	return false;
}

/* The executable of the current process, looked up once for all policies */
struct policy_exe {
	bool known;
	char *buf;
	const char *path;	/* NULL: it has none, or there is no memory */
};

static void policy_exe_look(struct policy_exe *exe)
{
	static const char gone[] = " (deleted)";
	struct mm_struct *mm = current->mm;
	struct file *file;
	char *path;
	size_t len;

	exe->known = true;
	file = mm ? get_file_active(&mm->exe_file) : NULL;
	if (!file)
		return;
	exe->buf = kmalloc(LIBRA_PATH_MAX + sizeof(gone), GFP_ATOMIC);
	if (!exe->buf)
		goto put;
	path = d_path(&file->f_path, exe->buf, LIBRA_PATH_MAX + sizeof(gone));
	if (IS_ERR(path))
		goto put;
	/* a package upgrade must not hide the process from its policy */
	len = strlen(path);
	if (len >= sizeof(gone) && !strcmp(path + len - sizeof(gone) + 1, gone))
		path[len - sizeof(gone) + 1] = '\0';
	exe->path = path;
put:
	fput(file);
}

static bool policy_matches_exe(const struct libra_policy *policy, struct policy_exe *exe)
{
	if (!exe->known)
		policy_exe_look(exe);
	return exe->path && !strcmp(exe->path, policy->exe);
}

static bool policy_matches(const struct libra_policy *policy, struct policy_exe *exe)
{
	if (READ_ONCE(policy->draining))
		return false;
	if (policy->pid && !policy_matches_pid(policy))
		return false;
	return !policy->exe[0] || policy_matches_exe(policy, exe);
}

struct libra_policy *libra_policy_match(void)
{
	struct libra_policy *policy, *found = NULL;
	struct policy_exe exe = {};

	if (!READ_ONCE(policies_count))
		return NULL;
	rcu_read_lock();
	list_for_each_entry_rcu(policy, &policies, node) {
		if (policy_matches(policy, &exe) &&
		    refcount_inc_not_zero(&policy->ref)) {
			found = policy;
			break;
		}
	}
	rcu_read_unlock();
	kfree(exe.buf);
	return found;
}

struct libra_policy *libra_policy_find(u32 id)
{
	struct libra_policy *policy, *found = NULL;

	rcu_read_lock();
	list_for_each_entry_rcu(policy, &policies, node) {
		if (policy->id == id && refcount_inc_not_zero(&policy->ref)) {
			found = policy;
			break;
		}
	}
	rcu_read_unlock();
	return found;
}

bool libra_policy_any_elides(void)
{
	struct libra_policy *policy;
	bool any = false;

	rcu_read_lock();
	list_for_each_entry_rcu(policy, &policies, node)
		any |= libra_policy_elides(policy) && !READ_ONCE(policy->draining);
	rcu_read_unlock();
	return any;
}

unsigned int libra_policy_count(void)
{
	return READ_ONCE(policies_count);
}

int libra_policy_for_each(u32 after,
			  int (*fn)(const struct libra_policy *policy, void *arg),
			  void *arg)
{
	struct libra_policy *policy;
	int err = 0;

	spin_lock_bh(&policies_lock);
	list_for_each_entry(policy, &policies, node) {
		if (policy->id <= after)
			continue;
		err = fn(policy, arg);
		if (err)
			break;
	}
	spin_unlock_bh(&policies_lock);
	return err;
}

/* Those without sockets do not pin the module: they go with it */
void libra_policy_exit(void)
{
	struct libra_policy *policy;
	u32 id;

	do {
		id = 0;
		spin_lock_bh(&policies_lock);
		list_for_each_entry(policy, &policies, node) {
			if (policy->draining)
				continue;
			id = policy->id;
			break;
		}
		spin_unlock_bh(&policies_lock);
		policy = libra_policy_remove(id);
		if (policy)
			libra_policy_put(policy);
	} while (id);
}
