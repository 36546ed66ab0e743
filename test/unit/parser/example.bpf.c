// SPDX-License-Identifier: GPL-2.0
/* A message is a 4-byte length in network order, and so many bytes */
#include "libra_parser.h"

char _license[] SEC("license") = "GPL";

#define LENGTH_MAX (16 << 20)

LIBRA_PARSER(example, 1) {
    const u8* head = bpf_libra_window(frame, 0, 4);

    if (!head)
        return LIBRA_GIVE_UP;
    if (frame->avail < 4)
        return LIBRA_NEED_MORE;

    frame->payload_len = libra_be32(head);
    if (frame->payload_len > LENGTH_MAX)
        return LIBRA_GIVE_UP;
    frame->meta_len = 4;
    frame->flags = LIBRA_FRAME_LAST;
    return LIBRA_FRAME;
}
