/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Libra: generic netlink interface.
 *
 * Append-only: commands, attributes, flags and counters are added at the end
 * of their enum and never change their meaning. Unknown attributes and flags
 * are refused. Every refusal carries an extack text.
 *
 * Every command needs CAP_NET_ADMIN in the initial user namespace.
 */
#ifndef _UAPI_LIBRA_H
#define _UAPI_LIBRA_H

#define LIBRA_GENL_NAME		"libra"
#define LIBRA_GENL_VERSION	1
#define LIBRA_GENL_GROUP_EVENTS	"events"

#define LIBRA_NAME_MAX		16	/* parser name with its NUL */
#define LIBRA_PATH_MAX		256	/* executable path with its NUL */

/* Bounds of policy thresholds, bytes of payload that remain of a message */
#define LIBRA_THRESHOLD_MIN	512
#define LIBRA_THRESHOLD_MAX	(64 << 20)
#define LIBRA_THRESHOLD_DEFAULT	16384

enum libra_cmd {
	LIBRA_CMD_UNSPEC,
	LIBRA_CMD_CONFIG_GET,		/* do: libra_config_attr */
	LIBRA_CMD_CONFIG_SET,		/* do: libra_config_attr */
	LIBRA_CMD_POLICY_ADD,		/* do: libra_policy_attr; answers with the ID */
	LIBRA_CMD_POLICY_DEL,		/* do: libra_policy_attr ID; stops elision, drains */
	LIBRA_CMD_POLICY_GET,		/* dump: libra_policy_attr */
	LIBRA_CMD_SOCKET_ATTACH,	/* do: libra_socket_attr FD, PID, POLICY */
	LIBRA_CMD_SOCKET_GET,		/* dump: libra_socket_attr */
	LIBRA_CMD_DOMAIN_GET,		/* dump: libra_domain_attr */
	LIBRA_CMD_PARSER_GET,		/* dump: libra_parser_attr */
	LIBRA_CMD_STATS_GET,		/* do: libra_stats_attr */
	LIBRA_CMD_CLASS_GET,		/* dump: libra_class_attr */
	LIBRA_CMD_CLASS_EVENT,		/* to LIBRA_GENL_GROUP_EVENTS: libra_class_attr */
	LIBRA_CMD_POLICY_SET,		/* do: libra_policy_attr ID, CAP */

	__LIBRA_CMD_MAX,
	LIBRA_CMD_MAX = __LIBRA_CMD_MAX - 1
};

/* What a policy does with payload */
enum libra_mode {
	LIBRA_MODE_OBSERVE,	/* parse and count, copy everything */
	LIBRA_MODE_ELIDE,	/* leave payload in the kernel */
	LIBRA_MODE_VERIFY,	/* copy, and compare what goes out with what came in */
	LIBRA_MODE_AUTO,	/* verify a class of messages first, then elide it */

	__LIBRA_MODE_MAX,
	LIBRA_MODE_MAX = __LIBRA_MODE_MAX - 1
};

enum libra_config_attr {
	LIBRA_CONFIG_ATTR_UNSPEC,
	LIBRA_CONFIG_ATTR_ENABLED,	/* u8: 0 stops elision everywhere */
	LIBRA_CONFIG_ATTR_CAP_TOTAL,	/* u64: bytes that all domains may pin */
	LIBRA_CONFIG_ATTR_CAP_DOMAIN,	/* u64: bytes that one domain may pin */
	LIBRA_CONFIG_ATTR_CAP_USER,	/* u64: bytes that the domains of one uid may pin */
	LIBRA_CONFIG_ATTR_CAP_SENT,	/* u64: bytes of sent payload kept for retries, per domain */
	LIBRA_CONFIG_ATTR_VERSION,	/* string, read-only: module version */
	LIBRA_CONFIG_ATTR_POLICIES,	/* u32, read-only: policies installed */
	LIBRA_CONFIG_ATTR_DOMAINS,	/* u32, read-only: domains alive */
	LIBRA_CONFIG_ATTR_SOCKETS,	/* u32, read-only: sockets attached */
	LIBRA_CONFIG_ATTR_PARSERS,	/* u32, read-only: parsers registered */
	LIBRA_CONFIG_ATTR_PAD,
	LIBRA_CONFIG_ATTR_CAP_SPILL,	/* u64: bytes of spilled payload per domain */

	__LIBRA_CONFIG_ATTR_MAX,
	LIBRA_CONFIG_ATTR_MAX = __LIBRA_CONFIG_ATTR_MAX - 1
};

