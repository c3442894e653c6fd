/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The few fields of the kernel's structures that the program reads. The loader
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

enum { BPF_MAP_TYPE_LRU_HASH = 9, BPF_NOEXIST = 1 };

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

struct in6_addr {
	__u8 bytes[16];
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
