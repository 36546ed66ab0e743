// SPDX-License-Identifier: GPL-2.0
/*
 * For tests only: loopback devices that take TLS off the kernel's hands, as some
 * network cards do. With encrypt=1 what is sent is encrypted on its way out, so that
 * the peer may be anybody; nothing that comes in is decrypted. Without it records
 * cross the device as they are, marked as decrypted, for a peer that has its keys on
 * the same device; but those of a handshake, which OpenSSL may have read before it
 * hands over its keys, are encrypted.
 */
#include <linux/if_arp.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/tcp.h>
#include <net/net_namespace.h>
#include <net/tls.h>
#include <net/tls_prot.h>

static bool encrypt;
module_param(encrypt, bool, 0444);
MODULE_PARM_DESC(encrypt, "encrypt what is sent, and decrypt nothing");

static atomic_t let_go, sent_again;

static int lotls_get_count(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%d\n", atomic_read((const atomic_t *)param->arg));
}

static const struct kernel_param_ops lotls_count_ops = { .get = lotls_get_count };
module_param_cb(let_go, &lotls_count_ops, &let_go, 0444);
MODULE_PARM_DESC(let_go, "how many directions of connections it works for no more");
module_param_cb(sent_again, &lotls_count_ops, &sent_again, 0444);
MODULE_PARM_DESC(sent_again, "how many packets it encrypted of which it had seen bytes before");

static const struct net_device_ops *plain_ops;
static struct net_device_ops encrypting_ops;

static netdev_features_t lotls_features(void)
{
	return encrypt ? NETIF_F_HW_TLS_TX : NETIF_F_HW_TLS_TX | NETIF_F_HW_TLS_RX;
}

static int lotls_add(struct net_device *dev, struct sock *sk, enum tls_offload_ctx_dir direction,
		     struct tls_crypto_info *info, u32 seq)
{
	return 0;
}

static void lotls_del(struct net_device *dev, struct tls_context *ctx,
		      enum tls_offload_ctx_dir direction)
{
	atomic_inc(&let_go);
}

static int lotls_resync(struct net_device *dev, struct sock *sk, u32 seq, u8 *record,
			enum tls_offload_ctx_dir direction)
{
	return 0;
}

static const struct tlsdev_ops lotls_ops = {
	.tls_dev_add = lotls_add,
	.tls_dev_del = lotls_del,
	.tls_dev_resync = lotls_resync,
};

/* A Finished of TLS 1.2; data that looks so in the middle of its record is unlikely */
static bool lotls_handshake(const struct sk_buff *skb)
{
	static const u8 finished[] = { TLS_RECORD_TYPE_HANDSHAKE, 3, 3, 0 };
	u8 bytes[sizeof(finished)];
	const u8 *begin;

	begin = skb_header_pointer(skb, skb_tcp_all_headers(skb), sizeof(bytes), bytes);
	return begin && !memcmp(begin, finished, sizeof(finished));
}

/* The device's own memory of a connection */
struct lotls_tx {
	u32 end;	/* behind the last byte that it saw */
	bool begun;
};

static void lotls_count_again(const struct sk_buff *skb)
{
	struct lotls_tx *tx = tls_driver_ctx(skb->sk, TLS_OFFLOAD_CTX_DIR_TX);
	u32 seq = ntohl(tcp_hdr(skb)->seq), end = seq + skb->len - skb_tcp_all_headers(skb);

	if (tx->begun && before(seq, tx->end))
		atomic_inc(&sent_again);
	if (!tx->begun || after(end, tx->end))
		tx->end = end;
	tx->begun = true;
}

static netdev_tx_t lotls_xmit(struct sk_buff *skb, struct net_device *dev)
{
	if (tls_is_skb_tx_device_offloaded(skb) && (encrypt || lotls_handshake(skb))) {
		if (skb->len > skb_tcp_all_headers(skb))
			lotls_count_again(skb);
		skb = tls_encrypt_skb(skb);
		if (!skb)
			return NETDEV_TX_OK;
		/* said of the skb that it came from */
		skb->decrypted = 0;
	}
	return plain_ops->ndo_start_xmit(skb, dev);
}

static void lotls_begin(struct net_device *dev)
{
	ASSERT_RTNL();
	if (dev->tlsdev_ops)
		return;
	plain_ops = dev->netdev_ops;
	encrypting_ops = *plain_ops;
	encrypting_ops.ndo_start_xmit = lotls_xmit;
	dev->netdev_ops = &encrypting_ops;
	dev->tlsdev_ops = &lotls_ops;
	dev->hw_features |= lotls_features();
	dev->wanted_features |= lotls_features();
	dev->features |= lotls_features();
}

static void lotls_end(struct net_device *dev)
{
	ASSERT_RTNL();
	if (dev->tlsdev_ops != &lotls_ops)
		return;
	dev->features &= ~lotls_features();
	dev->wanted_features &= ~lotls_features();
	dev->hw_features &= ~lotls_features();
	dev->netdev_ops = plain_ops;
	dev->tlsdev_ops = NULL;
}

/* Those of namespaces to come too; tls's own notifier looks at what is there by then */
static int lotls_event(struct notifier_block *block, unsigned long event, void *data)
{
	struct net_device *dev = netdev_notifier_info_to_dev(data);

	if (dev->type != ARPHRD_LOOPBACK)
		return NOTIFY_DONE;
	if (event == NETDEV_REGISTER)
		lotls_begin(dev);
	else if (event == NETDEV_UNREGISTER)
		lotls_end(dev);
	return NOTIFY_DONE;
}

static struct notifier_block lotls_notifier = {
	.notifier_call = lotls_event,
};

static int __init lotls_init(void)
{
	/* it is told of the devices that are there */
	return register_netdevice_notifier(&lotls_notifier);
}

static void __exit lotls_exit(void)
{
	/* ... and that they go */
	unregister_netdevice_notifier(&lotls_notifier);
	synchronize_net();
}

module_init(lotls_init);
module_exit(lotls_exit);

MODULE_DESCRIPTION("Test: loopback devices that offload TLS");
MODULE_LICENSE("GPL");
