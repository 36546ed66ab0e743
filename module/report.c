// SPDX-License-Identifier: GPL-2.0
/*
 * What netlink tells: policies, sockets, domains, parsers, counters. Dumps
 * resume behind the last id that was sent, so what comes and goes meanwhile is
 * neither doubled nor lost.
 */
#include <linux/inetdevice.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <net/genetlink.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>

#include "classes.h"
#include "domain.h"
#include "events.h"
#include "netlink.h"
#include "overlay.h"
#include "parser.h"
#include "payload.h"
#include "policy.h"
#include "report.h"
#include "sock.h"
#include "stats.h"

/* One object of a dump; @fill puts its attributes */
struct dump {
	struct sk_buff *skb;
	struct netlink_callback *cb;
	u8 cmd;
};

static void *dump_begin(const struct dump *dump)
{
	return genlmsg_put(dump->skb, NETLINK_CB(dump->cb->skb).portid,
			   dump->cb->nlh->nlmsg_seq, &libra_family, NLM_F_MULTI,
			   dump->cmd);
}

static int dump_end(const struct dump *dump, void *head, int err)
{
	if (err) {
		genlmsg_cancel(dump->skb, head);
		return -EMSGSIZE;
	}
	genlmsg_end(dump->skb, head);
	return 0;
}

/* ---- policies ---- */

static int policy_put(struct sk_buff *skb, const struct libra_policy *policy)
{
	u32 flags = policy->flags;

	if (READ_ONCE(policy->draining))
		flags |= LIBRA_POLICY_F_DRAINING;
	return nla_put_u32(skb, LIBRA_POLICY_ATTR_ID, policy->id) ||
	       (policy->pid && nla_put_u32(skb, LIBRA_POLICY_ATTR_PID, pid_vnr(policy->pid))) ||
	       (policy->exe[0] && nla_put_string(skb, LIBRA_POLICY_ATTR_EXE, policy->exe)) ||
	       (policy->lport && nla_put_u16(skb, LIBRA_POLICY_ATTR_LPORT, policy->lport)) ||
	       (policy->rport && nla_put_u16(skb, LIBRA_POLICY_ATTR_RPORT, policy->rport)) ||
	       nla_put_string(skb, LIBRA_POLICY_ATTR_PARSER, libra_parser_name(policy->parser)) ||
	       nla_put_u8(skb, LIBRA_POLICY_ATTR_MODE, policy->mode) ||
	       nla_put_u32(skb, LIBRA_POLICY_ATTR_THRESHOLD, policy->threshold) ||
	       nla_put_u32(skb, LIBRA_POLICY_ATTR_PROOF, policy->proof) ||
	       nla_put_u32(skb, LIBRA_POLICY_ATTR_SAMPLE, policy->sample) ||
	       nla_put_u32(skb, LIBRA_POLICY_ATTR_FLAGS, flags) ||
	       nla_put_u32(skb, LIBRA_POLICY_ATTR_SOCKETS, atomic_read(&policy->sockets)) ||
	       nla_put_u64_64bit(skb, LIBRA_POLICY_ATTR_CAP, READ_ONCE(policy->cap),
				 LIBRA_POLICY_ATTR_PAD) ||
	       nla_put_u64_64bit(skb, LIBRA_POLICY_ATTR_RETAINED,
				 atomic_long_read(&policy->retained), LIBRA_POLICY_ATTR_PAD);
}

static int policy_dump_one(const struct libra_policy *policy, void *arg)
{
	const struct dump *dump = arg;
	void *head = dump_begin(dump);
	int err;

	if (!head)
		return -EMSGSIZE;
	err = dump_end(dump, head, policy_put(dump->skb, policy));
	if (!err)
		dump->cb->args[0] = policy->id;
	return err;
}

int libra_report_policies(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct dump dump = { .skb = skb, .cb = cb, .cmd = LIBRA_CMD_POLICY_GET };

	libra_policy_for_each(cb->args[0], policy_dump_one, &dump);
	return skb->len;
}

/* ---- sockets ---- */

