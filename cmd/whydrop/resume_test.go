package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"whydrop/checklist"
	"whydrop/checklist/casefile"
	"whydrop/probes/fact"
)

// screen is a whydrop on a terminal, and what it wrote there.
type screen struct {
	t        *testing.T
	cmd      *exec.Cmd
	terminal *os.File
	mu       sync.Mutex
	out      strings.Builder
}

func onScreen(t *testing.T, cmd *exec.Cmd) *screen {
	t.Helper()
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 80, Rows: 24})
	if err != nil {
		t.Skipf("no terminal: %v", err)
	}
	s := &screen{t: t, cmd: cmd, terminal: terminal}
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := terminal.Read(buffer)
			s.mu.Lock()
			s.out.Write(buffer[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

func (s *screen) shown() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

func (s *screen) await(text string) {
	s.t.Helper()
	for range 1200 {
		if strings.Contains(s.shown(), text) {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	s.kill()
	s.t.Fatalf("%q did not come: %q", text, s.shown())
}

func (s *screen) press(keys string) { fmt.Fprint(s.terminal, keys) }

func (s *screen) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	time.Sleep(5 * time.Millisecond) // what it wrote is read
	s.terminal.Close()
}

// letter is the nth of many letters that stand nowhere else on the screen.
func letter(n int) rune { return rune(0x1e00 + n%150) }

const letters = 150

// alphabet is the first n of them.
func alphabet(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteRune(letter(i))
	}
	return b.String()
}

// write types letters from the nth on for a random while, and returns how many.
func (s *screen) write(n int, random *rand.Rand) (typed int) {
	until := time.Now().Add(time.Duration(random.IntN(150_000)) * time.Microsecond)
	for time.Now().Before(until) && typed < 20 {
		s.press(string(letter(n + typed)))
		typed++
		time.Sleep(time.Duration(random.IntN(12_000)) * time.Microsecond)
	}
	return typed
}

// kills is how often a whydrop is killed.
func kills() int {
	switch {
	case *labEvery:
		return 250
	case testing.Short():
		return 2
	}
	return 5
}

// A whydrop is killed at random instants while a note is typed, and gone on with:
// every letter that was on the screen is in the case. With -lab-all it is killed
// hundreds of times.
func TestResumeAfterKill(t *testing.T) {
	program, state := asWhydrop(t), t.TempDir()
	rounds := kills()
	s := onScreen(t, inState(program, state, "--demo"))
	s.await("FAULT")
	s.press("\r")
	questions := newCase(t).Book.Questions()
	at, have := 0, 0 // question, and letters in its note
	random := rand.New(rand.NewPCG(7, 7))
	taken := 0
	for round := range rounds {
		if round%5 == 4 { // also while it opens the case
			time.Sleep(time.Duration(random.IntN(300_000)) * time.Microsecond)
			s.kill()
			s = onScreen(t, inState(program, state, "resume"))
		}
		s.await(questions[at].ID + ", ")
		s.press("n")
		typed := have + s.write(have, random)
		s.kill()
		seen := have
		for n := have; n < typed; n++ {
			if strings.ContainsRune(s.shown(), letter(n)) {
				seen = n + 1
			}
		}
		note := []rune(kept(t, state).Answers[questions[at].ID].Note)
		if len(note) < seen || len(note) > typed || string(note) != alphabet(len(note)) {
			t.Fatalf("round %d: %d letters were typed, %d were on the screen, the case has %q", round, typed, seen, string(note))
		}
		taken += len(note) - have
		have = len(note)
		s = onScreen(t, inState(program, state, "resume"))
		if have > letters-20 {
			s.await(questions[at].ID + ", ")
			s.press("\r")
			at, have = at+1, 0
			eventually(t, "the next question", func() bool { return keptPlace(t, state).Question == questions[at].ID })
			s.kill()
			s = onScreen(t, inState(program, state, "resume"))
		}
	}
	s.kill()
	t.Logf("%d kills, %d letters taken", rounds, taken)
	if taken == 0 {
		t.Error("nothing was ever typed: the test tests nothing")
	}
	files := casesIn(state)
	if len(files) != 1 {
		t.Fatalf("cases: %v", files)
	}
	l, err := casefile.Load(files[0], newCase(t).Book)
	if err != nil || len(l.Notes) > 0 {
		t.Errorf("notes %q, %v", l.Notes, err)
	}
}

// keptPlace is where one was in the case of a state directory.
func keptPlace(t *testing.T, state string) casefile.Place {
	for _, f := range casesIn(state) {
		if l, err := casefile.Load(f, newCase(t).Book); err == nil {
			return l.Place
		}
	}
	return casefile.Place{}
}

// A case is gone on with on the same question and screen, by one whydrop at a time.
func TestResumeWhereItWas(t *testing.T) {
	program, state := asWhydrop(t), t.TempDir()
	s := onScreen(t, inState(program, state, "--demo"))
	s.await("FAULT")
	s.press("\r \r7m") // a tick, the second question, the plan, a mark
	s.await("mark ")
	s.press("half a ma")
	eventually(t, "the mark in the file", func() bool {
		return keptPlace(t, state) == casefile.Place{Screen: "Plan", Question: "Q1b", Mark: "half a ma"}
	})
	busy, err := inState(program, state, "resume").CombinedOutput()
	if err == nil || !strings.Contains(string(busy), fmt.Sprintf("is open in the whydrop of process %d", s.cmd.Process.Pid)) {
		t.Errorf("a second whydrop says %q, %v", busy, err)
	}
	s.kill()
	s = onScreen(t, inState(program, state, "resume"))
	s.await("[7 Plan]")
	s.press("m")
	s.await("half a ma")
	s.press("rk\r")
	s.press("1")
	s.await("Q1b, ")
	s.press("qy")
	s.await("go on with: whydrop resume")
	s.kill()
	out, err := inState(program, state, "cases", "show").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "mark: half a mark") {
		t.Errorf("show: %s, %v", out, err)
	}
}

// The case of another host is shown as it was measured, and watches nothing.
func TestResumeOnAnotherHost(t *testing.T) {
	program, state := asWhydrop(t), t.TempDir()
	h := thisHost()
	h.Host, h.Started = "elsewhere", time.Now().Add(-time.Hour)
	f, err := casefile.Create(filepath.Join(state, "whydrop", "cases"), "", h)
	if err != nil {
		t.Fatal(err)
	}
	c := newCase(t)
	c.Facts = fact.New(h.Started, 15)
	c.Facts.Host = "elsewhere"
	c.Facts.Count("TcpExt.ListenOverflows", 4711, 5000)
	snapshot := casefile.Snapshot{Case: c, Diagnosis: c.Diagnose(), Place: casefile.Place{Screen: "Walk", Question: "Q1b"}}
	if err := c.Answer("Q1a", checklist.Answer{Note: "there"}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(snapshot); err != nil {
		t.Fatal(err)
	}
	again := inState(program, state, "resume", "--plain", "--duration", "0s")
	again.Stdin = strings.NewReader("n seen elsewhere\ne TcpExt.ListenOverflows\nquit\n")
	out, err := again.CombinedOutput()
	said := strings.Join(strings.Fields(string(out)), " ")
	if err != nil || !strings.Contains(said, "RECORDED, no host is watched: it is of the host elsewhere") || !strings.Contains(said, "4711") {
		t.Errorf("says %s, %v", out, err)
	}
	after := kept(t, state)
	if after.Answers["Q1b"].Note != "seen elsewhere" || after.Answers["Q1a"].Note != "there" {
		t.Errorf("answers %v", after.Answers)
	}
	events := after.Track.Events()
	if n := len(events); n < 2 || events[n-2].Kind != checklist.Left || events[n-1].Kind != checklist.Resumed || !strings.Contains(events[n-1].Text, "on another host") {
		t.Errorf("events %v", events)
	}
}
