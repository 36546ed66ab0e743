/* SPDX-License-Identifier: GPL-2.0 */
/* TLS that is being set up: where what the application encrypts itself begins */
#ifndef _LIBRA_HANDSHAKE_H
#define _LIBRA_HANDSHAKE_H

#include <linux/types.h>

struct iov_iter;
struct libra_domain;
struct libra_sock;
struct libra_stream;

#define LIBRA_RECORD_HEADER	5

/* Records as they are written; with tx.lock */
struct libra_handshake {
	u8 header[LIBRA_RECORD_HEADER];
	u8 header_len;		/* of the next record, what has passed */
	bool changed;		/* a ChangeCipherSpec has passed ... */
	bool over;		/* ... and a record that ends a handshake */
	u32 left;		/* of the record under way */
};

/*
 * The parser does not know what @stream begins with, of which it looked at so many
 * bytes: is it TLS, which kTLS may take over? With the lock of its direction.
 */
bool libra_handshake_begins(struct libra_sock *ls, struct libra_stream *stream, u32 looked);
/*
 * May the next @len bytes leave that the application writes while the handshake
 * lasts? When it encrypts data itself, nobody sees what leaves: the gate closes,
 * and where payload may be among it the connection is reset. 0 or -ECONNRESET.
 */
int libra_handshake_check(struct libra_sock *ls, struct libra_domain *domain,
			  const struct iov_iter *from, size_t len);
/* As many of them have left */
void libra_handshake_sent(struct libra_sock *ls, const struct iov_iter *from, size_t len);

#endif /* _LIBRA_HANDSHAKE_H */
