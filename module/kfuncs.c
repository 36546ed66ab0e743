// SPDX-License-Identifier: GPL-2.0
/*
 * kfuncs for parsers: what BPF can ask about the window
 *
 * A byte loop over a header is more than the verifier follows, and slower than
 * the word-at-a-time code of window.h. Offsets are counted from the beginning
 * of the frame; one outside the window is answered, never followed.
 *
 * No locks: a run belongs to the CPU that runs it.
 */
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/module.h>

#include "compat/bpf.h"
#include "kfuncs.h"
#include "run.h"

static const struct libra_window *libra_run_window(struct libra_frame *frame)
{
	return &container_of(frame, struct libra_run, frame)->window;
}

__bpf_kfunc_start_defs();

/**
 * bpf_libra_window() - bytes of the window, to be read directly
 * @frame: the frame that parse() was called with
 * @at: offset of the first byte
 * @rdonly_buf_size: how many bytes, a constant up to LIBRA_WINDOW_PAD
 *
 * Bytes at and behind @frame->avail can be read but mean nothing: compare
 * with @frame->avail before believing them.
 *
 * Return: the bytes, or NULL when @at is behind the window's end or
 * @rdonly_buf_size too large.
 */
__bpf_kfunc const u8 *bpf_libra_window(struct libra_frame *frame, u32 at,
				       const size_t rdonly_buf_size)
{
	const struct libra_window *window = libra_run_window(frame);

	if (at > window->len || rdonly_buf_size > LIBRA_WINDOW_PAD)
		return NULL;
	return window->data + at;
}

/**
 * bpf_libra_byte() - one byte of the window
 * @frame: the frame that parse() was called with
 * @at: its offset
 *
 * Return: the byte, or -ENOENT behind the window's end.
 */
__bpf_kfunc int bpf_libra_byte(struct libra_frame *frame, u32 at)
{
	return libra_window_byte(libra_run_window(frame), at);
}

/**
 * bpf_libra_find() - look for a string
 * @frame: the frame that parse() was called with
 * @at: offset where to begin
 * @pattern__str: what to look for, a constant
 *
 * Return: the offset of the first occurrence at or after @at, or -ENOENT.
 */
__bpf_kfunc int bpf_libra_find(struct libra_frame *frame, u32 at,
			       const char *pattern__str)
{
	return libra_window_find(libra_run_window(frame), at, pattern__str);
}

/**
 * bpf_libra_match() - compare with a string
 * @frame: the frame that parse() was called with
 * @at: offset where to compare
 * @pattern__str: what to compare with, a constant; in lower case with
 *                LIBRA_NOCASE
 * @flags: LIBRA_NOCASE or 0
 *
 * Return: 1 when the window has the string at @at, 0 when not, -EAGAIN when
 * the window ends before that is known.
 */
__bpf_kfunc int bpf_libra_match(struct libra_frame *frame, u32 at,
				const char *pattern__str, u32 flags)
{
	return libra_window_match(libra_run_window(frame), at, pattern__str,
				  flags);
}

/**
 * bpf_libra_span() - skip bytes of some kinds
 * @frame: the frame that parse() was called with
 * @at: offset where to begin
 * @kinds: LIBRA_CH_*, or'ed
 *
 * Return: the offset of the first byte at or after @at that is of none of
 * @kinds, or @frame->avail when there is none.
 */
__bpf_kfunc u32 bpf_libra_span(struct libra_frame *frame, u32 at, u32 kinds)
{
	return libra_window_span(libra_run_window(frame), at, kinds);
}

/**
 * bpf_libra_line() - skip the rest of a line
 * @frame: the frame that parse() was called with
 * @at: offset where to begin
 * @kinds: LIBRA_CH_*, or'ed: what it may consist of; 0: nothing
 *
 * Return: the offset behind the CRLF that ends it, 0 when something else comes
 * first, -EAGAIN when the window ends before that is known.
 */
__bpf_kfunc int bpf_libra_line(struct libra_frame *frame, u32 at, u32 kinds)
{
	return libra_window_line(libra_run_window(frame), at, kinds);
}

