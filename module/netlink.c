// SPDX-License-Identifier: GPL-2.0
/*
 * The family, and the commands that change something; report.c has those that
 * tell. Handlers run in the caller's context, in parallel; the rooms that own
 * what is asked for take the locks, but for policy_change.
 */
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <net/genetlink.h>

#include "attach.h"
#include "domain.h"
#include "netlink.h"
#include "parser.h"
#include "policy.h"
#include "report.h"
#include "sock.h"

/*
 * While the sockets of a policy are let go neither does it come back nor does
 * another one take them over; outermost of all locks.
 */
static DEFINE_MUTEX(policy_change);

/* ---- answers ---- */

struct sk_buff *libra_answer_new(struct genl_info *info, u8 cmd, void **head)
{
	struct sk_buff *skb = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);

	if (!skb)
		return NULL;
	*head = genlmsg_put_reply(skb, info, &libra_family, 0, cmd);
	if (!*head) {
		nlmsg_free(skb);
		return NULL;
	}
	return skb;
}

int libra_answer_send(struct sk_buff *skb, struct genl_info *info, void *head, int err)
{
	if (err) {
		NL_SET_ERR_MSG(info->extack, "the answer does not fit");
		nlmsg_free(skb);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, head);
	return genlmsg_reply(skb, info);
}

/* ---- config ---- */

static int config_put(struct sk_buff *skb)
{
	const struct libra_limits *limits = &libra_limits;
	const int pad = LIBRA_CONFIG_ATTR_PAD;

	return nla_put_u8(skb, LIBRA_CONFIG_ATTR_ENABLED, READ_ONCE(libra_enabled)) ||
	       nla_put_u64_64bit(skb, LIBRA_CONFIG_ATTR_CAP_TOTAL,
				 READ_ONCE(limits->total), pad) ||
	       nla_put_u64_64bit(skb, LIBRA_CONFIG_ATTR_CAP_DOMAIN,
				 READ_ONCE(limits->domain), pad) ||
	       nla_put_u64_64bit(skb, LIBRA_CONFIG_ATTR_CAP_USER,
				 READ_ONCE(limits->user), pad) ||
	       nla_put_u64_64bit(skb, LIBRA_CONFIG_ATTR_CAP_SENT,
				 READ_ONCE(limits->sent), pad) ||
	       nla_put_u64_64bit(skb, LIBRA_CONFIG_ATTR_CAP_SPILL,
				 READ_ONCE(limits->spill), pad) ||
	       nla_put_string(skb, LIBRA_CONFIG_ATTR_VERSION, THIS_MODULE->version ?: "") ||
	       nla_put_u32(skb, LIBRA_CONFIG_ATTR_POLICIES, libra_policy_count()) ||
	       nla_put_u32(skb, LIBRA_CONFIG_ATTR_DOMAINS, libra_domain_count()) ||
	       nla_put_u32(skb, LIBRA_CONFIG_ATTR_SOCKETS, libra_sock_count()) ||
	       nla_put_u32(skb, LIBRA_CONFIG_ATTR_PARSERS, libra_parser_count());
}

static int config_get(struct sk_buff *request, struct genl_info *info)
{
	struct sk_buff *skb;
	void *head;

	skb = libra_answer_new(info, LIBRA_CMD_CONFIG_GET, &head);
	if (!skb)
		return -ENOMEM;
	return libra_answer_send(skb, info, head, config_put(skb));
}

static void config_set_limit(struct genl_info *info, int attr, u64 *limit)
{
	if (info->attrs[attr])
		WRITE_ONCE(*limit, nla_get_u64(info->attrs[attr]));
}

static int config_set(struct sk_buff *request, struct genl_info *info)
{
	config_set_limit(info, LIBRA_CONFIG_ATTR_CAP_TOTAL, &libra_limits.total);
	config_set_limit(info, LIBRA_CONFIG_ATTR_CAP_DOMAIN, &libra_limits.domain);
	config_set_limit(info, LIBRA_CONFIG_ATTR_CAP_USER, &libra_limits.user);
	config_set_limit(info, LIBRA_CONFIG_ATTR_CAP_SENT, &libra_limits.sent);
	config_set_limit(info, LIBRA_CONFIG_ATTR_CAP_SPILL, &libra_limits.spill);
	if (info->attrs[LIBRA_CONFIG_ATTR_ENABLED])
		WRITE_ONCE(libra_enabled, nla_get_u8(info->attrs[LIBRA_CONFIG_ATTR_ENABLED]));
	return 0;
}

