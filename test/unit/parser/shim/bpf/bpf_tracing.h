/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LIBRA_SHIM_BPF_TRACING_H
#define LIBRA_SHIM_BPF_TRACING_H

/* In BPF the arguments come in an array */
#define BPF_PROG(name, args...) name(args)

#endif /* LIBRA_SHIM_BPF_TRACING_H */
