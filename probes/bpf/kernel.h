/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The few fields of the kernel's structures that the BPF programs read. The loader
 * moves each access to where the running kernel has the field (CO-RE), so only
 * names and types matter here, not order.
 */
#pragma once

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u16 __le16;
typedef __u32 __le32;
typedef __u64 __be64;
typedef __u64 __le64;
typedef __u32 __wsum;
typedef __u16 __sum16;
typedef unsigned char bool;

/* include/uapi/linux/bpf.h */
enum { BPF_MAP_TYPE_ARRAY = 2, BPF_MAP_TYPE_LRU_HASH = 9 };
enum { BPF_NOEXIST = 1, BPF_F_MMAPABLE = 1 << 10 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	__u32 inum;
};

struct fib6_info;

struct netns_ipv6 {
	struct fib6_info *fib6_null_entry;
};

struct net {
	struct ns_common ns;
	struct netns_ipv6 ipv6;
};

struct nsproxy {
	struct net *net_ns;
};

struct task_struct {
	struct nsproxy *nsproxy;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct net_device {
	possible_net_t nd_net;
	int ifindex;
};

struct in6_addr {
	__u8 bytes[16];
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	__u16 skc_family;
	__u8 skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
};

struct dst_entry {
	struct net_device *dev;
};

struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	unsigned long _skb_refdst;
	__u32 data_len;
	int skb_iif;
	__be16 protocol;
	__u16 network_header;
	__u16 mac_header;
	__u32 end;
	unsigned char *head;
	unsigned char *data;
};

struct iphdr {
	__u8 protocol;
};

struct ipv6hdr {
	__u8 nexthdr;
};

struct skb_shared_info {
	__u16 gso_segs;
};

struct flowi_common {
	int flowic_iif;
	__u8 flowic_proto;
};

union flowi_uli {
	struct {
		__be16 dport;
	} ports;
};

struct flowi4 {
	struct flowi_common __fl_common;
	__be32 daddr;
	union flowi_uli uli;
};

struct flowi6 {
	struct flowi_common __fl_common;
	struct in6_addr daddr;
	union flowi_uli uli;
};

struct fib6_result {
	struct fib6_info *f6i;
	__u8 fib6_type;
};

#pragma clang attribute pop
