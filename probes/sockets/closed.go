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
// between two looks are seen too. Each costs about a microsecond here and as much
// in the kernel; where too many end, they are not followed for a while.
type closed struct {
	from  follower  // nil while they are not followed
	last  time.Time // of the last read
	again time.Time // not before then
}

// mostEnds is how many connections may end each second before they are let go, and
// restFor for how long.
const (
	mostEnds = 2000
	restFor  = time.Minute
)

// begin subscribes, before the first look at the sockets.
func (c *closed) begin(follow func() (follower, error)) {
	if c.from != nil || time.Now().Before(c.again) {
		return
	}
	from, err := follow()
	if err != nil {
		c.again = time.Now().Add(restFor)
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
	if err != nil || missed || float64(s.r.Ended) > mostEnds*max(since.Seconds(), 0.1) {
		c.from.Close()
		c.from, c.again, s.r.EndsUnseen = nil, c.last.Add(restFor), true
	}
}
