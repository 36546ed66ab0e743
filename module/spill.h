/* SPDX-License-Identifier: GPL-2.0 */
/* Spilling: payload that waits for long moves to shared memory, and back to be sent */
#ifndef _LIBRA_SPILL_H
#define _LIBRA_SPILL_H

#include <linux/mm.h>
#include <linux/types.h>

struct libra_domain;
struct libra_payload;

int libra_spill_init(void);
void libra_spill_exit(void);

/* What @len bytes there count for: pages, and a file */
static inline size_t libra_spill_cost(u32 len)
{
	return PAGE_ALIGN(len) + PAGE_SIZE;
}

/* The two ends of a domain's work; the second waits for it */
void libra_spill_begin(struct libra_domain *domain);
void libra_spill_end(struct libra_domain *domain);

/* A payload is live: when it still is after a while, it moves out */
void libra_spill_later(struct libra_domain *domain);
/* A limit is met: what is live moves out now, oldest first, until there is room */
void libra_spill_now(struct libra_domain *domain);

/* Its bytes are in a file. Never answered to an application */
#define LIBRA_SPILL_AWAY	(-EREMOTEIO)

/*
 * The pages of a payload, which has to be referenced, are there and stay until
 * they are released. 0, -ESTALE when it died out there, or LIBRA_SPILL_AWAY:
 * then libra_spill_load() comes first. Never waits.
 */
int libra_spill_hold(struct libra_payload *payload);
/*
 * Brings them home, where they stay for a while. Sleeps: no socket may be locked.
 * 0, -ESTALE, -ENOMEM, or what reading the file gave.
 */
int libra_spill_load(struct libra_payload *payload);
void libra_spill_release(struct libra_payload *payload);

#endif /* _LIBRA_SPILL_H */
