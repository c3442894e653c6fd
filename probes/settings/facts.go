package settings

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"whydrop/probes/fact"
)

// numbers and texts are the sysctls that become a fact "sysctl.KEY" as they are.
var (
	numbers = []string{
		"net.core.somaxconn", "net.core.netdev_max_backlog", "net.core.netdev_budget", "net.core.netdev_budget_usecs",
		"net.core.dev_weight", "net.core.rps_sock_flow_entries", "net.core.rmem_max", "net.core.wmem_max",
		"net.ipv4.tcp_syncookies", "net.ipv4.tcp_max_syn_backlog", "net.ipv4.tcp_abort_on_overflow",
		"net.ipv4.tcp_synack_retries", "net.ipv4.tcp_syn_retries", "net.ipv4.tcp_retries1", "net.ipv4.tcp_retries2",
		"net.ipv4.tcp_orphan_retries", "net.ipv4.tcp_max_tw_buckets", "net.ipv4.tcp_max_orphans",
		"net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_time",
		"net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_timestamps",
		"net.ipv4.tcp_sack", "net.ipv4.tcp_dsack", "net.ipv4.tcp_window_scaling", "net.ipv4.tcp_ecn",
		"net.ipv4.tcp_mtu_probing", "net.ipv4.tcp_base_mss", "net.ipv4.ip_no_pmtu_disc", "net.ipv4.ip_forward",
		"net.ipv4.tcp_moderate_rcvbuf", "net.ipv4.tcp_shrink_window", "net.ipv4.tcp_reordering",
		"net.ipv4.tcp_max_reordering", "net.ipv4.tcp_slow_start_after_idle", "net.ipv6.conf.all.forwarding",
		"net.ipv4.tcp_tw_recycle", "net.ipv4.tcp_low_latency", "net.ipv4.tcp_adv_win_scale", "net.ipv4.icmp_ratelimit",
		"net.ipv4.ipfrag_high_thresh", "net.ipv6.ip6frag_high_thresh", "net.netfilter.nf_conntrack_tcp_loose",
		"net.ipv4.ip_default_ttl", "net.ipv4.tcp_ecn_fallback", "net.ipv4.tcp_syn_linear_timeouts", "vm.min_free_kbytes",
	}
	texts = []string{
		"net.core.default_qdisc", "net.core.flow_limit_cpu_bitmap", "net.ipv4.tcp_congestion_control",
		"net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports",
	}
)

// triples are the sysctls of several values, and the fact of each value ("" for
// none).
var triples = map[string][]string{
	"net.ipv4.tcp_rmem": {"tcp_rmem.min", "tcp_rmem.default", "tcp_rmem.max"},
	"net.ipv4.tcp_wmem": {"tcp_wmem.min", "tcp_wmem.default", "tcp_wmem.max"},
	"net.ipv4.tcp_mem":  {"tcp_mem.low", "tcp_mem.pressure", "tcp_mem.high"},
}

// others are the single values whose fact has a name of its own.
var others = map[string]string{
	"net.ipv4.neigh.default.gc_thresh3": "neigh.gc_thresh3",
	"net.ipv6.neigh.default.gc_thresh3": "neigh6.gc_thresh3",
}

// hostWide are sysctls of every supported kernel that all network namespaces share and
// only the first one shows.
var hostWide = []string{
	"net.core.netdev_max_backlog", "net.core.netdev_budget", "net.ipv4.tcp_mem", "net.ipv4.tcp_max_orphans",
	"net.ipv4.neigh.default.gc_thresh3",
}

// firstOnly are the sysctls that only the first network namespace shows, if this
// kernel has them.
var firstOnly = append([]string{
	"net.core.netdev_budget_usecs", "net.core.dev_weight", "net.core.rps_sock_flow_entries", "net.core.flow_limit_cpu_bitmap",
	"net.core.default_qdisc", "net.core.rmem_max", "net.core.wmem_max", "net.ipv6.neigh.default.gc_thresh3",
}, hostWide...)

// maxText bounds a text fact, in bytes.
const maxText = 200

// keys returns every sysctl to read.
func keys() []string {
	k := slices.Concat(numbers, texts)
	k = slices.AppendSeq(k, maps.Keys(triples))
	return slices.AppendSeq(k, maps.Keys(others))
}

// Facts tells the settings as they were at the last look.
func (*Source) Facts(readings []fact.Reading, f *fact.Facts) {
	if len(readings) == 0 {
		return
	}
	r, ok := readings[len(readings)-1].Data.(*Reading)
	if !ok || r == nil {
		return
	}
	for _, k := range numbers {
		r.gauge(k, "sysctl."+k, f)
	}
	for k, name := range others {
		r.gauge(k, name, f)
	}
	for _, k := range texts {
		if v, ok := r.Values[k]; ok && len(v) <= maxText {
			f.Text("sysctl."+k, strings.Join(strings.Fields(v), " "))
		}
	}
	for k, names := range triples {
		fields := strings.Fields(r.Values[k])
		for i, name := range names {
			if name != "" && len(fields) == len(names) {
				number(fields[i], name, f)
			}
		}
	}
	r.memory(f)
	r.forwards(f)
	r.synGivesUp(f)
	r.ports(f)
	r.rpFilterRows(f)
	r.unseen(f)
}

