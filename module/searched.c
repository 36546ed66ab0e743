// SPDX-License-Identifier: GPL-2.0
/*
 * sendfile(2) and splice(2) bring pages of the page cache. A file's content is what it
 * was while its ctime is the same and nobody has it open for writing: write(2) and the
 * first write through a mapping set ctime, before they change a byte, and who has
 * neither file nor mapping writes no more, but for a device that was given his pages
 * before. One call may take long after that, so a file that is open for writing is
 * searched each time, and so are pages that are pinned (FOLL_PIN).
 *
 * That holds for the file systems below, on disks of this machine: not for those
 * whose content somebody else changes (network, FUSE), that do not look at mappings
 * (tmpfs), or where one inode number has many files (Btrfs).
 *
 * A search is remembered when ctime was the same before and after it, and older than
 * the longest tick of its clock: a second change within one tick would be hidden.
 *
 * A slot remembers two ranges of one file: the longest, and one that may become it, or
 * somebody who reads from elsewhere would keep it from growing. Whoever hashes to it
 * last has it. A slot's lock is innermost; readers do not write to it.
 */
#include <linux/fs.h>
#include <linux/hash.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/seqlock.h>

#include "frags.h"
#include "searched.h"

#define SEARCHED_BITS	9

/* Seconds; ticks are at most one */
#define SEARCHED_QUIET	10

struct searched_file {
	u64 ino;
	dev_t dev;
	u32 generation;
	struct timespec64 ctime;
};

/* Bytes of it */
struct searched_range {
	loff_t from, to;
};

static struct searched_slot {
	seqlock_t lock;
	struct searched_file file;
	struct searched_range clean, growing;
} searched_slots[BIT(SEARCHED_BITS)];

void __init libra_searched_init(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(searched_slots); i++)
		seqlock_init(&searched_slots[i].lock);
}

/* ---- whose pages are these? ---- */

static bool searched_trusted(const struct inode *inode)
{
	unsigned long magic = inode->i_sb->s_magic;

	/* ext2 and ext3 have the magic of ext4 */
	return (magic == EXT4_SUPER_MAGIC || magic == XFS_SUPER_MAGIC) &&
	       S_ISREG(inode->i_mode) && !IS_NOCMTIME(inode) && !IS_DAX(inode) &&
	       !IS_SWAPFILE(inode) && !inode_is_open_for_write(inode);
}

/* Where @len bytes at @offset of @page stand in the file that @mapping is of, -1: not in it */
static loff_t searched_pos(struct page *page, size_t offset, size_t len,
			   const struct address_space *mapping)
{
	struct folio *folio = page_folio(page);

	offset += folio_page_idx(folio, page) * PAGE_SIZE;
	if (READ_ONCE(folio->mapping) != mapping || offset + len > folio_size(folio))
		return -1;
	return folio_pos(folio) + offset;
}

/* Are the next bytes one piece of the file that @mapping is of? For each page, so no iterator */
static bool searched_range_of(const struct iov_iter *iter, size_t len,
			      const struct address_space *mapping, struct searched_range *range)
{
	const struct bio_vec *seg = iter->bvec;
	size_t skip = iter->iov_offset, n;
	loff_t pos;

	for (range->from = range->to = -1; len; len -= n, seg++, skip = 0) {
		n = min(len, seg->bv_len - skip);
		if (!n)
			continue;
		pos = searched_pos(seg->bv_page, seg->bv_offset + skip, n, mapping);
		if (pos < 0 || (range->to >= 0 && pos != range->to))
			return false;
		if (range->from < 0)
			range->from = pos;
		range->to = pos + n;
	}
	return true;
}

/* A page may leave its file at any time, and the file go: RCU keeps its inode meanwhile */
static bool searched_whose(const struct iov_iter *iter, size_t len, struct searched_file *file,
			   struct searched_range *range)
{
	struct iov_iter it = *iter;
	struct address_space *mapping;
	struct inode *inode;
	struct page *page;
	bool known = false;
	size_t offset;

	libra_frags_page(&it, len, &page, &offset);
	rcu_read_lock();
	mapping = folio_mapping(page_folio(page));
	inode = mapping ? READ_ONCE(mapping->host) : NULL;
	if (!inode || !searched_trusted(inode))
		goto unlock;
	/* who has written and closed it meanwhile has changed its ctime before */
	smp_rmb();
	file->ino = inode->i_ino;
	file->dev = inode->i_sb->s_dev;
	file->generation = inode->i_generation;
	file->ctime = inode_get_ctime(inode);
	/* it is taken from the mapping, under its lock, before the inode can be another's */
	smp_rmb();
	known = searched_range_of(iter, len, mapping, range);
unlock:
	rcu_read_unlock();
	return known;
}

/* ---- what is known of them ---- */

static struct searched_slot *searched_slot_of(const struct searched_file *file)
{
	return &searched_slots[hash_64(file->ino ^ (u64)file->dev << 32, SEARCHED_BITS)];
}

static bool searched_same(const struct searched_file *one, const struct searched_file *other)
{
	return one->ino == other->ino && one->dev == other->dev &&
	       one->generation == other->generation &&
	       timespec64_equal(&one->ctime, &other->ctime);
}

static bool searched_within(const struct searched_range *clean, const struct searched_range *range)
{
	return clean->from <= range->from && range->to <= clean->to;
}

