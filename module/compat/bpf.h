/* SPDX-License-Identifier: GPL-2.0 */
/* What differs between kernels for kfuncs and struct_ops */
#ifndef _LIBRA_COMPAT_BPF_H
#define _LIBRA_COMPAT_BPF_H

#include <linux/btf.h>

/* 7.0 trusts arguments of every kfunc and dropped the flag */
#ifndef KF_TRUSTED_ARGS
#define KF_TRUSTED_ARGS	0
#endif

#endif /* _LIBRA_COMPAT_BPF_H */
