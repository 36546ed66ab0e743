/* SPDX-License-Identifier: GPL-2.0 */
/* Selective receive */
#ifndef _LIBRA_RX_H
#define _LIBRA_RX_H

#include <linux/socket.h>

#include "compat/compat.h"

struct libra_sock;
struct sock;

/* proto.recvmsg of attached sockets */
int libra_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, int flags
		  LIBRA_RECVMSG_PARAM);

/* The application is about to read on a road that the parser does not see */
void libra_rx_bypass(struct libra_sock *ls);

#endif /* _LIBRA_RX_H */
