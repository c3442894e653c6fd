package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/checklist"
	"whydrop/checklist/casefile"
	"whydrop/probes/fact"
	"whydrop/probes/record"
)

// lined is a whydrop that asks on lines, and what it wrote.
type lined struct {
	cmd  *exec.Cmd
	keys io.WriteCloser
	mu   sync.Mutex
	out  bytes.Buffer
	read chan struct{} // closed when all was read
}

func onLines(t *testing.T, cmd *exec.Cmd) *lined {
	t.Helper()
	keys, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	l := &lined{cmd: cmd, keys: keys, read: make(chan struct{})}
	go func() {
		defer close(l.read)
		buffer := make([]byte, 4096)
		for {
			n, err := out.Read(buffer)
			l.mu.Lock()
			l.out.Write(buffer[:n])
			l.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return l
}

func (l *lined) said() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.String()
}

// kill ends it by the signal that nothing survives, and returns all that it wrote.
func (l *lined) kill() string {
	_ = l.cmd.Process.Kill()
	<-l.read
	_ = l.cmd.Wait()
	l.keys.Close()
	return l.said()
}

// A whydrop on lines is killed at random instants while marks and answers are typed, and
// gone on with: whatever it had told back is in the case. With -lab-all it is killed
// hundreds of times.
func TestLinesSurviveKills(t *testing.T) {
	program, state := asWhydrop(t), t.TempDir()
	random := rand.New(rand.NewPCG(11, 11))
	typed, acknowledged, rounds := 0, 0, kills()
	args := []string{"--plain", "--demo", "--duration", "0s"}
	for round := range rounds {
		l := onLines(t, inState(program, state, args...))
		if round%5 != 4 { // otherwise it is killed while it opens the case
			eventually(t, "a prompt", func() bool {
				return strings.HasSuffix(l.said(), " answer: ") || strings.HasSuffix(l.said(), "What now: ")
			})
		}
		first := typed
		for until := time.Now().Add(time.Duration(random.IntN(120_000)) * time.Microsecond); time.Now().Before(until); typed++ {
			if _, err := fmt.Fprintf(l.keys, "g %d\n%d\nm mark%d\n", 1+typed%20, 1+typed%2, typed); err != nil {
				break
			}
			time.Sleep(time.Duration(random.IntN(9_000)) * time.Microsecond)
		}
		acknowledged += toldBack(t, l.kill(), kept(t, state), first, typed)
		if len(casesIn(state)) > 0 {
			args = []string{"resume", "--plain", "--duration", "0s"}
		}
	}
	t.Logf("%d kills, %d marks typed, %d told back", rounds, typed, acknowledged)
	if acknowledged == 0 {
		t.Error("nothing was ever told back: the test tests nothing")
	}
	files := casesIn(state)
	if len(files) != 1 {
		t.Fatalf("cases: %v", files)
	}
	if l, err := casefile.Load(files[0], newCase(t).Book); err != nil || len(l.Notes) > 0 {
		t.Errorf("notes %q, %v", l.Notes, err)
	}
}

// toldBack says how many of the marks that were typed were told back, and finds each
// of them, and each answer that was told back, in the case.
func toldBack(t *testing.T, said string, c *checklist.Case, first, typed int) (acknowledged int) {
	t.Helper()
	marks := map[string]bool{}
	for _, e := range c.Track.Events() {
		if e.Kind == checklist.Marked {
			marks[e.Text] = true
		}
	}
	for n := first; n < typed; n++ {
		q := c.Book.Questions()[n%20]
		if strings.Contains(said, fmt.Sprintf(": mark%d.\n", n)) {
			acknowledged++
			if !marks[fmt.Sprintf("mark%d", n)] {
				t.Fatalf("mark%d was told back and is not in the case", n)
			}
		}
		second := strings.LastIndex(said, "\n"+q.ID+": 1 ") < strings.LastIndex(said, "\n"+q.ID+": 2 ")
		if o := c.Answers[q.ID].Options; n%2 == 1 && second && typed-n <= 20 && (len(o) != 1 || o[0] != q.Options[1].ID) {
			t.Fatalf("the second answer to %s was told back, in the case is %v", q.ID, o)
		}
	}
	return acknowledged
}

// manyObservations is a recording of many observations, each of which tells its number.
func manyObservations(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "many.whydrop")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	begin := time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC)
	w := record.NewWriter(out, record.Header{Host: "web1", Start: begin})
	for i := range n {
		f := fact.New(begin.Add(time.Duration(i)*time.Second), 15)
		f.Gauge("number", float64(i))
		for k := range 40 {
			f.Add("flow", fact.Row{"name": fmt.Sprint("10.0.0.1:", k), "rtt_us": float64(i * k % 997)})
		}
		if err := w.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// asTheyWere compares what a recording holds with what manyObservations made.
func asTheyWere(t *testing.T, r *record.Recording) {
	t.Helper()
	i := 0
	err := r.Each(func(f *fact.Facts) bool {
		if n, _ := f.Num("number"); n != float64(i) || len(f.Tables["flow"]) != 40 || f.Tables["flow"][3]["rtt_us"] != float64(i*3%997) {
			t.Fatalf("observation %d tells of %v", i, n)
		}
		i++
		return true
	})
	if err != nil || i != r.Len() {
		t.Fatalf("%d of %d observations, %v", i, r.Len(), err)
	}
}

// A whydrop that records is killed at random instants: what could be read of its file
// before is there afterwards, each observation as it was, and that the end is missing is
// told. With -lab-all it is killed hundreds of times.
func TestRecordingSurvivesKills(t *testing.T) {
	program, dir := asWhydrop(t), t.TempDir()
	random := rand.New(rand.NewPCG(12, 12))
	const whole = 3000
	from, to := manyObservations(t, whole), filepath.Join(dir, "killed.whydrop")
	cut, most := 0, 0
	for round := range kills() {
		_ = os.Remove(to)
		cmd := inState(program, dir, "record", "--replay", from, "-o", to)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the file", func() bool { st, err := os.Stat(to); return err == nil && st.Size() > 0 })
		time.Sleep(time.Duration(random.IntN(400_000)) * time.Microsecond)
		before := 0
		if r, err := record.Open(to); err == nil {
			before = r.Len()
			r.Close()
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		r, err := record.Open(to)
		if err != nil {
			if before > 0 || !errors.Is(err, record.ErrForeign) && !errors.Is(err, record.ErrDamaged) { // not even the first was flushed
				t.Fatalf("round %d: %v, before the kill there were %d observations", round, err, before)
			}
			continue
		}
		if r.Len() < before || (r.Len() < whole) != (len(r.Notes) > 0) {
			t.Fatalf("round %d: %d observations of %d before the kill, notes %q", round, r.Len(), before, r.Notes)
		}
		asTheyWere(t, r)
		if r.Len() < whole {
			cut++
		}
		most = max(most, r.Len())
		r.Close()
	}
	t.Logf("%d recordings were cut off, the longest had %d observations", cut, most)
	if cut == 0 {
		t.Error("none was cut off: the test tests nothing")
	}
}

// onSmallDisk calls back where a small file system of its own stands at a directory, for
// this thread and what it starts alone.
func onSmallDisk(t *testing.T, dir string, size int, do func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its file systems
		err := unix.Unshare(unix.CLONE_NEWNS)
		if err == nil {
			err = unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		}
		if err == nil {
			err = unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size))
		}
		if err == nil {
			do()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Skipf("no file system of its own: %v", err)
	}
}

