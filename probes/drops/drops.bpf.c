//go:build ignore
// SPDX-License-Identifier: MIT OR GPL-2.0

/*
 * Counts, in the kernel, the socket buffers that it throws away.
 *
 * The tracepoint skb:kfree_skb fires for each of them. What must be counted is
 * counted in a small table of each CPU that user space maps into its memory;
 * now and then one packet's header is put into a ring beside it.
 */
#include "../bpf/kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define SLOTS 128   /* a power of two */
#define SAMPLES 256 /* a power of two */
#define SYMBOL 64
#define PROBES 8 /* slots tried before a drop goes to the others */

enum { RX = 1, TX = 2 };

/* One reason at one place in one direction; a cache line. */
struct slot {
	__u64 location; /* 0: free */
	__u32 reason;
	__u8 direction;
	__u8 shift; /* at most 1 << shift drops from one sample to the next */
	__u16 unused;
	__u64 skbs;
	__u64 packets;
	__u64 tcp_packets;
	__u64 next;	/* skbs at which the next sample is due */
	__u64 sampled;	/* packets at the last sample */
	__u32 jiffies;	/* of the last sample */
	__u32 time;	/* of the last sample, in 2^20 ns */
};

struct sample {
	__u64 number; /* from 1; 0 while it is written */
	__u64 weight; /* packets since the sample before in its slot */
	__u32 reason;
	__u32 ifindex;
	__u16 src_port, dst_port;
	__u16 ethertype;
	__u8 direction;
	__u8 family; /* 4, 6, or 0 */
	__u8 protocol;
	__u8 data; /* TCP: 1 with data, 0 without, or nobody knows */
	__u8 unused[6];
	__u8 src[16], dst[16];
};

struct ledger {
	__u64 samples; /* written so far */
	__u64 other_skbs, other_packets, other_tcp_packets; /* no slot was free */
	struct slot slots[SLOTS];
	char symbols[SLOTS][SYMBOL];
	struct sample ring[SAMPLES];
};

/* One element a CPU: an array, not a per-CPU array, for those can't be mapped. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ledger);
} ledgers SEC(".maps");

/* One end of the flow that alone is counted. */
struct end {
	__u8 addr[16] __attribute__((aligned(8)));
	__u16 port;  /* host byte order, 0: any */
	__u8 family; /* 4, 6, or 0: any address */
	__u8 unused[5];
};

const volatile __u32 netns = 0; /* inode number of the observer's own namespace */
const volatile __u32 ends = 0;
const volatile struct end flow[2] = {};

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_DCCP 33
#define IPPROTO_SCTP 132
#define IPPROTO_UDPLITE 136
#define TCP_TIME_WAIT 6
#define TCP_NEW_SYN_RECV 12
#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd

/* Of a socket buffer that has no device (any more). Sockets of other families
 * than IP's hold no packets. */
static __noinline __u32 netns_without_device(struct sk_buff *skb)
{
	struct sock *sk = skb->sk;
	unsigned long ref = skb->_skb_refdst & ~1UL;
	struct net_device *dev = 0;
	struct net *net = 0;
	__u32 inum = 0;

	if (sk) {
		__u16 family = sk->__sk_common.skc_family;

		return family == AF_INET || family == AF_INET6 ? sk->__sk_common.skc_net.net->ns.inum : 0;
	}
	if (!ref)
		return 0;
	if (bpf_core_read(&dev, sizeof(dev), &((struct dst_entry *)ref)->dev) ||
	    bpf_core_read(&net, sizeof(net), &dev->nd_net.net) ||
	    bpf_core_read(&inum, sizeof(inum), &net->ns.inum))
		return 0;
	return inum;
}

static __always_inline __u32 netns_of(struct sk_buff *skb, struct sock *rx_sk)
{
	struct net_device *dev;
	__u32 inum;

	if (rx_sk)
		return rx_sk->__sk_common.skc_net.net->ns.inum;
	dev = skb->dev;
	/* UDP keeps other things in the place of dev: they read as 0 here. */
	inum = dev ? dev->nd_net.net->ns.inum : 0;
	return inum ? inum : netns_without_device(skb);
}

/* A packet that came in knows its interface as soon as the stack looks at it.
 * Before (in a backlog) its link-layer header is already behind it; one that
 * goes out has that header in front, or none yet. */