/* ---- policies ---- */

static int policy_set_pid(struct libra_policy *policy, struct genl_info *info)
{
	struct nlattr *attr = info->attrs[LIBRA_POLICY_ATTR_PID];
	bool leads = false;

	if (!attr)
		return 0;
	policy->pid = find_get_pid(nla_get_u32(attr));
	if (policy->pid) {
		rcu_read_lock();
		leads = pid_task(policy->pid, PIDTYPE_TGID);
		rcu_read_unlock();
	}
	if (!leads) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr, "there is no process with this pid");
		return -ESRCH;
	}
	return 0;
}

static int policy_set_exe(struct libra_policy *policy, struct genl_info *info)
{
	struct nlattr *attr = info->attrs[LIBRA_POLICY_ATTR_EXE];

	if (!attr)
		return 0;
	nla_strscpy(policy->exe, attr, sizeof(policy->exe));
	if (policy->exe[0] != '/') {
		NL_SET_ERR_MSG_ATTR(info->extack, attr, "the executable's path must be absolute");
		return -EINVAL;
	}
	return 0;
}

static int policy_set_parser(struct libra_policy *policy, struct genl_info *info)
{
	struct nlattr *attr = info->attrs[LIBRA_POLICY_ATTR_PARSER];
	char name[LIBRA_NAME_MAX];

	nla_strscpy(name, attr, sizeof(name));
	policy->parser = libra_parser_get(name);
	if (!policy->parser) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr, "no parser of this name is loaded");
		return -ENOENT;
	}
	return 0;
}

static u32 info_u32(struct genl_info *info, int attr, u32 otherwise)
{
	return info->attrs[attr] ? nla_get_u32(info->attrs[attr]) : otherwise;
}

static u16 info_u16(struct genl_info *info, int attr)
{
	return info->attrs[attr] ? nla_get_u16(info->attrs[attr]) : 0;
}

static int policy_set(struct libra_policy *policy, struct genl_info *info)
{
	int err;

	if (!info->attrs[LIBRA_POLICY_ATTR_PID] && !info->attrs[LIBRA_POLICY_ATTR_EXE]) {
		NL_SET_ERR_MSG(info->extack, "a policy needs a pid or an executable");
		return -EINVAL;
	}
	if (GENL_REQ_ATTR_CHECK(info, LIBRA_POLICY_ATTR_PARSER)) {
		NL_SET_ERR_MSG(info->extack, "a policy needs a parser");
		return -EINVAL;
	}
	policy->lport = info_u16(info, LIBRA_POLICY_ATTR_LPORT);
	policy->rport = info_u16(info, LIBRA_POLICY_ATTR_RPORT);
	policy->threshold = info_u32(info, LIBRA_POLICY_ATTR_THRESHOLD,
				     LIBRA_THRESHOLD_DEFAULT);
	policy->flags = info_u32(info, LIBRA_POLICY_ATTR_FLAGS, 0);
	policy->proof = info_u32(info, LIBRA_POLICY_ATTR_PROOF, LIBRA_PROOF_DEFAULT);
	policy->sample = info_u32(info, LIBRA_POLICY_ATTR_SAMPLE, LIBRA_SAMPLE_DEFAULT);
	if (info->attrs[LIBRA_POLICY_ATTR_CAP])
		policy->cap = nla_get_u64(info->attrs[LIBRA_POLICY_ATTR_CAP]);
	if (info->attrs[LIBRA_POLICY_ATTR_MODE])
		policy->mode = nla_get_u8(info->attrs[LIBRA_POLICY_ATTR_MODE]);
	err = policy_set_pid(policy, info);
	if (!err)
		err = policy_set_exe(policy, info);
	if (!err)
		err = policy_set_parser(policy, info);
	return err;
}

/* Takes over @policy, which comes into force, or one that drains does again */
static int policy_enforce(struct libra_policy *policy, u32 *id,
			  struct netlink_ext_ack *extack)
{
	struct libra_policy *revived;
	int err = 0;

	mutex_lock(&policy_change);
	revived = libra_policy_revive(policy);
	if (!revived)
		err = libra_policy_add(policy, extack);
	/* here: once the lock is given up somebody else can remove it */
	*id = revived ? revived->id : policy->id;
	mutex_unlock(&policy_change);
	if (revived)
		libra_policy_free(policy);
	return err;
}

