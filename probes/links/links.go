// Package links reads the network interfaces of this network namespace: their
// state and counters, the statistics and settings of their drivers, and the
// queueing disciplines that packets leave through.
//
// Everything comes from rtnetlink and from the ethtool ioctl, which answer an
// ordinary user too. Nothing is read from /sys/class/net: it shows the
// namespace in which sysfs was mounted, often another one.
package links

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
	"whydrop/probes/links/dump"
)

const (
	probe = "links"

	lookLimit     = 2 * time.Second         // a look that takes longer is given up
	ethtoolLimit  = time.Second             // all ethtool requests of one look
	roundLimit    = 700 * time.Millisecond  // after it no further driver is asked in this look
	statsEvery    = 2400 * time.Millisecond // the longest pause between two readings of driver statistics
	statsShare    = 50                      // driver statistics may take 1/50 of the time
	usageEvery    = 10 * time.Second        // addresses and routes
	settingsEvery = time.Minute             // rings, coalescing, offloads
	maxLinks      = 1024                    // links in a reading
	maxQueues     = 2048                    // qdiscs and classes in a reading
	maxName       = 200                     // bytes of any name from outside
)

// Reading is what one look showed.
type Reading struct {
	Links  []Link
	Queues []Queue
	// Silent is the interface whose driver did not answer in time, if any.
	Silent string `json:",omitempty"`
	// Unasked are the links whose drivers could not be asked any more.
	Unasked int `json:",omitempty"`
	// Lacks are qdiscs that a plan may ask for and that this kernel is known not to have.
	Lacks []string `json:",omitempty"`
	// Cut says that there were more links or queues than a reading holds.
	Cut bool `json:",omitempty"`
}

// Source looks at links and queueing disciplines on every tick. Driver
// statistics are read as often as their cost allows, addresses and routes
// every 10 s, driver settings every minute.
type Source struct {
	now     func() time.Time
	pending atomic.Bool // a look is still under way in the kernel
	usage   usage
	drivers drivers
	limits  map[handleAt]uint32 // of fifos that no dump shows
	lacks   func() []string
}

// New returns the source for the network namespace of the calling thread. The
// dictionary tells what drivers' statistics mean; with nil they are not read.
func New(dictionary Dictionary) *Source {
	return &Source{
		now: time.Now, drivers: drivers{dictionary: dictionary},
		lacks: sync.OnceValue(func() []string { return lacking("") }),
	}
}

// Name is "links".
func (s *Source) Name() string { return probe }

// Reads says what is read.
func (s *Source) Reads() string {
	return "rtnetlink (links, addresses, routes, qdiscs, classes), ethtool ioctl, once the kernel's modules and options"
}

// Look reads the links and queues once. A driver that hangs holds the kernel's
// RTNL lock, and every request then waits for it without a time limit: the
// requests are made by a goroutine that Look stops waiting for after 2 s, and
// until it comes back every further Look fails at once. It is unavailable where a
// seccomp filter forbids netlink sockets.
func (s *Source) Look(ctx context.Context) (any, error) {
	if !s.pending.CompareAndSwap(false, true) {
		return nil, errors.New("rtnetlink has not answered the last look yet: a driver may be hanging with the RTNL lock held")
	}
	// The sockets are opened here: they belong to the network namespace of the
	// thread that opens them, and the goroutine may run on another thread.
	conn, err := dump.Dial(unix.NETLINK_ROUTE, lookLimit)
	if err != nil {
		s.pending.Store(false)
		return nil, refused(err)
	}
	sockets, socketsErr := openEthtool()
	type looked struct {
		reading *Reading
		err     error
	}
	done := make(chan looked, 1)
	go func() {
		r, err := s.look(conn)
		conn.Close()
		if socketsErr == nil && err == nil {
			s.drivers.ask(sockets, r, s.now)
		} else if socketsErr == nil {
			sockets.close()
		}
		s.pending.Store(false)
		done <- looked{r, err}
	}()
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	select {
	case a := <-done:
		if a.err != nil {
			return nil, a.err
		}
		return a.reading, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("rtnetlink did not answer: %w", ctx.Err())
	}
}

// refused tells a host that offers no netlink sockets from one where they fail.
func refused(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EAFNOSUPPORT) {
		return fact.Unavailable("links and queues: "+err.Error(), "a seccomp profile that allows AF_NETLINK sockets")
	}
	return err
}

// look makes the rtnetlink requests of one look.
func (s *Source) look(conn *dump.Conn) (*Reading, error) {
	r := &Reading{}
	if err := r.readLinks(conn); err != nil {
		return nil, err
	}
	if err := r.readQueues(conn); err != nil {
		return nil, err
	}
	if err := s.unlisted(conn, r); err != nil {
		return nil, err
	}
	r.Lacks = s.lacks()
	// Last, because a dump of the routes that is cut short spoils the socket.
	if now := s.now(); s.usage.at.IsZero() || now.Sub(s.usage.at) >= usageEvery {
		u, err := readUsage(conn)
		if err != nil {
			return nil, err
		}
		u.at = now
		s.usage = u
	}
	for i := range r.Links {
		l := &r.Links[i]
		l.Addresses, l.Routed = s.usage.addresses[l.Index], s.usage.routed[l.Index]
	}
	return r, nil
}

var _ fact.Source = (*Source)(nil)
