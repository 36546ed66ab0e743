// SPDX-License-Identifier: GPL-2.0
/*
 * For tests only: whoever comes to one of some functions stays there for a while, so
 * that an instant in which others could come between becomes long enough for them.
 */
#include <linux/delay.h>
#include <linux/kprobes.h>
#include <linux/module.h>

#define LINGER_MAX	8

static char *at[LINGER_MAX];
static int nr_at;
module_param_array(at, charp, &nr_at, 0444);
MODULE_PARM_DESC(at, "names of functions, one of a module's as MODULE:NAME");

static unsigned int ms = 20;
module_param(ms, uint, 0444);
MODULE_PARM_DESC(ms, "how long, in milliseconds");

static struct kprobe probes[LINGER_MAX];
static atomic_t came[LINGER_MAX];

static int linger_get_least(char *buffer, const struct kernel_param *param)
{
	int least = INT_MAX, i;

	for (i = 0; i < nr_at; i++)
		least = min(least, atomic_read(&came[i]));
	return sysfs_emit(buffer, "%d\n", least);
}

static const struct kernel_param_ops linger_least_ops = { .get = linger_get_least };
module_param_cb(least, &linger_least_ops, NULL, 0444);
MODULE_PARM_DESC(least, "how often somebody came to the one where they came least often");

static int linger(struct kprobe *probe, struct pt_regs *regs)
{
	atomic_inc(&came[probe - probes]);
	mdelay(ms);
	return 0;
}

static int __init linger_init(void)
{
	int i, err;

	for (i = 0; i < nr_at; i++) {
		probes[i].symbol_name = at[i];
		probes[i].pre_handler = linger;
		err = register_kprobe(&probes[i]);
		if (err)
			goto err_unregister;
	}
	return 0;

err_unregister:
	pr_err("linger: no function %s (%d)\n", at[i], err);
	while (i--)
		unregister_kprobe(&probes[i]);
	return err;
}
module_init(linger_init);

static void __exit linger_exit(void)
{
	int i;

	for (i = 0; i < nr_at; i++)
		unregister_kprobe(&probes[i]);
}
module_exit(linger_exit);

MODULE_DESCRIPTION("Makes some functions slow");
MODULE_LICENSE("GPL");
