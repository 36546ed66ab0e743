/* SPDX-License-Identifier: GPL-2.0 */
/* Handlers of the netlink commands that tell what is there */
#ifndef _LIBRA_REPORT_H
#define _LIBRA_REPORT_H

struct genl_info;
struct netlink_callback;
struct sk_buff;

int libra_report_policies(struct sk_buff *skb, struct netlink_callback *cb);
int libra_report_sockets(struct sk_buff *skb, struct netlink_callback *cb);
int libra_report_domains(struct sk_buff *skb, struct netlink_callback *cb);
int libra_report_parsers(struct sk_buff *skb, struct netlink_callback *cb);
int libra_report_classes(struct sk_buff *skb, struct netlink_callback *cb);
int libra_report_stats(struct sk_buff *request, struct genl_info *info);

#endif /* _LIBRA_REPORT_H */
