/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kfuncs for parsers: what BPF can ask about the window
 */
#ifndef _LIBRA_KFUNCS_H
#define _LIBRA_KFUNCS_H

int libra_kfuncs_init(void);

#endif /* _LIBRA_KFUNCS_H */
