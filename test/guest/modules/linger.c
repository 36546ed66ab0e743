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

static int linger(struct kprobe *probe, struct pt_regs *regs)
{
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
