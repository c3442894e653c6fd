package load

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// timerSlack is by how much longer than asked for the kernel may wait before it
// sends a keepalive probe: its timer wheel is an eighth of the time fine
// (kernel/time/timer.c).
const timerSlack = 1.15

// rests opens a connection for each gap, leaves it alone for so long, and then uses
// it.
func (r *run) rests() {
	var under sync.WaitGroup
	defer under.Wait()
	for _, gap := range r.traffic.Gaps {
		now := time.Now()
		a := r.begin(now, now, false)
		under.Go(func() {
			if l, err := r.open(a); err == nil {
				rest := r.rest(l, a, gap)
				l.close(r.traffic.Reset || a.err != nil)
				if !errors.Is(a.err, context.Canceled) {
					r.rested(rest)
				}
			}
			r.add(a, r.ctx.Err() != nil)
		})
	}
}

func (r *recorder) rested(rest Rest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.r.Rests = append(r.r.Rests, rest)
}

// rest leaves a connection alone and then uses it.
func (r *run) rest(l *line, a *attempt, gap int) Rest {
	use := r.probe
	if r.traffic.Data || r.traffic.HTTP != "" {
		if err := r.exchange(l, a); err != nil {
			return Rest{Wanted: gap, Outcome: nameOf(err)}
		}
		use = r.exchangeAfter
	}
	rested, while, err := use(l, a, time.Duration(gap)*time.Second)
	if r.ctx.Err() != nil {
		err = context.Canceled
	}
	outcome := "alive"
	if err != nil {
		outcome = nameOf(err)
		_ = a.fail(map[bool]string{true: "rest", false: "use"}[while], err)
	}
	return Rest{Wanted: gap, Rested: inSeconds(rested), Outcome: outcome, While: while}
}

// exchangeAfter waits for the gap, and then sends a request. while says that the
// other end closed the connection before.
func (r *run) exchangeAfter(l *line, a *attempt, gap time.Duration) (rested time.Duration, while bool, err error) {
	begin := time.Now()
	if err := l.until(r.ctx, begin.Add(gap)); err != nil {
		return 0, true, err
	}
	if _, err := l.in.Peek(1); nameOf(err) != "timeout" {
		if err == nil {
			err = errForeign // nothing was asked
		}
		return time.Since(begin), true, err
	}
	rested = time.Since(begin)
	again := *a
	again.begin = time.Now()
	if err := r.exchange(l, &again); err != nil {
		return rested, false, err
	}
	a.first, a.response = again.first, time.Since(again.begin)
	return rested, false, nil
}

// probe lets the kernel send a keepalive probe after the gap (tcp(7)) and watches
// whether it is acknowledged. What the other end sends by itself, as a greeting, is
// read; the rest begins anew then.
func (r *run) probe(l *line, _ *attempt, gap time.Duration) (rested time.Duration, while bool, err error) {
	timeout := r.traffic.Timeout.Duration()
	err = l.option(map[int]int{
		unix.TCP_KEEPIDLE:  int(gap / time.Second),
		unix.TCP_KEEPINTVL: 1,
		unix.TCP_KEEPCNT:   max(1, min(127, int(timeout/time.Second))),
	})
	if err == nil {
		err = l.raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1) })
	}
	if err != nil {
		return 0, true, err
	}
	start := time.Now()
	begin := start
	for {
		wake := begin.Add(gap)
		if late := time.Now(); late.After(wake) {
			wake = late.Add(sampleEvery)
		}
		if err := l.until(r.ctx, wake); err != nil {
			return time.Since(begin), true, err
		}
		_, err := l.in.Peek(1)
		now := time.Now()
		switch {
		case err == nil && now.Sub(start) < gap+timeout:
			_, _ = l.in.Discard(l.in.Buffered())
			begin = now
			continue
		case err == nil:
			return now.Sub(begin), true, errTalks
		case nameOf(err) != "timeout" || r.ctx.Err() != nil:
			return now.Sub(begin), now.Sub(begin) < gap || errors.Is(err, io.EOF), err
		}
		info, err := l.info()
		if err != nil {
			return now.Sub(begin), false, err
		}
		ago := time.Duration(info.Last_ack_recv) * time.Millisecond
		if heard := now.Add(-ago); heard.After(begin.Add(gap - 20*time.Millisecond)) {
			return heard.Sub(begin), false, nil
		}
		if now.Sub(begin) > time.Duration(float64(gap)*timerSlack)+timeout {
			return now.Sub(begin), false, unix.ETIMEDOUT
		}
	}
}

// Outlived returns the longest rest, in seconds, that connections lived through, and
// the shortest that they did not. Both are zero where these contradict each other, or
// one of them is unknown.
func (r *Result) Outlived() (lived, died int) {
	for _, rest := range r.Rests {
		switch {
		case rest.Outcome == "alive":
			lived = max(lived, rest.Wanted)
		case rest.Rested > 0 && (died == 0 || rest.Wanted < died):
			died = rest.Wanted
		}
	}
	if lived >= died {
		return 0, 0
	}
	return lived, died
}

// errTalks is told of a connection that cannot rest.
var errTalks = errors.New("the other end sends data by itself")
