// Package drops counts the packets that the kernel throws away, by the kernel's
// own reason, the place in its code and the direction, from the moment of the
// first look.
//
// The tracepoint skb:kfree_skb fires for every socket buffer that is freed
// without having been used. A small BPF program counts them in the kernel: a
// drop wakes nobody. Now and then it keeps one packet's header, so that the
// flows that lose most can be named. Whether a reason is a loss at all is not
// judged here.
package drops

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
)

const probe = "drops"

// Reading is what had been counted at one moment.
type Reading struct {
	// Counts are sorted by reason, location and direction.
	Counts []Count
	// Others are drops that found the table full.
	Others Tally
	// Flows are the samples taken since the look before.
	Flows []FlowSample `json:",omitempty"`
	// SamplesMissed were overwritten before they were read, since the look before.
	SamplesMissed uint64 `json:",omitempty"`
	// Listening are the TCP ports that sockets listen on, if a sample is of a
	// packet that netfilter dropped.
	Listening []uint16 `json:",omitempty"`
	// Missed are drops that the kernel did not show to the program, because
	// they happened within another one. Kernels before 5.12 do not tell.
	Missed uint64 `json:",omitempty"`
	// Reasoned says that this kernel gives reasons (5.17 and later).
	Reasoned bool
}

// Direction is where a packet was going.
type Direction uint8

// As the BPF program has them.
const (
	Received    Direction = 1 // it came in through an interface, forwarded ones too
	Transmitted Direction = 2 // this host made it
)

// String is "rx" or "tx".
func (d Direction) String() string {
	if d == Received {
		return "rx"
	}
	return "tx"
}

// Tally is one set of counters, since the program was attached.
type Tally struct {
	SKBs       uint64 // socket buffers
	Packets    uint64 // packets on the wire: segments of an aggregated buffer
	TCPPackets uint64 // those of Packets that are TCP
}

func (t *Tally) add(o Tally) {
	t.SKBs += o.SKBs
	t.Packets += o.Packets
	t.TCPPackets += o.TCPPackets
}

// Count is what was dropped for one reason at one place in one direction.
type Count struct {
	// Reason is spelt as in enum skb_drop_reason, without its prefix; empty if
	// the kernel gives none.
	Reason string
	// Location is the kernel function that dropped; empty if it has no name
	// that this user may see.
	Location  string
	Direction Direction
	Tally
}

// FlowSample stands for the packets of one flow that were dropped for one
// reason, as far as samples tell.
type FlowSample struct {
	Reason    string
	Direction Direction
	Protocol  string         // tcp, udp, ...; arp or 0x88cc for what is not IP
	Src, Dst  netip.AddrPort // the zero value if unknown; port 0 if it has none
	Link      string         // interface it came in by or was to go out by; may be empty
	Samples   uint64
	// Weight is how many dropped packets the samples stand for.
	Weight uint64
	// Data is how many of them were TCP segments with data.
	Data uint64 `json:",omitempty"`
}

// Source counts drops while it is open. Its first look attaches the program,
// Close detaches it; so does the end of the process.
type Source struct {
	flow []Flow

	mu     sync.Mutex // Close may come while a look is under way
	kernel *kernel
	closed bool
}

// New returns the source for the network namespace that the first look is made
// in. With a flow only its packets are counted; with two, only those between
// the first and the second.
func New(flow ...Flow) *Source { return &Source{flow: flow} }

// Name is "drops".
func (s *Source) Name() string { return probe }

// Reads says what is read.
func (s *Source) Reads() string { return "BPF on the tracepoint skb:kfree_skb, kernel BTF" }

// Look reads the counters. The first look attaches the program, and fails with
// an error that wraps fact.ErrUnavailable where the kernel or this user's
// privileges do not allow it.
func (s *Source) Look(ctx context.Context) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.New("drops: closed")
	}
	if s.kernel == nil {
		ns, err := ownNetns()
		if err != nil {
			return nil, err
		}
		k, err := attach(ns, s.flow)
		if err != nil {
			return nil, err
		}
		s.kernel = k
	}
	r, err := s.kernel.read(ctx)
	if err == nil && heeded(r.Flows) {
		r.Listening = listeningPorts()
	}
	return r, err
}

// Close detaches the program. The source can't be looked at afterwards.
func (s *Source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.kernel == nil {
		return nil
	}
	k := s.kernel
	s.kernel = nil
	return k.Close()
}

// ownNetns is the inode number by which the kernel knows the network namespace
// of the calling thread.
func ownNetns() (uint32, error) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
		return 0, fmt.Errorf("own network namespace: %w", &os.PathError{Op: "stat", Path: "/proc/thread-self/ns/net", Err: err})
	}
	return uint32(st.Ino), nil
}

func sortCounts(counts []Count) {
	slices.SortFunc(counts, func(a, b Count) int { return a.key().compare(b.key()) })
}

var (
	_ fact.Source = (*Source)(nil)
	_ io.Closer   = (*Source)(nil)
)
