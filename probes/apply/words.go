package apply

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Words are the commands of the usual tools for a change, quoted for a shell: what
// an operator types who does it by hand.
type Words struct {
	Show string // shows the value
	Run  string // makes the change, now
	Undo string // takes it back; empty as long as the value before is not known
	Keep []Kept // keeps it over a reboot
}

// Kept is a line of a file that keeps a change over a reboot.
type Kept struct {
	File string
	Line string
	// Key is what such a line begins with: there is one of them.
	Key string
}

// Command is the command that adds the line.
func (k Kept) Command() string { return "echo " + Quote(k.Line) + " >> " + Quote(k.File) }

// Replace is the command that adds the line in the place of the one that is there:
// it may run any number of times.
func (k Kept) Replace() string {
	return fmt.Sprintf("touch %[1]s && sed -i %[2]s %[1]s && echo %[3]s >> %[1]s", Quote(k.File), Quote(k.delete()), Quote(k.Line))
}

// delete is the command of sed(1) that takes the line out. A key that is all of the
// line is not only the beginning of another one.
func (k Kept) delete() string {
	end := "|d"
	if k.Key == k.Line {
		end = "$|d"
	}
	return `\|^` + regular.Replace(k.Key) + end
}

// regular quotes what means something in a basic regular expression between bars.
var regular = strings.NewReplacer(`\`, `\\`, `.`, `\.`, `*`, `\*`, `[`, `\[`, `]`, `\]`, `^`, `\^`, `$`, `\$`, `|`, `\|`)

// Change is the line as a change that Record.Do makes.
func (k Kept) Change() Change { return Change{Knob: "file", Of: k.File, Field: k.Key, To: k.Line} }

// Quote quotes a word for a POSIX shell.
func Quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,/:@%") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Words tells a change of this host in commands. was is the value before; nil if it is
// not known.
func (c Change) Words(was *State) Words { return c.tell(was, true) }

// WordsElsewhere tells a change of another host in commands, without a look at this
// one: it lacks what only a look at the host tells, such as the address by which udev
// knows an interface.
func (c Change) WordsElsewhere(was *State) Words { return c.tell(was, false) }

func (c Change) tell(was *State, here bool) Words {
	w := c.words(here)
	if was != nil {
		w.Undo = c.undo(*was, here)
	}
	return w
}

const (
	sysctlFile  = "/etc/sysctl.d/90-whydrop.conf"
	modulesFile = "/etc/modules-load.d/90-whydrop.conf"
	udevFile    = "/etc/udev/rules.d/90-whydrop.rules"
)

// tools are the options of ethtool that show and set the parameters of a knob.
var tools = map[string][2]string{"ring": {"-g", "-G"}, "coalesce": {"-c", "-C"}, "pause": {"-a", "-A"}, "feature": {"-k", "-K"}}

// words tells a change; here says that it is one of this host.
func (c Change) words(here bool) Words {
	dev := Quote(c.Of)
	switch c.Knob {
	case "sysctl":
		at := ""
		if here {
			if pid := c.sharedBy(); pid != 0 {
				at = fmt.Sprintf("nsenter -t %d -n ", pid)
			}
		}
		w := Words{Show: at + "sysctl " + dev, Run: at + "sysctl -w " + Quote(c.Of+"="+c.To)}
		w.Keep = append(w.Keep, Kept{sysctlFile, c.Of + " = " + c.To, c.Of + " ="})
		if m := moduleOf(c); m != "" {
			w.Keep = append(w.Keep, Kept{modulesFile, m, m})
		}
		return w
	case "txqueuelen":
		return Words{Show: "ip link show dev " + dev, Run: "ip link set dev " + dev + " txqueuelen " + c.To,
			Keep: c.udev(here, `ATTR{tx_queue_len}="`, c.To)}
	case "ring", "coalesce", "pause", "feature":
		o := tools[c.Knob]
		set := " " + c.Field + " "
		return Words{Show: "ethtool " + o[0] + " " + dev, Run: "ethtool " + o[1] + " " + dev + set + c.To,
			Keep: c.udev(here, `RUN+="/usr/sbin/ethtool `+o[1]+" $name"+set, c.To)}
	case "rps", "xps":
		queue := c.Field
		if queue == "" {
			queue = steeringOf[c.Knob].queues + "-*"
		}
		files := "/sys/class/net/" + Quote(c.Of) + "/queues/" + queue + "/" + steeringOf[c.Knob].file
		w := Words{Show: "grep . " + files, Run: "echo " + wantedMask(c.To) + " | tee " + files}
		for _, n := range queues(c, here) {
			w.Keep = append(w.Keep, c.udev(here, fmt.Sprintf(`ATTR{queues/%s/%s}="`, n, steeringOf[c.Knob].file), wantedMask(c.To))...)
		}
		return w
	case "qdisc":
		return c.qdiscWords()
	case "route":
		show := "ip " + c.family() + "route show " + c.routeFilter()
		if c.Field == "" {
			return Words{Show: show, Run: "ip " + c.family() + "route del " + c.Of}
		}
		return Words{Show: show}
	case "file":
		k := Kept{c.Of, c.To, c.Field}
		return Words{Show: "cat " + dev, Run: k.Replace()}
	}
	return Words{}
}

