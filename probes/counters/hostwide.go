package counters

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/prometheus/procfs"
)

// CPU is what one CPU counts of its input queue (/proc/net/softnet_stat). The
// kernel prints 32 bits of each counter; a CPU that is offline is left out.
type CPU struct {
	ID uint32 // from column 13 (Linux 5.14 and later), else the line number
	// Guessed is set where ID is a line number.
	Guessed                                      bool
	Processed, Dropped, Squeezed, RPS, FlowLimit uint32
	HasRPS, HasFlowLimit                         bool // columns 10 and 11 exist
}

func cpus(rows []procfs.SoftnetStat) []CPU {
	var all []CPU
	for _, r := range rows {
		all = append(all, CPU{
			ID: r.Index, Guessed: r.Width < 13,
			Processed: r.Processed, Dropped: r.Dropped, Squeezed: r.TimeSqueezed,
			RPS: r.ReceivedRps, FlowLimit: r.FlowLimitCount,
			HasRPS: r.Width >= 10, HasFlowLimit: r.Width >= 11,
		})
	}
	return all
}

// sockets picks the gauges from /proc/net/sockstat and sockstat6.
func sockets(v4, v6 *procfs.NetSockstat) map[string]float64 {
	g := map[string]float64{}
	for _, stat := range []*procfs.NetSockstat{v4, v6} {
		if stat == nil || v4 == nil {
			continue
		}
		for _, p := range stat.Protocols {
			switch p.Protocol {
			case "TCP", "TCP6":
				g["sockstat.tcp_inuse"] += float64(p.InUse)
			case "FRAG", "FRAG6":
				addTo(g, "sockstat.frag_mem_bytes", p.Memory)
			}
			if p.Protocol == "TCP" {
				addTo(g, "sockstat.orphan", p.Orphan)
				addTo(g, "sockstat.tw", p.TW)
				addTo(g, "sockstat.tcp_mem_pages", p.Mem)
			}
		}
	}
	return g
}

func addTo(g map[string]float64, name string, v *int) {
	if v != nil {
		g[name] += float64(*v)
	}
}

// Neighbours is a neighbour table's entries and what its CPUs counted together.
type Neighbours struct {
	Entries uint64
	Counts  map[string]uint64 // by the name in the header: "table_fulls"
}

// parseNeighbours reads /proc/net/stat/arp_cache or ndisc_cache: a header, then
// a line of hexadecimal numbers for each possible CPU. The first column, the
// entries of the table, is the same on every line.
func parseNeighbours(b []byte) (*Neighbours, error) {
	head, b := line(b)
	names := bytes.Fields(head)
	if len(names) < 2 || string(names[0]) != "entries" {
		return nil, errors.New("not the statistics of a neighbour table")
	}
	n := &Neighbours{Counts: map[string]uint64{}}
	for len(b) > 0 {
		var row []byte
		row, b = line(b)
		fields := bytes.Fields(row)
		if len(fields) != len(names) {
			return nil, fmt.Errorf("%d names and %d values", len(names), len(fields))
		}
		for i, f := range fields {
			v, err := strconv.ParseUint(string(f), 16, 64)
			if err != nil {
				return nil, err
			}
			if i == 0 {
				n.Entries = v
				continue
			}
			n.Counts[string(names[i])] += v
		}
	}
	return n, nil
}

// maxDevices bounds how many devices' multicast counters are kept.
const maxDevices = 512

// parseMulticast reads the eighth column of /proc/net/dev, multicast frames
// received, of the devices that have counted any.
func parseMulticast(b []byte) map[string]uint64 {
	m := map[string]uint64{}
	for len(b) > 0 && len(m) < maxDevices {
		var row []byte
		row, b = line(b)
		at := bytes.LastIndexByte(row, ':')
		if at < 0 {
			continue
		}
		fields := bytes.Fields(row[at+1:])
		if len(fields) < 8 {
			continue
		}
		if v, err := strconv.ParseUint(string(fields[7]), 10, 64); err == nil && v > 0 {
			m[string(bytes.TrimSpace(row[:at]))] = v
		}
	}
	return m
}

// parseVirtualServers reads the total of incoming packets from
// /proc/net/ip_vs_stats: the second number, in hexadecimal, of the third line.
func parseVirtualServers(b []byte) (uint64, error) {
	_, b = line(b)
	_, b = line(b)
	row, _ := line(b)
	f := bytes.Fields(row)
	if len(f) < 2 {
		return 0, errors.New("not the statistics of IPVS")
	}
	return strconv.ParseUint(string(f[1]), 16, 64)
}
