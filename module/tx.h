/* SPDX-License-Identifier: GPL-2.0 */
/* Send: payload is reused where the application hands over its placeholder */
#ifndef _LIBRA_TX_H
#define _LIBRA_TX_H

#include <linux/socket.h>
#include <linux/types.h>

struct sock;

/* proto.sendmsg of attached sockets */
int libra_sendmsg(struct sock *sk, struct msghdr *msg, size_t len);

#endif /* _LIBRA_TX_H */
