package counters

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// CPU is what one CPU counts of its input queue (/proc/net/softnet_stat). The
// kernel prints 32 bits of each counter; a CPU that is offline is left out.
type CPU struct {
	ID uint32 // from column 13 (Linux 5.14 and later), else the line number
	// Guessed is set where ID is a line number.
	Guessed                                      bool
	Processed, Dropped, Squeezed, RPS, FlowLimit uint32
	// Backlog is how many packets wait in its queue now.
	Backlog                          uint32
	HasRPS, HasFlowLimit, HasBacklog bool // columns 10, 11 and 12 exist
}

// softnetColumns is how many columns of softnet_stat are read.
const softnetColumns = 13

// parseSoftnet reads a line of hexadecimal columns for each CPU that is online.
func parseSoftnet(b []byte) ([]CPU, error) {
	var all []CPU
	for len(b) > 0 {
		var row []byte
		row, b = line(b)
		var v [softnetColumns]uint32
		fields := bytes.Fields(row)
		if len(fields) < 3 {
			return nil, fmt.Errorf("%d columns, want 3 or more", len(fields))
		}
		n := min(len(fields), softnetColumns)
		for i, f := range fields[:n] {
			x, err := strconv.ParseUint(string(f), 16, 32)
			if err != nil {
				return nil, err
			}
			v[i] = uint32(x)
		}
		c := CPU{
			ID: uint32(len(all)), Guessed: n < softnetColumns,
			Processed: v[0], Dropped: v[1], Squeezed: v[2], RPS: v[9], FlowLimit: v[10], Backlog: v[11],
			HasRPS: n >= 10, HasFlowLimit: n >= 11, HasBacklog: n >= 12,
		}
		if !c.Guessed {
			c.ID = v[12]
		}
		all = append(all, c)
	}
	return all, nil
}

// sockstat names the gauges that are read of /proc/net/sockstat and sockstat6,
// by the protocol and the key. TCP and TCP6 add up.
var sockstat = map[string]string{
	"sockets used": "sockstat.used",
	"TCP inuse":    "sockstat.tcp_inuse", "TCP6 inuse": "sockstat.tcp_inuse",
	"TCP orphan": "sockstat.orphan", "TCP tw": "sockstat.tw", "TCP alloc": "sockstat.tcp_alloc", "TCP mem": "sockstat.tcp_mem_pages",
	"UDP inuse": "sockstat.udp_inuse", "UDP6 inuse": "sockstat.udp_inuse", "UDP mem": "sockstat.udp_mem_pages",
	"FRAG inuse": "sockstat.frag_queues", "FRAG6 inuse": "sockstat.frag_queues",
	"FRAG memory": "sockstat.frag_mem_bytes", "FRAG6 memory": "sockstat.frag_mem_bytes",
}

// parseSockstat adds the gauges of a file: "TCP: inuse 5 orphan 0 tw 2 ...".
func parseSockstat(b []byte, gauges map[string]float64) error {
	for len(b) > 0 {
		var row []byte
		row, b = line(b)
		proto, rest, ok := bytes.Cut(row, []byte{':'})
		fields := bytes.Fields(rest)
		if !ok || len(fields)%2 != 0 {
			return fmt.Errorf("not a protocol with keys and values: %.40q", row)
		}
		for i := 0; i < len(fields); i += 2 {
			name := sockstat[string(proto)+" "+string(fields[i])]
			if name == "" {
				continue
			}
			v, err := strconv.ParseInt(string(fields[i+1]), 10, 64)
			if err != nil {
				return fmt.Errorf("%.40q: %w", row, err)
			}
			gauges[name] += max(0, float64(v)) // sums over CPUs can be below zero for a moment
		}
	}
	return nil
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

// parseDevices reads /proc/net/dev: the multicast frames that each device
// received, as far as it counts any, and the packets that it sent.
func parseDevices(b []byte) (multicast, sent map[string]uint64) {
	multicast, sent = map[string]uint64{}, map[string]uint64{}
	for len(b) > 0 && len(sent) < maxDevices {
		var row []byte
		row, b = line(b)
		at := bytes.LastIndexByte(row, ':')
		if at < 0 {
			continue
		}
		fields := bytes.Fields(row[at+1:])
		if len(fields) < 10 {
			continue
		}
		device := string(bytes.TrimSpace(row[:at]))
		if v, err := strconv.ParseUint(string(fields[7]), 10, 64); err == nil && v > 0 {
			multicast[device] = v
		}
		if v, err := strconv.ParseUint(string(fields[9]), 10, 64); err == nil {
			sent[device] = v
		}
	}
	return multicast, sent
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
