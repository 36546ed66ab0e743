// SPDX-License-Identifier: GPL-2.0
/* What comes for one socket of a pair goes out through the other, before any process sees it. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

/* The cookie of a socket -> its peer. */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u32);
} peers SEC(".maps");

SEC("sk_skb/stream_verdict")
int forward(struct __sk_buff *skb)
{
	__u64 cookie = bpf_get_socket_cookie(skb);

	return (int)bpf_sk_redirect_hash(skb, &peers, &cookie, 0);
}

char _license[] SEC("license") = "GPL";
