/* SPDX-License-Identifier: GPL-2.0 */
/* One call of a parser: what it is asked, and what it answers */
#ifndef _LIBRA_RUN_H
#define _LIBRA_RUN_H

#include "classes.h"
#include "parser.h"
#include "window.h"

/*
 * BPF is given &frame; the kfuncs get from there to the window, which BPF itself
 * never sees. What it wrote there counts only with LIBRA_FRAME.
 */
struct libra_run {
	struct libra_frame frame;
	struct libra_window window;	/* followed by LIBRA_WINDOW_PAD readable bytes */
	struct libra_label *label;	/* NULL: nobody wants one */
};

#endif /* _LIBRA_RUN_H */
