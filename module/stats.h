/* SPDX-License-Identifier: GPL-2.0 */
/* Counters: per CPU, summed when somebody asks */
#ifndef _LIBRA_STATS_H
#define _LIBRA_STATS_H

#include <linux/percpu.h>
#include <linux/types.h>

#include "uapi/libra.h"

struct libra_stats {
	u64 counter[LIBRA_STAT_MAX + 1];	/* enum libra_stat */
	u64 fallback[LIBRA_REASON_MAX + 1];	/* enum libra_reason */
	u64 reset[LIBRA_RESET_MAX + 1];		/* enum libra_reset */
};

DECLARE_PER_CPU(struct libra_stats, libra_stats);

static inline void libra_count_add(enum libra_stat stat, u64 n)
{
	this_cpu_add(libra_stats.counter[stat], n);
}

static inline void libra_count(enum libra_stat stat)
{
	this_cpu_inc(libra_stats.counter[stat]);
}

static inline void libra_count_fallback(enum libra_reason reason)
{
	this_cpu_inc(libra_stats.fallback[reason]);
}

static inline void libra_count_reset(enum libra_reset reset)
{
	this_cpu_inc(libra_stats.reset[reset]);
}

/* Counters only; the gauges are filled in by who owns them */
void libra_stats_sum(struct libra_stats *sum);

#endif /* _LIBRA_STATS_H */
