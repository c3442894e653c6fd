package sockets

import (
	"context"
	"sync"
	"time"

	"whydrop/probes/sockets/inetdiag"
)

const (
	// pairsRest is how long found pairs are good for: to collect them takes a
	// twentieth of a look.
	pairsRest = 2 * time.Second
	// pairsWait is how long somebody who asks waits for the first look.
	pairsWait = time.Second
)

// shared hands the pairs of a look to whoever else needs them, so that the
// sockets are swept once. The look and who asks are different goroutines.
type shared struct {
	mu    sync.Mutex
	first chan struct{} // nil before the first look begins, closed when it is over
	known bool          // the last look did not fail
	found []inetdiag.Pair
	at    time.Time // when they were collected
	asked bool      // since then

	// Of the look alone:
	collecting bool
	pairs      inetdiag.Pairs
}

// Pairs returns the ends of the connections that a look found within the last
// few seconds, those with the most to send first; they are not to be changed.
// While the first look is under way it waits for it, at most a second. ok is false if this source is not looked at, or could not read the
// sockets.
func (s *Source) Pairs(ctx context.Context) (found []inetdiag.Pair, ok bool) {
	h := &s.shared
	h.mu.Lock()
	h.asked = true
	first := h.first
	h.mu.Unlock()
	if first == nil {
		return nil, false
	}
	timer := time.NewTimer(pairsWait)
	defer timer.Stop()
	select {
	case <-first:
	case <-timer.C:
	case <-ctx.Done():
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.found, h.known
}

// begin decides whether a look collects pairs: the first one does, later ones if
// somebody asked.
func (h *shared) begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.first == nil {
		h.first = make(chan struct{})
		h.collecting = true
		return
	}
	h.collecting = !h.known || h.asked && time.Since(h.at) >= pairsRest
}

// end shares what the look collected.
func (h *shared) end(err error) {
	collected := h.pairs.Take()
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err != nil:
		h.known, h.found = false, nil
	case h.collecting:
		h.known, h.found, h.at, h.asked = true, collected, time.Now(), false
	}
	select {
	case <-h.first:
	default:
		close(h.first)
	}
}
