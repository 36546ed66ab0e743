/* SPDX-License-Identifier: GPL-2.0 */
/* Selective receive */
#ifndef _LIBRA_RX_H
#define _LIBRA_RX_H

#include <linux/socket.h>

#include "compat/compat.h"
#include "uapi/libra.h"

struct libra_sock;
struct sock;

/* proto.recvmsg of attached sockets */
int libra_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, int flags
		  LIBRA_RECVMSG_PARAM);

/* From here on bytes are read that the parser does not see */
void libra_rx_lose(struct libra_sock *ls, enum libra_reason reason);

#endif /* _LIBRA_RX_H */
