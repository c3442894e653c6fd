package checklist

import (
	"testing"

	"whydrop/probes/fact"
)

// TestWhatARouterDiscards tells noise that nobody misses from connections that a
// route swallows: by the protocol where the kernel's drops tell it, else by the
// size of what came in and did not go out.
func TestWhatARouterDiscards(t *testing.T) {
	type seen struct {
		bytes     float64 // of the packets that vanished, all together
		tcp       float64 // packets of them; below 0: nobody could look
		firewall  bool    // its rules could be read
		wantNamed bool
	}
	const packets = 60
	for name, s := range map[string]seen{
		"SYNs, seen by the kernel's drops":          {bytes: packets * 60, tcp: packets, firewall: true, wantNamed: true},
		"UDP, seen by the kernel's drops":           {bytes: packets * 300, tcp: 0, firewall: true},
		"small UDP, seen by the kernel's drops":     {bytes: packets * 60, tcp: 0, firewall: true},
		"of the size of SYNs, without privileges":   {bytes: packets * 60, tcp: -1, wantNamed: true},
		"larger than SYNs, without privileges":      {bytes: packets * 300, tcp: -1},
		"larger than SYNs, and the rules are clean": {bytes: packets * 300, tcp: -1, firewall: true},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts(quiet(map[string]float64{
				"Ip.InReceives": 1500, "Ip.InDelivers": 0, "Ip.OutRequests": 0, "Ip.OutTransmits": 1440, "Ip.ForwDatagrams": 1440,
				"Tcp.InSegs": 0, "Tcp.OutSegs": 0, "Tcp.ActiveOpens": 0, "Tcp.PassiveOpens": 0, "TcpExt.TCPOrigDataSent": 0,
				"ip.rx_vanished": packets, "IpExt.InOctets": 640000 + s.bytes, "IpExt.OutOctets": 640000,
				"Ip6.InDelivers": 0, "Ip6.OutRequests": 0, "Ip6.InOctets": 0, "Ip6.OutOctets": 0,
			}))
			f.Kernel = "6.12.0"
			f.Flag("host.forwards", true)
			f.Flag("filter.readable", s.firewall)
			if s.firewall {
				f.Gauge("filter.silent_drops", 0)
				f.Gauge("filter.drops", 0)
				f.Gauge("filter.rejects", 0)
			}
			f.Table("route")
			f.Add("route", fact.Row{"name": "blackhole 198.18.0.0/15", "type": "blackhole", "destination": "198.18.0.0/15", "table": 254.0, "default": false, "sockets": 0.0, "peers_seen": 0.0})
			if s.tcp >= 0 {
				f.Table("drop")
				f.Add("drop", fact.Row{
					"name": "NOT_SPECIFIED in ip_error", "reason": "NOT_SPECIFIED", "location": "ip_error",
					"direction": "rx", "packets": float64(packets), "tcp_packets": s.tcp,
				})
			}
			c := newCase(t, "")
			c.Facts = f
			got := c.Diagnose().Finding("ip.blackhole-route")
			if got.Named() != s.wantNamed {
				t.Errorf("ip.blackhole-route has %.2f; want it named: %v%s", got.Probability, s.wantNamed, reasonsOf(got))
			}
		})
	}
}