/**
 * bpf_libra_field() - read a field line, name ":" OWS value OWS CRLF
 * @frame: the frame that parse() was called with
 * @at: offset of the name
 * @field: what was found, with 1
 *
 * The name is of LIBRA_CH_TOKEN, the value of LIBRA_CH_TEXT.
 *
 * Return: 1 when the window has a whole one at @at, 0 when something else is
 * there, -EAGAIN when the window ends before that is known.
 */
__bpf_kfunc int bpf_libra_field(struct libra_frame *frame, u32 at,
				struct libra_field *field)
{
	return libra_window_field(libra_run_window(frame), at, field);
}

/**
 * bpf_libra_field_of() - read the next field line of some
 * @frame: the frame that parse() was called with
 * @at: offset of a name
 * @lengths: how long the name may be: bit n for n characters, up to 31
 * @field: what was found, with 1
 *
 * Field lines with other names are skipped, at a third of the cost.
 *
 * Return: 1 when the window has a whole one at or behind @at, 0 when something
 * else comes first, at @field->end, -EAGAIN when the window ends before that is
 * known.
 */
__bpf_kfunc int bpf_libra_field_of(struct libra_frame *frame, u32 at, u32 lengths,
				   struct libra_field *field)
{
	return libra_window_field_of(libra_run_window(frame), at, lengths, field);
}

/**
 * bpf_libra_parse_uint() - read a number written in digits
 * @frame: the frame that parse() was called with
 * @at: offset of the first digit
 * @end: offset behind the last digit
 * @base: 2 to 16
 *
 * Takes digits and nothing else: no sign, no space, no prefix.
 *
 * Return: the number, -EINVAL when there is anything else or nothing, -ERANGE
 * from 2^62 on.
 */
__bpf_kfunc s64 bpf_libra_parse_uint(struct libra_frame *frame, u32 at, u32 end,
				     u32 base)
{
	return libra_window_parse_uint(libra_run_window(frame), at, end, base);
}

/**
 * bpf_libra_labels() - is a label asked for?
 * @frame: the frame that parse() was called with
 *
 * Return: false when what bpf_libra_label() is told is thrown away.
 */
__bpf_kfunc bool bpf_libra_labels(struct libra_frame *frame)
{
	return container_of(frame, struct libra_run, frame)->label;
}

/**
 * bpf_libra_label() - say what kind of message this is
 * @frame: the frame that parse() was called with
 * @at: offset of the first byte
 * @end: offset behind the last one
 *
 * Adds a word to the label of the message: messages with the same label are
 * those that an application is expected to treat alike.
 */
__bpf_kfunc void bpf_libra_label(struct libra_frame *frame, u32 at, u32 end)
{
	const struct libra_run *run = container_of(frame, struct libra_run, frame);

	if (run->label)
		run->label->len = libra_window_label(&run->window, at, end, run->label->text,
						     run->label->len, LIBRA_LABEL_MAX);
}

/**
 * bpf_libra_label_field() - say what kind of message this is
 * @frame: the frame that parse() was called with
 * @field: a field
 *
 * Adds name ":" value as a word to the label, see bpf_libra_label(): one that no
 * other field can have said.
 */
__bpf_kfunc void bpf_libra_label_field(struct libra_frame *frame, struct libra_field *field)
{
	const struct libra_run *run = container_of(frame, struct libra_run, frame);

	if (run->label)
		run->label->len = libra_window_label_field(&run->window, field, run->label->text,
							   run->label->len, LIBRA_LABEL_MAX);
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(libra_kfunc_ids)
BTF_ID_FLAGS(func, bpf_libra_window, KF_TRUSTED_ARGS | KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_libra_byte, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_libra_find, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_libra_match, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_libra_span, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_libra_line, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_libra_field, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_libra_field_of, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_libra_parse_uint, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_libra_labels, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_libra_label, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_libra_label_field, KF_TRUSTED_ARGS)
BTF_KFUNCS_END(libra_kfunc_ids)

static const struct btf_kfunc_id_set libra_kfunc_set = {
	.owner = THIS_MODULE,
	.set = &libra_kfunc_ids,
};

int libra_kfuncs_init(void)
{
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS,
					 &libra_kfunc_set);
}
