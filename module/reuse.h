/* SPDX-License-Identifier: GPL-2.0 */
/* Payload that leaves from the pages it came in */
#ifndef _LIBRA_REUSE_H
#define _LIBRA_REUSE_H

struct libra_marker;
struct libra_tx_call;

/* @marker is met in payload: the cursor is set to what it is the token of, or an error */
int libra_reuse_begin(struct libra_tx_call *call, const struct libra_marker *marker);
/* The next bytes of the cursor's payload: bytes taken from the application, or an error */
int libra_reuse_send(struct libra_tx_call *call);

#endif /* _LIBRA_REUSE_H */