#define LIBRA_POLICY_F_ACCEPT_RISK	(1 << 0) /* attached in spite of what was found; a note, the gate stays */
#define LIBRA_POLICY_F_SETSOCKOPT	(1 << 1) /* the process may set the ULP itself */
#define LIBRA_POLICY_F_DRAINING		(1 << 2) /* read-only: detached, waits for its sockets */
#define LIBRA_POLICY_F_SETTABLE \
	(LIBRA_POLICY_F_ACCEPT_RISK | LIBRA_POLICY_F_SETSOCKOPT)

enum libra_policy_attr {
	LIBRA_POLICY_ATTR_UNSPEC,
	LIBRA_POLICY_ATTR_ID,		/* u32, given by the kernel, never 0 */
	LIBRA_POLICY_ATTR_PID,		/* u32: process and its descendants, in the caller's pid namespace */
	LIBRA_POLICY_ATTR_EXE,		/* string: absolute path of the executable */
	LIBRA_POLICY_ATTR_LPORT,	/* u16: local port, host order */
	LIBRA_POLICY_ATTR_RPORT,	/* u16: remote port, host order */
	LIBRA_POLICY_ATTR_PARSER,	/* string: name of a registered parser */
	LIBRA_POLICY_ATTR_MODE,		/* u8: enum libra_mode */
	LIBRA_POLICY_ATTR_THRESHOLD,	/* u32: bytes */
	LIBRA_POLICY_ATTR_FLAGS,	/* u32: LIBRA_POLICY_F_* */
	LIBRA_POLICY_ATTR_SOCKETS,	/* u32, read-only: sockets attached through it */
	LIBRA_POLICY_ATTR_PAD,
	LIBRA_POLICY_ATTR_PROOF,	/* u32: messages in a row that go out verbatim prove a class */
	LIBRA_POLICY_ATTR_SAMPLE,	/* u32: of a proven class one in so many is verified */
	LIBRA_POLICY_ATTR_CAP,		/* u64: bytes that its domains may pin together, 0: any */
	LIBRA_POLICY_ATTR_RETAINED,	/* u64, read-only: bytes that they pin */

	__LIBRA_POLICY_ATTR_MAX,
	LIBRA_POLICY_ATTR_MAX = __LIBRA_POLICY_ATTR_MAX - 1
};

/* What is known of one direction of a socket */
enum libra_stream_state {
	LIBRA_STREAM_SYNCED,	/* framing known since the first byte */
	LIBRA_STREAM_TUNNEL,	/* left the protocol by its rules (CONNECT, Upgrade) */
	LIBRA_STREAM_OPAQUE,	/* framing unknown or given up */
	LIBRA_STREAM_LISTEN,	/* a listener: its children are attached */
	LIBRA_STREAM_DEAD,	/* reset by Libra */
	LIBRA_STREAM_HANDSHAKE,	/* TLS is set up: framed when kTLS takes over */
};

/* The protocol below Libra on a socket, in one direction */
enum libra_lower {
	LIBRA_LOWER_TCP,
	LIBRA_LOWER_TLS_SW,	/* kTLS, in software */
	LIBRA_LOWER_TLS_HW,	/* kTLS, by the device */

	__LIBRA_LOWER_MAX,
	LIBRA_LOWER_MAX = __LIBRA_LOWER_MAX - 1
};

/* Why a stream is opaque, or why a read or write was copied */
enum libra_reason {
	LIBRA_REASON_NONE,
	LIBRA_REASON_OFF,		/* switched off, detached or mode observe */
	LIBRA_REASON_SMALL,		/* below the threshold or the read's share too small */
	LIBRA_REASON_GATE,		/* the domain's gate is closed */
	LIBRA_REASON_CAP,		/* a limit is reached */
	LIBRA_REASON_LINEAR,		/* bytes not in pages that can be retained */
	LIBRA_REASON_NOMEM,		/* allocation failed */
	LIBRA_REASON_FAULT,		/* the user's buffer could not take a marker */
	LIBRA_REASON_LATE,		/* attached after bytes had passed */
	LIBRA_REASON_PARSER,		/* the parser gave up */
	LIBRA_REASON_HEADER,		/* a header larger than the limit */
	LIBRA_REASON_NO_PARSER,		/* parser gone, or replaced by another state version */
	LIBRA_REASON_FLAGS,		/* unusual flag or socket option */
	LIBRA_REASON_API,		/* splice, zero-copy or another road past the parser */
	LIBRA_REASON_FOREIGN,		/* used by a process that it is not bound to */
	LIBRA_REASON_NO_MM,		/* kernel thread or process without memory */
	LIBRA_REASON_RECONNECT,		/* socket disconnected and used again */
	LIBRA_REASON_NO_KTLS,		/* TLS that the application does itself */