// moduleOf is the module that must be loaded before a sysctl is there.
func moduleOf(c Change) string {
	switch key := strings.ReplaceAll(c.Of, "/", "."); {
	case strings.HasPrefix(key, "net.netfilter.nf_conntrack_"):
		return "nf_conntrack"
	case strings.HasSuffix(key, ".tcp_congestion_control") && c.To != "cubic" && c.To != "reno":
		return "tcp_" + c.To
	}
	return ""
}

// udev is a rule that sets something when the interface appears, known by its
// hardware address; none for an interface without a driver, which someone makes. The
// value stands at the end, before a closing quote.
func (c Change) udev(here bool, sets, value string) []Kept {
	if !here {
		return nil
	}
	link, err := net.InterfaceByName(c.Of)
	if err != nil || len(link.HardwareAddr) == 0 {
		return nil
	}
	key := fmt.Sprintf(`ACTION=="add", SUBSYSTEM=="net", DRIVERS=="?*", ATTR{address}=="%s", %s`, link.HardwareAddr, sets)
	return []Kept{{udevFile, key + value + `"`, key}}
}

func (c Change) undo(was State, here bool) string {
	back := c
	back.To = was.Text
	dev := Quote(c.Of)
	switch c.Knob {
	case "sysctl", "txqueuelen", "ring", "coalesce", "pause", "feature":
		return back.words(here).Run
	case "rps", "xps":
		var masks map[string]string
		if json.Unmarshal(was.Raw, &masks) != nil {
			return ""
		}
		var all []string
		for _, queue := range slices.Sorted(maps.Keys(masks)) {
			one := back
			one.Field, one.To = queue, masks[queue]
			all = append(all, one.words(here).Run)
		}
		return strings.Join(all, "; ")
	case "qdisc":
		q, err := decodeQueue(was)
		switch {
		case err != nil:
			return ""
		case !whole(c.Field):
			return queueCommand("change", dev, q)
		case q.Default:
			return c.clearCommand(q)
		}
		return queueCommand("replace", dev, q)
	case "route":
		o, err := decode(was.Raw, rtmsgSize)
		if err != nil {
			return ""
		}
		if c.Field == "" {
			return "ip " + c.family() + "route add " + c.Of
		}
		return c.routeCommand(o)
	case "file":
		if was.Raw == nil || was.Text == "no such line" {
			return "sed -i " + Quote(Kept{c.Of, c.To, c.Field}.delete()) + " " + dev
		}
		return Kept{c.Of, was.Text, c.Field}.Replace()
	}
	return ""
}

// queues are the queues that a change of masks is about, as far as they are there.
func queues(c Change, here bool) []string {
	if !here {
		return nil
	}
	masks, err := readMasks(c)
	if err != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(masks))
}

