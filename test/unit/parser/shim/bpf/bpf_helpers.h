/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stands in for libbpf's header, so that a parser compiles as plain C and runs
 * in the unit tests.
 */
#ifndef LIBRA_SHIM_BPF_HELPERS_H
#define LIBRA_SHIM_BPF_HELPERS_H

#include <errno.h>
#include <stdbool.h>

#define preserve_access_index /* an attribute of clang for BPF only */
#define SEC(name)
#define __ksym

#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#undef __noinline
#define __noinline __attribute__((noinline))

#define bpf_for(i, start, end) for ((i) = (start); (i) < (end); (i)++)

#endif /* LIBRA_SHIM_BPF_HELPERS_H */
