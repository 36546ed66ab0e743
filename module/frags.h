/* SPDX-License-Identifier: GPL-2.0 */
/* Retained pages as fragments of the packets that leave */
#ifndef _LIBRA_FRAGS_H
#define _LIBRA_FRAGS_H

#include <linux/bvec.h>
#include <linux/mm.h>
#include <linux/skbuff.h>
#include <linux/socket.h>
#include <linux/uio.h>

struct sock;

/*
 * A message to tcp_sendmsg_locked() whose iterator, over segments of retained
 * pages, becomes fragments as it is.
 */
struct libra_frags {
	struct msghdr msg;
	struct sock *sk;
};

/*
 * Makes @frags send @from on @sk. @ubuf, of the sender, is what makes TCP ask us
 * for the fragments: no packet refers to it later, but by a pointer that nobody
 * follows. With the socket locked.
 */
void libra_frags_init(struct libra_frags *frags, struct sock *sk,
		      const struct iov_iter *from, struct ubuf_info *ubuf);

/* Do bytes at @offset of @page, which is of the same folio, follow the segment @last? */
static inline bool libra_frags_follow(const struct bio_vec *last, const struct page *page,
				      u32 offset)
{
	return (page - last->bv_page) * PAGE_SIZE + offset == last->bv_offset + last->bv_len;
}

/* Do they, in the same folio? Then one reference pins both. */
static inline bool libra_frags_touch(const struct bio_vec *last, const struct page *page,
				     u32 offset)
{
	return compound_head(last->bv_page) == compound_head(page) &&
	       libra_frags_follow(last, page, offset);
}

/*
 * The next piece of at most @len bytes, and of one page, of an iterator over pages,
 * which has as many and moves over it; returns how long it is
 */
static inline size_t libra_frags_page(struct iov_iter *it, size_t len, struct page **page,
				      size_t *offset)
{
	size_t at, n;

	iov_iter_advance(it, 0);	/* over empty ones */
	at = it->bvec->bv_offset + it->iov_offset;
	*page = it->bvec->bv_page + (at >> PAGE_SHIFT);
	*offset = offset_in_page(at);
	n = min3(len, it->bvec->bv_len - it->iov_offset, PAGE_SIZE - *offset);
	iov_iter_advance(it, n);
	return n;
}

#endif /* _LIBRA_FRAGS_H */
