/* SPDX-License-Identifier: GPL-2.0 */
/* Retaining pages of received skbs in a payload object */
#ifndef _LIBRA_RETAIN_H
#define _LIBRA_RETAIN_H

#include <linux/types.h>

struct libra_payload;
struct sk_buff;

/* Can the bytes of @skb at @offset be retained at all? */
bool libra_retainable(const struct sk_buff *skb, u32 offset);
/*
 * Retains up to @len bytes of @skb from @offset on. Answers how many, which is
 * less where the next byte is not in a page that can be retained or a limit is
 * met; @reason then says why.
 */
u32 libra_retain(struct libra_payload *payload, struct sk_buff *skb,
		 u32 offset, u32 len, u8 *reason);
/* Nothing more will be retained: what was charged in advance is given back */
void libra_retain_end(struct libra_payload *payload);

#endif /* _LIBRA_RETAIN_H */
