/* SPDX-License-Identifier: GPL-2.0 */
/* Parsers compiled for the host, and how the module would run them */
#ifndef LIBRA_PARSER_RUN_H
#define LIBRA_PARSER_RUN_H

#ifdef __cplusplus
extern "C" {
#endif

#include "libra_parser.h"

/* The author's header has these too; here the module's are meant */
#undef LIBRA_CH_TEXT
#undef LIBRA_WINDOW_MAX
#include "frame.h"
#include "window.h"

extern struct libra_parser_ops http1;
extern struct libra_parser_ops example;

/*
 * libra_parser_run() of the module. @refused: the parser announced a frame that
 * the module does not accept. Runs it with and without a label asked for, which must
 * make no difference to what it answers.
 */
int parser_run(const struct libra_parser_ops* ops, const u8* data, u32 len,
               struct libra_frame* frame, int* refused);

/* What the parser said of the message that it saw last */
#define PARSER_LABEL_MAX 96
const char* parser_label(void);

#ifdef __cplusplus
}
#endif

#endif /* LIBRA_PARSER_RUN_H */
