// SPDX-License-Identifier: GPL-2.0
#include <linux/cpumask.h>
#include <linux/string.h>

#include "stats.h"

DEFINE_PER_CPU(struct libra_stats, libra_stats);

static void stats_add(u64 *sum, const u64 *one, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		sum[i] += READ_ONCE(one[i]);
}

void libra_stats_sum(struct libra_stats *sum)
{
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		const struct libra_stats *one = per_cpu_ptr(&libra_stats, cpu);

		stats_add(sum->counter, one->counter, ARRAY_SIZE(sum->counter));
		stats_add(sum->fallback, one->fallback, ARRAY_SIZE(sum->fallback));
		stats_add(sum->reset, one->reset, ARRAY_SIZE(sum->reset));
	}
}
