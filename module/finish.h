/* SPDX-License-Identifier: GPL-2.0 */
/* The end of what an application sends */
#ifndef _LIBRA_FINISH_H
#define _LIBRA_FINISH_H

struct libra_sock;

/*
 * Nothing more will be sent: what is held back goes out, or the connection
 * dies. Takes tx.lock and the socket's own.
 */
void libra_finish_send(struct libra_sock *ls);
/* The application closes the socket, which may live on long without it */
void libra_finish_close(struct libra_sock *ls);

#endif /* _LIBRA_FINISH_H */
