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

// noise is what arrives at every address of the internet: segments from
// everywhere to ports that nobody opened, most of them no SYN of a client that
// wants something.
type noise struct {
	Target  string   // address, IPv4
	Sources string   // IPv4 prefix that the forged addresses are taken from
	Ports   []uint16 // tried at random
	Kinds   []string // of noiseKinds, drawn at random
	Rate    float64  // segments a second
}

// noiseKinds are the TCP flags of a kind; "damaged" has a bad checksum.
var noiseKinds = map[string]byte{
	"syn": 0x02, "ack": 0x10, "reset": 0x04, "syn-ack": 0x12, "null": 0, "xmas": 0x29, "damaged": 0x10,
}

// run counts: sent, and each kind.
func (n *noise) run(t *tally) error {
	to, err := netip.ParseAddr(n.Target)
	if err != nil {
		return err
	}
	from, err := netip.ParsePrefix(n.Sources)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW)
	if err != nil {
		return fmt.Errorf("raw socket: %w", err)
	}
	t.ready()
	for range time.Tick(time.Duration(float64(time.Second) / n.Rate)) {
		kind := n.Kinds[rand.IntN(len(n.Kinds))]
		port := n.Ports[rand.IntN(len(n.Ports))]
		if unix.Sendto(fd, straySegment(from, to, port, kind), 0, &unix.SockaddrInet4{Addr: to.As4()}) == nil {
			t.add("sent", 1)
			t.add(kind, 1)
		}
	}
	return nil
}

// straySegment is a segment of no connection, from an address in from.
func straySegment(from netip.Prefix, to netip.Addr, port uint16, kind string) []byte {
	src, dst := from.Masked().Addr().As4(), to.As4()
	hosts := uint32(1)<<(32-from.Bits()) - 2
	binary.BigEndian.PutUint32(src[:], binary.BigEndian.Uint32(src[:])+1+rand.Uint32N(hosts))
	p := make([]byte, 60)
	p[0], p[8], p[9] = 0x45, 64, unix.IPPROTO_TCP
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	copy(p[12:], src[:])
	copy(p[16:], dst[:]) // the kernel fills in the IP checksum
	l4 := p[20:]
	binary.BigEndian.PutUint16(l4, uint16(1024+rand.Uint32N(60000)))
	binary.BigEndian.PutUint16(l4[2:], port)
	binary.BigEndian.PutUint32(l4[4:], rand.Uint32())
	binary.BigEndian.PutUint32(l4[8:], rand.Uint32())
	l4[12], l4[13] = 5<<4, noiseKinds[kind]
	binary.BigEndian.PutUint16(l4[14:], 1024)
	sum := l4Checksum(src, dst, unix.IPPROTO_TCP, l4)
	if kind == "damaged" {
		sum ^= 0x0101
	}
	binary.BigEndian.PutUint16(l4[16:], sum)
	return p
}

// visitor downloads pages of a service and leaves some before they are complete,
// as people do who close a tab.
type visitor struct {
	Target string
	Rate   float64 // visits a second
	Reply  uint32  // bytes of a page
	Leaves float64 // share that closes with a part of the page unread
	Resets bool    // those that leave reset at once instead of closing
}

// run counts: ok, left, and failed by kind, as caller does.
func (v *visitor) run(t *tally) error {
	t.ready()
	turn := 0.0
	for range time.Tick(time.Duration(float64(time.Second) / v.Rate)) {
		turn += v.Leaves
		leaves := turn >= 1
		if leaves {
			turn--
		}
		go v.visit(t, leaves)
	}
	return nil
}

func (v *visitor) visit(t *tally, leaves bool) {
	c, start := &caller{Target: v.Target, Reply: v.Reply, Timeout: 4}, time.Now()
	conn, err := c.dial(t)
	if err != nil {
		count(t, err)
		return
	}
	defer conn.Close()
	if !leaves {
		c.counted(t, start, c.request(conn))
		return
	}
	t.add("left", 1)
	if v.Resets {
		_ = conn.(*net.TCPConn).SetLinger(0)
		return
	}
	ask := make([]byte, headerSize)
	header{Reply: v.Reply}.put(ask)
	_, _ = conn.Write(ask)
	sleep(0.03) // the page is on its way; nobody reads it
}
