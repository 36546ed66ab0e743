// SPDX-License-Identifier: GPL-2.0
/*
 * MSG_SPLICE_PAGES takes an iterator apart page by page, and looks at each. The
 * pages of a payload were looked at when they were retained: TCP is handed whole
 * segments, through the callback by which io_uring's zero-copy sends hand theirs.
 *
 * That callback comes with a ubuf_info, which packets normally keep until they
 * are freed. Ours lacks SKBFL_ZEROCOPY_ENABLE: a packet has references to the
 * pages themselves, as with MSG_SPLICE_PAGES, so that nothing makes copies of
 * them where it is received on this host, and nobody is told when it is freed.
 */
#include <net/hotdata.h>
#include <net/sock.h>

#include "frags.h"

/* Never called, see above, but TCP looks for the calls that are optional */
static const struct ubuf_info_ops frags_ubuf_ops;

/* Does the packet end where these bytes begin? Then they need no fragment of their own */
static bool frags_extend(struct sk_buff *skb, struct page *page, u32 offset, u32 len)
{
	struct skb_shared_info *shinfo = skb_shinfo(skb);

	if (!skb_can_coalesce(skb, shinfo->nr_frags, page, offset))
		return false;
	skb_frag_size_add(&shinfo->frags[shinfo->nr_frags - 1], len);
	return true;
}

static bool frags_add(struct sk_buff *skb, struct page *page, u32 offset, u32 len)
{
	u32 i = skb_shinfo(skb)->nr_frags;

	if (i >= READ_ONCE(net_hotdata.sysctl_max_skb_frags))
		return false;
	get_page(page);
	skb_fill_page_desc_noacc(skb, i, page, offset, len);
	return true;
}

/*
 * Up to @length bytes of the next segments, over which @from moves; how many. Segments
 * that touch are one already: only the first may go on where the packet ends.
 */
static u32 frags_add_all(struct sk_buff *skb, struct iov_iter *from, u32 length)
{
	const struct bio_vec *seg = from->bvec;
	u32 offset = from->iov_offset, done = 0, n;

	while (done < length) {
		n = min(seg->bv_len - offset, length - done);
		if (n && (done || !frags_extend(skb, seg->bv_page, seg->bv_offset + offset, n)) &&
		    !frags_add(skb, seg->bv_page, seg->bv_offset + offset, n))
			break;
		done += n;
		offset += n;
		if (offset == seg->bv_len) {
			seg++;
			offset = 0;
		}
	}
	/* iov_iter_advance() would look at each of them once more */
	from->nr_segs -= seg - from->bvec;
	from->bvec = seg;
	from->iov_offset = offset;
	from->count -= done;
	return done;
}

static int frags_from_iter(struct sk_buff *skb, struct iov_iter *from, size_t length)
{
	struct sock *sk = container_of(from, struct libra_frags, msg.msg_iter)->sk;
	u32 done;

	/* TCP charges no memory for packets that hold only what the sender pinned */
	if (skb_shinfo(skb)->flags & SKBFL_PURE_ZEROCOPY) {
		if (!sk_wmem_schedule(sk, length))
			return -EFAULT;	/* the error after which TCP undoes all */
		skb_shinfo(skb)->flags &= ~SKBFL_PURE_ZEROCOPY;
	}
	done = frags_add_all(skb, from, length);
	if (!done)
		return -EMSGSIZE;
	skb_len_add(skb, done);
	return 0;
}

void libra_frags_init(struct libra_frags *frags, struct sock *sk,
		      const struct iov_iter *from, struct ubuf_info *ubuf)
{
	ubuf->ops = &frags_ubuf_ops;
	/* pages may change as those of any file that is sent */
	ubuf->flags = SKBFL_SHARED_FRAG;
	/* each packet counts up, none down */
	refcount_set(&ubuf->refcnt, 1);
	frags->msg = (struct msghdr) {
		.msg_iter = *from,
		.msg_ubuf = ubuf,
		.sg_from_iter = frags_from_iter,
	};
	frags->sk = sk;
}
