/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM libra

#if !defined(_LIBRA_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _LIBRA_TRACE_H

#include <linux/tracepoint.h>
#include <net/inet_sock.h>

#include "compat/compat.h"
#include "sock.h"

/* The connection as seen by its owner: ports in host order */
TRACE_EVENT(libra_attach,

	TP_PROTO(const struct libra_sock *ls, int origin),

	TP_ARGS(ls, origin),

	TP_STRUCT__entry(
		__field(const void *, sk)
		__field(int, origin)
		__field(u16, sport)
		__field(u16, dport)
	),

	TP_fast_assign(
		__entry->sk = ls->sk;
		__entry->origin = origin;
		__entry->sport = inet_sk(ls->sk)->inet_num;
		__entry->dport = ntohs(inet_sk(ls->sk)->inet_dport);
	),

	TP_printk("sk=%p origin=%d sport=%u dport=%u", __entry->sk,
		  __entry->origin, __entry->sport, __entry->dport)
);

TRACE_EVENT(libra_frame,

	TP_PROTO(const struct libra_sock *ls, bool rx, const struct libra_frame *frame),

	TP_ARGS(ls, rx, frame),

	TP_STRUCT__entry(
		__field(const void *, sk)
		__field(bool, rx)
		__field(u32, meta_len)
		__field(u32, flags)
		__field(u64, payload_len)
	),

	TP_fast_assign(
		__entry->sk = ls->sk;
		__entry->rx = rx;
		__entry->meta_len = frame->meta_len;
		__entry->flags = frame->flags;
		__entry->payload_len = frame->payload_len;
	),

	TP_printk("sk=%p %s meta=%u payload=%llu flags=%#x", __entry->sk,
		  __entry->rx ? "rx" : "tx", __entry->meta_len,
		  __entry->payload_len, __entry->flags)
);

TRACE_EVENT(libra_elide,

	TP_PROTO(const struct libra_sock *ls, u64 id, u32 len),

	TP_ARGS(ls, id, len),

	TP_STRUCT__entry(
		__field(const void *, sk)
		__field(u64, id)
		__field(u32, len)
	),

	TP_fast_assign(
		__entry->sk = ls->sk;
		__entry->id = id;
		__entry->len = len;
	),

	TP_printk("sk=%p payload=%llu len=%u", __entry->sk, __entry->id, __entry->len)
);

TRACE_EVENT(libra_reuse,

	TP_PROTO(const struct libra_sock *ls, u64 id, u32 offset, u32 len),

	TP_ARGS(ls, id, offset, len),

	TP_STRUCT__entry(
		__field(const void *, sk)
		__field(u64, id)
		__field(u32, offset)
		__field(u32, len)
	),

	TP_fast_assign(
		__entry->sk = ls->sk;
		__entry->id = id;
		__entry->offset = offset;
		__entry->len = len;
	),

	TP_printk("sk=%p payload=%llu offset=%u len=%u", __entry->sk,
		  __entry->id, __entry->offset, __entry->len)
);

TRACE_EVENT(libra_fallback,

	TP_PROTO(const struct libra_sock *ls, bool rx, int reason),

	TP_ARGS(ls, rx, reason),

	TP_STRUCT__entry(
		__field(const void *, sk)
		__field(bool, rx)
		__field(int, reason)
	),

	TP_fast_assign(
		__entry->sk = ls->sk;
		__entry->rx = rx;
		__entry->reason = reason;
	),

	TP_printk("sk=%p %s reason=%d", __entry->sk,
		  __entry->rx ? "rx" : "tx", __entry->reason)
);

TRACE_EVENT(libra_reset,

	TP_PROTO(const struct libra_sock *ls, int reset),

	TP_ARGS(ls, reset),

	TP_STRUCT__entry(
		__field(const void *, sk)
		__field(int, reset)
	),

	TP_fast_assign(
		__entry->sk = ls->sk;
		__entry->reset = reset;
	),

	TP_printk("sk=%p reset=%d", __entry->sk, __entry->reset)
);

TRACE_EVENT(libra_class,

	TP_PROTO(u32 domain, const char *label, int change),

	TP_ARGS(domain, label, change),

	TP_STRUCT__entry(
		__field(u32, domain)
		__string(label, label)
		__field(int, change)
	),

	TP_fast_assign(
		__entry->domain = domain;
		LIBRA_ASSIGN_STR(label, label);
		__entry->change = change;
	),

	TP_printk("domain=%u label=\"%s\" change=%d", __entry->domain,
		  __get_str(label), __entry->change)
);

#endif /* _LIBRA_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
