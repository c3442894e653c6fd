//go:build ignore
// SPDX-License-Identifier: MIT OR GPL-2.0

/*
 * Counts, in the kernel, the destinations that a refusing route (blackhole,
 * unreachable, prohibit) keeps this host's TCP sockets from.
 *
 * The tracepoints fire at every lookup in a table. A lookup that finds a way, or
 * nothing in this table, is none of our business: the program returns at once.
 */
#include "../../bpf/kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define IPPROTO_TCP 6
#define LOOPBACK_IFINDEX 1 /* the lookup is for a packet of this host's own */

/* include/uapi/asm-generic/errno-base.h and errno.h */
enum { EAGAIN = 11, EACCES = 13, EINVAL = 22, EHOSTUNREACH = 113 };
/* include/uapi/linux/rtnetlink.h */
enum { RTN_BLACKHOLE = 6, RTN_UNREACHABLE = 7, RTN_PROHIBIT = 8 };

struct refused {
	__u8 addr[16];
	__u16 port;
	__u16 family; /* 4 or 6 */
	__s32 error;  /* what connect(2) returns, negative */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct refused);
	__type(value, __u64);
} counts SEC(".maps");

const volatile __u32 netns = 0; /* inode number of the observer's own namespace */

static __always_inline void count(struct refused *key)
{
	__u64 one = 1, *n = bpf_map_lookup_elem(&counts, key);

	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(&counts, key, &one, BPF_NOEXIST);
}

/* connect(2) and send(2) look up in the context of their caller. This tracepoint
 * names no namespace; a caller of another one is told by its task. */
SEC("tp_btf/fib_table_lookup")
int refused_ipv4(__u64 *ctx)
{
	const struct flowi4 *flow = (const struct flowi4 *)ctx[1];
	struct task_struct *task;
	struct nsproxy *proxy;
	struct refused key = {};
	__s32 error = (__s32)ctx[3];
	__be32 addr;

	if (error >= 0 || error == -EAGAIN) /* found, or not in this table */
		return 0;
	if (flow->__fl_common.flowic_iif != LOOPBACK_IFINDEX || flow->__fl_common.flowic_proto != IPPROTO_TCP)
		return 0;
	task = bpf_get_current_task_btf();
	proxy = task->nsproxy;
	if (!proxy || proxy->net_ns->ns.inum != netns)
		return 0;
	addr = flow->daddr;
	__builtin_memcpy(key.addr, &addr, sizeof(addr));
	key.port = bpf_ntohs(flow->uli.ports.dport);
	key.family = 4;
	key.error = error;
	count(&key);
	return 0;
}

SEC("tp_btf/fib6_table_lookup")
int refused_ipv6(__u64 *ctx)
{
	const struct net *net = (const struct net *)ctx[0];
	const struct fib6_result *found = (const struct fib6_result *)ctx[1];
	const struct flowi6 *flow = (const struct flowi6 *)ctx[3];
	struct refused key = {};

	switch (found->fib6_type) {
	case RTN_BLACKHOLE:
		key.error = -EINVAL;
		break;
	case RTN_UNREACHABLE:
		key.error = -EHOSTUNREACH;
		break;
	case RTN_PROHIBIT:
		key.error = -EACCES;
		break;
	default:
		return 0;
	}
	if (flow->__fl_common.flowic_iif != LOOPBACK_IFINDEX || flow->__fl_common.flowic_proto != IPPROTO_TCP)
		return 0;
	/* The entry that stands for "no route" is of type unreachable, too. */
	if (net->ns.inum != netns || found->f6i == net->ipv6.fib6_null_entry)
		return 0;
	*(struct in6_addr *)key.addr = flow->daddr;
	key.port = bpf_ntohs(flow->uli.ports.dport);
	key.family = 6;
	count(&key);
	return 0;
}
