/* SPDX-License-Identifier: GPL-2.0 */
/* The generic netlink family "libra"; its contract is uapi/libra.h */
#ifndef _LIBRA_NETLINK_H
#define _LIBRA_NETLINK_H

#include <linux/types.h>

struct genl_family;
struct genl_info;
struct sk_buff;

extern struct genl_family libra_family;

int libra_netlink_init(void);
void libra_netlink_exit(void);

/* An answer to @info that begins with @head, or NULL: no memory */
struct sk_buff *libra_answer_new(struct genl_info *info, u8 cmd, void **head);
/* Sends it, or frees it when @err says that something did not fit */
int libra_answer_send(struct sk_buff *skb, struct genl_info *info, void *head,
		      int err);

#endif /* _LIBRA_NETLINK_H */