static int socket_put_address(struct sk_buff *skb, const struct sock *sk)
{
	const struct inet_sock *inet = inet_sk(sk);

	if (nla_put_u16(skb, LIBRA_SOCKET_ATTR_FAMILY, sk->sk_family) ||
	    nla_put_u16(skb, LIBRA_SOCKET_ATTR_LPORT, inet->inet_num) ||
	    nla_put_u16(skb, LIBRA_SOCKET_ATTR_RPORT, ntohs(inet->inet_dport)))
		return -EMSGSIZE;
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6)
		return nla_put_in6_addr(skb, LIBRA_SOCKET_ATTR_LADDR, &sk->sk_v6_rcv_saddr) ||
		       nla_put_in6_addr(skb, LIBRA_SOCKET_ATTR_RADDR, &sk->sk_v6_daddr);
#endif
	return nla_put_in_addr(skb, LIBRA_SOCKET_ATTR_LADDR, inet->inet_rcv_saddr) ||
	       nla_put_in_addr(skb, LIBRA_SOCKET_ATTR_RADDR, inet->inet_daddr);
}

static int socket_put_streams(struct sk_buff *skb, const struct libra_sock *ls)
{
	const struct libra_stream *rx = &ls->rx.stream, *tx = &ls->tx.stream;
	const int pad = LIBRA_SOCKET_ATTR_PAD;

	return nla_put_u8(skb, LIBRA_SOCKET_ATTR_RX_STATE, READ_ONCE(rx->state)) ||
	       nla_put_u8(skb, LIBRA_SOCKET_ATTR_TX_STATE, READ_ONCE(tx->state)) ||
	       nla_put_u8(skb, LIBRA_SOCKET_ATTR_RX_REASON, READ_ONCE(rx->reason)) ||
	       nla_put_u8(skb, LIBRA_SOCKET_ATTR_TX_REASON, READ_ONCE(tx->reason)) ||
	       nla_put_u64_64bit(skb, LIBRA_SOCKET_ATTR_RX_COPIED, READ_ONCE(rx->copied), pad) ||
	       nla_put_u64_64bit(skb, LIBRA_SOCKET_ATTR_RX_ELIDED, READ_ONCE(rx->uncopied), pad) ||
	       nla_put_u64_64bit(skb, LIBRA_SOCKET_ATTR_TX_COPIED, READ_ONCE(tx->copied), pad) ||
	       nla_put_u64_64bit(skb, LIBRA_SOCKET_ATTR_TX_REUSED, READ_ONCE(tx->uncopied), pad);
}

static int socket_put_lower(struct sk_buff *skb, const struct libra_overlay *over)
{
	bool tls = over->rx != LIBRA_LOWER_TCP || over->tx != LIBRA_LOWER_TCP;

	return nla_put_string(skb, LIBRA_SOCKET_ATTR_LOWER, tls ? "tls" : "tcp") ||
	       nla_put_u8(skb, LIBRA_SOCKET_ATTR_RX_LOWER, over->rx) ||
	       nla_put_u8(skb, LIBRA_SOCKET_ATTR_TX_LOWER, over->tx);
}

/* The mode in force */
static u8 socket_mode(const struct libra_sock *ls)
{
	if (libra_policy_elides(ls->policy) && !libra_sock_may_elide(ls))
		return LIBRA_MODE_OBSERVE;
	return READ_ONCE(ls->policy->mode);
}

static int socket_put(struct sk_buff *skb, const struct libra_sock *ls)
{
	const struct libra_domain *domain = READ_ONCE(ls->domain);
	const struct libra_policy *policy = ls->policy;
	u64 cookie = atomic64_read(&ls->sk->sk_cookie);	/* 0 until somebody asks */

	return socket_put_address(skb, ls->sk) ||
	       (domain && nla_put_u32(skb, LIBRA_SOCKET_ATTR_PID, pid_vnr(domain->pid))) ||
	       nla_put_u32(skb, LIBRA_SOCKET_ATTR_POLICY, policy->id) ||
	       nla_put_u64_64bit(skb, LIBRA_SOCKET_ATTR_INODE, sock_i_ino(ls->sk),
				 LIBRA_SOCKET_ATTR_PAD) ||
	       (cookie && nla_put_u64_64bit(skb, LIBRA_SOCKET_ATTR_COOKIE, cookie,
					    LIBRA_SOCKET_ATTR_PAD)) ||
	       socket_put_lower(skb, libra_sock_over(ls)) ||
	       nla_put_string(skb, LIBRA_SOCKET_ATTR_PARSER, libra_parser_name(policy->parser)) ||
	       nla_put_u8(skb, LIBRA_SOCKET_ATTR_MODE, socket_mode(ls)) ||
	       socket_put_streams(skb, ls);
}