func (c Change) qdiscWords() Words {
	dev := Quote(c.Of)
	w := Words{Show: "tc qdisc show dev " + dev}
	switch {
	case whole(c.Field) && c.To == "default":
		w.Run = "tc qdisc del dev " + dev + " " + c.place()
	case whole(c.Field):
		w.Run = "tc qdisc replace dev " + dev + " " + c.place() + " " + c.To
	case strings.Contains(strings.SplitN(c.Field, " ", 2)[0], ":") && !strings.Contains(c.Field, ": "):
		w.Show = "tc class show dev " + dev
	}
	return w
}

// With fills in the commands that need to know what is there: those of a route or
// of a queue tell all its parameters, not only the one that changes.
func (w Words) With(c Change, was State) Words {
	switch {
	case c.Knob == "route" && c.Field != "":
		if o, err := decode(was.Raw, rtmsgSize); err == nil {
			w.Run = c.routeCommand(withMetric(o, c.Field, c.To))
		}
	case c.Knob == "qdisc" && !whole(c.Field):
		q, err := decodeQueue(was)
		if err != nil {
			break
		}
		p, err := q.parameter(c)
		v, err2 := parameterValue(c.Field, c.To)
		if err != nil || err2 != nil {
			break
		}
		if options, err := p.write(q.Queue.get(unix.TCA_OPTIONS), v); err == nil {
			q.Queue = q.Queue.with(unix.TCA_OPTIONS, options)
			w.Run = queueCommand("change", Quote(c.Of), q)
		}
	}
	return w
}

// queueCommand is the command of tc(8) that makes a queue as it is.
func queueCommand(verb, dev string, q queueState) string {
	o := q.Queue
	options := object{Attributes: splitAttributes(o.get(unix.TCA_OPTIONS))}
	what, kind := "qdisc", kindOf(o)
	if q.Class {
		what = "class"
	}
	parent := "root"
	if p := parentOf(o); p != tcRoot {
		parent = "parent " + handleText(p)
	}
	id := " handle " + handleText(handleOf(o))
	if q.Class {
		id = " classid " + handleText(handleOf(o))
	}
	var words string
	switch kind {
	case "tbf":
		b, told := options.get(tbfParms), options.message()
		if word32(b, ratespecSize+8) != 0 {
			return "" // the command would lose the peakrate
		}
		words = fmt.Sprintf(" rate %s burst %d limit %d", rateText(tbfRate(told)), bucket(told), word32(b, 24))
	case "htb":
		b := options.get(htbParms)
		if !q.Class {
			break
		}
		rate, ceil := word32(b, 8), word32(b, ratespecSize+8)
		words = fmt.Sprintf(" rate %s ceil %s burst %d cburst %d", rateText(rate), rateText(ceil), burstBytes(rate, word32(b, 24)), burstBytes(ceil, word32(b, 28)))
	case "pfifo", "bfifo":
		words = fmt.Sprintf(" limit %d", word32(o.get(unix.TCA_OPTIONS), 0))
	case "fq_codel":
		words = fmt.Sprintf(" limit %d", word32(options.get(fqCodelLimit), 0))
	case "fq":
		words = fmt.Sprintf(" limit %d", word32(options.get(fqLimit), 0))
	}
	return "tc " + what + " " + verb + " dev " + dev + " " + parent + id + " " + kind + words
}

func burstBytes(rate, ticks uint64) uint64 {
	return uint64(math.Ceil(float64(rate) * float64(ticks) * tick))
}

func handleText(h uint32) string {
	if h&0xffff == 0 {
		return fmt.Sprintf("%x:", h>>16)
	}
	return fmt.Sprintf("%x:%x", h>>16, h&0xffff)
}

func (c Change) family() string {
	if r, err := parseRoute(c.Of); err == nil && r.family == unix.AF_INET6 {
		return "-6 "
	}
	return ""
}

