package foreign

import (
	"strings"
	"testing"
)

// From when nstat counts follows from its options, or from the numbers; where neither
// tells, nothing is claimed to have grown.
func TestNstatCounts(t *testing.T) {
	const still = "TcpActiveOpens 31 0.0\nTcpPassiveOpens 450 0.0\nTcpEstabResets 22 0.0\n"
	const low = "#kernel\nIpInReceives 1000 0.0\nTcpInSegs 900 0.0\nTcpRetransSegs 7 0.0\n"
	const high = "#kernel\nIpInReceives 2600 0.0\nTcpInSegs 2400 0.0\nTcpRetransSegs 10 0.0\n"
	const mixed = "#kernel\nIpInReceives 800 0.0\nTcpInSegs 700 0.0\nTcpRetransSegs 9 0.0\n"
	unknown := any(nil)
	tests := map[string]struct {
		text   string
		growth any // of Tcp.RetransSegs; nil if it cannot be told
		total  float64
		says   string
	}{
		"-az twice":                        {"$ nstat -az\n" + low + "$ nstat -az\n" + high, 3.0, 10, ""},
		"-a and JSON":                      {"$ nstat -aj\n{\"kernel\":{\"TcpInSegs\":900,\"IpInReceives\":9,\"TcpRetransSegs\":7}}\n$ nstat -aj\n{\"kernel\":{\"TcpInSegs\":901,\"IpInReceives\":10,\"TcpRetransSegs\":8}}\n", 1.0, 8, ""},
		"increments that rise":             {"$ nstat\n" + low + "$ nstat\n" + high, 10.0, 0, "last run"},
		"increments that fall":             {"$ nstat\n" + high + "$ nstat\n" + low, 7.0, 0, "last run"},
		"increments in JSON":               {"$ nstat -j\n{\"kernel\":{\"TcpRetransSegs\":7}}\n$ nstat -j\n{\"kernel\":{\"TcpRetransSegs\":8}}\n", 8.0, 0, "last run"},
		"increments after totals":          {"$ nstat -az\n" + high + "$ nstat\n" + low, 7.0, 0, "last run"},
		"the file was left as it was":      {"$ nstat -azs\n" + high + "$ nstat\n" + low, unknown, 7, "different options"},
		"totals after increments":          {"$ nstat\n" + low + "$ nstat -az\n" + high, unknown, 10, "different options"},
		"increments since the same moment": {"$ nstat -s\n" + low + "$ nstat -s\n" + high, 3.0, 0, "same moment"},
		"unknown, some stand still":        {low + still + high + still, 3.0, 10, "many stand still"},
		"unknown, all rise":                {low + high, unknown, 10, "nstat -az"},
		"unknown, all fall":                {high + low, unknown, 7, "nstat -az"},
		"unknown, fall and rise":           {low + mixed, unknown, 9, "different hosts"},
		"unknown, alone":                   {low, unknown, 7, "nstat -az"},
		"increments alone":                 {"$ nstat\n" + low, unknown, 7, "more may have been lost"},
		"totals alone":                     {"$ nstat -az\n" + low, unknown, 7, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r, f := read(t, test.text)
			v := f.Values["Tcp.RetransSegs"]
			if v.Now != test.growth {
				t.Errorf("it grew by %v, want %v; notes %q", v.Now, test.growth, r.Notes)
			}
			if got := v.Total; (got == nil) != (test.total == 0) || got != nil && *got != test.total {
				t.Errorf("its total is %v, want %v; notes %q", got, test.total, r.Notes)
			}
			if test.says != "" && !noted(r, test.says) {
				t.Errorf("notes %q, want one with %q", r.Notes, test.says)
			}
			if test.says == "" && (noted(r, "known; its numbers") || noted(r, "not compared")) {
				t.Errorf("notes %q", r.Notes)
			}
		})
	}
}

// What nstat does not tell does not keep other samples from being compared.
func TestNstatBesideOthers(t *testing.T) {
	const queue = "qdisc fq 1: dev eth0 root\n Sent 900 bytes 5 pkt (dropped %, overlimits 0 requeues 0)\n backlog 0b 0p requeues 0\n"
	first, second := strings.Replace(queue, "%", "4", 1), strings.Replace(queue, "%", "9", 1)
	_, f := read(t, "TcpInSegs 900 0.0\nTcpRetransSegs 7 0.0\n$ tc -s qdisc\n"+first+"# now\nTcpInSegs 100 0.0\nTcpRetransSegs 2 0.0\n$ tc -s qdisc\n"+second)
	if n := row(f, "qdisc", "eth0 fq 1:")["drops"]; n != 5.0 {
		t.Errorf("the queue dropped %v, want 5", n)
	}
}
