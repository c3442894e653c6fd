//go:build linux

package lab

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// scanner is the background noise of the internet: connection attempts to ports
// of a host, most of them closed or filtered, none of them followed up.
type scanner struct {
	Target string   // address
	Ports  []uint16 // tried in turn
	Rate   float64  // attempts a second
}

// run counts: probes.
func (s *scanner) run(t *tally) error {
	t.ready()
	tick := time.NewTicker(time.Duration(float64(time.Second) / s.Rate))
	for i := 0; ; i++ {
		<-tick.C
		t.add("probes", 1)
		go func() {
			d := net.Dialer{Timeout: 400 * time.Millisecond}
			conn, err := d.Dial("tcp", net.JoinHostPort(s.Target, fmt.Sprint(s.Ports[i%len(s.Ports)])))
			if err == nil {
				conn.Close()
			}
		}()
	}
}

// flood sends packets from forged source addresses: SYNs of connections that
// nobody will complete, or UDP datagrams that each make a tracked connection.
type flood struct {
	Target  string  // host:port, IPv4
	Sources string  // IPv4 prefix that the forged addresses are taken from
	Rate    float64 // packets a second
	UDP     bool    // datagrams instead of SYNs
	First   int     // packets sent at once at the start
}

// run counts: sent.
func (f *flood) run(t *tally) error {
	to, err := netip.ParseAddrPort(f.Target)
	if err != nil {
		return err
	}
	from, err := netip.ParsePrefix(f.Sources)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW)
	if err != nil {
		return fmt.Errorf("raw socket: %w", err)
	}
	addr := &unix.SockaddrInet4{Addr: to.Addr().As4()}
	sent := 0
	send := func() {
		if unix.Sendto(fd, f.packet(from, to, sent), 0, addr) == nil {
			t.add("sent", 1)
		}
		sent++
	}
	for range f.First {
		send()
	}
	t.ready()
	if f.Rate <= 0 {
		select {}
	}
	start := time.Now()
	for range time.Tick(10 * time.Millisecond) {
		for due := int(f.Rate*time.Since(start).Seconds()) + f.First; sent < due; {
			send()
		}
	}
	return nil
}

// packet is the i-th packet: a different source address and port each time.
func (f *flood) packet(from netip.Prefix, to netip.AddrPort, i int) []byte {
	src := from.Masked().Addr().As4()
	hosts := uint32(1)<<(32-from.Bits()) - 2
	binary.BigEndian.PutUint32(src[:], binary.BigEndian.Uint32(src[:])+1+uint32(i)%hosts)
	port := uint16(1024 + (uint32(i)/hosts+rand.Uint32N(8))%60000)
	if f.UDP {
		port = uint16(1024 + uint32(i)/hosts%60000)
	}

	length, proto := 40, byte(unix.IPPROTO_TCP)
	if f.UDP {
		length, proto = 28, unix.IPPROTO_UDP
	}
	p := make([]byte, length)
	p[0], p[8], p[9] = 0x45, 64, proto
	binary.BigEndian.PutUint16(p[2:], uint16(length))
	dst := to.Addr().As4()
	copy(p[12:], src[:])
	copy(p[16:], dst[:]) // the kernel fills in the IP checksum
	l4 := p[20:]
	binary.BigEndian.PutUint16(l4, port)
	binary.BigEndian.PutUint16(l4[2:], to.Port())
	if f.UDP {
		binary.BigEndian.PutUint16(l4[4:], 8) // checksum 0: none
		return p
	}
	binary.BigEndian.PutUint32(l4[4:], rand.Uint32())
	l4[12], l4[13] = 5<<4, 2 // header length, SYN
	binary.BigEndian.PutUint16(l4[14:], 64240)
	binary.BigEndian.PutUint16(l4[16:], l4Checksum(src, dst, proto, l4))
	return p
}

// l4Checksum is the TCP or UDP checksum over the IPv4 pseudo-header and the
// segment (RFC 9293, 3.1).
func l4Checksum(src, dst [4]byte, proto byte, segment []byte) uint16 {
	sum := uint32(proto) + uint32(len(segment))
	add := func(b []byte) {
		for i := 0; i+1 < len(b); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(b[i:]))
		}
		if len(b)%2 == 1 {
			sum += uint32(b[len(b)-1]) << 8
		}
	}
	add(src[:])
	add(dst[:])
	add(segment)
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
