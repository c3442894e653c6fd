package remote

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// glance is how often is looked at what ssh waits for.
	glance = 200 * time.Millisecond
	// long is from when on it is told for how long nothing moved.
	long = 3 * time.Second
)

// waiting tells what is waited for before the first observation, and how long already.
type waiting struct {
	tell func(string) // nil for nobody
	asks func() bool  // ssh asks something on the terminal: that is left alone

	mu    sync.Mutex
	doing string
	since time.Time
}

// on says what is waited for from now on.
func (w *waiting) on(doing string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.doing, w.since = doing, time.Now()
	if w.tell != nil {
		w.tell(doing)
	}
}

func (w *waiting) what() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.doing
}

// look tells for how long nothing moved, and "" where ssh asks.
func (w *waiting) look(now time.Time) {
	asks := w.asks()
	w.mu.Lock()
	defer w.mu.Unlock()
	if asks {
		w.since = now // the time to answer is not the host's
		w.tell("")
	} else if d := now.Sub(w.since); d >= long {
		w.tell(fmt.Sprintf("%s, %v without an answer (Ctrl+C ends it)", w.doing, d.Truncate(time.Second)))
	}
}

// watch looks now and then, until the function that it returns is called.
func (w *waiting) watch() (stop func()) {
	if w.tell == nil {
		return func() {}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(glance)
		defer t.Stop()
		for {
			select {
			case <-end:
				return
			case now := <-t.C:
				w.look(now)
			}
		}
	}()
	return func() { close(end); <-ended }
}

// asks says whether a process waits for an answer on the terminal, or one that it
// started (ProxyJump): OpenSSH has /dev/tty open only then (readpassphrase.c).
func asks(pid, depth int) bool {
	proc := "/proc/" + strconv.Itoa(pid)
	files, _ := os.ReadDir(proc + "/fd") // it may have ended
	for _, f := range files {
		if to, err := os.Readlink(proc + "/fd/" + f.Name()); err == nil && to == "/dev/tty" {
			return true
		}
	}
	if depth == 0 {
		return false
	}
	children, _ := os.ReadFile(fmt.Sprintf("%s/task/%d/children", proc, pid)) // not on every kernel
	for _, child := range strings.Fields(string(children)) {
		if pid, err := strconv.Atoi(child); err == nil && asks(pid, depth-1) {
			return true
		}
	}
	return false
}
