package links

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/safchain/ethtool"
	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
)

// drivers asks the drivers of network cards for statistics and settings over
// the ethtool ioctl. Only one round of requests is under way at a time.
type drivers struct {
	dictionary Dictionary // nil: statistics are not read
	busy       atomic.Bool
	standsAt   atomic.Pointer[string] // the interface being asked
	known      map[int]*device        // by interface index; only touched by the round under way
	next       time.Time              // when statistics are due again
	first      int                    // where the next round begins: the last one ran out of time there
}

// device is what is remembered of one driver between looks.
type device struct {
	name     string
	settings fact.Row
	asked    time.Time // when settings were read
	count    uint32    // statistics it has
	names    []byte    // their names, as the kernel gave them
	layout   *Layout   // nil: not read yet
}

// requests are what can be asked of drivers.
type requests interface {
	settings(l *Link, dev *device) fact.Row
	statNames(link string, count uint32) []byte
	statistics(dev *device) *Counters
	close()
}

// ethtoolSockets are the two descriptors that ioctls go through: the library's
// own, and one for the requests that the library does not make as we need them
// (it folds statistics of equal names into one, and prints a warning to
// standard output for link settings of current kernels).
type ethtoolSockets struct {
	lib *ethtool.Ethtool
	fd  int
}

func openEthtool() (ethtoolSockets, error) {
	lib, err := ethtool.NewEthtool()
	if err != nil {
		return ethtoolSockets{}, fmt.Errorf("ethtool socket: %w", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		lib.Close()
		return ethtoolSockets{}, fmt.Errorf("ethtool socket: %w", err)
	}
	return ethtoolSockets{lib, fd}, nil
}

func (e ethtoolSockets) close() {
	e.lib.Close()
	_ = unix.Close(e.fd) // nothing was written that an error could have lost
}

// answer is what one driver said.
type answer struct {
	link     int // place in the reading
	settings fact.Row
	counters *Counters // nil: not asked, or it has none
}

// ask completes the links of r with what their drivers say, for at most a
// second. A driver that does not answer in time is named in r.Silent; the round
// goes on without being waited for, and no other starts before it is through.
// ask closes e when the round is through.
func (d *drivers) ask(e requests, r *Reading, now func() time.Time) {
	if !d.busy.CompareAndSwap(false, true) {
		r.Silent = d.standing()
		e.close()
		return
	}
	links, places := askable(r.Links)
	answers := make(chan answer, len(links)) // never blocks the round
	go func() {
		defer d.busy.Store(false)
		defer close(answers)
		defer e.close()
		d.round(e, links, places, answers, now)
	}()
	limit := time.NewTimer(ethtoolLimit)
	defer limit.Stop()
	for r.Unasked = len(links); ; r.Unasked-- {
		select {
		case a, more := <-answers:
			if !more {
				return
			}
			r.Links[a.link].Settings, r.Links[a.link].Counters = a.settings, a.counters
		case <-limit.C:
			r.Silent = d.standing()
			return
		}
	}
}

// askable are the links whose drivers are asked, and their places: cards first,
// because a host can have a thousand veths.
func askable(all []Link) (links []Link, places []int) {
	for _, software := range []bool{false, true} {
		for i := range all {
			if l := &all[i]; l.asksDriver() && (l.Kind != "") == software {
				links, places = append(links, *l), append(places, i)
			}
		}
	}
	return links, places
}

func (d *drivers) standing() string {
	if name := d.standsAt.Load(); name != nil {
		return *name
	}
	return "?"
}

// round asks each driver in turn: settings once a minute, statistics whenever
// they are due. When its time is up, the next round goes on from there.
func (d *drivers) round(e requests, links []Link, places []int, answers chan<- answer, now func() time.Time) {
	start := now()
	due := !start.Before(d.next)
	known := make(map[int]*device, len(links))
	next := 0
	for n := range links {
		i := (d.first + n) % len(links)
		l := &links[i]
		if next == 0 && now().Sub(start) > roundLimit {
			next = i + 1
		}
		if next != 0 {
			known[l.Index] = d.known[l.Index]
			continue
		}
		d.standsAt.Store(&l.Name)
		dev := d.device(e, l, start)
		known[l.Index] = dev
		a := answer{link: places[i], settings: dev.settings}
		if due && dev.layout != nil {
			a.counters = e.statistics(dev)
		}
		answers <- a
	}
	d.first = max(0, next-1)
	d.known = known
	if due {
		pause := min(now().Sub(start)*statsShare, statsEvery)
		d.next = start.Add(pause)
	}
}

// device returns what is known of a link's driver, asked anew once a minute. A
// driver whose statistics have still the same names keeps their layout: values
// can be compared as long as the layout is the same.
func (d *drivers) device(e requests, l *Link, now time.Time) *device {
	dev := d.known[l.Index]
	if dev == nil || dev.name != l.Name || now.Sub(dev.asked) >= settingsEvery {
		was := dev
		dev = &device{name: l.Name, asked: now}
		dev.settings = e.settings(l, dev)
		if was != nil && was.name == l.Name && was.count == dev.count {
			dev.names, dev.layout = was.names, was.layout
		}
		if dev.layout != nil && !bytes.Equal(dev.names, e.statNames(l.Name, dev.count)) {
			dev.layout = nil
		}
	}
	if d.dictionary != nil && dev.layout == nil && dev.count > 0 && l.hasStatistics() {
		driver, _ := dev.settings["driver"].(string)
		dev.names = e.statNames(l.Name, dev.count)
		dev.layout = newLayout(d.dictionary, driver, splitNames(dev.names))
	}
	return dev
}

// settings reads what the driver is and how it is set, as row fields.
func (e ethtoolSockets) settings(l *Link, dev *device) fact.Row {
	row := fact.Row{}
	if info, err := e.lib.DriverInfo(l.Name); err == nil {
		dev.count = info.NStats
		setText(row, "driver", info.Driver)
		setText(row, "bus", info.BusInfo)
	}
	e.features(l.Name, row)
	if l.Kind != "" {
		return row // a software device has nothing more to set
	}
	if ring, err := e.lib.GetRing(l.Name); err == nil && ring.RxMaxPending > 0 {
		row["ring_rx"], row["ring_rx_max"] = float64(ring.RxPending), float64(ring.RxMaxPending)
		row["ring_tx"], row["ring_tx_max"] = float64(ring.TxPending), float64(ring.TxMaxPending)
	}
	if c, err := e.lib.GetCoalesce(l.Name); err == nil {
		row["rx_usecs"], row["rx_frames"] = float64(c.RxCoalesceUsecs), float64(c.RxMaxCoalescedFrames)
		row["adaptive_rx"] = c.UseAdaptiveRxCoalesce != 0
	}
	if c, err := e.lib.GetChannels(l.Name); err == nil {
		row["queues_rx"] = float64(c.RxCount + c.CombinedCount)
		row["queues_rx_max"] = float64(c.MaxRx + c.MaxCombined)
	}
	e.speed(l.Name, row)
	return row
}

func setText(row fact.Row, name, v string) {
	if v != "" && v != "N/A" {
		row[name] = v[:min(len(v), maxName)]
	}
}

// features reads offloads that are on or off (ETHTOOL_GGRO and its like).
func (e ethtoolSockets) features(name string, row fact.Row) {
	const flagLRO = 1 << 15 // ETH_FLAG_LRO
	for _, f := range []struct {
		field string
		cmd   uint32
		mask  uint32
	}{
		{"rx_csum", unix.ETHTOOL_GRXCSUM, math.MaxUint32},
		{"tso", unix.ETHTOOL_GTSO, math.MaxUint32},
		{"gso", unix.ETHTOOL_GGSO, math.MaxUint32},
		{"gro", unix.ETHTOOL_GGRO, math.MaxUint32},
		{"lro", unix.ETHTOOL_GFLAGS, flagLRO},
	} {
		request := make([]byte, 8) // struct ethtool_value
		binary.NativeEndian.PutUint32(request, f.cmd)
		if e.ioctl(name, request) == nil {
			row[f.field] = u32(request[4:])&f.mask != 0
		}
	}
}

// speed reads speed and duplex (ETHTOOL_GLINKSETTINGS, Linux 4.6). The first
// request learns how long the kernel's link mode masks are.
func (e ethtoolSockets) speed(name string, row fact.Row) {
	const (
		head   = 48 // struct ethtool_link_settings
		speed  = 4
		duplex = 8
		nwords = 18
	)
	request := make([]byte, head)
	binary.NativeEndian.PutUint32(request, unix.ETHTOOL_GLINKSETTINGS)
	if e.ioctl(name, request) != nil {
		return
	}
	words := -int(int8(request[nwords]))
	if words <= 0 {
		return
	}
	request = make([]byte, head+3*4*words)
	binary.NativeEndian.PutUint32(request, unix.ETHTOOL_GLINKSETTINGS)
	request[nwords] = byte(words)
	if e.ioctl(name, request) != nil {
		return
	}
	if mbps := u32(request[speed:]); mbps > 0 && mbps < math.MaxInt32 { // SPEED_UNKNOWN is -1
		row["speed_mbps"] = float64(mbps)
	}
	switch request[duplex] {
	case 0:
		row["duplex"] = "half"
	case 1:
		row["duplex"] = "full"
	}
}

// maxStats bounds the statistics of one driver; mlx5 has some thousands.
const maxStats = 32_768

// slack is room for statistics that a driver gains while it is being asked: the
// kernel writes as many as there are at that moment, whatever count it is given.
const slack = 512

const stringSize = 32 // ETH_GSTRING_LEN

// statNames reads the names of a driver's statistics (ETHTOOL_GSTRINGS), 32
// bytes each; nil if it does not tell them.
func (e ethtoolSockets) statNames(name string, count uint32) []byte {
	const head = 12 // struct ethtool_gstrings
	if count == 0 || count > maxStats {
		return nil
	}
	request := make([]byte, head+stringSize*(int(count)+slack))
	binary.NativeEndian.PutUint32(request, unix.ETHTOOL_GSTRINGS)
	binary.NativeEndian.PutUint32(request[4:], 1) // ETH_SS_STATS
	binary.NativeEndian.PutUint32(request[8:], count)
	if e.ioctl(name, request) != nil {
		return nil
	}
	return bytes.Clone(request[head:][:stringSize*min(int(count), int(u32(request[8:])))])
}

// splitNames splits a block of names of 32 bytes each.
func splitNames(block []byte) []string {
	names := make([]string, 0, len(block)/stringSize)
	for ; len(block) >= stringSize; block = block[stringSize:] {
		names = append(names, text(block[:stringSize]))
	}
	return names
}

// statistics reads a driver's statistics (ETHTOOL_GSTATS) and keeps those with
// a meaning.
func (e ethtoolSockets) statistics(dev *device) *Counters {
	const head = 8 // struct ethtool_stats
	if len(dev.layout.Sources) == 0 {
		return dev.layout.counters(nil)
	}
	info, err := e.lib.DriverInfo(dev.name)
	if err != nil || info.NStats != dev.count {
		dev.asked = time.Time{} // names and count are read again at the next look
		return nil
	}
	request := make([]byte, head+8*(int(dev.count)+slack))
	binary.NativeEndian.PutUint32(request, unix.ETHTOOL_GSTATS)
	binary.NativeEndian.PutUint32(request[4:], dev.count)
	if e.ioctl(dev.name, request) != nil || u32(request[4:]) != dev.count {
		return nil
	}
	return dev.layout.counters(request[head:])
}

// ioctl makes one ethtool request; the kernel answers into the same memory.
func (e ethtoolSockets) ioctl(name string, request []byte) error {
	if len(name) >= unix.IFNAMSIZ {
		return unix.EINVAL
	}
	var ifreq struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}
	copy(ifreq.name[:], name)
	ifreq.data = unsafe.Pointer(unsafe.SliceData(request))
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(e.fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&ifreq)))
	runtime.KeepAlive(request)
	if errno != 0 {
		return errno
	}
	return nil
}
