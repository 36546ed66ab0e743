// SPDX-License-Identifier: GPL-2.0
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <net/genetlink.h>
#include <net/tcp.h>

#include "attach.h"
#include "domain.h"
#include "send.h"
#include "marker.h"
#include "netlink.h"
#include "overlay.h"
#include "parser.h"
#include "payload.h"
#include "policy.h"
#include "searched.h"
#include "sock.h"
#include "spill.h"
#include "stream.h"
#include "ulp.h"

static int __init libra_init(void)
{
	int err;

	libra_marker_init();
	libra_searched_init();
	err = libra_overlay_init();
	if (err)
		return err;
	err = libra_stream_cache_init();
	if (err)
		goto exit_overlay;
	err = libra_payload_init();
	if (err)
		goto exit_stream;
	err = libra_spill_init();
	if (err)
		goto exit_payload;
	err = libra_domain_init();
	if (err)
		goto exit_spill;
	err = libra_send_init();
	if (err)
		goto exit_domain;
	err = libra_sock_init();
	if (err)
		goto exit_send;
	err = libra_parser_init();
	if (err)
		goto exit_sock;
	err = libra_ulp_init();
	if (err)
		goto exit_sock;
	err = libra_attach_init();
	if (err)
		goto exit_ulp;
	err = libra_netlink_init();
	if (err)
		goto exit_attach;
	return 0;

exit_attach:
	libra_attach_exit();
exit_ulp:
	libra_ulp_exit();
exit_sock:
	libra_sock_exit();
exit_send:
	libra_send_exit();
exit_domain:
	libra_domain_exit();
exit_spill:
	libra_spill_exit();
exit_payload:
	libra_payload_exit();
exit_stream:
	libra_stream_cache_exit();
exit_overlay:
	libra_overlay_exit();
	return err;
}

/*
 * Sockets, domains and calls in flight pin the module, so none is left. What
 * may be is a task in the last instructions of one of our calls, after it gave
 * up its reference: preempted, but not sleeping.
 */
static void __exit libra_exit(void)
{
	libra_netlink_exit();
	libra_attach_exit();
	libra_ulp_exit();
	libra_policy_exit();
	libra_send_exit();
	libra_sock_exit();
	libra_domain_exit();
	libra_spill_exit();
	synchronize_rcu_tasks();
	rcu_barrier();
	libra_payload_exit();
	libra_stream_cache_exit();
	libra_overlay_exit();
}

module_init(libra_init);
module_exit(libra_exit);

MODULE_DESCRIPTION("Selective sockets: payload that a proxy only forwards stays in the kernel");
MODULE_AUTHOR("The Libra developers");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
MODULE_ALIAS_TCP_ULP("libra");
MODULE_ALIAS_GENL_FAMILY("libra");
