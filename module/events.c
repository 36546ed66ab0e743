// SPDX-License-Identifier: GPL-2.0
#include <linux/pid.h>
#include <net/genetlink.h>

#include "classes.h"
#include "domain.h"
#include "events.h"
#include "netlink.h"
#include "trace.h"

int libra_class_put(struct sk_buff *skb, const struct libra_class *class,
		    const char *request)
{
	const int pad = LIBRA_CLASS_ATTR_PAD;

	if (nla_put_u8(skb, LIBRA_CLASS_ATTR_SIDE, class->side) ||
	    nla_put_string(skb, LIBRA_CLASS_ATTR_LABEL, class->label.text) ||
	    (class->request && nla_put_string(skb, LIBRA_CLASS_ATTR_FOR, request)) ||
	    nla_put_u8(skb, LIBRA_CLASS_ATTR_STATE, class->state) ||
	    nla_put_u64_64bit(skb, LIBRA_CLASS_ATTR_VERBATIM, class->verbatim, pad) ||
	    nla_put_u64_64bit(skb, LIBRA_CLASS_ATTR_ALTERED, class->altered, pad) ||
	    nla_put_u64_64bit(skb, LIBRA_CLASS_ATTR_UNFORWARDED, class->unforwarded, pad) ||
	    nla_put_u64_64bit(skb, LIBRA_CLASS_ATTR_ELIDED, class->elided, pad) ||
	    nla_put_u64_64bit(skb, LIBRA_CLASS_ATTR_BYTES, class->bytes, pad) ||
	    nla_put_u32(skb, LIBRA_CLASS_ATTR_STREAK, class->streak))
		return -EMSGSIZE;
	return 0;
}

static int event_put(struct sk_buff *skb, struct libra_domain *domain,
		     const struct libra_class *class, const char *request, u8 change)
{
	/* the listener's pid namespace is not known here */
	if (nla_put_u32(skb, LIBRA_CLASS_ATTR_DOMAIN, domain->id) ||
	    nla_put_u32(skb, LIBRA_CLASS_ATTR_PID, pid_nr(domain->pid)) ||
	    nla_put_u8(skb, LIBRA_CLASS_ATTR_CHANGE, change))
		return -EMSGSIZE;
	return class ? libra_class_put(skb, class, request) : 0;
}

void libra_event_class(struct libra_domain *domain, const struct libra_class *class,
		       const char *request, u8 change)
{
	struct sk_buff *skb;
	void *head;

	trace_libra_class(domain->id, class ? class->label.text : "", change);
	skb = genlmsg_new(NLMSG_GOODSIZE, GFP_ATOMIC);
	if (!skb)
		return;
	head = genlmsg_put(skb, 0, 0, &libra_family, 0, LIBRA_CMD_CLASS_EVENT);
	if (!head || event_put(skb, domain, class, request, change)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, head);
	genlmsg_multicast(&libra_family, skb, 0, 0, GFP_ATOMIC);
}
