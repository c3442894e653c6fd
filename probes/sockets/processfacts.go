package sockets

import (
	"slices"
	"time"

	"whydrop/probes/fact"
)

// history is what the window's readings say of one process.
type history struct {
	looks []Process
	at    []time.Time
}

// processes returns what each process behind a listener did in the window. The
// looks at processes are rarer than those at sockets.
func (w *window) processes() map[int]*history {
	histories := map[int]*history{}
	for _, look := range w.looks {
		for _, p := range look.Processes {
			h := histories[p.PID]
			if h == nil || h.looks[0].Start != p.Start {
				h = &history{}
				histories[p.PID] = h
			}
			if n := len(h.at); n == 0 || look.ProcessesAt.After(h.at[n-1]) {
				h.looks, h.at = append(h.looks, p), append(h.at, look.ProcessesAt)
			}
		}
	}
	return histories
}

// describe adds to a listener's row what its processes do. Where several share
// it, their CPU use is added up and the one with the fewest descriptors left counts.
func describe(row fact.Row, pids []int, histories map[int]*history) {
	var cpu float64
	threads, stopped, seen, measured := 0, true, false, false
	for _, pid := range pids {
		h := histories[pid]
		if h == nil {
			continue
		}
		now := h.looks[len(h.looks)-1]
		seen = true
		threads += now.Threads
		stopped = stopped && h.stopped()
		h.descriptors(row)
		if len(h.looks) < 2 {
			continue
		}
		measured = true
		cpu += h.cpu()
		h.waiting(row)
		h.throttling(row)
	}
	if !seen {
		return
	}
	row["threads"] = float64(threads)
	row["stopped"] = stopped
	if measured {
		row["cpu_share"] = cpu
	}
}

// stopped says whether no look found the main thread able to run or waiting.
func (h *history) stopped() bool {
	return !slices.ContainsFunc(h.looks, func(p Process) bool { return p.State != "T" && p.State != "D" })
}

// reader adds to a connection's row what keeps its process from reading.
func (h *history) reader(row fact.Row) {
	if h == nil {
		return
	}
	row["stopped"] = h.stopped()
	if len(h.looks) > 1 {
		row["cpu_share"] = h.cpu()
		h.waiting(row)
		h.throttling(row)
	}
}

func (h *history) descriptors(row fact.Row) {
	now := h.looks[0] // the look that found the fewest left
	for _, look := range h.looks {
		if look.FDs >= now.FDs {
			now = look
		}
	}
	if now.FDs < 0 {
		return
	}
	have, _ := row["fd_share"].(float64)
	switch {
	case now.FDLimit <= 0: // unlimited, or unknown
		if _, ok := row["fds"]; !ok {
			row["fds"] = float64(now.FDs)
		}
	case share(float64(now.FDs), float64(now.FDLimit)) >= have:
		row["fds"], row["fd_limit"] = float64(now.FDs), float64(now.FDLimit)
		row["fd_share"] = float64(now.FDs) / float64(now.FDLimit)
	}
}

func (h *history) seconds() float64 { return h.at[len(h.at)-1].Sub(h.at[0]).Seconds() }

// cpu returns how many CPUs the process used.
func (h *history) cpu() float64 {
	grown := h.looks[len(h.looks)-1].Ticks - h.looks[0].Ticks
	return max(float64(grown), 0) / userHZ / h.seconds()
}

// waiting adds for which share of the window its threads waited for a CPU, at most
// all of it. Threads that end take their share with them.
func (h *history) waiting(row fact.Row) {
	first, now := h.looks[0], h.looks[len(h.looks)-1]
	if first.Waited < 0 || now.Waited < first.Waited {
		return
	}
	have, _ := row["cpu_wait_share"].(float64)
	row["cpu_wait_share"] = max(have, min(share(float64(now.Waited-first.Waited)/1e9, h.seconds()), 1))
}

// throttling adds for how long the cgroup's quota stopped the process. The kernel
// sums the time over CPUs, so that it can exceed the time that passed.
func (h *history) throttling(row fact.Row) {
	first, now := h.looks[0], h.looks[len(h.looks)-1]
	if first.Throttled >= 0 && now.Throttled >= first.Throttled {
		have, _ := row["throttled_share"].(float64)
		row["throttled_share"] = max(have, share(float64(now.Throttled-first.Throttled)/1e6, h.seconds()))
	}
	if periods := now.Periods - first.Periods; first.Periods >= 0 && periods > 0 {
		have, _ := row["throttled_periods_share"].(float64)
		row["throttled_periods_share"] = max(have, share(float64(now.ThrottledPeriods-first.ThrottledPeriods), float64(periods)))
	}
}
