package probes

import (
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"whydrop/probes/fact"
	"whydrop/probes/links"
)

// byHand is what an engineer types for the same facts, each line with the tool
// that it takes.
var byHand = []struct{ tool, line string }{
	{"nstat", "nstat -az"},
	{"ss", "ss -tinm"},
	{"ip", "ip -s -s link"},
	{"tc", "tc -s qdisc"},
	{"ethtool", "for d in /sys/class/net/*; do for o in -S -g -c; do ethtool $o ${d##*/}; done; done"},
	{"nft", "nft list ruleset"},
	{"conntrack", "conntrack -S"},
	{"sysctl", "sysctl -a | grep net"},
}

// sameFacts are the sources that yield what the script shows.
var sameFacts = map[string]bool{"counters": true, "sockets": true, "links": true, "filters": true, "settings": true}

// anyStatistic knows no statistic of a driver, but has them all read.
type anyStatistic struct{}

func (anyStatistic) Translate(string, string) (s links.Statistic, known bool) { return s, false }

// BenchmarkOnce compares the CPU time, user and system, of looking once at this
// host with what the same takes by hand: with the sources of the same facts, and
// with all of them. Each time the sources are new, as in a new process.
func BenchmarkOnce(b *testing.B) {
	var script strings.Builder
	for _, h := range byHand {
		if _, err := exec.LookPath(h.tool); err != nil {
			b.Logf("without %s, which is not installed here", h.tool)
			continue
		}
		script.WriteString(h.line + "\n")
	}
	once := func(wanted func(string) bool) time.Duration {
		o := Default(Knowledge{NICs: anyStatistic{}})
		all := o.Sources()
		var some []fact.Source
		for _, s := range all {
			if wanted(s.Name()) {
				some = append(some, s)
			}
		}
		o = NewObserver(some...)
		before := processTime()
		o.start = o.now()
		o.round(context.Background(), first)
		o.await()
		o.facts()
		took := processTime() - before
		o.close()
		return took
	}
	var same, every, hand time.Duration
	for b.Loop() {
		same += once(func(name string) bool { return sameFacts[name] })
		every += once(func(string) bool { return true })
		c := exec.Command("sh", "-c", script.String())
		c.Stdout, c.Stderr = io.Discard, io.Discard
		c.Env = append(os.Environ(), "NSTAT_HISTORY=/dev/null")
		_ = c.Run() // a device without statistics makes ethtool fail
		hand += c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	}
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 / float64(b.N) }
	b.ReportMetric(ms(hand), "by-hand-ms")
	b.ReportMetric(ms(same), "same-facts-ms")
	b.ReportMetric(ms(every), "all-probes-ms")
	b.ReportMetric(same.Seconds()/hand.Seconds(), "same-facts-ratio")
	b.ReportMetric(every.Seconds()/hand.Seconds(), "all-probes-ratio")
}