	__LIBRA_REASON_MAX,
	LIBRA_REASON_MAX = __LIBRA_REASON_MAX - 1
};

/* Why Libra reset a connection */
enum libra_reset {
	LIBRA_RESET_NONE,
	LIBRA_RESET_DEAD,		/* a token of payload that is gone */
	LIBRA_RESET_STRAY,		/* a marker where none may stand */
	LIBRA_RESET_FOREIGN,		/* a token of another process */
	LIBRA_RESET_MISMATCH,		/* a placeholder was changed, cut or reordered */
	LIBRA_RESET_UNFINISHED,		/* a message ended inside a placeholder */
	LIBRA_RESET_GUARD,		/* a marker on an opaque stream */
	LIBRA_RESET_REPLAY,		/* a marker came in from the peer */
	LIBRA_RESET_OPAQUE_SINK,	/* an unreadable sink appeared while payload was live */
	LIBRA_RESET_FAULT,		/* a marker could not be written after bytes were taken */

	__LIBRA_RESET_MAX,
	LIBRA_RESET_MAX = __LIBRA_RESET_MAX - 1
};

enum libra_socket_attr {
	LIBRA_SOCKET_ATTR_UNSPEC,
	LIBRA_SOCKET_ATTR_FD,		/* u32, attach: descriptor of the caller */
	LIBRA_SOCKET_ATTR_PID,		/* u32: process that uses it */
	LIBRA_SOCKET_ATTR_POLICY,	/* u32: policy id */
	LIBRA_SOCKET_ATTR_INODE,	/* u64 */
	LIBRA_SOCKET_ATTR_COOKIE,	/* u64: SO_COOKIE, when it was ever asked for */
	LIBRA_SOCKET_ATTR_FAMILY,	/* u16: AF_INET, AF_INET6 */
	LIBRA_SOCKET_ATTR_LADDR,	/* binary: 4 or 16 bytes */
	LIBRA_SOCKET_ATTR_RADDR,	/* binary: 4 or 16 bytes */
	LIBRA_SOCKET_ATTR_LPORT,	/* u16, host order */
	LIBRA_SOCKET_ATTR_RPORT,	/* u16, host order */
	LIBRA_SOCKET_ATTR_LOWER,	/* string: "tcp", "tls" if one direction has kTLS */
	LIBRA_SOCKET_ATTR_PARSER,	/* string */
	LIBRA_SOCKET_ATTR_MODE,		/* u8: enum libra_mode in force */
	LIBRA_SOCKET_ATTR_RX_STATE,	/* u8: enum libra_stream_state */
	LIBRA_SOCKET_ATTR_TX_STATE,	/* u8: enum libra_stream_state */
	LIBRA_SOCKET_ATTR_RX_REASON,	/* u8: enum libra_reason, why opaque */
	LIBRA_SOCKET_ATTR_TX_REASON,	/* u8: enum libra_reason, why opaque */
	LIBRA_SOCKET_ATTR_RX_COPIED,	/* u64: bytes */
	LIBRA_SOCKET_ATTR_RX_ELIDED,	/* u64: bytes */
	LIBRA_SOCKET_ATTR_TX_COPIED,	/* u64: bytes */
	LIBRA_SOCKET_ATTR_TX_REUSED,	/* u64: bytes */
	LIBRA_SOCKET_ATTR_PAD,
	LIBRA_SOCKET_ATTR_RX_LOWER,	/* u8: enum libra_lower */
	LIBRA_SOCKET_ATTR_TX_LOWER,	/* u8: enum libra_lower */

	__LIBRA_SOCKET_ATTR_MAX,
	LIBRA_SOCKET_ATTR_MAX = __LIBRA_SOCKET_ATTR_MAX - 1
};

/* Why a domain's gate is closed */
#define LIBRA_GATE_LATE		(1 << 0) /* connections opened before the attach are still there */
#define LIBRA_GATE_OPAQUE	(1 << 1) /* a connection whose framing was given up is there */
#define LIBRA_GATE_TLS		(1 << 2) /* an outgoing connection was unreadable from its first byte */
#define LIBRA_GATE_EXITED	(1 << 3) /* the process is gone */
#define LIBRA_GATE_UNWATCHED	(1 << 4) /* a TCP socket of the process is not attached */

