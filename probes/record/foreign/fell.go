package foreign

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"whydrop/probes/counters"
	"whydrop/probes/filters"
	"whydrop/probes/links"
	"whydrop/probes/sockets/inetdiag"
)

// renewable are kinds whose counters begin anew by themselves: where rules are loaded
// again, a queue or an interface is replaced, a connection is made between the same ends.
var renewable = map[string]bool{
	"nft list ruleset": true, "iptables-save": true, "ip6tables-save": true, "iptables -L": true, "ip6tables -L": true,
	"tc qdisc": true, "tc -j qdisc": true, "ip link": true, "ip address": true, "ip -j link": true, "/proc/net/dev": true, "netstat -i": true,
	"/sys/class/net/*/statistics": true, "ethtool -S": true, "ss": true,
}

// vouched tells whether counters of the whole host show that the samples are of one host
// and in their order: none fell, and several stand still at values that do not agree by chance.
func (e *evidence) vouched(r *rounds) bool {
	for _, slot := range r.order {
		all := r.slots[slot]
		if len(all) < 2 || e.counts(all[0]) == nil || ofNstat(all[0]) && !absolute(all) {
			continue
		}
		fell, still := 0, 0
		for i := 1; i < len(all); i++ {
			f, s := e.moved(all[i-1], all[i])
			fell, still = fell+f, still+s
		}
		if fell == 0 && still >= 3 {
			return true
		}
	}
	return false
}

// absolute tells whether all samples of nstat are known to count from the boot.
func absolute(all []*piece) bool {
	for _, p := range all {
		if !nstatCallOf(p).absolute {
			return false
		}
	}
	return true
}

// fell tells whether a counter of a sample is lower than in the one before it. Of
// connections most have to: one of them may have been made anew.
func (e *evidence) fell(a, b *piece) bool {
	fell, _ := e.moved(a, b)
	if a.kind.name != "ss" {
		return fell > 0
	}
	rose, _ := e.moved(b, a)
	return fell > rose
}

// moved counts the counters that fell from one sample to the next, and those that stand
// still at a value that tells something.
func (e *evidence) moved(a, b *piece) (fell, still int) {
	was, is := e.numbers(a), e.numbers(b)
	for name, v := range is {
		before, have := was[name]
		switch {
		case !have:
		case v < before && !wrapped(before, v):
			fell++
		case v == before && v >= telling:
			still++
		}
	}
	return fell, still
}

// wrapped tells whether a counter of 32 bits fell because it went past its end.
func wrapped(before, v uint64) bool {
	return before <= math.MaxUint32 && math.MaxUint32-before+v+1 < 1<<30
}

// numbers are the counters of a sample that only ever grow.
func (e *evidence) numbers(p *piece) map[string]uint64 {
	out := map[string]uint64{}
	if read := growing[p.kind.name]; read != nil {
		read(e, p, out)
		return out
	}
	for name, v := range e.counts(p) {
		if !strings.Contains(name, "Curr") { // the gauges among them
			out[name] = v
		}
	}
	return out
}

// growing reads the counters of the kinds that do not hold them by name.
var growing map[string]func(e *evidence, p *piece, out map[string]uint64)

func init() {
	growing = map[string]func(e *evidence, p *piece, out map[string]uint64){
		"/proc/net/softnet_stat": softnetNumbers, "ethtool -S": (*evidence).driverNumbers, "ss": (*evidence).connectionNumbers,
		"conntrack -S": pairNumbers, "tc qdisc": (*evidence).queueNumbers, "tc -j qdisc": (*evidence).queueNumbers,
	}
	for _, kind := range []string{"ip link", "ip address", "ip -j link", "/proc/net/dev", "netstat -i", "/sys/class/net/*/statistics"} {
		growing[kind] = (*evidence).linkNumbers
	}
	for _, kind := range []string{"nft list ruleset", "iptables-save", "ip6tables-save", "iptables -L", "ip6tables -L"} {
		growing[kind] = ruleNumbers
	}
	for _, kind := range []string{"nf_conntrack", "arp_cache", "ndisc_cache"} {
		growing["/proc/net/stat/"+kind] = columnNumbers
	}
	for _, kind := range []string{"net/xfrm_stat", "stat", "vmstat", "softirqs", "schedstat"} {
		growing["/proc/"+kind] = rowNumbers
	}
}

// linkNumbers are all counters of interfaces.
func (e *evidence) linkNumbers(p *piece, out map[string]uint64) {
	for _, l := range e.printedLinks(look{p.kind.name: p}) {
		for field, v := range l.stats {
			out[l.link.Name+" "+field] = v
		}
		if l.link.Changes != nil {
			out[l.link.Name+" changes"] = uint64(*l.link.Changes)
		}
	}
}

