// SPDX-License-Identifier: GPL-2.0
/*
 * http1: HTTP/1.0 and HTTP/1.1, RFC 9112
 *
 * A message is a head and then nothing, Content-Length bytes, chunks, or
 * whatever comes until the connection ends. Which of them decides where the
 * next message begins, so whatever two implementations have ever read in two
 * ways (request smuggling) is given up: it is then copied like everything that
 * Libra does not understand.
 *
 * Frames:
 *	head					payload: the body, if its length is known
 *	chunk size line				payload: the chunk's data
 *	CR LF of the last chunk, size line	payload: the chunk's data
 *	... last chunk, trailers, empty line	no payload, ends the message
 */
#include "libra_parser.h"

char _license[] SEC("license") = "GPL";

#define STATE_VERSION	1

/* The whole of what is read and kept at once */
#define HEAD_MAX	(64 * 1024)
#define FIELDS_MAX	128
/* Digits that cannot overflow, however they are written */
#define LENGTH_DIGITS	18
#define CHUNK_DIGITS	15

/* frame->state */
enum { WORD_PHASE };

/* What comes next on a stream */
enum phase {
	PHASE_HEAD,
	PHASE_FIRST_CHUNK,
	PHASE_CHUNK,		/* after the data of another one */
	PHASE_CONNECT,		/* a request, or the tunnel already? */
};

/* What the method means for the answer; frame->tag, with ASKS_UPGRADE */
enum method {
	METHOD_ANY = 1,
	METHOD_HEAD,
	METHOD_CONNECT,
};

/* The request asks for another protocol: only then is 101 an answer */
#define ASKS_UPGRADE	4

struct head {
	u32 minor;		/* HTTP/1.minor */
	u32 fields;		/* where the fields begin */
	u32 end;		/* behind the empty line */
	s64 length;		/* Content-Length, or -1 */
	int chunked;
	int upgrade;
};

/* A frame this large is none that Libra wants to hold */
static __always_inline int need_more(struct libra_frame *frame)
{
	return frame->avail < HEAD_MAX ? LIBRA_NEED_MORE : LIBRA_GIVE_UP;
}

/* HTTP-version = "HTTP/1." ( "0" / "1" ) */
static __always_inline int parse_version(struct libra_frame *frame, u32 at,
					 struct head *head)
{
	const u8 *version = bpf_libra_window(frame, at, 8);

	if (!version || frame->avail < at + 8)
		return bpf_libra_match(frame, at, "HTTP/1.", 0) ? need_more(frame) :
								  LIBRA_GIVE_UP;
	if (!libra_is(version, "HTTP/1.") || (version[7] != '0' && version[7] != '1'))
		return LIBRA_GIVE_UP;
	head->minor = version[7] - '0';
	return LIBRA_FRAME;
}

/* The rest of a start-line; head->fields is behind it */
static __always_inline int parse_line_end(struct libra_frame *frame, u32 at, u32 kinds,
					  struct head *head)
{
	int behind = bpf_libra_line(frame, at, kinds);

	if (behind < 0)
		return need_more(frame);
	if (!behind)
		return LIBRA_GIVE_UP;
	head->fields = behind;
	return LIBRA_FRAME;
}

/* request-line = method SP request-target SP HTTP-version CRLF */
static __always_inline int parse_request_line(struct libra_frame *frame, u32 at,
					      struct head *head, u32 *tag)
{
	u32 method = at, target, version;
	int next;

	/* Much that is not HTTP, a TLS hello for one, is known by its first byte */
	next = bpf_libra_byte(frame, at);
	if (next < 0)
		return need_more(frame);
	if (next < 'A' || next > 'Z')
		return LIBRA_GIVE_UP;

	at = bpf_libra_span(frame, at, LIBRA_CH_TOKEN);
	target = at + 1;
	next = bpf_libra_byte(frame, at);
	if (next < 0)
		return need_more(frame);
	if (next != ' ')
		return LIBRA_GIVE_UP;

