// SPDX-License-Identifier: GPL-2.0
/* The kfuncs and libra_parser_run() of the module, in user space */
#include <stdlib.h>

#include "parser_run.h"

struct run {
    struct libra_frame frame;
    struct libra_window window;
    char label[PARSER_LABEL_MAX];
    u32 label_len;
    _Bool labels;
};

static const struct libra_window* window_of(struct libra_frame* frame) {
    return &((struct run*)frame)->window;
}

const u8* bpf_libra_window(struct libra_frame* frame, u32 at, const unsigned long size) {
    const struct libra_window* window = window_of(frame);

    if (at > window->len || size > LIBRA_WINDOW_PAD)
        return NULL;
    return window->data + at;
}

int bpf_libra_byte(struct libra_frame* frame, u32 at) {
    return libra_window_byte(window_of(frame), at);
}

int bpf_libra_find(struct libra_frame* frame, u32 at, const char* pattern) {
    return libra_window_find(window_of(frame), at, pattern);
}

int bpf_libra_match(struct libra_frame* frame, u32 at, const char* pattern, u32 flags) {
    return libra_window_match(window_of(frame), at, pattern, flags);
}

u32 bpf_libra_span(struct libra_frame* frame, u32 at, u32 kinds) {
    return libra_window_span(window_of(frame), at, kinds);
}

int bpf_libra_line(struct libra_frame* frame, u32 at, u32 kinds) {
    return libra_window_line(window_of(frame), at, kinds);
}

int bpf_libra_field(struct libra_frame* frame, u32 at, struct libra_field* field) {
    return libra_window_field(window_of(frame), at, field);
}

int bpf_libra_field_of(struct libra_frame* frame, u32 at, u32 lengths, struct libra_field* field) {
    return libra_window_field_of(window_of(frame), at, lengths, field);
}

s64 bpf_libra_parse_uint(struct libra_frame* frame, u32 at, u32 end, u32 base) {
    return libra_window_parse_uint(window_of(frame), at, end, base);
}

_Bool bpf_libra_labels(struct libra_frame* frame) {
    return ((struct run*)frame)->labels;
}

void bpf_libra_label(struct libra_frame* frame, u32 at, u32 end) {
    struct run* run = (struct run*)frame;

    if (!run->labels)
        return;
    run->label_len =
        libra_window_label(&run->window, at, end, run->label, run->label_len, PARSER_LABEL_MAX);
}

void bpf_libra_label_field(struct libra_frame* frame, struct libra_field* field) {
    struct run* run = (struct run*)frame;

    if (!run->labels)
        return;
    run->label_len = libra_window_label_field(&run->window, field, run->label, run->label_len,
                                              PARSER_LABEL_MAX);
}

static char last_label[PARSER_LABEL_MAX];

const char* parser_label(void) {
    return last_label;
}

static int run_once(const struct libra_parser_ops* ops, const u8* data, u32 len,
                    const struct libra_frame* frame, _Bool labels, struct run* run) {
    memset(run, 0, sizeof(*run));
    run->frame.avail = len;
    run->frame.side = frame->side;
    run->frame.exchange = frame->exchange;
    memcpy(run->frame.state, frame->state, sizeof(run->frame.state));
    run->window.data = data;
    run->window.len = len;
    run->labels = labels;
    return ops->parse(&run->frame);
}

int parser_run(const struct libra_parser_ops* ops, const u8* data, u32 len,
               struct libra_frame* frame, int* refused) {
    struct run run, unlabelled;
    int verdict = run_once(ops, data, len, frame, 1, &run);

    if (run_once(ops, data, len, frame, 0, &unlabelled) != verdict ||
        (verdict == LIBRA_FRAME && memcmp(&run.frame, &unlabelled.frame, sizeof(run.frame)) != 0))
        abort();
    memcpy(last_label, run.label, sizeof(last_label));
    *refused = verdict == LIBRA_FRAME && !libra_frame_valid(&run.frame);
    if (*refused)
        return LIBRA_GIVE_UP;
    if (verdict == LIBRA_FRAME)
        *frame = run.frame;
    return verdict == LIBRA_FRAME || verdict == LIBRA_NEED_MORE ? verdict : LIBRA_GIVE_UP;
}