static bool searched_known(const struct searched_file *file, const struct searched_range *range)
{
	struct searched_slot *slot = searched_slot_of(file);
	unsigned int seq;
	bool known;

	do {
		seq = read_seqbegin(&slot->lock);
		known = searched_same(&slot->file, file) &&
			(searched_within(&slot->clean, range) ||
			 searched_within(&slot->growing, range));
	} while (read_seqretry(&slot->lock, seq));
	return known;
}

/* Those that touch become one */
static bool searched_unite(struct searched_range *clean, const struct searched_range *range)
{
	if (clean->from > range->to || range->from > clean->to)
		return false;
	clean->from = min(clean->from, range->from);
	clean->to = max(clean->to, range->to);
	return true;
}

static void searched_grow(struct searched_slot *slot, const struct searched_range *range)
{
	lockdep_assert_held(&slot->lock.lock);
	if (!searched_unite(&slot->clean, range) && !searched_unite(&slot->growing, range))
		slot->growing = *range;
	if (searched_unite(&slot->clean, &slot->growing))
		slot->growing = slot->clean;
	else if (slot->growing.to - slot->growing.from > slot->clean.to - slot->clean.from)
		swap(slot->growing, slot->clean);
}

static void searched_add(const struct searched_file *file, const struct searched_range *range)
{
	struct searched_slot *slot = searched_slot_of(file);

	write_seqlock(&slot->lock);
	if (searched_same(&slot->file, file)) {
		searched_grow(slot, range);
	} else {
		slot->file = *file;
		slot->clean = *range;
		slot->growing = *range;
	}
	write_sequnlock(&slot->lock);
}

/* Does a device write to the next bytes, for who had the file open before? */
static bool searched_pinned(struct iov_iter it, size_t len)
{
	struct page *page;
	size_t offset, n;

	for (; len; len -= n) {
		n = libra_frags_page(&it, len, &page, &offset);
		if (folio_maybe_dma_pinned(page_folio(page)))
			return true;
	}
	return false;
}

/* The bytes at @pos of the file that @page is of, as far as one page of its cache has them */
static u32 searched_peek(struct page *page, loff_t pos, u8 *bytes, u32 len)
{
	struct address_space *mapping;
	struct folio *folio;
	loff_t size;

	rcu_read_lock();
	mapping = folio_mapping(page_folio(page));
	folio = mapping ? filemap_get_folio(mapping, pos >> PAGE_SHIFT) : ERR_PTR(-ENOENT);
	size = mapping ? i_size_read(mapping->host) : 0;
	rcu_read_unlock();
	if (IS_ERR(folio))
		return 0;
	len = min_t(u32, len, PAGE_SIZE - offset_in_page(pos));
	len = clamp_t(loff_t, size - pos, 0, len);
	if (!folio_test_uptodate(folio) || folio_maybe_dma_pinned(folio))
		len = 0;
	memcpy_from_folio((char *)bytes, folio, offset_in_folio(folio, pos), len);
	folio_put(folio);
	return len;
}

/* The last of @len bytes, from @at on, begin as a marker does. Do they go on otherwise? */
static bool searched_goes_on(struct iov_iter it, size_t len, size_t at,
			     const struct searched_range *range)
{
	u8 seam[2 * (LIBRA_MARKER_LEN - 1)];
	struct libra_marker marker;
	u32 near = len - at, n, where;
	struct page *page;
	size_t offset;

	iov_iter_advance(&it, at);
	if (near >= LIBRA_MARKER_LEN || copy_from_iter(seam, near, &it) != near)
		return false;
	iov_iter_revert(&it, 1);
	libra_frags_page(&it, 1, &page, &offset);
	n = searched_peek(page, range->to, seam + near, LIBRA_MARKER_LEN - 1);
	libra_marker_search(seam, near + n, &where, &marker);
	return where >= near;
}

/* May a marker begin in the last of @len bytes, which went on otherwise when all was searched? */
static bool searched_cut(struct iov_iter it, size_t len)
{
	size_t near = min_t(size_t, len, LIBRA_MARKER_LEN - 1), at;
	struct libra_marker marker;

	iov_iter_advance(&it, len - near);
	return libra_marker_search_iter(&it, near, &at, &marker) != LIBRA_FOUND_NONE;
}

bool libra_searched_before(const struct iov_iter *iter, size_t len)
{
	struct searched_range range;
	struct searched_file file;

	return iov_iter_is_bvec(iter) && searched_whose(iter, len, &file, &range) &&
	       searched_known(&file, &range) && !searched_cut(*iter, len);
}

enum libra_found libra_searched_iter(const struct iov_iter *iter, size_t len, size_t *at,
				     struct libra_marker *marker)
{
	struct searched_file file, after;
	struct searched_range range;
	enum libra_found found;
	bool settled;

	if (!iov_iter_is_bvec(iter) || !searched_whose(iter, len, &file, &range))
		return libra_marker_search_iter(iter, len, at, marker);
	settled = ktime_get_real_seconds() - file.ctime.tv_sec > SEARCHED_QUIET &&
		  !searched_pinned(*iter, len);
	found = libra_marker_search_iter(iter, len, at, marker);
	settled &= found == LIBRA_FOUND_NONE ||
		   (found == LIBRA_FOUND_CUT && searched_goes_on(*iter, len, *at, &range));
	if (settled && searched_whose(iter, len, &after, &range) && searched_same(&file, &after))
		searched_add(&file, &range);
	return found;
}
