/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files that were searched for markers and have not changed since: what a server
 * sends of its own, again and again, is searched once.
 */
#ifndef _LIBRA_SEARCHED_H
#define _LIBRA_SEARCHED_H

#include "search.h"

void libra_searched_init(void);

/* Are the next @len bytes, at least one, known to have no marker, nor to end in one? */
bool libra_searched_before(const struct iov_iter *iter, size_t len);
/* As libra_marker_search_iter(); what it finds in files is remembered */
enum libra_found libra_searched_iter(const struct iov_iter *iter, size_t len, size_t *at,
				     struct libra_marker *marker);

#endif /* _LIBRA_SEARCHED_H */
