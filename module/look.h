/* SPDX-License-Identifier: GPL-2.0 */
/* What leads to TCP without passing us, among a process's descriptors */
#ifndef _LIBRA_LOOK_H
#define _LIBRA_LOOK_H

#include <linux/types.h>

/*
 * Has the current process a descriptor of that kind? Dear where it has many,
 * and holds the lock of their table meanwhile.
 */
bool libra_look_unwatched(void);

#endif /* _LIBRA_LOOK_H */