	bpf_libra_label(frame, method, at);
	*tag = METHOD_ANY;
	if (at - method == 4 && bpf_libra_match(frame, method, "HEAD", 0) == 1)
		*tag = METHOD_HEAD;
	if (at - method == 7 && bpf_libra_match(frame, method, "CONNECT", 0) == 1)
		*tag = METHOD_CONNECT;

	at = bpf_libra_span(frame, target, LIBRA_CH_VISIBLE);
	version = at + 1;
	next = bpf_libra_byte(frame, at);
	if (next < 0)
		return need_more(frame);
	if (next != ' ' || at == target)
		return LIBRA_GIVE_UP;

	next = parse_version(frame, version, head);
	if (next != LIBRA_FRAME)
		return next;
	return parse_line_end(frame, version + 8, 0, head);
}

/* status-line = HTTP-version SP 3DIGIT SP [ reason-phrase ] CRLF */
static __always_inline int parse_status_line(struct libra_frame *frame,
					     struct head *head, s64 *status)
{
	const u8 *code;
	int next;

	next = parse_version(frame, 0, head);
	if (next != LIBRA_FRAME)
		return next;
	if (frame->avail < 13)
		return need_more(frame);
	code = bpf_libra_window(frame, 8, 5);
	if (!code || code[0] != ' ' || code[4] != ' ')
		return LIBRA_GIVE_UP;
	bpf_libra_label(frame, 9, 12);
	*status = bpf_libra_parse_uint(frame, 9, 12, 10);
	if (*status < 100 || *status > 599)
		return LIBRA_GIVE_UP;
	return parse_line_end(frame, 13, LIBRA_CH_TEXT, head);
}

/* Content-Length = 1*DIGIT, once: no list, even of equal values */
static __always_inline int parse_length(struct libra_frame *frame,
					const struct libra_field *field,
					struct head *head)
{
	if (head->length >= 0 || field->value_end - field->value > LENGTH_DIGITS)
		return LIBRA_GIVE_UP;
	head->length = bpf_libra_parse_uint(frame, field->value, field->value_end, 10);
	return head->length >= 0 ? LIBRA_FRAME : LIBRA_GIVE_UP;
}

/* Transfer-Encoding = "chunked", once, and not in HTTP/1.0 */
static __always_inline int parse_encoding(struct libra_frame *frame,
					  const struct libra_field *field,
					  struct head *head)
{
	if (head->chunked || !head->minor || field->value_end - field->value != 7)
		return LIBRA_GIVE_UP;
	if (bpf_libra_match(frame, field->value, "chunked", LIBRA_NOCASE) != 1)
		return LIBRA_GIVE_UP;
	head->chunked = 1;
	return LIBRA_FRAME;
}

/* Content-Type without its parameters: type "/" subtype, which no other word has */
static __always_inline void label_type(struct libra_frame *frame, struct libra_field *field)
{
	u32 slash = bpf_libra_span(frame, field->value, LIBRA_CH_TOKEN);

	if (bpf_libra_byte(frame, slash) == '/')
		bpf_libra_label(frame, field->value,
				bpf_libra_span(frame, slash + 1, LIBRA_CH_TOKEN));
	else
		bpf_libra_label_field(frame, field);
}

/* Most fields have other names than those that parse_field() knows ... */
#define FRAMING_LENGTHS							\
	(LIBRA_FIELD_LENGTH("content-length") |				\
	 LIBRA_FIELD_LENGTH("transfer-encoding") |			\
	 LIBRA_FIELD_LENGTH("upgrade"))
/* ... and those that only say what kind of message it is */
#define LABEL_LENGTHS							\
	(LIBRA_FIELD_LENGTH("content-type") |				\
	 LIBRA_FIELD_LENGTH("content-encoding") |			\
	 LIBRA_FIELD_LENGTH("accept-encoding") |			\
	 LIBRA_FIELD_LENGTH("range"))

