/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between kernels, probed by Kbuild from their headers (stable
 * and distribution kernels backport such changes: version numbers lie).
 */
#ifndef _LIBRA_COMPAT_H
#define _LIBRA_COMPAT_H

/* proto.recvmsg lost its addr_len; a call of ours has none to hand on */
#ifdef LIBRA_HAVE_RECVMSG_ADDR_LEN
#define LIBRA_RECVMSG_PARAM	, int *addr_len
#define LIBRA_RECVMSG_ARG	, addr_len
#define LIBRA_RECVMSG_NO_ARG	, &(int){ 0 }
#else
#define LIBRA_RECVMSG_PARAM
#define LIBRA_RECVMSG_ARG
#define LIBRA_RECVMSG_NO_ARG
#endif

/* tcp_ulp_ops.get_info and get_info_size learnt who asks */
#ifdef LIBRA_HAVE_ULP_INFO_NET_ADMIN
#define LIBRA_ULP_INFO_PARAM	, bool net_admin
#define LIBRA_ULP_INFO_ARG	, net_admin
#else
#define LIBRA_ULP_INFO_PARAM
#define LIBRA_ULP_INFO_ARG
#endif

/* __assign_str() lost its second argument: what __string() was told */
#ifdef LIBRA_HAVE_ASSIGN_STR_SRC
#define LIBRA_ASSIGN_STR(dst, src)	__assign_str(dst, src)
#else
#define LIBRA_ASSIGN_STR(dst, src)	__assign_str(dst)
#endif

/* msg_zerocopy_realloc() learnt of memory of devices */
#ifdef LIBRA_HAVE_ZEROCOPY_DEVMEM
#define libra_msg_zerocopy_alloc(sk, size)	msg_zerocopy_realloc(sk, size, NULL, false)
#else
#define libra_msg_zerocopy_alloc(sk, size)	msg_zerocopy_realloc(sk, size, NULL)
#endif

/* What shmem_file_setup() is told became a type of its own */
#ifdef LIBRA_HAVE_SHMEM_VMA_FLAGS
#define LIBRA_SHMEM_NORESERVE	mk_vma_flags(VMA_NORESERVE_BIT)
#else
#define LIBRA_SHMEM_NORESERVE	VM_NORESERVE
#endif

/* Workqueues must say where they work; before they were of each processor without saying so */
#ifdef LIBRA_HAVE_WQ_PERCPU
#define LIBRA_WQ_PERCPU		WQ_PERCPU
#else
#define LIBRA_WQ_PERCPU		0
#endif

/* Does anybody wait for it? The caller has it. An rt_mutex does not tell */
#ifdef CONFIG_PREEMPT_RT
#define libra_mutex_wanted(lock)	true
#elif defined(LIBRA_HAVE_MUTEX_FIRST_WAITER)
#define libra_mutex_wanted(lock)	(!!READ_ONCE((lock)->first_waiter))
#else
#define libra_mutex_wanted(lock)	(!list_empty_careful(&(lock)->wait_list))
#endif

#endif /* _LIBRA_COMPAT_H */