static __always_inline __u8 direction_of(struct sk_buff *skb)
{
	__u16 mac;

	if (skb->skb_iif)
		return RX;
	mac = skb->mac_header;
	return mac != 0xffff && skb->data - skb->head > mac ? RX : TX;
}

static __always_inline unsigned char *network_header(struct sk_buff *skb)
{
	__u16 offset = skb->network_header;

	return offset ? skb->head + offset : skb->data;
}

/* The transport protocol that the socket of a packet without headers speaks. */
static __always_inline __u8 socket_protocol(struct sk_buff *skb)
{
	struct sock *sk = skb->sk;
	__u8 state;

	if (!sk)
		return 0;
	state = sk->__sk_common.skc_state;
	/* These two are small, and TCP's alone. */
	if (state == TCP_TIME_WAIT || state == TCP_NEW_SYN_RECV)
		return IPPROTO_TCP;
	return sk->sk_protocol;
}

struct headers {
	__u8 src[16] __attribute__((aligned(8)));
	__u8 dst[16] __attribute__((aligned(8)));
	__u16 src_port, dst_port;
	__u8 family, protocol, data;
};

static __always_inline bool has_ports(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP ||
	       protocol == IPPROTO_DCCP || protocol == IPPROTO_UDPLITE;
}

static __always_inline void take_ports(struct headers *h, const __u8 *b)
{
	if (!has_ports(h->protocol))
		return;
	h->src_port = b[0] << 8 | b[1];
	h->dst_port = b[2] << 8 | b[3];
}

static __always_inline void read_ports(struct headers *h, unsigned char *transport)
{
	__u8 b[4];

	if (!bpf_probe_read_kernel(b, sizeof(b), transport))
		take_ports(h, b);
}

/* b: a TCP header; length: of the packet behind the IP header */
static __always_inline void take_data(struct headers *h, const __u8 *b, __u16 length)
{
	if (h->protocol == IPPROTO_TCP)
		h->data = length > (b[12] >> 4) * 4;
}

/* Each helper call costs as much as all the rest: one reads the addresses, and
 * the ports if they stand where they usually do. Behind a short packet is the
 * rest of its buffer. */
static __always_inline void read_ipv4(struct headers *h, unsigned char *ip)
{
	__u8 b[36];

	if (bpf_probe_read_kernel(b, sizeof(b), ip) || b[0] >> 4 != 4)
		return;
	h->family = 4;
	h->protocol = b[9];
	__builtin_memcpy(h->src, b + 12, 4);
	__builtin_memcpy(h->dst, b + 16, 4);
	if (b[6] & 0x1f || b[7])
		return; /* later fragments have no ports */
	if ((b[0] & 0xf) == 5) {
		take_ports(h, b + 20);
		take_data(h, b + 20, (b[2] << 8 | b[3]) - 20);
	} else {
		read_ports(h, ip + (b[0] & 0xf) * 4);
	}
}

/* hop-by-hop, routing, fragment, destination options (RFC 8200) */
static __always_inline bool is_extension(__u8 next)
{
	return next == 0 || next == 43 || next == 44 || next == 60;
}

static __always_inline void read_ipv6(struct headers *h, unsigned char *ip)
{
	unsigned char *at = ip + 40;
	__u8 b[56];

	if (bpf_probe_read_kernel(b, sizeof(b), ip) || b[0] >> 4 != 6)
		return;
	h->family = 6;
	h->protocol = b[6];
	__builtin_memcpy(h->src, b + 8, 16);
	__builtin_memcpy(h->dst, b + 24, 16);
	if (!is_extension(h->protocol)) {
		take_ports(h, b + 40);
		take_data(h, b + 40, b[4] << 8 | b[5]);
		return;
	}
#pragma unroll
	for (int i = 0; i < 4; i++) {
		if (!is_extension(h->protocol))
			break;
		if (bpf_probe_read_kernel(b, 8, at))
			return;
		if (h->protocol == 44) {
			h->protocol = b[0];
			if (b[2] || b[3] & 0xf8)
				return; /* a later fragment */
			at += 8;
		} else {
			h->protocol = b[0];
			at += (b[1] + 1) * 8;
		}
	}
	read_ports(h, at);
}