// A disk that gets full while one answers is told, and nothing is lost: the case goes on
// in the directory for temporary files.
func TestDiskGetsFull(t *testing.T) {
	program, state, temporary := asWhydrop(t), t.TempDir(), t.TempDir()
	var script strings.Builder
	for n := range 200 {
		fmt.Fprintf(&script, "m mark%d %s\n", n, strings.Repeat("of a long day ", 20))
	}
	script.WriteString("quit\n")
	var out, errs bytes.Buffer
	onSmallDisk(t, state, 48<<10, func() {
		cmd := inState(program, state, "--plain", "--demo", "--duration", "0s")
		cmd.Dir, cmd.Env = temporary, append(cmd.Env, "TMPDIR="+temporary)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(script.String()), &out, &errs
		if err := cmd.Run(); err != nil {
			t.Errorf("%v: %s", err, errs.String())
		}
	})
	told := strings.Join(strings.Fields(out.String()), " ")
	if !strings.Contains(told, "the answers are kept in "+temporary) || !strings.Contains(told, "no space left on device") {
		t.Errorf("said %s%s", told[max(0, len(told)-3000):], errs.String())
	}
	files, _ := filepath.Glob(filepath.Join(temporary, "whydrop-*.case"))
	if len(files) != 1 {
		t.Fatalf("cases: %v", files)
	}
	l, err := casefile.Load(files[0], newCase(t).Book)
	if err != nil || len(l.Notes) > 0 {
		t.Fatalf("%v, %q", err, l.Notes)
	}
	marks := 0
	for _, e := range l.Case.Track.Events() {
		if e.Kind == checklist.Marked {
			marks++
		}
	}
	if marks != 200 {
		t.Errorf("%d of 200 marks are there", marks)
	}
}

// A recording on a disk that gets full says so, and what it holds can be read.
func TestRecordingFillsTheDisk(t *testing.T) {
	program, dir, from := asWhydrop(t), t.TempDir(), manyObservations(t, 3000)
	var errs bytes.Buffer
	var data []byte
	onSmallDisk(t, dir, 64<<10, func() {
		to := filepath.Join(dir, "r.whydrop")
		cmd := inState(program, dir, "record", "--replay", from, "-o", to)
		cmd.Dir, cmd.Stderr = filepath.Dir(from), &errs
		if err := cmd.Run(); err == nil {
			t.Error("it ended as if all were well")
		}
		data, _ = os.ReadFile(to)
	})
	r, err := record.Read(bytes.NewReader(data), int64(len(data)))
	if err != nil || r.Len() == 0 || !strings.Contains(errs.String(), "the recording ended early: ") ||
		!strings.Contains(errs.String(), fmt.Sprintf("what it holds can be read: %d observations", r.Len())) {
		t.Errorf("%v, %+v; said %s", err, r, errs.String())
	}
}
