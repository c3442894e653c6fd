package resources

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"whydrop/probes/fact"
)

// look is a reading and when it was taken.
type look struct {
	*Reading
	at time.Time
}

// Facts tells what the host had to work with during the window.
func (*Source) Facts(readings []fact.Reading, f *fact.Facts) {
	var looks []look
	for _, r := range readings {
		if d, ok := r.Data.(*Reading); ok && d != nil {
			looks = append(looks, look{d, r.At})
		}
	}
	if len(looks) == 0 {
		return
	}
	last := looks[len(looks)-1]
	tellHost(last.Reading, f)
	tellMemory(looks, f)
	tellCPUs(looks, f)
	tellRunnable(looks, f)
	tellPressure(looks, f)
	tellQuotas(looks, f)
	for _, u := range last.Unread {
		f.CannotSee(name, u.What, u.Needs)
	}
}

func tellHost(r *Reading, f *fact.Facts) {
	if len(r.CPUs) > 0 {
		f.Gauge("host.cpus", float64(len(r.CPUs)))
	}
	if r.Host == nil {
		return
	}
	if r.Host.Kernel != "" {
		f.Text("host.kernel", r.Host.Kernel)
	}
	if r.Host.OS != "" {
		f.Text("host.os", r.Host.OS)
	}
	if r.Host.Container != nil {
		f.Flag("host.container", *r.Host.Container)
	}
}

func tellMemory(looks []look, f *fact.Facts) {
	last := looks[len(looks)-1]
	if last.Available != nil && last.Total != nil && *last.Total > 0 {
		f.Gauge("memory.available_share", float64(*last.Available)/float64(*last.Total))
	}
	for key, name := range map[string]string{"oom_kill": "memory.oom_kills", "allocstall": "memory.alloc_stalls"} {
		g, known := growth(looks, func(r *Reading) (uint64, bool) { v, ok := r.VM[key]; return v, ok })
		if total, ok := last.VM[key]; ok && known {
			f.Count(name, g, float64(total))
		}
	}
}

// growth sums up by how much a counter grew from look to look; known is false if
// no two looks in a row have it.
func growth(looks []look, get func(*Reading) (uint64, bool)) (sum float64, known bool) {
	for i := 1; i < len(looks); i++ {
		b, ok1 := get(looks[i-1].Reading)
		a, ok2 := get(looks[i].Reading)
		if ok1 && ok2 {
			g, _ := fact.Growth(b, a, strconv.IntSize)
			sum, known = sum+float64(g), true
		}
	}
	return sum, known
}

// load is what one CPU did in the window.
type load struct {
	busy, softirq, steal, all float64 // clock ticks
	netRX, netTX              float64
	hasNetRX, hasNetTX        bool
	waited                    float64 // ms
	hasWaited                 bool
}

// tellCPUs tells the load of the CPUs that were online at the end.
func tellCPUs(looks []look, f *fact.Facts) {
	var sum load
	var busyMax, softirqMax, netMax float64
	last := looks[len(looks)-1]
	for _, c := range last.CPUs {
		l := loadOf(looks, c.ID)
		if l.all == 0 {
			continue
		}
		row := fact.Row{
			"name": fmt.Sprintf("cpu%d", c.ID),
			"busy": l.busy / l.all, "softirq": l.softirq / l.all, "steal": l.steal / l.all,
		}
		if l.hasNetRX && c.ID < len(last.NetRX) {
			row["net_rx"], row["net_rx_total"] = l.netRX, float64(last.NetRX[c.ID])
			sum.hasNetRX = true
		}
		if l.hasNetTX && c.ID < len(last.NetTX) {
			row["net_tx"], row["net_tx_total"] = l.netTX, float64(last.NetTX[c.ID])
		}
		if l.hasWaited {
			row["waited_ms"], row["waited_ms_total"] = l.waited, float64(last.Waited[c.ID])/1e6
		}
		f.Add("cpuload", row)
		sum.busy, sum.steal, sum.all = sum.busy+l.busy, sum.steal+l.steal, sum.all+l.all
		sum.netRX += l.netRX
		busyMax, softirqMax, netMax = max(busyMax, l.busy/l.all), max(softirqMax, l.softirq/l.all), max(netMax, l.netRX)
	}
	if sum.all == 0 {
		return
	}
	f.Gauge("cpu.busy", sum.busy/sum.all)
	f.Gauge("cpu.steal", sum.steal/sum.all)
	f.Gauge("cpu.busy_max", busyMax)
	f.Gauge("cpu.softirq_max", softirqMax)
	if !sum.hasNetRX {
		return
	}
	total := 0.0
	for _, v := range last.NetRX {
		total += float64(v)
	}
	f.Count("softirq.net_rx", sum.netRX, total)
	if len(f.Tables["cpuload"]) > 1 && sum.netRX > 0 {
		f.Gauge("softirq.net_rx_max_share", netMax/sum.netRX)
	}
}

// loadOf sums up the looks at one CPU. Idle time, and in containers with their
// own /proc/stat everything, can fall: such a step is left out.
func loadOf(looks []look, id int) load {
	var l load
	for i := 1; i < len(looks); i++ {
		b, ok1 := cpuByID(looks[i-1].CPUs, id)
		a, ok2 := cpuByID(looks[i].CPUs, id)
		if ok1 && ok2 && a.All >= b.All && a.Busy >= b.Busy && a.Softirq >= b.Softirq && a.Steal >= b.Steal {
			l.busy += float64(min(a.Busy-b.Busy, a.All-b.All))
			l.softirq += float64(min(a.Softirq-b.Softirq, a.All-b.All))
			l.steal += float64(min(a.Steal-b.Steal, a.All-b.All))
			l.all += float64(a.All - b.All)
		}
		if g, ok := column(looks[i-1].NetRX, looks[i].NetRX, id); ok {
			l.netRX, l.hasNetRX = l.netRX+g, true
		}
		if g, ok := column(looks[i-1].NetTX, looks[i].NetTX, id); ok {
			l.netTX, l.hasNetTX = l.netTX+g, true
		}
		x, ok1 := looks[i-1].Waited[id]
		y, ok2 := looks[i].Waited[id]
		if ok1 && ok2 && y >= x {
			l.waited, l.hasWaited = l.waited+float64(y-x)/1e6, true
		}
	}
	return l
}

