/* SPDX-License-Identifier: GPL-2.0 */
/* The generic netlink family "libra"; its contract is uapi/libra.h */
#ifndef _LIBRA_NETLINK_H
#define _LIBRA_NETLINK_H

int libra_netlink_init(void);
void libra_netlink_exit(void);

#endif /* _LIBRA_NETLINK_H */