/* A packet that has no network header yet is known by its socket. */
static __always_inline void read_socket(struct headers *h, struct sk_buff *skb)
{
	struct sock *sk = skb->sk;
	__u16 family;

	if (!sk)
		return;
	family = sk->__sk_common.skc_family;
	h->protocol = socket_protocol(skb);
	if (has_ports(h->protocol)) {
		h->src_port = sk->__sk_common.skc_num;
		h->dst_port = bpf_ntohs(sk->__sk_common.skc_dport);
	}
	if (family == AF_INET) {
		__be32 src = sk->__sk_common.skc_rcv_saddr, dst = sk->__sk_common.skc_daddr;

		h->family = 4;
		__builtin_memcpy(h->src, &src, 4);
		__builtin_memcpy(h->dst, &dst, 4);
	} else if (family == AF_INET6) {
		h->family = 6;
		bpf_core_read(h->src, 16, &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_core_read(h->dst, 16, &sk->__sk_common.skc_v6_daddr);
	}
}

static __noinline int read_headers(struct sk_buff *skb, struct headers *h)
{
	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP):
		read_ipv4(h, network_header(skb));
		break;
	case bpf_htons(ETH_P_IPV6):
		read_ipv6(h, network_header(skb));
		break;
	case 0:
		read_socket(h, skb);
	}
	return 0;
}

static __always_inline bool is_end(const volatile struct end *e, const __u8 *addr, __u16 port, __u8 family)
{
	const volatile __u64 *want = (const volatile __u64 *)e->addr;
	const __u64 *have = (const __u64 *)addr;

	if (e->port && e->port != port)
		return 0;
	return !e->family || (e->family == family && want[0] == have[0] && want[1] == have[1]);
}

static __noinline bool wanted(struct sk_buff *skb)
{
	struct headers h = {};
	const volatile struct end *a = &flow[0], *b = &flow[1];

	read_headers(skb, &h);
	if (!h.family)
		return 0;
	if (ends < 2)
		return is_end(a, h.src, h.src_port, h.family) || is_end(a, h.dst, h.dst_port, h.family);
	return (is_end(a, h.src, h.src_port, h.family) && is_end(b, h.dst, h.dst_port, h.family)) ||
	       (is_end(b, h.src, h.src_port, h.family) && is_end(a, h.dst, h.dst_port, h.family));
}

/* From 6.2 the verifier lets a program read through a pointer that it is told
 * the type of. A helper's call takes 25 ns. */
extern void *bpf_rdonly_cast(void *from, __u32 type) __ksym;
#define cast(from, type) ((struct type *)bpf_rdonly_cast(from, bpf_core_type_id_kernel(struct type)))

static __always_inline bool is_tcp(struct sk_buff *skb, bool casts)
{
	__u8 protocol = 0;
	void *ip;

	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP):
		ip = network_header(skb);
		if (casts)
			protocol = cast(ip, iphdr)->protocol;
		else
			bpf_core_read(&protocol, 1, &((struct iphdr *)ip)->protocol);
		return protocol == IPPROTO_TCP;
	case bpf_htons(ETH_P_IPV6):
		ip = network_header(skb);
		if (casts)
			protocol = cast(ip, ipv6hdr)->nexthdr;
		else
			bpf_core_read(&protocol, 1, &((struct ipv6hdr *)ip)->nexthdr);
		return protocol == IPPROTO_TCP;
	case 0:
		return socket_protocol(skb) == IPPROTO_TCP;
	}
	return 0;
}

static __always_inline __u16 segments(struct sk_buff *skb, bool casts)
{
	void *info = skb->head + skb->end;
	__u16 segs = 0;

	if (casts)
		segs = cast(info, skb_shared_info)->gso_segs;
	else if (skb->data_len) /* what is aggregated is in fragments */
		bpf_core_read(&segs, sizeof(segs), &((struct skb_shared_info *)info)->gso_segs);
	return segs ? segs : 1;
}

/* Samples are spread over the drops, not over time, so that each flow has its
 * share; the distance between two adapts to at most about 64 a second, and is
 * random so that no flow walks in step with it. */