static int policy_add(struct sk_buff *request, struct genl_info *info)
{
	struct libra_policy *policy;
	struct sk_buff *skb;
	void *head;
	u32 id;
	int err;

	/* first what can fail without a trace */
	skb = libra_answer_new(info, LIBRA_CMD_POLICY_ADD, &head);
	if (!skb)
		return -ENOMEM;
	policy = kzalloc(sizeof(*policy), GFP_KERNEL);
	if (!policy) {
		err = -ENOMEM;
		goto free_skb;
	}
	err = policy_set(policy, info);
	if (err)
		goto free_policy;
	err = policy_enforce(policy, &id, info->extack);
	if (err)
		goto free_policy;
	return libra_answer_send(skb, info, head,
				 nla_put_u32(skb, LIBRA_POLICY_ATTR_ID, id));

free_policy:
	libra_policy_free(policy);
free_skb:
	nlmsg_free(skb);
	return err;
}

static int policy_del(struct sk_buff *request, struct genl_info *info)
{
	struct libra_policy *policy;

	if (GENL_REQ_ATTR_CHECK(info, LIBRA_POLICY_ATTR_ID)) {
		NL_SET_ERR_MSG(info->extack, "which policy? its id is missing");
		return -EINVAL;
	}
	mutex_lock(&policy_change);
	policy = libra_policy_remove(nla_get_u32(info->attrs[LIBRA_POLICY_ATTR_ID]));
	if (policy)
		libra_detach_policy(policy);
	mutex_unlock(&policy_change);
	if (!policy) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[LIBRA_POLICY_ATTR_ID],
				    "there is no policy with this id");
		return -ENOENT;
	}
	libra_policy_put(policy);
	return 0;
}

static int policy_edit(struct sk_buff *request, struct genl_info *info)
{
	struct nlattr *id = info->attrs[LIBRA_POLICY_ATTR_ID];
	struct libra_policy *policy;
	int err = 0;

	if (GENL_REQ_ATTR_CHECK(info, LIBRA_POLICY_ATTR_ID) ||
	    GENL_REQ_ATTR_CHECK(info, LIBRA_POLICY_ATTR_CAP)) {
		NL_SET_ERR_MSG(info->extack, "a policy's id and its cap are needed");
		return -EINVAL;
	}
	policy = libra_policy_find(nla_get_u32(id));
	if (!policy) {
		NL_SET_ERR_MSG_ATTR(info->extack, id, "there is no policy with this id");
		return -ENOENT;
	}
	mutex_lock(&policy_change);
	if (READ_ONCE(policy->draining)) {
		NL_SET_ERR_MSG_ATTR(info->extack, id, "this policy is detached and drains");
		err = -EBUSY;
	} else {
		WRITE_ONCE(policy->cap, nla_get_u64(info->attrs[LIBRA_POLICY_ATTR_CAP]));
	}
	mutex_unlock(&policy_change);
	libra_policy_put(policy);
	return err;
}

/* ---- sockets ---- */

/* The domain of a process that the caller names, with a reference */
static struct libra_domain *socket_domain(struct genl_info *info)
{
	struct nlattr *attr = info->attrs[LIBRA_SOCKET_ATTR_PID];
	struct libra_domain *domain;
	struct task_struct *task;
	struct mm_struct *mm;
	struct pid *pid;

	pid = find_get_pid(nla_get_u32(attr));
	task = get_pid_task(pid, PIDTYPE_TGID);
	put_pid(pid);
	mm = task ? get_task_mm(task) : NULL;
	if (task)
		put_task_struct(task);
	if (!mm) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr, "there is no process with this pid");
		return ERR_PTR(-ESRCH);
	}
	domain = libra_domain_get(mm);
	mmput(mm);
	return domain;
}

static int socket_attach_to(struct socket *sock, struct libra_policy *policy,
			    struct genl_info *info)
{
	struct libra_domain *domain = socket_domain(info);
	int err;

	if (IS_ERR(domain))
		return PTR_ERR(domain);
	err = libra_attach_open(sock->sk, policy, domain, info->extack);
	if (err)
		libra_domain_put(domain);
	return err;
}

