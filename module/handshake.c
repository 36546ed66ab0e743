// SPDX-License-Identifier: GPL-2.0
/*
 * An application that uses kTLS sends the handshake itself, up to the records that
 * are encrypted with the handshake's own keys, and hands over before the first
 * data. One that does not use it, or not for what was negotiated, goes on. Which
 * it is the records' headers tell:
 *
 * TLS 1.2 encrypts the Finished message in a record of the type "handshake", behind
 * ChangeCipherSpec; a record of data has the type that says so.
 *
 * TLS 1.3 gives all that is encrypted the type of data. The handshake ends with
 * Finished, whose length follows from the hash; data comes behind it.
 *
 * What a client sends encrypted that is neither is taken for data: a certificate of
 * its own in TLS 1.3, say, which costs elision. A server's other messages are not, but
 * until its keys are set, or data are seen, the gate stays closed.
 */
#include <linux/uio.h>
#include <linux/unaligned.h>
#include <net/tls_prot.h>

#include "domain.h"
#include "handshake.h"
#include "payload.h"
#include "sock.h"

/* Of all versions */
#define RECORD_MAJOR		3
/* TLS 1.2: what is encrypted may be so much longer than 16 KB */
#define RECORD_MAX		(16384 + 2048)

/* Record header: a handshake message, of TLS or what calls itself so for old servers' sake */
static const u8 handshake_first[] = { TLS_RECORD_TYPE_HANDSHAKE, RECORD_MAJOR };

bool libra_handshake_begins(struct libra_sock *ls, struct libra_stream *stream, u32 looked)
{
	if (stream->begun || stream->head_len || !looked ||
	    memcmp(stream->head, handshake_first, min_t(u32, looked, sizeof(handshake_first))))
		return false;
	libra_sock_handshake(ls, stream);
	return true;
}

/* Message header, SHA-256 or SHA-384, inner type, authentication tag */
#define FINISHED_SHA256		(4 + 32 + 1 + 16)
#define FINISHED_SHA384		(4 + 48 + 1 + 16)
/*
 * TLS 1.2: a Finished message of 16 bytes with all that a cipher suite adds. The
 * hello that TLS 1.3 may have behind ChangeCipherSpec is longer.
 */
#define FINISHED_MAX		100

static bool handshake_finished(const struct libra_handshake *handshake)
{
	return handshake->left == FINISHED_SHA256 || handshake->left == FINISHED_SHA384;
}

/* A whole header has passed: do data begin? */
static bool handshake_ends(const struct libra_sock *ls, struct libra_handshake *handshake)
{
	bool client = ls->tx.stream.side == LIBRA_SIDE_REQUEST;

	if (handshake->header[1] != RECORD_MAJOR || handshake->left > RECORD_MAX)
		return true;
	switch (handshake->header[0]) {
	case TLS_RECORD_TYPE_CHANGE_CIPHER_SPEC:
		handshake->changed = true;
		return false;
	case TLS_RECORD_TYPE_ALERT:
		return false;
	case TLS_RECORD_TYPE_HANDSHAKE:
		handshake->over |= handshake->changed && handshake->left <= FINISHED_MAX;
		return false;
	case TLS_RECORD_TYPE_DATA:
		if (handshake->over || (client && !handshake_finished(handshake)))
			return true;
		handshake->over = handshake_finished(handshake);
		return false;
	default:
		return true;
	}
}

/* Are data among the next @len bytes? */
static bool handshake_has_data(const struct libra_sock *ls, struct libra_handshake *handshake,
			       struct iov_iter from, size_t len)
{
	u8 bytes[LIBRA_RECORD_HEADER];
	u32 n;

	for (; len; len -= n) {
		if (handshake->left) {
			n = min_t(size_t, len, handshake->left);
			handshake->left -= n;
			iov_iter_advance(&from, n);
			continue;
		}
		n = min_t(size_t, len, LIBRA_RECORD_HEADER - handshake->header_len);
		if (copy_from_iter(bytes, n, &from) != n)
			return true;
		memcpy(handshake->header + handshake->header_len, bytes, n);
		handshake->header_len += n;
		if (handshake->header_len < LIBRA_RECORD_HEADER)
			continue;
		handshake->header_len = 0;
		handshake->left = get_unaligned_be16(handshake->header + 3);
		if (handshake_ends(ls, handshake))
			return true;
	}
	return false;
}

int libra_handshake_check(struct libra_sock *ls, struct libra_domain *domain,
			  const struct iov_iter *from, size_t len)
{
	struct libra_handshake ahead = ls->tx.handshake;

	lockdep_assert_held(&ls->tx.lock);
	if (!handshake_has_data(ls, &ahead, *from, len))
		return 0;
	libra_sock_opaque(ls, LIBRA_REASON_NO_KTLS);
	if (ls->tx.stream.side != LIBRA_SIDE_REQUEST || !domain)
		return 0;
	WRITE_ONCE(domain->tls, true);
	return libra_payload_any_live(domain) ?
	       libra_sock_kill(ls, LIBRA_RESET_OPAQUE_SINK) : 0;
}

void libra_handshake_sent(struct libra_sock *ls, const struct iov_iter *from, size_t len)
{
	lockdep_assert_held(&ls->tx.lock);
	handshake_has_data(ls, &ls->tx.handshake, *from, len);
}