int libra_report_sockets(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct dump dump = { .skb = skb, .cb = cb, .cmd = LIBRA_CMD_SOCKET_GET };
	struct libra_sock *ls;
	int err = 0;
	void *head;

	while (!err && (ls = libra_sock_next(cb->args[0]))) {
		head = dump_begin(&dump);
		err = head ? dump_end(&dump, head, socket_put(skb, ls)) : -EMSGSIZE;
		if (!err)
			cb->args[0] = ls->order;
		sock_put(ls->sk);
		libra_sock_put(ls);
	}
	return skb->len;
}

/* ---- domains ---- */

static int domain_put(struct sk_buff *skb, struct libra_domain *domain)
{
	const int pad = LIBRA_DOMAIN_ATTR_PAD;
	char comm[TASK_COMM_LEN];

	strscpy(comm, domain->comm);
	return nla_put_u32(skb, LIBRA_DOMAIN_ATTR_ID, domain->id) ||
	       nla_put_u32(skb, LIBRA_DOMAIN_ATTR_PID, pid_vnr(domain->pid)) ||
	       nla_put_string(skb, LIBRA_DOMAIN_ATTR_COMM, comm) ||
	       nla_put_u32(skb, LIBRA_DOMAIN_ATTR_UID,
			   from_kuid_munged(current_user_ns(), libra_domain_uid(domain))) ||
	       nla_put_u32(skb, LIBRA_DOMAIN_ATTR_GATE, libra_domain_gate(domain)) ||
	       nla_put_u32(skb, LIBRA_DOMAIN_ATTR_SOCKETS, atomic_read(&domain->sockets)) ||
	       nla_put_u64_64bit(skb, LIBRA_DOMAIN_ATTR_LIVE, READ_ONCE(domain->nr_live), pad) ||
	       nla_put_u64_64bit(skb, LIBRA_DOMAIN_ATTR_SENT, READ_ONCE(domain->nr_sent), pad) ||
	       nla_put_u64_64bit(skb, LIBRA_DOMAIN_ATTR_RETAINED,
				 atomic_long_read(&domain->retained), pad) ||
	       nla_put_u64_64bit(skb, LIBRA_DOMAIN_ATTR_PEAK,
				 atomic_long_read(&domain->peak), pad) ||
	       nla_put_u64_64bit(skb, LIBRA_DOMAIN_ATTR_ELIDED,
				 atomic64_read(&domain->elided_bytes), pad) ||
	       nla_put_u64_64bit(skb, LIBRA_DOMAIN_ATTR_SPILLED,
				 READ_ONCE(domain->spilled_bytes), pad);
}

static int domain_dump_one(struct libra_domain *domain, void *arg)
{
	const struct dump *dump = arg;
	void *head = dump_begin(dump);
	int err;

	if (!head)
		return -EMSGSIZE;
	err = dump_end(dump, head, domain_put(dump->skb, domain));
	if (!err)
		dump->cb->args[0] = domain->id;
	return err;
}

int libra_report_domains(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct dump dump = { .skb = skb, .cb = cb, .cmd = LIBRA_CMD_DOMAIN_GET };

	libra_domain_for_each(cb->args[0], domain_dump_one, &dump);
	return skb->len;
}

/* ---- classes ---- */

struct class_dump {
	struct dump dump;
	const struct libra_domain *domain;
};

static int class_dump_one(const struct libra_class *class, const char *request, void *arg)
{
	const struct class_dump *classes = arg;
	const struct dump *dump = &classes->dump;
	const struct libra_domain *domain = classes->domain;
	void *head = dump_begin(dump);
	int err;

	if (!head)
		return -EMSGSIZE;
	err = dump_end(dump, head,
		       nla_put_u32(dump->skb, LIBRA_CLASS_ATTR_DOMAIN, domain->id) ||
		       nla_put_u32(dump->skb, LIBRA_CLASS_ATTR_PID, pid_vnr(domain->pid)) ||
		       libra_class_put(dump->skb, class, request));
	if (!err)
		dump->cb->args[1] = class->id;
	return err;
}