static int socket_attach(struct sk_buff *request, struct genl_info *info)
{
	struct libra_policy *policy;
	struct socket *sock;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, LIBRA_SOCKET_ATTR_FD) ||
	    GENL_REQ_ATTR_CHECK(info, LIBRA_SOCKET_ATTR_PID) ||
	    GENL_REQ_ATTR_CHECK(info, LIBRA_SOCKET_ATTR_POLICY)) {
		NL_SET_ERR_MSG(info->extack, "descriptor, pid and policy are needed");
		return -EINVAL;
	}
	policy = libra_policy_find(nla_get_u32(info->attrs[LIBRA_SOCKET_ATTR_POLICY]));
	if (!policy) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[LIBRA_SOCKET_ATTR_POLICY],
				    "there is no policy with this id");
		return -ENOENT;
	}
	sock = sockfd_lookup(nla_get_u32(info->attrs[LIBRA_SOCKET_ATTR_FD]), &err);
	if (!sock) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[LIBRA_SOCKET_ATTR_FD],
				    "not a descriptor of a socket");
		goto put_policy;
	}
	mutex_lock(&policy_change);
	err = socket_attach_to(sock, policy, info);
	mutex_unlock(&policy_change);
	sockfd_put(sock);
put_policy:
	libra_policy_put(policy);
	return err;
}

/* ---- the family ---- */

/* What has no attributes refuses all */
static const struct nla_policy no_attrs[] = {
	[1] = { .type = NLA_REJECT, .reject_message = "this command has no attributes" },
};

static const struct netlink_range_validation threshold_range = {
	.min = LIBRA_THRESHOLD_MIN,
	.max = LIBRA_THRESHOLD_MAX,
};

static const struct netlink_range_validation proof_range = {
	.min = 1,
	.max = LIBRA_PROOF_MAX,
};

static const struct netlink_range_validation cap_range = {
	.max = LONG_MAX,
};

#define ATTR_READ_ONLY {				\
	.type = NLA_REJECT,				\
	.reject_message = "this can only be read",	\
}

static const struct nla_policy config_attrs[LIBRA_CONFIG_ATTR_CAP_SPILL + 1] = {
	[LIBRA_CONFIG_ATTR_ENABLED] = NLA_POLICY_MAX(NLA_U8, 1),
	[LIBRA_CONFIG_ATTR_CAP_TOTAL] = { .type = NLA_U64 },
	[LIBRA_CONFIG_ATTR_CAP_DOMAIN] = { .type = NLA_U64 },
	[LIBRA_CONFIG_ATTR_CAP_USER] = { .type = NLA_U64 },
	[LIBRA_CONFIG_ATTR_CAP_SENT] = { .type = NLA_U64 },
	[LIBRA_CONFIG_ATTR_VERSION] = ATTR_READ_ONLY,
	[LIBRA_CONFIG_ATTR_POLICIES] = ATTR_READ_ONLY,
	[LIBRA_CONFIG_ATTR_DOMAINS] = ATTR_READ_ONLY,
	[LIBRA_CONFIG_ATTR_SOCKETS] = ATTR_READ_ONLY,
	[LIBRA_CONFIG_ATTR_PARSERS] = ATTR_READ_ONLY,
	[LIBRA_CONFIG_ATTR_PAD] = ATTR_READ_ONLY,
	[LIBRA_CONFIG_ATTR_CAP_SPILL] = { .type = NLA_U64 },
};

static const struct nla_policy policy_attrs[LIBRA_POLICY_ATTR_RETAINED + 1] = {
	[LIBRA_POLICY_ATTR_ID] = {
		.type = NLA_REJECT,
		.reject_message = "ids are given by the kernel",
	},
	[LIBRA_POLICY_ATTR_PID] = NLA_POLICY_MIN(NLA_U32, 1),
	[LIBRA_POLICY_ATTR_EXE] = { .type = NLA_NUL_STRING, .len = LIBRA_PATH_MAX - 1 },
	[LIBRA_POLICY_ATTR_LPORT] = NLA_POLICY_MIN(NLA_U16, 1),
	[LIBRA_POLICY_ATTR_RPORT] = NLA_POLICY_MIN(NLA_U16, 1),
	[LIBRA_POLICY_ATTR_PARSER] = { .type = NLA_NUL_STRING, .len = LIBRA_NAME_MAX - 1 },
	[LIBRA_POLICY_ATTR_MODE] = NLA_POLICY_MAX(NLA_U8, LIBRA_MODE_MAX),
	[LIBRA_POLICY_ATTR_THRESHOLD] = NLA_POLICY_FULL_RANGE(NLA_U32, &threshold_range),
	[LIBRA_POLICY_ATTR_FLAGS] = NLA_POLICY_MASK(NLA_U32, LIBRA_POLICY_F_SETTABLE),
	[LIBRA_POLICY_ATTR_SOCKETS] = ATTR_READ_ONLY,
	[LIBRA_POLICY_ATTR_PAD] = ATTR_READ_ONLY,
	[LIBRA_POLICY_ATTR_PROOF] = NLA_POLICY_FULL_RANGE(NLA_U32, &proof_range),
	[LIBRA_POLICY_ATTR_SAMPLE] = NLA_POLICY_FULL_RANGE(NLA_U32, &proof_range),
	[LIBRA_POLICY_ATTR_CAP] = NLA_POLICY_FULL_RANGE(NLA_U64, &cap_range),
	[LIBRA_POLICY_ATTR_RETAINED] = ATTR_READ_ONLY,
};

