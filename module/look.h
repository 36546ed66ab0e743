/* SPDX-License-Identifier: GPL-2.0 */
/* What leads to TCP without passing us, among a process's descriptors */
#ifndef _LIBRA_LOOK_H
#define _LIBRA_LOOK_H

#include <linux/types.h>

struct libra_domain;

/* A look is dear where there are many: at most one a second */
bool libra_look_due(const struct libra_domain *domain);
/*
 * Is such a descriptor among those of the current process, which is @domain's?
 * Keeps its gate closed accordingly: for good, when it is armed.
 */
bool libra_look(struct libra_domain *domain);

#endif /* _LIBRA_LOOK_H */
