/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LIBRA_ZEROCOPY_H
#define _LIBRA_ZEROCOPY_H

struct libra_sock;
struct msghdr;
struct ubuf_info;

/*
 * Takes the wish to send without copying off @msg. What libra_zerocopy_end()
 * must be told of: a notice, NULL (none is due, or the caller's caller gives
 * it), or -ENOBUFS as on plain TCP.
 */
struct ubuf_info *libra_zerocopy_begin(struct libra_sock *ls, struct msghdr *msg);
/* Gives the notice, that its bytes were copied, unless nothing was @sent */
void libra_zerocopy_end(struct libra_sock *ls, struct ubuf_info *notice, bool sent);

#endif /* _LIBRA_ZEROCOPY_H */
