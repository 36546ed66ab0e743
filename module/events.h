/* SPDX-License-Identifier: GPL-2.0 */
/* What netlink tells without being asked, and the attributes of classes */
#ifndef _LIBRA_EVENTS_H
#define _LIBRA_EVENTS_H

#include <linux/types.h>

struct libra_class;
struct libra_domain;
struct sk_buff;

/*
 * A class, or with NULL all classes of @domain, changed its state; @change is
 * enum libra_class_change. Does not sleep.
 */
void libra_event_class(struct libra_domain *domain, const struct libra_class *class,
		       const char *request, u8 change);

/* Attributes of a class; 0 or -EMSGSIZE */
int libra_class_put(struct sk_buff *skb, const struct libra_class *class,
		    const char *request);

#endif /* _LIBRA_EVENTS_H */