// routeFilter selects the route for ip route show, which knows no metric.
func (c Change) routeFilter() string {
	w := strings.Fields(c.Of)
	if i := slices.Index(w, "metric"); i >= 0 && i+1 < len(w) {
		w = slices.Delete(w, i, i+2)
	}
	if len(w) > 0 {
		if _, ok := discarding[w[0]]; ok {
			w = slices.Insert(w, 0, "type")
		}
	}
	return strings.Join(w, " ")
}

// routeCommand is the command of ip(8) that makes a route as it is; none for one that
// has more to it than whydrop can say: the command would lose it.
func (c Change) routeCommand(o object) string {
	said := []uint16{unix.RTA_DST, unix.RTA_GATEWAY, unix.RTA_OIF, unix.RTA_TABLE, unix.RTA_PREFSRC, unix.RTA_PRIORITY, unix.RTA_METRICS, unix.RTA_CACHEINFO, unix.RTA_PREF}
	metricsSaid := []uint16{unix.RTAX_LOCK}
	for _, kind := range metrics {
		metricsSaid = append(metricsSaid, kind)
	}
	unsaid := func(all []attribute, said []uint16) bool {
		return slices.ContainsFunc(all, func(a attribute) bool { return !slices.Contains(said, a.Type&typeMask) })
	}
	if unsaid(o.Attributes, said) || unsaid(splitAttributes(o.get(unix.RTA_METRICS)), metricsSaid) || o.Header[3] != 0 {
		return ""
	}
	return "ip " + c.family() + "route change " + routeWords(o)
}

// routeWords is a unicast route in the words of ip(8), as far as it needs them to
// find and to change it.
func routeWords(o object) string {
	address := func(b []byte) string { a, _ := netip.AddrFromSlice(b); return a.String() }
	words := []string{"default"}
	if dst := o.get(unix.RTA_DST); dst != nil {
		words[0] = fmt.Sprintf("%s/%d", address(dst), o.Header[1])
	}
	if v := o.get(unix.RTA_GATEWAY); v != nil {
		words = append(words, "via", address(v))
	}
	if v := o.get(unix.RTA_OIF); len(v) == 4 {
		if i, err := net.InterfaceByIndex(int(binary.NativeEndian.Uint32(v))); err == nil {
			words = append(words, "dev", Quote(i.Name))
		}
	}
	if v := o.get(unix.RTA_TABLE); len(v) == 4 && binary.NativeEndian.Uint32(v) != unix.RT_TABLE_MAIN {
		words = append(words, "table", fmt.Sprint(binary.NativeEndian.Uint32(v)))
	}
	if o.Header[5] != unix.RTPROT_BOOT { // which ip(8) takes by itself
		words = append(words, "proto", fmt.Sprint(o.Header[5]))
	}
	if binary.NativeEndian.Uint32(o.Header[8:])&unix.RTNH_F_ONLINK != 0 {
		words = append(words, "onlink")
	}
	if o.Header[6] == unix.RT_SCOPE_LINK {
		words = append(words, "scope", "link")
	}
	if v := o.get(unix.RTA_PREFSRC); v != nil {
		words = append(words, "src", address(v))
	}
	if v := o.get(unix.RTA_PRIORITY); len(v) == 4 {
		words = append(words, "metric", fmt.Sprint(binary.NativeEndian.Uint32(v)))
	}
	return strings.Join(append(words, metricWords(o)...), " ")
}

func metricWords(o object) (words []string) {
	locks := word32(object{Attributes: splitAttributes(o.get(unix.RTA_METRICS))}.get(unix.RTAX_LOCK), 0)
	for _, name := range []string{"mtu", "advmss", "initcwnd", "rto_min", "congctl"} {
		v := metric(o, name)
		if v == noMetric {
			continue
		}
		words = append(words, name)
		if name == "rto_min" { // ip(8) locks it by itself
			v += "ms"
		} else if locks>>metrics[name]&1 == 1 {
			words = append(words, "lock")
		}
		words = append(words, Quote(v))
	}
	return words
}
