/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What makes a parser's answer acceptable. Apart from parser.h because the unit
 * tests hold parsers to the same rules, with bpf/libra_parser.h's struct.
 */
#ifndef _LIBRA_FRAME_H
#define _LIBRA_FRAME_H

#ifdef __KERNEL__
#include "parser.h"
#endif
#include "window.h"

#define LIBRA_FRAME_KNOWN (LIBRA_FRAME_LAST | LIBRA_FRAME_OPENS | \
			   LIBRA_FRAME_ANSWERS | LIBRA_FRAME_TUNNEL)

/*
 * The parser cannot change @avail, @side and @exchange, all else is its word.
 * What it left out or mixed up tells of a stream it does not understand.
 */
static inline bool libra_frame_valid(const struct libra_frame *frame)
{
	bool request = frame->side == LIBRA_SIDE_REQUEST;

	if (!frame->meta_len || frame->meta_len > frame->avail)
		return false;
	if ((frame->flags & ~LIBRA_FRAME_KNOWN) || frame->flow)
		return false;
	if (frame->payload_len >= LIBRA_UINT_LIMIT &&
	    frame->payload_len != LIBRA_PAYLOAD_EOF)
		return false;
	/* What follows belongs to no protocol: it cannot be payload of this one */
	if ((frame->flags & LIBRA_FRAME_TUNNEL) && frame->payload_len)
		return false;
	if (!(frame->flags & LIBRA_FRAME_OPENS) != !frame->tag ||
	    frame->tag > LIBRA_TAG_MAX)
		return false;
	if ((frame->flags & LIBRA_FRAME_OPENS) && !request)
		return false;
	if ((frame->flags & LIBRA_FRAME_ANSWERS) &&
	    (request || frame->exchange == LIBRA_EXCHANGE_NONE))
		return false;
	return true;
}

#endif /* _LIBRA_FRAME_H */