/* field-line = field-name ":" OWS field-value OWS CRLF */
static __always_inline int parse_field(struct libra_frame *frame,
				       struct libra_field *field,
				       struct head *head)
{
	if (libra_field_is(field, "content-length"))
		return parse_length(frame, field, head);
	if (libra_field_is(field, "transfer-encoding"))
		return parse_encoding(frame, field, head);
	if (libra_field_is(field, "upgrade"))
		head->upgrade = 1;
	/* what decides, besides the length, what a proxy does with a body */
	if (libra_field_is(field, "content-type"))
		label_type(frame, field);
	if (libra_field_is(field, "content-encoding") ||
	    libra_field_is(field, "accept-encoding"))
		bpf_libra_label_field(frame, field);
	if (libra_field_is(field, "range")) {
		/* that there is one: each asks for another */
		field->value_end = field->value;
		bpf_libra_label_field(frame, field);
	}
	return LIBRA_FRAME;
}

/* *( field-line ) CRLF, from head->fields to head->end */
static __noinline int parse_fields(struct libra_frame *frame,
				   struct head *head)
{
	struct libra_field field = {};
	u32 at = head->fields, lengths = FRAMING_LENGTHS;
	int i, next;

	if (bpf_libra_labels(frame))
		lengths |= LABEL_LENGTHS;
	head->length = -1;
	head->chunked = 0;
	head->upgrade = 0;
	bpf_for(i, 0, FIELDS_MAX + 1) {
		next = bpf_libra_field_of(frame, at, lengths, &field);
		if (next < 0)
			return need_more(frame);
		at = field.end;
		if (!next)
			break;
		if (i == FIELDS_MAX)
			return LIBRA_GIVE_UP;
		next = parse_field(frame, &field, head);
		if (next != LIBRA_FRAME)
			return next;
	}
	next = bpf_libra_line(frame, at, 0);
	if (next < 0)
		return need_more(frame);
	if (!next || next > HEAD_MAX)
		return LIBRA_GIVE_UP;
	head->end = next;
	return head->chunked && head->length >= 0 ? LIBRA_GIVE_UP : LIBRA_FRAME;
}

/* The payload that a head announces */
static __always_inline int body(struct libra_frame *frame, struct head *head,
				u64 otherwise)
{
	frame->meta_len = head->end;
	if (head->chunked) {
		frame->state[WORD_PHASE] = PHASE_FIRST_CHUNK;
		return LIBRA_FRAME;
	}
	frame->payload_len = head->length >= 0 ? (u64)head->length : otherwise;
	frame->flags |= LIBRA_FRAME_LAST;
	return LIBRA_FRAME;
}

static __always_inline int no_body(struct libra_frame *frame, struct head *head,
				   u32 flags)
{
	frame->meta_len = head->end;
	frame->flags = flags | LIBRA_FRAME_LAST;
	return LIBRA_FRAME;
}

static __always_inline int parse_request(struct libra_frame *frame)
{
	struct head head = {};
	u32 at = 0, tag;
	int next;

	/* RFC 9112, 2.2: there are clients that put one empty line before */
	if (bpf_libra_byte(frame, 0) == '\r') {
		next = bpf_libra_byte(frame, 1);
		if (next < 0)
			return LIBRA_NEED_MORE;
		if (next != '\n')
			return LIBRA_GIVE_UP;
		at = 2;
	}

	next = parse_request_line(frame, at, &head, &tag);
	if (next != LIBRA_FRAME)
		return next;
	next = parse_fields(frame, &head);
	if (next != LIBRA_FRAME)
		return next;

	frame->tag = head.upgrade ? tag | ASKS_UPGRADE : tag;
	frame->flags = LIBRA_FRAME_OPENS;
	if (tag == METHOD_CONNECT) {
		if (head.chunked || head.length > 0)
			return LIBRA_GIVE_UP;
		frame->state[WORD_PHASE] = PHASE_CONNECT;
	}
	return body(frame, &head, 0);
}