// queueNumbers are what queueing disciplines sent and dropped.
func (e *evidence) queueNumbers(p *piece, out map[string]uint64) {
	for _, q := range e.queues(look{p.kind.name: p}) {
		name := fmt.Sprint(q.device, q.queue.Kind, q.queue.Handle, q.queue.Parent)
		out[name+" packets"], out[name+" bytes"] = q.queue.Packets, q.queue.Bytes
		out[name+" drops"], out[name+" overlimits"] = uint64(q.queue.Drops), uint64(q.queue.Overlimits)
	}
}

// softnetNumbers are what the CPUs took off the network.
func softnetNumbers(_ *evidence, p *piece, out map[string]uint64) {
	r, _ := counters.From(map[string][]byte{"net/softnet_stat": p.text})
	for _, c := range r.CPUs {
		for i, v := range []uint32{c.Processed, c.Dropped, c.Squeezed, c.RPS, c.FlowLimit} {
			out[fmt.Sprint(c.ID, " ", i)] = uint64(v)
		}
	}
}

// driverNumbers are the statistics of a driver that have a meaning, and those of traffic.
func (e *evidence) driverNumbers(p *piece, out map[string]uint64) {
	printed, _ := links.ParseStatistics(bytes.NewReader(p.text))
	for _, s := range printed {
		known := false
		if e.know.NICs != nil {
			_, known = e.know.NICs.Translate("", s.Name)
		}
		if known || strings.Contains(s.Name, "packets") || strings.Contains(s.Name, "bytes") || strings.HasSuffix(s.Name, "_cnt") {
			out[s.Name] += s.Value
		}
	}
}

// ruleNumbers are the packets that rules matched.
func ruleNumbers(_ *evidence, p *piece, out map[string]uint64) {
	var texts filters.Texts
	switch p.kind.name {
	case "nft list ruleset":
		texts.NFT = text(p)
	case "iptables-save":
		texts.Save = text(p)
	case "ip6tables-save":
		texts.Save6 = text(p)
	default:
		texts.List = []filters.Listing{{Table: tableOf(p.slot()), Text: text(p), Six: strings.HasPrefix(p.kind.name, "ip6")}}
	}
	fw, packets := texts.Firewall()
	if fw == nil {
		return
	}
	for i := range min(len(fw.Rules), len(packets)) {
		if r := &fw.Rules[i]; r.Counted {
			out[r.Backend+" "+r.Name+" "+r.Text] = packets[i]
		}
	}
}

// connectionNumbers are what each connection sent, received and sent again.
func (e *evidence) connectionNumbers(p *piece, out map[string]uint64) {
	s := parse(e, p, func() (*printedSockets, error) { return parseSS(string(p.text)) })
	if s == nil {
		return
	}
	for i := range s.all {
		k := &s.all[i]
		if k.State != inetdiag.Established {
			continue
		}
		name := fmt.Sprint(k.Local, k.Remote)
		out[name] = k.Info.BytesAcked + k.Info.BytesReceived + k.Info.BytesSent + uint64(k.Info.TotalRetrans)
	}
}

// pairNumbers are "drop=5" of each line of conntrack -S.
func pairNumbers(_ *evidence, p *piece, out map[string]uint64) {
	for line := range strings.Lines(text(p)) {
		words := strings.Fields(line)
		for _, w := range words {
			name, value, _ := strings.Cut(w, "=")
			if v, err := strconv.ParseUint(value, 10, 64); err == nil && name != "cpu" {
				out[words[0]+" "+name] = v
			}
		}
	}
}

// columnNumbers are those of files that show a header and a line of hexadecimal numbers
// for each CPU; the first column is the size of the table.
func columnNumbers(_ *evidence, p *piece, out map[string]uint64) {
	var header []string
	cpu := 0
	for line := range strings.Lines(text(p)) {
		words := strings.Fields(line)
		if header == nil {
			header = words
			continue
		}
		for i := 1; i < min(len(words), len(header)); i++ {
			if v, err := strconv.ParseUint(words[i], 16, 64); err == nil {
				out[fmt.Sprint(cpu, " ", header[i])] = v
			}
		}
		cpu++
	}
}

// counting are the first words of lines that count, in files of /proc whose other lines
// show a state, or fall at times.
var counting = re(`^(?:ctxt|processes|pgfault|pgpgin|pgpgout|pgfree|Xfrm\w+|NET_[RT]X:)$`)

// rowNumbers are the numbers behind such words, and how long the CPUs of schedstat ran
// tasks and let them wait (version 15, fields 7 to 9).
func rowNumbers(_ *evidence, p *piece, out map[string]uint64) {
	for line := range strings.Lines(text(p)) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		from := 1
		switch {
		case counting.MatchString(words[0]):
		case p.kind.name == "/proc/schedstat" && len(words) == 10 && strings.HasPrefix(words[0], "cpu"):
			from = 7
		default:
			continue
		}
		for i := from; i < len(words); i++ {
			if v, err := strconv.ParseUint(words[i], 10, 64); err == nil {
				out[fmt.Sprint(words[0], " ", i)] = v
			}
		}
	}
}
