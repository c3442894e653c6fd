package main

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
)

// metered measures the looks of a source that is run alone. It is looked at only
// at the ends, whatever the source's own pace.
type metered struct {
	fact.Source

	mu    sync.Mutex // a look that was given up may still come back
	looks []look
}

// look is what one look took.
type look struct{ wall, cpu time.Duration }

// Pace implements fact.Paced.
func (m *metered) Pace() fact.Pace {
	if p, ok := m.Source.(fact.Paced); ok && p.Pace() == fact.Once {
		return fact.Once
	}
	return fact.EndsOnly
}

// Look implements fact.Source. The CPU time is that of the whole process, user
// and system: a source may look from several threads, and nothing else runs.
func (m *metered) Look(ctx context.Context) (any, error) {
	begin, before := time.Now(), cpuTime()
	data, err := m.Source.Look(ctx)
	l := look{time.Since(begin), cpuTime() - before}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.looks = append(m.looks, l)
	return data, err
}

// cpuTime is what this process has used so far (getrusage(2)).
func cpuTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// cost is what the looks of a probe took, in milliseconds. The first look opens
// sockets and reads what later ones remember.
type cost struct {
	Looks     int      `json:"looks"`
	FirstWall *float64 `json:"first_wall_ms,omitempty"`
	FirstCPU  *float64 `json:"first_cpu_ms,omitempty"`
	Wall      *float64 `json:"wall_ms,omitempty"` // the second look
	CPU       *float64 `json:"cpu_ms,omitempty"`
}

func (m *metered) cost() cost {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := cost{Looks: len(m.looks)}
	if len(m.looks) > 0 {
		c.FirstWall, c.FirstCPU = millis(m.looks[0].wall), millis(m.looks[0].cpu)
	}
	if len(m.looks) > 1 {
		c.Wall, c.CPU = millis(m.looks[1].wall), millis(m.looks[1].cpu)
	}
	return c
}

func millis(d time.Duration) *float64 {
	ms := float64(d.Microseconds()) / 1000
	return &ms
}