/* args: the last domain that is done; how far the one is that comes next, and which that is */
static int class_dump_domain(struct libra_domain *domain, void *arg)
{
	struct class_dump *classes = arg;
	struct netlink_callback *cb = classes->dump.cb;
	int err;

	classes->domain = domain;
	if (cb->args[2] != domain->id)
		cb->args[1] = 0;
	cb->args[2] = domain->id;
	err = libra_classes_for_each(domain, cb->args[1], class_dump_one, classes);
	if (err)
		return err;
	cb->args[0] = domain->id;
	cb->args[1] = 0;
	return 0;
}

int libra_report_classes(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct class_dump classes = {
		.dump = { .skb = skb, .cb = cb, .cmd = LIBRA_CMD_CLASS_GET },
	};

	libra_domain_for_each(cb->args[0], class_dump_domain, &classes);
	return skb->len;
}

/* ---- parsers ---- */

struct parser_dump {
	struct dump dump;
	long skip;
};

static int parser_dump_one(const char *name, u32 state_version, u32 users,
			   u32 generation, void *arg)
{
	struct parser_dump *parsers = arg;
	const struct dump *dump = &parsers->dump;
	struct sk_buff *skb = dump->skb;
	void *head;
	int err;

	if (parsers->skip) {
		parsers->skip--;
		return 0;
	}
	head = dump_begin(dump);
	if (!head)
		return -EMSGSIZE;
	err = dump_end(dump, head,
		       nla_put_string(skb, LIBRA_PARSER_ATTR_NAME, name) ||
		       nla_put_u32(skb, LIBRA_PARSER_ATTR_STATE_VERSION, state_version) ||
		       nla_put_u32(skb, LIBRA_PARSER_ATTR_USERS, users) ||
		       nla_put_u32(skb, LIBRA_PARSER_ATTR_GENERATION, generation));
	if (!err)
		dump->cb->args[0]++;
	return err;
}

int libra_report_parsers(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct parser_dump parsers = {
		.dump = { .skb = skb, .cb = cb, .cmd = LIBRA_CMD_PARSER_GET },
		.skip = cb->args[0],
	};

	libra_parser_for_each(parser_dump_one, &parsers);
	return skb->len;
}

/* ---- statistics ---- */

static int stats_put_nest(struct sk_buff *skb, int type, const u64 *values, int n)
{
	struct nlattr *nest = nla_nest_start(skb, type);
	int i;

	if (!nest)
		return -EMSGSIZE;
	for (i = 1; i < n; i++)
		if (nla_put(skb, i, sizeof(*values), &values[i]))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static void stats_gauges(struct libra_stats *stats)
{
	stats->counter[LIBRA_STAT_RETAINED] = libra_domain_retained_total();
	stats->counter[LIBRA_STAT_RETAINED_PEAK] = libra_domain_retained_peak();
	libra_payload_gauges(&stats->counter[LIBRA_STAT_LIVE],
			     &stats->counter[LIBRA_STAT_SENT],
			     &stats->counter[LIBRA_STAT_SPILLED]);
}

static int stats_put(struct sk_buff *skb, const struct libra_stats *stats)
{
	return stats_put_nest(skb, LIBRA_STATS_ATTR_COUNTERS, stats->counter,
			      ARRAY_SIZE(stats->counter)) ||
	       stats_put_nest(skb, LIBRA_STATS_ATTR_FALLBACKS, stats->fallback,
			      ARRAY_SIZE(stats->fallback)) ||
	       stats_put_nest(skb, LIBRA_STATS_ATTR_RESETS, stats->reset,
			      ARRAY_SIZE(stats->reset));
}

int libra_report_stats(struct sk_buff *request, struct genl_info *info)
{
	struct libra_stats stats;
	struct sk_buff *skb;
	void *head;

	skb = libra_answer_new(info, LIBRA_CMD_STATS_GET, &head);
	if (!skb)
		return -ENOMEM;
	libra_stats_sum(&stats);
	stats_gauges(&stats);
	return libra_answer_send(skb, info, head, stats_put(skb, &stats));
}