// column is the growth of one CPU's softirqs, counted in 32 bits.
func column(before, after []uint64, id int) (float64, bool) {
	if id >= len(before) || id >= len(after) {
		return 0, false
	}
	g, _ := fact.Growth(before[id], after[id], 32)
	return float64(g), true
}

func cpuByID(cpus []CPU, id int) (CPU, bool) {
	if id < len(cpus) && cpus[id].ID == id {
		return cpus[id], true
	}
	for _, c := range cpus {
		if c.ID == id {
			return c, true
		}
	}
	return CPU{}, false
}

// tellRunnable tells the mean of runnable tasks, less the one that looks.
func tellRunnable(looks []look, f *fact.Facts) {
	sum, n := 0.0, 0
	for _, l := range looks {
		if l.Running != nil && len(l.CPUs) > 0 {
			sum += max(0, float64(*l.Running)-1) / float64(len(l.CPUs))
			n++
		}
	}
	if n > 0 {
		f.Gauge("cpu.runnable_per_cpu", sum/float64(n))
	}
}

func tellPressure(looks []look, f *fact.Facts) {
	window := looks[len(looks)-1].at.Sub(looks[0].at).Seconds()
	if window <= 0 {
		return
	}
	for _, key := range []string{"cpu_some", "memory_some", "memory_full"} {
		us, known := growth(looks, func(r *Reading) (uint64, bool) { v, ok := r.Stalled[key]; return v, ok })
		if known {
			f.Gauge("psi."+key, min(1, us/1e6/window))
		}
	}
}

// tellQuotas tells what the CPU quotas did between the first and the last look
// at them.
func tellQuotas(looks []look, f *fact.Facts) {
	var seen []*Quotas
	for _, l := range looks {
		if q := l.Quotas; q != nil && (len(seen) == 0 || seen[len(seen)-1].At.Before(q.At)) {
			seen = append(seen, q)
		}
	}
	if len(seen) == 0 {
		return
	}
	// They are read seldom: what the window began with can be older than the window.
	for len(seen) > 2 && seen[0].At.Before(f.Start) {
		seen = seen[1:]
	}
	last := seen[len(seen)-1]
	if last.Unseen {
		f.CannotSee(name, "CPU quotas of control groups: no cgroup hierarchy with the CPU controller is mounted here", "to run where /sys/fs/cgroup is mounted")
		return
	}
	if last.Cut {
		f.CannotSee(name, "CPU quotas of some control groups: there are too many", "")
	}
	window := last.At.Sub(seen[0].At)
	if window <= 0 {
		return
	}
	f.Table("cgroup")
	most := 0.0
	for _, g := range last.Groups {
		d, ok := quotaGrowth(seen, g.Path)
		if !ok {
			continue
		}
		// Periods in which it was stopped for a moment overstate, time summed
		// up over CPUs overstates too: it can't be more than the smaller.
		most = max(most, min(1, float64(min(d.For, time.Duration(d.Stopped)*g.Length))/float64(window)))
		f.Add("cgroup", quotaRow(g, d))
	}
	f.Gauge("cgroup.throttled_max", most)
	for _, g := range last.Groups {
		if g.Stopped > 0 && g.Listens == nil {
			f.CannotSee(name, "which throttled control groups own TCP sockets", "CAP_SYS_PTRACE")
		}
	}
}

func quotaRow(g, d Quota) fact.Row {
	row := fact.Row{
		"name":         g.Path,
		"periods":      float64(d.Periods),
		"throttled":    float64(d.Stopped),
		"throttled_ms": float64(d.For) / float64(time.Millisecond),
		"period_ms":    float64(g.Length) / float64(time.Millisecond),

		"periods_total":      float64(g.Periods),
		"throttled_total":    float64(g.Stopped),
		"throttled_ms_total": float64(g.For) / float64(time.Millisecond),
	}
	if d.Periods > 0 {
		row["throttled_share"] = min(1, float64(d.Stopped)/float64(d.Periods))
	} else {
		row["throttled_share"] = 0.0
	}
	if len(g.Processes) > 0 {
		row["processes"] = bound(strings.Join(g.Processes, ", "))
	}
	if g.Listens != nil {
		row["listens"] = *g.Listens
	}
	return row
}

// quotaGrowth sums up one group's counters from look to look. A group that was
// removed and made again starts from zero.
func quotaGrowth(seen []*Quotas, path string) (sum Quota, known bool) {
	var before *Quota
	for _, q := range seen {
		for i := range q.Groups {
			g := &q.Groups[i]
			if g.Path != path {
				continue
			}
			if before != nil {
				p, _ := fact.Growth(before.Periods, g.Periods, 64)
				s, _ := fact.Growth(before.Stopped, g.Stopped, 64)
				t, _ := fact.Growth(uint64(max(0, before.For)), uint64(max(0, g.For)), 64)
				sum.Periods, sum.Stopped, sum.For = sum.Periods+p, sum.Stopped+s, sum.For+time.Duration(t)
				known = true
			}
			before = g
			break
		}
	}
	return sum, known
}
