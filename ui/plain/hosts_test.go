package plain

import (
	"strings"
	"time"

	"whydrop/content"
	"whydrop/probes/fact"
)

var began = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

// quietHost loses nothing. Every counter and table could be read, but for those
// of the packet filter.
func quietHost(v *content.Vocabulary) *fact.Facts {
	f := fact.New(began, 15)
	f.Host, f.Kernel = "db1", "6.12.0"
	for _, d := range v.Facts() {
		switch {
		case d.Probe == "filters" || d.Probe == "ledger":
		case d.Type == "count":
			f.Count(d.Name, 0, 0)
		case d.Type == "flag":
			f.Flag(d.Name, false)
		}
	}
	for _, t := range v.Tables() {
		if t.Probe != "filters" {
			f.Table(t.Name)
		}
	}
	f.Gauge("sysctl.net.core.somaxconn", 4096)
	for _, name := range []string{
		"tcp.flows_stalled", "tcp.flows_retrans", "tcp.syn_sent_retrying", "tcp.flows_stalled_full_size", "tcp.flows_peer_window_closed",
	} {
		f.Gauge(name, 0)
	}
	f.Gauge("tcp.flows_sending", 40)
	f.Count("TcpExt.TCPBacklogDrop", 0, 7)
	f.Count("Ip.InDiscards", 0, 12)
	f.CannotSee("filters", "firewall rules", "CAP_NET_ADMIN")
	f.Probes = []fact.Status{{Name: "counters", Status: "ok", Millis: 1}}
	return f
}

// sickHost is a host whose accept queue overflows.
func sickHost(v *content.Vocabulary) *fact.Facts {
	f := quietHost(v)
	for name, growth := range map[string]float64{
		"TcpExt.ListenOverflows": 42, "TcpExt.ListenDrops": 42, "TcpExt.TCPSynRetrans": 3, "Tcp.RetransSegs": 4,
		"TcpExt.TCPOrigDataSent": 9000, "Tcp.PassiveOpens": 610, "Tcp.ActiveOpens": 3, "Tcp.InSegs": 18000,
		"Ip.InReceives": 18000, "Ip.InDelivers": 18000, "TcpExt.TCPTimeouts": 3,
	} {
		f.Count(name, growth, growth*100)
	}
	f.Add("listener", fact.Row{
		"name": "0.0.0.0:5432", "port": 5432.0, "process": "postgres", "pid": 811.0, "queue": 129.0,
		"queue_peak": 129.0, "limit": 128.0, "full_share": 1.0, "standing": true, "at_somaxconn": false, "syn_recv": 4.0,
		"fds": 210.0, "fd_limit": 1024.0, "fd_share": 0.2, "cpu_share": 0.3, "cpu_wait_share": 0.01, "threads": 4.0,
		"stopped": false, "throttled_share": 0.0, "throttled_periods_share": 0.0,
	})
	return f
}

// hostileHost has names that would move a cursor, and letters beyond ASCII.
func hostileHost(v *content.Vocabulary) *fact.Facts {
	f := sickHost(v)
	f.Host = "db1\x1b[2J\r\nVerdict: HEALTHY"
	f.Tables["listener"][0]["process"] = "\x1b]0;köln\a" + strings.Repeat("x", 300)
	return f
}

func unmeasured(*content.Vocabulary) *fact.Facts { return nil }

type host func(*content.Vocabulary) *fact.Facts
