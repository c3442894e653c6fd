package drops

import (
	"bufio"
	"bytes"
	"os"
	"strconv"

	"whydrop/probes/fact"
)

// firewallDrop is the kernel's reason for what netfilter takes.
const firewallDrop = "NETFILTER_DROP"

// addWanted tells what speaks for somebody missing the TCP packets that
// netfilter took: a service that is shut off is one port, often one that a
// socket here listens on, and its clients repeat their segments; background
// noise tries many ports, most of them once.
func addWanted(f *fact.Facts, flows []FlowSample, listening []uint16) {
	offered := map[uint16]bool{}
	for _, port := range listening {
		offered[port] = true
	}
	var all, most, received, served, repeated uint64
	ports := map[uint16]uint64{}
	for _, flow := range flows {
		if flow.Reason != firewallDrop || flow.Protocol != "tcp" || !flow.Dst.IsValid() {
			continue
		}
		all += flow.Weight
		if flow.Samples > 1 {
			repeated += flow.Weight
		}
		for _, port := range []uint16{flow.Src.Port(), flow.Dst.Port()} {
			ports[port] += flow.Weight
			most = max(most, ports[port])
		}
		if flow.Direction == Received {
			received += flow.Weight
			if offered[flow.Dst.Port()] {
				served += flow.Weight
			}
		}
	}
	if all == 0 {
		return
	}
	f.Gauge("drops.firewall_port_share", float64(most)/float64(all))
	f.Gauge("drops.firewall_port", float64(busiest(ports)))
	f.Gauge("drops.firewall_repeated_share", float64(repeated)/float64(all))
	if received > 0 {
		f.Gauge("drops.firewall_listening_share", float64(served)/float64(received))
	}
}

// busiest is the port with the most, the lowest of those.
func busiest(ports map[uint16]uint64) uint16 {
	var found uint16
	for port, n := range ports {
		if n > ports[found] || n == ports[found] && port < found {
			found = port
		}
	}
	return found
}

// heeded tells whether the samples have something that netfilter dropped.
func heeded(flows []FlowSample) bool {
	for i := range flows {
		if flows[i].Reason == firewallDrop {
			return true
		}
	}
	return false
}

// maxListening bounds the ports that are looked at.
const maxListening = 4096

// listeningPorts are the TCP ports that sockets of the calling thread's network
// namespace listen on, loopback aside; as far as they can be read.
func listeningPorts() []uint16 {
	var ports []uint16
	for _, name := range []string{"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"} {
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		lines := bufio.NewScanner(f)
		lines.Scan() // the header
		for lines.Scan() && len(ports) < maxListening {
			port, loopback, ok := parseListening(lines.Bytes())
			if !ok {
				break // listening sockets come first (net/ipv4/tcp_ipv4.c, tcp_seek_last_pos())
			}
			if !loopback {
				ports = append(ports, port)
			}
		}
		f.Close()
	}
	return ports
}

// parseListening reads a line of /proc/net/tcp: its number, the local and the
// remote address and port, the state, all in hexadecimal. It is not ok unless the
// state is LISTEN.
func parseListening(line []byte) (port uint16, loopback, ok bool) {
	fields := bytes.Fields(line)
	if len(fields) < 4 || string(fields[3]) != "0A" {
		return 0, false, false
	}
	address, hex, _ := bytes.Cut(fields[1], []byte(":"))
	n, err := strconv.ParseUint(string(hex), 16, 16)
	if err != nil {
		return 0, false, false
	}
	// Words of the host's byte order; 127.0.0.0/8 and ::1 as little and big endian write them.
	switch a := string(address); {
	case len(a) == 8:
		loopback = a[6:] == "7F" || a[:2] == "7F"
	case len(a) == 32:
		loopback = a[:24] == "000000000000000000000000" && (a[24:] == "01000000" || a[24:] == "00000001")
	}
	return uint16(n), loopback, true
}
