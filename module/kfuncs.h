/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kfuncs for parsers: what BPF can ask about the window
 */
#ifndef _LIBRA_KFUNCS_H
#define _LIBRA_KFUNCS_H

#include "classes.h"
#include "parser.h"
#include "window.h"

/*
 * One call of a parser. BPF is given &frame; the kfuncs get from there to the
 * window, which BPF itself never sees.
 */
struct libra_run {
	struct libra_frame frame;
	struct libra_window window;
	struct libra_label *label;	/* NULL: nobody wants one */
};

int libra_kfuncs_init(void);

#endif /* _LIBRA_KFUNCS_H */
