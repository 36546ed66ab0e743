/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Classes: messages that an application is expected to treat alike, by what
 * the parser says of them (their label) and, of responses, by what it says of
 * the client's request that they answer. What was seen of a class in modes
 * verify and auto is statistics, not proof.
 */
#ifndef _LIBRA_CLASSES_H
#define _LIBRA_CLASSES_H

#include <linux/list.h>
#include <linux/types.h>

#include "uapi/libra.h"

struct libra_domain;
struct libra_policy;

/* What a parser says of a message, lower case, words with a space between */
struct libra_label {
	u8 len;
	char text[LIBRA_LABEL_MAX];
};

/* Requests of which nothing is known, or too many kinds are: their answers prove nothing */
#define LIBRA_REQUEST_NONE	0
/* No request of a client at all, or nobody verifies */
#define LIBRA_REQUEST_UNASKED	255

enum libra_verdict_of_class {
	LIBRA_VERBATIM,
	LIBRA_ALTERED,
	LIBRA_UNFORWARDED,
};

/* A message that was compared, or missed */
struct libra_compared {
	const struct libra_label *label;
	u8 side;			/* enum libra_side */
	u8 request;			/* the client's, of responses; or LIBRA_REQUEST_NONE */
	u64 bytes;
};

/* One row of the dump */
struct libra_class {
	struct list_head node;
	u32 id;
	u8 side;
	u8 request;
	u8 state;			/* enum libra_class_state */
	u32 streak;
	u32 skipped;			/* messages elided since one was verified */
	u64 verbatim;
	u64 altered;
	u64 unforwarded;
	u64 elided;
	u64 bytes;
	struct libra_label label;
};

struct libra_classes;

/* Those of @domain, made at first; NULL: no memory */
struct libra_classes *libra_classes_get(struct libra_domain *domain);
void libra_classes_free(struct libra_classes *classes);

/*
 * A client's request with this label waits for its answer: its number, to be
 * given back when it has one or its connection is gone.
 */
u8 libra_classes_ask(struct libra_classes *classes, const struct libra_label *label);
void libra_classes_answered(struct libra_classes *classes, u8 request);

/*
 * Shall a message with this label be elided? Then its class, or one of them.
 * Of responses only when that is proven for each kind of request that waits;
 * of a proven class one in @policy's sample is not, to be verified: NULL.
 */
const struct libra_class *libra_classes_elides(struct libra_classes *classes, u8 side,
					       const struct libra_label *label,
					       const struct libra_policy *policy);

/* What became of a message */
void libra_classes_count(struct libra_domain *domain, const struct libra_policy *policy,
			 const struct libra_compared *message,
			 enum libra_verdict_of_class verdict);
/* Payload of an elided message died before it was sent */
void libra_classes_died(struct libra_domain *domain, const struct libra_class *class);
/* The process has a sink that it had not before: all has to be proven again */
void libra_classes_doubt(struct libra_domain *domain);

/* For the dump: @fn, under a spinlock, for each class whose id is above @after */
int libra_classes_for_each(struct libra_domain *domain, u32 after,
			   int (*fn)(const struct libra_class *class, const char *request,
				     void *arg),
			   void *arg);

#endif /* _LIBRA_CLASSES_H */
