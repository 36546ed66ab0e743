/* SPDX-License-Identifier: GPL-2.0 */
/* Placeholders: made by a read that leaves payload in the kernel */
#ifndef _LIBRA_ELIDE_H
#define _LIBRA_ELIDE_H

#include <linux/types.h>

struct libra_rx_call;
struct sk_buff;

/*
 * Opens a placeholder for the payload that begins in @skb at @offset, where
 * that is worth it and allowed; false, with the reason counted, where it must
 * be copied.
 */
bool libra_elide_open(struct libra_rx_call *call, struct sk_buff *skb, u32 offset);
/*
 * Moves up to @len bytes into the open placeholder; bytes taken. Closes it
 * when that was all that it can take.
 */
u32 libra_elide_take(struct libra_rx_call *call, struct sk_buff *skb,
		     u32 offset, u32 len);
/* Hands the placeholder to the application */
void libra_elide_close(struct libra_rx_call *call);

#endif /* _LIBRA_ELIDE_H */