func (r *Reading) gauge(key, name string, f *fact.Facts) {
	if v, ok := r.Values[key]; ok {
		number(v, name, f)
	}
}

// number records a value if it is a number: anything else leaves it unknown.
func number(v, name string, f *fact.Facts) {
	if n, err := strconv.ParseInt(v, 10, 64); err == nil {
		f.Gauge(name, float64(n))
	}
}

// memory tells what tcp_mem is a part of.
func (r *Reading) memory(f *fact.Facts) {
	if _, ok := r.Values["net.ipv4.tcp_mem"]; ok && r.Pages > 0 {
		f.Gauge("tcp_mem.machine_pages", float64(r.Pages))
	}
}

func (r *Reading) forwards(f *fact.Facts) {
	v4, known := r.Values["net.ipv4.ip_forward"]
	if v6 := r.Values["net.ipv6.conf.all.forwarding"]; known {
		f.Flag("host.forwards", v4 == "1" || v6 == "1" || v6 == "2")
	}
}

// synGivesUp tells for how long connect() tries where nobody answers: after the first
// second, tcp_syn_linear_timeouts more of a second each (Linux 6.5), then
// tcp_syn_retries that double, up to TCP_RTO_MAX of 120 s (tcp_write_timeout() and
// tcp_retransmit_timer() in net/ipv4/tcp_timer.c).
func (r *Reading) synGivesUp(f *fact.Facts) {
	const linearKey = "net.ipv4.tcp_syn_linear_timeouts"
	retries, err := strconv.Atoi(r.Values["net.ipv4.tcp_syn_retries"])
	linear, err2 := strconv.Atoi(cmp.Or(r.Values[linearKey], "0"))
	if err != nil || err2 != nil || retries < 0 || linear < 0 || slices.Contains(r.Refused, linearKey) {
		return
	}
	seconds := float64(linear)
	for i := range min(retries, 255) + 1 {
		seconds += float64(min(1<<min(i, 7), 120))
	}
	f.Gauge("tcp.syn_gives_up_s", seconds)
}

// ports counts the ephemeral ports: the range without those reserved.
func (r *Reading) ports(f *fact.Facts) {
	first, last, ok := span(strings.Join(strings.Fields(r.Values["net.ipv4.ip_local_port_range"]), "-"))
	if !ok {
		return
	}
	free := last - first + 1
	if list := r.Values["net.ipv4.ip_local_reserved_ports"]; list != "" {
		// The kernel prints the list in order and without overlaps.
		for _, part := range strings.Split(list, ",") {
			from, to, ok := span(part)
			if !ok {
				return
			}
			free -= max(0, min(to, last)-max(from, first)+1)
		}
	}
	f.Gauge("ports.ephemeral", float64(max(0, free)))
}

// span reads "8080" or "8000-8100".
func span(s string) (first, last int, ok bool) {
	a, b, isRange := strings.Cut(s, "-")
	if !isRange {
		b = a
	}
	first, err1 := strconv.Atoi(a)
	last, err2 := strconv.Atoi(b)
	ok = err1 == nil && err2 == nil && 0 <= first && first <= last && last <= 65535
	return first, last, ok
}

// rpFilterRows tells the effective filter: the larger of all and the interface
// counts (Documentation/networking/ip-sysctl.rst).
func (r *Reading) rpFilterRows(f *fact.Facts) {
	all, err := strconv.Atoi(r.RPFilter["all"])
	if r.RPFilter == nil || err != nil {
		return
	}
	f.Table("rpfilter")
	for _, name := range slices.Sorted(maps.Keys(r.RPFilter)) {
		mode, err := strconv.Atoi(r.RPFilter[name])
		if name == "all" || err != nil {
			continue
		}
		f.Add("rpfilter", fact.Row{"name": name, "mode": float64(max(all, mode))})
	}
}

func (r *Reading) unseen(f *fact.Facts) {
	elsewhere := slices.ContainsFunc(hostWide, func(k string) bool {
		_, ok := r.Values[k]
		return !ok && !slices.Contains(r.Refused, k)
	})
	f.Flag("settings.host_wide", !elsewhere)
	if elsewhere {
		f.CannotSee(name, "settings that only the first network namespace shows (tcp_mem, netdev_max_backlog, gc_thresh3)",
			"to run in the host's first network namespace")
	}
	if len(r.Refused) > 0 {
		f.CannotSee(name, strings.Join(r.Refused, ", "), "root")
	}
	if r.Cut {
		f.CannotSee(name, "reverse-path filtering of some interfaces: there are too many", "")
	}
}