static __noinline int take_sample(struct sk_buff *skb, struct ledger *l, struct slot *s)
{
	struct sample *p = &l->ring[l->samples & (SAMPLES - 1)];
	struct headers h = {};
	__u32 now = bpf_ktime_get_ns() >> 20, gap = now - s->time;
	__u8 shift = s->shift;

	if (gap < 16)
		shift += shift < 30;
	else if (gap > 256)
		shift = shift > 4 ? shift - 4 : 0;
	else if (gap > 32 && shift)
		shift--;
	s->shift = shift;
	s->time = now;
	s->jiffies = bpf_jiffies64();
	s->next = s->skbs + 1 + (bpf_get_prandom_u32() & ((1U << (shift & 31)) - 1));

	read_headers(skb, &h);
	p->number = 0;
	barrier();
	p->weight = s->packets - s->sampled;
	s->sampled = s->packets;
	p->reason = s->reason;
	p->ifindex = skb->skb_iif;
	if (!p->ifindex && skb->dev)
		p->ifindex = skb->dev->ifindex;
	p->src_port = h.src_port;
	p->dst_port = h.dst_port;
	p->ethertype = bpf_ntohs(skb->protocol);
	p->direction = s->direction;
	p->family = h.family;
	p->protocol = h.protocol;
	p->data = h.data;
	__builtin_memcpy(p->src, h.src, 16);
	__builtin_memcpy(p->dst, h.dst, 16);
	barrier();
	p->number = ++l->samples;
	return 0;
}

static __always_inline bool is_slot(struct slot *s, __u64 location, __u32 reason, __u8 direction)
{
	return s->location == location && s->reason == reason && s->direction == direction;
}

static __always_inline int count(struct sk_buff *skb, __u64 location, __u32 reason, struct sock *rx_sk,
				 bool names, bool casts)
{
	struct ledger *l;
	struct slot *s;
	__u32 cpu, at;
	__u16 packets;
	__u8 direction;
	bool tcp;

	if (netns_of(skb, rx_sk) != netns)
		return 0;
	if (ends && !wanted(skb))
		return 0;
	cpu = bpf_get_smp_processor_id();
	l = bpf_map_lookup_elem(&ledgers, &cpu);
	if (!l)
		return 0;
	direction = direction_of(skb);
	packets = segments(skb, casts);
	tcp = is_tcp(skb, casts);
	at = ((__u32)location + reason * 0x85ebca6b + direction) * 0x9e3779b1 >> 16;
	s = &l->slots[at & (SLOTS - 1)];
	if (!is_slot(s, location, reason, direction)) {
#pragma unroll
		for (int i = 0; i < PROBES; i++) {
			s = &l->slots[(at + i) & (SLOTS - 1)];
			if (is_slot(s, location, reason, direction))
				goto found;
			if (s->location)
				continue;
			s->reason = reason;
			s->direction = direction;
			if (names) {
				static const char format[] = "%ps";

				bpf_snprintf(l->symbols[(at + i) & (SLOTS - 1)], SYMBOL, format, &location, sizeof(location));
			}
			barrier();
			s->location = location;
			goto found;
		}
		l->other_skbs++;
		l->other_packets += packets;
		if (tcp)
			l->other_tcp_packets += packets;
		return 0;
	}
found:
	s->packets += packets;
	if (tcp)
		s->tcp_packets += packets;
	s->skbs++;
	if (s->skbs >= s->next || (__u32)bpf_jiffies64() - s->jiffies > 32)
		take_sample(skb, l, s);
	return 0;
}

/* Which of these is attached depends on the arguments that the running kernel
 * gives: the socket came with 6.11, the reason with 5.17. */

SEC("tp_btf/kfree_skb")
int drop_with_socket(__u64 *ctx)
{
	return count((struct sk_buff *)ctx[0], ctx[1], ctx[2], (struct sock *)ctx[3], 1, 1);
}

SEC("tp_btf/kfree_skb")
int drop_with_reason(__u64 *ctx)
{
	return count((struct sk_buff *)ctx[0], ctx[1], ctx[2], 0, 1, 0);
}

SEC("tp_btf/kfree_skb")
int drop_with_location(__u64 *ctx)
{
	return count((struct sk_buff *)ctx[0], ctx[1], 0, 0, 0, 0);
}