enum libra_domain_attr {
	LIBRA_DOMAIN_ATTR_UNSPEC,
	LIBRA_DOMAIN_ATTR_ID,		/* u32 */
	LIBRA_DOMAIN_ATTR_PID,		/* u32, in the caller's pid namespace; 0: not visible */
	LIBRA_DOMAIN_ATTR_COMM,		/* string */
	LIBRA_DOMAIN_ATTR_UID,		/* u32, in the caller's user namespace */
	LIBRA_DOMAIN_ATTR_GATE,		/* u32: LIBRA_GATE_*, 0 is open */
	LIBRA_DOMAIN_ATTR_SOCKETS,	/* u32 */
	LIBRA_DOMAIN_ATTR_LIVE,		/* u64: payload objects not yet sent */
	LIBRA_DOMAIN_ATTR_SENT,		/* u64: payload objects kept for retries */
	LIBRA_DOMAIN_ATTR_RETAINED,	/* u64: bytes pinned now */
	LIBRA_DOMAIN_ATTR_PEAK,		/* u64: bytes pinned at most */
	LIBRA_DOMAIN_ATTR_ELIDED,	/* u64: bytes elided */
	LIBRA_DOMAIN_ATTR_PAD,
	LIBRA_DOMAIN_ATTR_SPILLED,	/* u64: bytes of payload in shared memory */

	__LIBRA_DOMAIN_ATTR_MAX,
	LIBRA_DOMAIN_ATTR_MAX = __LIBRA_DOMAIN_ATTR_MAX - 1
};

#define LIBRA_LABEL_MAX		96	/* class label with its NUL */
#define LIBRA_PROOF_DEFAULT	32
#define LIBRA_SAMPLE_DEFAULT	64
#define LIBRA_PROOF_MAX		65535

enum libra_class_state {
	LIBRA_CLASS_WATCHED,	/* its messages are copied and compared */
	LIBRA_CLASS_PROVEN,	/* mode auto elides it */
};

/* Why a class changed its state */
enum libra_class_change {
	LIBRA_CHANGE_NONE,
	LIBRA_CHANGE_PROVEN,		/* enough messages in a row were verbatim */
	LIBRA_CHANGE_ALTERED,		/* a message went out changed */
	LIBRA_CHANGE_UNFORWARDED,	/* a message never went out */
	LIBRA_CHANGE_SINK,		/* the process has a sink that it had not before */
};

/* Messages that an application is expected to treat alike */
enum libra_class_attr {
	LIBRA_CLASS_ATTR_UNSPEC,
	LIBRA_CLASS_ATTR_DOMAIN,	/* u32: domain id */
	LIBRA_CLASS_ATTR_PID,		/* u32, in the caller's pid namespace; 0: not visible */
	LIBRA_CLASS_ATTR_SIDE,		/* u8: 0 requests, 1 responses */
	LIBRA_CLASS_ATTR_LABEL,		/* string: what the parser says of the message */
	LIBRA_CLASS_ATTR_FOR,		/* string, of responses: what it says of the client's request */
	LIBRA_CLASS_ATTR_STATE,		/* u8: enum libra_class_state */
	LIBRA_CLASS_ATTR_CHANGE,	/* u8, events: enum libra_class_change */
	LIBRA_CLASS_ATTR_VERBATIM,	/* u64: messages that went out as they came in */
	LIBRA_CLASS_ATTR_ALTERED,	/* u64: messages that began so and then differed */
	LIBRA_CLASS_ATTR_UNFORWARDED,	/* u64: messages that nothing went out for */
	LIBRA_CLASS_ATTR_ELIDED,	/* u64: messages of mode auto that were elided */
	LIBRA_CLASS_ATTR_BYTES,		/* u64: payload of the verbatim ones */
	LIBRA_CLASS_ATTR_STREAK,	/* u32: messages in a row that were verbatim */
	LIBRA_CLASS_ATTR_PAD,

	__LIBRA_CLASS_ATTR_MAX,
	LIBRA_CLASS_ATTR_MAX = __LIBRA_CLASS_ATTR_MAX - 1
};

enum libra_parser_attr {
	LIBRA_PARSER_ATTR_UNSPEC,
	LIBRA_PARSER_ATTR_NAME,		/* string */
	LIBRA_PARSER_ATTR_STATE_VERSION, /* u32 */
	LIBRA_PARSER_ATTR_USERS,	/* u32: policies that name it */
	LIBRA_PARSER_ATTR_GENERATION,	/* u32: 1, and one more for each replacement */

