/* SPDX-License-Identifier: GPL-2.0 */
/* Metadata on its way out */
#ifndef _LIBRA_METADATA_H
#define _LIBRA_METADATA_H

#include <linux/types.h>

#include "uapi/libra.h"

struct libra_tx_call;

/*
 * Parses and sends what is next. Bytes taken from the application, 0 when only
 * the state changed (framing may be lost), or an error
 */
int libra_metadata_send(struct libra_tx_call *call);
/*
 * Framing is lost, in spite of the `looked` bytes behind what has passed. What an
 * outgoing connection says from its first byte on and nobody can read is most
 * likely TLS: placeholders may be encrypted in it already, and so may those of
 * every later one. Text that the parser does not like is only watched.
 */
int libra_metadata_give_up(struct libra_tx_call *call, enum libra_reason reason,
			   u32 looked);

#endif /* _LIBRA_METADATA_H */
