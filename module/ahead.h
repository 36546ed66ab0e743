/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Looking behind the part of a write that is about to leave: a slice of a
 * placeholder, copied and framed anew, may hold its first marker there. Of that
 * one the offset says that the bytes before it belong to the placeholder too.
 */
#ifndef _LIBRA_AHEAD_H
#define _LIBRA_AHEAD_H

#include <linux/types.h>

struct libra_tx_call;

/* Would placeholder leave with the next @len bytes, in which no marker is? */
bool libra_ahead_of_part(struct libra_tx_call *call, size_t len);
/* The same, when what begins at @at may be one that framing cuts at @len */
bool libra_ahead_of_cut(struct libra_tx_call *call, size_t at, size_t len);

#endif /* _LIBRA_AHEAD_H */
