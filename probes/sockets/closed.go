package sockets

import (
	"context"
	"time"

	"whydrop/probes/sockets/inetdiag"
)

// follower is what is used of inetdiag.Closed.
type follower interface {
	Read(ctx context.Context, visit func(*inetdiag.Socket)) (missed bool, err error)
	Close() error
}

// closed follows the connections that end, so that those which begin and end
// between two looks are seen too. Each costs the kernel about two microseconds;
// where too many end, they are no longer followed.
type closed struct {
	from follower
	off  bool      // not to be had, or too dear
	busy bool      // because too many ended
	last time.Time // of the last read
}

// mostEnds is how many connections may end each second before they are let go.
const mostEnds = 2000

// begin subscribes, before the first look at the sockets.
func (c *closed) begin(follow func() (follower, error)) {
	if c.off || c.from != nil {
		return
	}
	from, err := follow()
	if err != nil {
		c.off = true
		return
	}
	c.from, c.last = from, time.Now()
}

// read gives the sweep what has ended since the last look.
func (c *closed) read(ctx context.Context, s *sweep) {
	if c.from == nil {
		s.r.EndsUnseen = true
		return
	}
	visit := s.ended
	if s.look == 1 {
		visit = func(*inetdiag.Socket) {} // what it did before is history
	}
	missed, err := c.from.Read(ctx, visit)
	since := time.Since(c.last)
	c.last = time.Now()
	s.r.MissedEnds = missed
	c.busy = float64(s.r.Ended) > mostEnds*max(since.Seconds(), 0.1) || (missed && s.look > 1)
	if err != nil || c.busy {
		c.from.Close()
		c.from, c.off, s.r.EndsUnseen = nil, true, true
	}
}