/* What may change while it is in force */
static const struct nla_policy policy_edit_attrs[LIBRA_POLICY_ATTR_CAP + 1] = {
	[LIBRA_POLICY_ATTR_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[LIBRA_POLICY_ATTR_CAP] = NLA_POLICY_FULL_RANGE(NLA_U64, &cap_range),
};

static const struct nla_policy policy_id_attrs[LIBRA_POLICY_ATTR_ID + 1] = {
	[LIBRA_POLICY_ATTR_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

static const struct nla_policy socket_attrs[LIBRA_SOCKET_ATTR_POLICY + 1] = {
	[LIBRA_SOCKET_ATTR_FD] = { .type = NLA_U32 },
	[LIBRA_SOCKET_ATTR_PID] = NLA_POLICY_MIN(NLA_U32, 1),
	[LIBRA_SOCKET_ATTR_POLICY] = NLA_POLICY_MIN(NLA_U32, 1),
};

#define LIBRA_DO(command, handler, attrs, last_attr) {		\
	.cmd = (command),					\
	.doit = (handler),					\
	.policy = (attrs),					\
	.maxattr = (last_attr),					\
	.flags = GENL_ADMIN_PERM | GENL_CMD_CAP_DO,		\
}

#define LIBRA_DUMP(command, handler) {				\
	.cmd = (command),					\
	.dumpit = (handler),					\
	.policy = no_attrs,					\
	.maxattr = ARRAY_SIZE(no_attrs) - 1,			\
	.flags = GENL_ADMIN_PERM | GENL_CMD_CAP_DUMP,		\
}

static const struct genl_split_ops libra_commands[] = {
	LIBRA_DO(LIBRA_CMD_CONFIG_GET, config_get, no_attrs, 1),
	LIBRA_DO(LIBRA_CMD_CONFIG_SET, config_set, config_attrs,
		 LIBRA_CONFIG_ATTR_CAP_SPILL),
	LIBRA_DO(LIBRA_CMD_POLICY_ADD, policy_add, policy_attrs,
		 LIBRA_POLICY_ATTR_RETAINED),
	LIBRA_DO(LIBRA_CMD_POLICY_DEL, policy_del, policy_id_attrs,
		 LIBRA_POLICY_ATTR_ID),
	LIBRA_DUMP(LIBRA_CMD_POLICY_GET, libra_report_policies),
	LIBRA_DO(LIBRA_CMD_SOCKET_ATTACH, socket_attach, socket_attrs,
		 LIBRA_SOCKET_ATTR_POLICY),
	LIBRA_DUMP(LIBRA_CMD_SOCKET_GET, libra_report_sockets),
	LIBRA_DUMP(LIBRA_CMD_DOMAIN_GET, libra_report_domains),
	LIBRA_DUMP(LIBRA_CMD_PARSER_GET, libra_report_parsers),
	LIBRA_DO(LIBRA_CMD_STATS_GET, libra_report_stats, no_attrs, 1),
	LIBRA_DUMP(LIBRA_CMD_CLASS_GET, libra_report_classes),
	LIBRA_DO(LIBRA_CMD_POLICY_SET, policy_edit, policy_edit_attrs,
		 LIBRA_POLICY_ATTR_CAP),
};

static const struct genl_multicast_group libra_groups[] = {
	{ .name = LIBRA_GENL_GROUP_EVENTS, .flags = GENL_MCAST_CAP_NET_ADMIN },
};

struct genl_family libra_family __ro_after_init = {
	.name = LIBRA_GENL_NAME,
	.version = LIBRA_GENL_VERSION,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.split_ops = libra_commands,
	.n_split_ops = ARRAY_SIZE(libra_commands),
	.mcgrps = libra_groups,
	.n_mcgrps = ARRAY_SIZE(libra_groups),
};

int __init libra_netlink_init(void)
{
	return genl_register_family(&libra_family);
}

void libra_netlink_exit(void)
{
	genl_unregister_family(&libra_family);
}
