//go:build linux

package lab

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// role is what an actor does: a service, a client, a scanner. The director
// fills the struct in, the actor's process gets it as JSON and runs it.
type role interface {
	// run works until the process is killed. It calls t.ready when what it
	// offers can be used; an error ends the actor.
	run(t *tally) error
}

// roles make an empty role of each kind, for decoding.
var roles = map[string]func() role{
	"service":   func() role { return &service{} },
	"caller":    func() role { return &caller{} },
	"stream":    func() role { return &stream{} },
	"scanner":   func() role { return &scanner{} },
	"flood":     func() role { return &flood{} },
	"datagrams": func() role { return &datagrams{} },
	"wire":      func() role { return &wire{} },
	"noise":     func() role { return &noise{} },
	"visitor":   func() role { return &visitor{} },
}

// actorSpec tells a process which actor it is.
type actorSpec struct {
	Name string          `json:"name"` // process name, at most 15 bytes are shown
	Kind string          `json:"kind"`
	Role json.RawMessage `json:"role"`
}

// tally counts what an actor sees. Its process prints it as JSON lines.
type tally struct {
	mu     sync.Mutex
	counts map[string]float64
	began  atomic.Bool
}

func (t *tally) add(name string, n float64) {
	t.mu.Lock()
	t.counts[name] += n
	t.mu.Unlock()
}

func (t *tally) ready() {
	if t.began.CompareAndSwap(false, true) {
		t.print()
	}
}

// print ends the process when nobody reads any more.
func (t *tally) print() {
	t.mu.Lock()
	line, _ := json.Marshal(t.counts) // numbers always marshal
	t.mu.Unlock()
	if _, err := os.Stdout.Write(append(line, '\n')); err != nil {
		os.Exit(1)
	}
}

// act is the main function of an actor's process.
func act(spec []byte) {
	var a actorSpec
	fail := func(err error) {
		fmt.Fprintf(os.Stderr, "lab: actor %s: %v\n", a.Name, err)
		os.Exit(1)
	}
	if err := json.Unmarshal(spec, &a); err != nil {
		fail(err)
	}
	make, ok := roles[a.Kind]
	if !ok {
		fail(fmt.Errorf("unknown kind %q", a.Kind))
	}
	r := make()
	if err := json.Unmarshal(a.Role, r); err != nil {
		fail(err)
	}
	_ = os.WriteFile("/proc/self/comm", []byte(a.Name), 0) // cosmetic
	runtime.GOMAXPROCS(1)
	t := &tally{counts: map[string]float64{}}
	go func() {
		for range time.Tick(200 * time.Millisecond) {
			if t.began.Load() {
				t.print()
			}
		}
	}()
	if err := r.run(t); err != nil {
		fail(err)
	}
}

// player is a running actor as the director sees it.
type player struct {
	name   string
	on     *host
	role   role
	cmd    *exec.Cmd
	began  time.Time
	mu     sync.Mutex
	counts map[string]float64
	line   string
	over   error
}

// cast starts an actor in the host and waits until it is ready.
func (h *host) cast(name string, r role, files ...*os.File) error {
	kind := ""
	for k, empty := range roles {
		if fmt.Sprintf("%T", empty()) == fmt.Sprintf("%T", r) {
			kind = k
		}
	}
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	spec, err := json.Marshal(actorSpec{Name: name, Kind: kind, Role: body})
	if err != nil {
		return err
	}
	cmd := selfCommand(partActor, string(spec))
	cmd.Args = []string{name}
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = files
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if dir := h.site.groups[name]; dir != "" {
		group, err := os.Open(dir)
		if err != nil {
			return err
		}
		defer group.Close()
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(group.Fd())
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := h.do(cmd.Start); err != nil {
		return fmt.Errorf("starting %s on %s: %w", name, h.name, err)
	}
	p := &player{name: name, on: h, role: r, cmd: cmd, began: time.Now()}
	h.site.casting.Lock()
	h.site.cast[name] = p
	h.site.casting.Unlock()
	ready := make(chan struct{})
	go p.listen(out, ready)
	select {
	case <-ready:
	case <-time.After(10 * time.Second):
		return fmt.Errorf("%s on %s did not become ready", name, h.name)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.over
}

// down is a service of the host that has ended, and can be started again.
func (h *host) down(name string, v *service) error {
	if err := h.cast(name, v); err != nil {
		return err
	}
	h.site.cast[name].end()
	return nil
}

// end kills the actor's process and waits for its end.
func (p *player) end() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // of a signal
}

// listen keeps the newest counts; ready closes with the first line or the end.
func (p *player) listen(out io.Reader, ready chan struct{}) {
	lines := bufio.NewScanner(out)
	for first := true; lines.Scan(); first = false {
		var counts map[string]float64
		if json.Unmarshal(lines.Bytes(), &counts) == nil {
			p.mu.Lock()
			p.counts, p.line = counts, lines.Text()
			p.mu.Unlock()
		}
		if first {
			close(ready)
			ready = nil
		}
	}
	p.mu.Lock()
	p.over = fmt.Errorf("%s ended", p.name)
	p.mu.Unlock()
	if ready != nil {
		close(ready)
	}
}

// count is the newest value of a counter; what never happened is zero.
func (p *player) count(counter string) (float64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts[counter], p.over
}

func (p *player) last() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.line
}