static __always_inline int parse_response(struct libra_frame *frame)
{
	struct head head = {};
	u32 method = frame->exchange & ~ASKS_UPGRADE;
	s64 status;
	int next;

	if (frame->exchange == LIBRA_EXCHANGE_NONE)
		return LIBRA_GIVE_UP;
	next = parse_status_line(frame, &head, &status);
	if (next != LIBRA_FRAME)
		return next;
	next = parse_fields(frame, &head);
	if (next != LIBRA_FRAME)
		return next;

	/* nginx goes on with HTTP behind a 101 that nobody had asked for */
	if (status == 101 && !(frame->exchange & ASKS_UPGRADE))
		return LIBRA_GIVE_UP;
	if (status == 101 || (method == METHOD_CONNECT && status >= 200 && status < 300))
		return no_body(frame, &head,
			       LIBRA_FRAME_ANSWERS | LIBRA_FRAME_TUNNEL);
	if (status < 200)
		return no_body(frame, &head, 0);
	if (method == METHOD_HEAD || status == 204 || status == 304)
		return no_body(frame, &head, LIBRA_FRAME_ANSWERS);

	frame->flags = LIBRA_FRAME_ANSWERS;
	return body(frame, &head, LIBRA_PAYLOAD_EOF);
}

/* last-chunk = 1*"0" [ chunk-ext ] CRLF *( field-line ) CRLF */
static __always_inline int parse_trailers(struct libra_frame *frame, u32 at)
{
	struct head head = { .fields = at };
	int next;

	next = parse_fields(frame, &head);
	if (next != LIBRA_FRAME)
		return next;
	/* A length that comes after the body: to whom would it apply? */
	if (head.chunked || head.length >= 0)
		return LIBRA_GIVE_UP;
	frame->state[WORD_PHASE] = PHASE_HEAD;
	return no_body(frame, &head, 0);
}

/*
 * chunk = 1*HEXDIG [ ";" chunk-ext ] CRLF chunk-data CRLF
 * The CRLF behind the data of one chunk is metadata of the next.
 */
static __always_inline int parse_chunk(struct libra_frame *frame)
{
	u32 at = 0, digits;
	int next;
	s64 size;

	if (frame->state[WORD_PHASE] == PHASE_CHUNK) {
		next = bpf_libra_line(frame, 0, 0);
		if (next < 0)
			return need_more(frame);
		if (!next)
			return LIBRA_GIVE_UP;
		at = next;
	}

	digits = at;
	at = bpf_libra_span(frame, at, LIBRA_CH_XDIGIT);
	if (at - digits > CHUNK_DIGITS)
		return LIBRA_GIVE_UP;
	next = bpf_libra_byte(frame, at);
	if (next < 0)
		return need_more(frame);
	size = bpf_libra_parse_uint(frame, digits, at, 16);
	if (size < 0)
		return LIBRA_GIVE_UP;

	next = bpf_libra_line(frame, at, next == ';' ? LIBRA_CH_TEXT : 0);
	if (next < 0)
		return need_more(frame);
	if (!next || next > HEAD_MAX)
		return LIBRA_GIVE_UP;
	if (!size)
		return parse_trailers(frame, next);

	frame->meta_len = next;
	frame->payload_len = size;
	frame->state[WORD_PHASE] = PHASE_CHUNK;
	return LIBRA_FRAME;
}

LIBRA_PARSER(http1, STATE_VERSION)
{
	switch (frame->state[WORD_PHASE]) {
	case PHASE_HEAD:
		return frame->side == LIBRA_SIDE_REQUEST ?
			parse_request(frame) : parse_response(frame);
	case PHASE_FIRST_CHUNK:
	case PHASE_CHUNK:
		return parse_chunk(frame);
	case PHASE_CONNECT:
	default:
		/* Until CONNECT is answered, bytes are the tunnel's or HTTP's */
		return LIBRA_GIVE_UP;
	}
}