	__LIBRA_PARSER_ATTR_MAX,
	LIBRA_PARSER_ATTR_MAX = __LIBRA_PARSER_ATTR_MAX - 1
};

/* Counters since the module was loaded, summed over CPUs */
enum libra_stat {
	LIBRA_STAT_UNSPEC,
	LIBRA_STAT_RX_COPIED,		/* bytes copied to user space */
	LIBRA_STAT_RX_ELIDED,		/* bytes left in the kernel */
	LIBRA_STAT_RX_ELIDABLE,		/* bytes that mode observe would have elided */
	LIBRA_STAT_RX_MESSAGES,
	LIBRA_STAT_RX_FRAMES,
	LIBRA_STAT_TX_COPIED,		/* bytes copied from user space */
	LIBRA_STAT_TX_REUSED,		/* bytes sent from retained pages */
	LIBRA_STAT_TX_MESSAGES,
	LIBRA_STAT_TX_FRAMES,
	LIBRA_STAT_TOKENS,		/* placeholders made */
	LIBRA_STAT_TOKENS_DEAD,		/* tokens met whose payload was gone */
	LIBRA_STAT_TOKENS_CUT,		/* tokens put together after a cut */
	LIBRA_STAT_SUSPENDED,		/* cursors suspended at an outgoing frame's end */
	LIBRA_STAT_RETRIES,		/* payloads sent again */
	LIBRA_STAT_RECLAIMED,		/* sent payloads dropped to make room */
	LIBRA_STAT_ATTACHED,
	LIBRA_STAT_ATTACH_FAILED,
	LIBRA_STAT_RETAINED,		/* gauge: bytes pinned now */
	LIBRA_STAT_RETAINED_PEAK,	/* gauge: bytes pinned at most */
	LIBRA_STAT_LIVE,		/* gauge: payload objects not yet sent */
	LIBRA_STAT_SENT,		/* gauge: payload objects kept for retries */
	LIBRA_STAT_SPILLS,		/* payloads moved to shared memory */
	LIBRA_STAT_LOADS,		/* payloads that came back from there, to be sent */
	LIBRA_STAT_EXPIRED,		/* payloads dropped there, never sent */
	LIBRA_STAT_SPILLED,		/* gauge: bytes there now */
	LIBRA_STAT_GATHERED,		/* parts of bodies that waited for the next one */
	LIBRA_STAT_TX_DEVICE,		/* of TX_REUSED: a device encrypts them where they are */
	LIBRA_STAT_TX_UNCHANGED,	/* of TX_COPIED: files, searched before and not changed since */

	__LIBRA_STAT_MAX,
	LIBRA_STAT_MAX = __LIBRA_STAT_MAX - 1
};

enum libra_stats_attr {
	LIBRA_STATS_ATTR_UNSPEC,
	LIBRA_STATS_ATTR_COUNTERS,	/* nest: u64 each, type = enum libra_stat */
	LIBRA_STATS_ATTR_FALLBACKS,	/* nest: u64 each, type = enum libra_reason */
	LIBRA_STATS_ATTR_RESETS,	/* nest: u64 each, type = enum libra_reset */
	LIBRA_STATS_ATTR_PAD,

	__LIBRA_STATS_ATTR_MAX,
	LIBRA_STATS_ATTR_MAX = __LIBRA_STATS_ATTR_MAX - 1
};

/* The nest that the ULP adds to INET_DIAG_ULP_INFO (ss -tie) */
enum libra_info_attr {
	LIBRA_INFO_ATTR_UNSPEC,
	LIBRA_INFO_ATTR_PARSER,		/* string */
	LIBRA_INFO_ATTR_MODE,		/* u8 */
	LIBRA_INFO_ATTR_RX_STATE,	/* u8 */
	LIBRA_INFO_ATTR_TX_STATE,	/* u8 */
	LIBRA_INFO_ATTR_RX_COPIED,	/* u64 */
	LIBRA_INFO_ATTR_RX_ELIDED,	/* u64 */
	LIBRA_INFO_ATTR_TX_COPIED,	/* u64 */
	LIBRA_INFO_ATTR_TX_REUSED,	/* u64 */
	LIBRA_INFO_ATTR_PAD,

	__LIBRA_INFO_ATTR_MAX,
	LIBRA_INFO_ATTR_MAX = __LIBRA_INFO_ATTR_MAX - 1
};

#endif /* _UAPI_LIBRA_H */
