package casefile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

var book = sync.OnceValues(func() (*content.Book, error) { return content.Load("") })

func mustBook(t testing.TB) *content.Book {
	t.Helper()
	b, err := book()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// session is a case that is worked on and kept.
type session struct {
	t    testing.TB
	file *File
	now  Snapshot
}

var began = time.Date(2026, 5, 1, 3, 0, 0, 0, time.UTC)

func newCase(t testing.TB) *checklist.Case { return checklist.NewCase(mustBook(t), began) }

func header() Header {
	return Header{Whydrop: "1.2.0", Host: "db1.example", Kernel: "6.18", Started: began, PID: os.Getpid()}
}

func begin(t testing.TB, dir string) *session {
	t.Helper()
	f, err := Create(dir, "", header())
	if err != nil {
		t.Fatal(err)
	}
	return &session{t: t, file: f, now: Snapshot{Case: newCase(t)}}
}

func (s *session) keep() {
	s.t.Helper()
	if err := s.file.Keep(s.now); err != nil {
		s.t.Fatal(err)
	}
}

func (s *session) answer(question, note string, options ...string) {
	s.t.Helper()
	if err := s.now.Case.Answer(question, checklist.Answer{Options: options, Note: note, At: began}); err != nil {
		s.t.Fatal(err)
	}
	s.keep()
}

// observe has the host observed at a second of the session.
func (s *session) observe(second int, drops float64) {
	f := fact.New(began.Add(time.Duration(second-15)*time.Second), 15)
	f.Host, f.Kernel = "db1.example", "6.18"
	f.Count("TcpExt.ListenOverflows", 15*drops, drops*float64(second))
	f.Count("Tcp.OutSegs", 1500, 100*float64(second))
	f.Probes = []fact.Status{{Name: "counters", Status: "ok"}}
	c := s.now.Case
	c.Facts = f
	s.now.Diagnosis = c.Diagnose()
	c.Track.Add(f.Start.Add(15*time.Second), f, s.now.Diagnosis)
	s.keep()
}

func (s *session) close() {
	s.t.Helper()
	if err := s.file.Close(s.now); err != nil {
		s.t.Fatal(err)
	}
}

func mustLoad(t testing.TB, path string) *Loaded {
	t.Helper()
	l, err := Load(path, mustBook(t))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// script says, marks, tries, applies and observes.
func script(s *session) {
	s.answer("Q1a", "", "one-application")
	s.answer("Q1b", "since noon\nor later <\x1b[2J>")
	s.answer("Q2a", "typed")
	s.answer("Q2a", "") // taken back
	for second := 1; second <= 20; second++ {
		s.observe(second, 40)
		time.Sleep(2 * time.Millisecond)
	}
	s.now.Case.Track.Mark(began.Add(5*time.Second), "load test")
	s.now.Tried = &Tried{began.Add(6 * time.Second), "10.0.0.1:443", "it answers"}
	s.now.Place = Place{Screen: "Plan", Question: "Q1b", Mark: "now th"}
	s.keep()
	step := checklist.PlanStep{Cause: &content.Cause{ID: "listen.accept-queue-full"}, Remedy: &content.Remedy{Title: "Larger"}}
	s.now.Case.Apply(began.Add(7*time.Second), step, []checklist.SettingChange{{Name: "net.core.somaxconn", Was: "128", To: "4096"}}, nil)
	s.keep()
	s.now.Case.Ended(began.Add(8*time.Second), checklist.Kept, "helped")
	s.keep()
}

// same compares a case that was loaded with the one that was kept.
func same(t *testing.T, l *Loaded, want Snapshot) {
	t.Helper()
	if !reflect.DeepEqual(l.Case.Answers, want.Case.Answers) {
		t.Errorf("answers %v, want %v", l.Case.Answers, want.Case.Answers)
	}
	if got, want := fmt.Sprint(l.Case.Track.Events()), fmt.Sprint(want.Case.Track.Events()); got != want {
		t.Errorf("events %v\nwant %v", got, want)
	}
	var got, applied []string
	for _, a := range l.Case.Applied {
		got = append(got, a.Says())
	}
	for _, a := range want.Case.Applied {
		applied = append(applied, a.Says())
	}
	if !reflect.DeepEqual(got, applied) {
		t.Errorf("applied %v, want %v", got, applied)
	}
	if l.Place != want.Place {
		t.Errorf("place %+v, want %+v", l.Place, want.Place)
	}
}

// What is kept is there again: without any end, and after one.
func TestKeepAndLoad(t *testing.T) {
	s := begin(t, t.TempDir())
	script(s)
	same(t, mustLoad(t, s.file.Path()), s.now) // as after a kill
	s.close()
	l := mustLoad(t, s.file.Path())
	same(t, l, s.now)
	if len(l.Notes) > 0 || !l.Ended {
		t.Errorf("ended %v, notes %q", l.Ended, l.Notes)
	}
	if l.Header.Host != "db1.example" || !l.Case.Started.Equal(began) || len(l.Tried) != 1 || l.Tried[0] != *s.now.Tried {
		t.Errorf("header %+v, tried %v", l.Header, l.Tried)
	}
	if got, want := l.Case.Facts.Values["TcpExt.ListenOverflows"], s.now.Case.Facts.Values["TcpExt.ListenOverflows"]; got.Now != want.Now || *got.Total != *want.Total {
		t.Errorf("the last observation shows %v, want %v", got, want)
	}
	if curve := l.Case.Track.Recent("TcpExt.ListenOverflows"); len(curve) < 5 {
		t.Errorf("its curve is %v", curve)
	}
	if l.Case.Diagnose().Verdict != s.now.Diagnosis.Verdict || l.Verdict.Verdict != s.now.Diagnosis.Verdict {
		t.Errorf("diagnosis %v, verdict %v, want %v", l.Case.Diagnose().Verdict, l.Verdict, s.now.Diagnosis.Verdict)
	}
	var st unix.Stat_t
	if err := unix.Stat(s.file.Path(), &st); err != nil || st.Mode&0o777 != 0o600 {
		t.Errorf("mode %o, %v", st.Mode, err)
	}
}

// A case is gone on with again and again; each time all of it is there.
func TestResume(t *testing.T) {
	s := begin(t, t.TempDir())
	script(s)
	s.close()
	path := s.file.Path()
	for i, note := range []string{"one", "two", "three"} {
		again := header()
		again.Started = began.Add(time.Duration(i+1) * time.Hour)
		f, l, err := Resume(path, mustBook(t), again)
		if err != nil {
			t.Fatal(err)
		}
		same(t, l, s.now)
		s.file, s.now.Case, s.now.Place = f, l.Case, Place{Screen: "Walk", Question: "Q3a"}
		s.answer("Q3a", note)
		s.now.Case.Track.Mark(began.Add(time.Minute), note)
		s.observe((i+1)*3600+100, 1)
		s.close()
	}
	if l := mustLoad(t, path); len(l.Notes) > 0 || l.Case.Answers["Q3a"].Note != "three" {
		t.Errorf("notes %q, answers %v", l.Notes, l.Case.Answers)
	}
}

// After a kill at any byte of a writing, what was written before is there, and the
// case can be gone on with.
func TestTruncatedAnywhere(t *testing.T) {
	s := begin(t, t.TempDir())
	script(s)
	s.close()
	whole := read(t, s.file.Path())
	path := filepath.Join(t.TempDir(), "cut.case")
	step := max(1, len(whole)/120)
	first := strings.IndexByte(string(whole), '\n') + 1
	for n := first; n < len(whole); n += step {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		again := header()
		again.Started = began.Add(time.Minute)
		f, l, err := Resume(path, mustBook(t), again)
		if err != nil {
			t.Fatalf("cut at %d: %v", n, err)
		}
		part := whole[:n][strings.LastIndexByte(string(whole[:n]), '\n')+1:]
		if told := strings.Contains(strings.Join(l.Notes, ""), "has no end"); told != (len(part) > 0) {
			t.Errorf("cut at %d: %d bytes of a line are left, notes %q", n, len(part), l.Notes)
		}
		f.Abandon()
		unseen := func(note string) bool { return strings.HasPrefix(note, "the newest measurements are not in it") }
		if l := mustLoad(t, path); len(slices.DeleteFunc(l.Notes, unseen)) > 0 {
			t.Fatalf("cut at %d and gone on with: %q", n, l.Notes)
		}
	}
}

// A flipped bit anywhere is told, costs little, and is never taken for an answer.
func TestFlippedBits(t *testing.T) {
	s := begin(t, t.TempDir())
	script(s)
	s.close()
	whole := read(t, s.file.Path())
	said := map[string]bool{"": true, "since noon\nor later <\x1b[2J>": true, "typed": true}
	path := filepath.Join(t.TempDir(), "flipped.case")
	for n := 0; n < len(whole); n += max(1, len(whole)/250) {
		flipped := []byte(string(whole))
		flipped[n] ^= 1 << (n % 8)
		if err := os.WriteFile(path, flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Load(path, mustBook(t))
		if err != nil {
			t.Fatalf("bit in byte %d: %v", n, err)
		}
		if len(l.Notes) == 0 {
			t.Errorf("bit in byte %d of %q: nothing is told", n, lineAt(whole, n))
		}
		for q, a := range l.Case.Answers {
			if !said[a.Note] {
				t.Errorf("bit in byte %d: %s was answered %+v, which nobody said", n, q, a)
			}
		}
	}
}

func lineAt(data []byte, n int) string {
	from := strings.LastIndexByte(string(data[:n]), '\n') + 1
	return string(data[from:min(len(data), from+60)])
}

// One whydrop at a time writes a case; others are told who has it, and may look.
func TestOneWriter(t *testing.T) {
	s := begin(t, t.TempDir())
	s.answer("Q1a", "mine")
	_, _, err := Resume(s.file.Path(), mustBook(t), header())
	var busy *InUseError
	if !errors.As(err, &busy) || busy.PID != os.Getpid() {
		t.Errorf("a second writer: %v", err)
	}
	if l := mustLoad(t, s.file.Path()); l.Case.Answers["Q1a"].Note != "mine" {
		t.Errorf("a reader sees %v", l.Case.Answers)
	}
	if err := Remove(s.file.Path()); !errors.As(err, &busy) {
		t.Errorf("removing it: %v", err)
	}
	if got := Summarize(s.file.Path()); got.PID != os.Getpid() || got.Notes != 1 {
		t.Errorf("summary %+v", got)
	}
	s.close()
	if got := Summarize(s.file.Path()); got.PID != 0 || got.Wrong != "" {
		t.Errorf("summary afterwards %+v", got)
	}
	if err := Remove(s.file.Path()); err != nil {
		t.Error(err)
	}
}

// Files that are no case, or not for us, are told by what they are.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	whole := write("whole.case", string(appendLine(nil, 1, beginKind, line(beginKind, Header{Schema: Schema, Host: "vm"}).data)))
	link := filepath.Join(dir, "link.case")
	fifo := filepath.Join(dir, "fifo.case")
	foreign := write("foreign.case", string(read(t, whole)))
	if err := errors.Join(os.Symlink(whole, link), unix.Mkfifo(fifo, 0o600)); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, path string
		want       error
	}{
		{"text", write("text.case", "Q1a: one-application\n"), ErrNoCase},
		{"nothing", write("nothing.case", ""), ErrNoCase},
		{"zeros", write("zeros.case", strings.Repeat("\x00", 100000)), ErrNoCase},
		{"newer", write("newer.case", string(appendLine(nil, 1, beginKind, []byte(`{"schema":"whydrop.case/2","whydrop":"9"}`)))), ErrNewer},
		{"of a huge number", write("huge.case", string(appendLine(nil, 1, beginKind, []byte(`{"schema":"whydrop.case/99999999999999999999"}`)))), ErrNewer},
		{"older than the first", write("older.case", string(appendLine(nil, 1, beginKind, []byte(`{"schema":"whydrop.case/0","whydrop":"9"}`)))), ErrFormat},
		{"of a number that is none", write("odd.case", string(appendLine(nil, 1, beginKind, []byte(`{"schema":"whydrop.case/1.1"}`)))), ErrFormat},
		{"symbolic link", link, ErrNoFile},
		{"named pipe", fifo, ErrNoFile},
		{"directory", dir, ErrNoFile},
		{"of another user", foreign, ErrForeign},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.path == foreign {
				if err := os.Chown(foreign, 12345, -1); err != nil {
					t.Skip("needs root to make a file of another user")
				}
			}
			before, _ := os.ReadFile(whole)
			f, _, err := Resume(tt.path, mustBook(t), header())
			if f != nil {
				f.Abandon()
			}
			if !errors.Is(err, tt.want) && !(tt.path == dir && err != nil) {
				t.Errorf("resumed: %v, want %v", err, tt.want)
			}
			if s := Summarize(tt.path); s.Wrong == "" {
				t.Errorf("listed as %+v", s)
			}
			if after, _ := os.ReadFile(whole); string(after) != string(before) {
				t.Error("another file was written")
			}
		})
	}
}

// Cases are found by the beginning of their name; the newest by none; in a directory
// that is shared, those of others and links are not there.
func TestFind(t *testing.T) {
	dir, shared := Directory{Dir: t.TempDir()}, Directory{Dir: t.TempDir(), Prefix: "whydrop-"}
	write := func(d Directory, name string, age time.Duration) string {
		path := filepath.Join(d.Dir, name)
		data := appendLine(nil, 1, beginKind, line(beginKind, Header{Schema: Schema, Host: "vm"}).data)
		if err := errors.Join(os.WriteFile(path, data, 0o600), os.Chtimes(path, began, began.Add(-age))); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a, b := write(dir, "20260501-030000-vm.case", time.Hour), write(dir, "20260501-040000-vm.case", time.Minute)
	c := write(shared, "whydrop-20260501-050000-vm.case", 2*time.Hour)
	odd := write(dir, "od\x1bd\xff.case", time.Hour)
	write(dir, "notes.txt", 0)
	if err := os.Symlink(a, filepath.Join(shared.Dir, "whydrop-link.case")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, want, err string }{
		{"", b, ""}, {"20260501-03", a, ""}, {"20260501-030000-vm", a, ""}, {"whydrop-2026", c, ""},
		{"2026", "", "begins the names of 2 cases: 20260501-030000-vm, 20260501-040000-vm"},
		{"1999", "", "there is no case 1999: expected 20260501-030000-vm, "}, {"whydrop-link", "", "there is no case"},
		{a, a, ""}, {"./x.case", "./x.case", ""}, {content.Show("od\x1bd\xff"), odd, ""}, // as it is listed
	} {
		got, err := Find(tt.name, dir, shared)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q finds %q, %v", tt.name, got, err)
		}
	}
	all, err := List(dir, shared, Directory{Dir: filepath.Join(dir.Dir, "none")})
	if err != nil || len(all) != 4 || all[0].Path != b || all[3].Path != c {
		t.Errorf("listed %+v, %v", all, err)
	}
	if _, err := Find("", Directory{Dir: t.TempDir()}); err == nil {
		t.Error("the newest of none is found")
	}
}

// A file that is far too long is read as far as a case may go, and not written.
func TestHugeFile(t *testing.T) {
	s := begin(t, t.TempDir())
	s.answer("Q1a", "there")
	s.close()
	if err := os.Truncate(s.file.Path(), 2<<30); err != nil {
		t.Skip(err)
	}
	start := time.Now()
	l := mustLoad(t, s.file.Path())
	if l.Case.Answers["Q1a"].Note != "there" || !l.beyond || !strings.Contains(strings.Join(l.Notes, ""), "only the first") {
		t.Errorf("answers %v, notes %q", l.Case.Answers, l.Notes)
	}
	if _, _, err := Resume(s.file.Path(), mustBook(t), header()); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("resumed: %v", err)
	}
	t.Logf("read in %v", time.Since(start))
}

// What the content does not know any more is told, and stays in the file.
func TestContentThatChanged(t *testing.T) {
	s := begin(t, t.TempDir())
	s.answer("Q1a", "kept", "one-application")
	s.close()
	data := read(t, s.file.Path())
	n := uint64(strings.Count(string(data), "\n"))
	for i, more := range []string{
		`{"question":"Q99z","options":["gone"],"note":"by hand"}`,
		`{"question":"Q1a","options":["one-application","gone"],"note":"kept"}`,
	} {
		data = appendLine(data, n+uint64(i)+1, answerKind, []byte(more))
	}
	data = appendLine(data, n+3, "later", []byte(`{}`))
	if err := os.WriteFile(s.file.Path(), data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, l, err := Resume(s.file.Path(), mustBook(t), header())
	if err != nil {
		t.Fatal(err)
	}
	f.Abandon()
	if a := l.Case.Answers["Q1a"]; a.Note != "kept" || len(a.Options) != 1 {
		t.Errorf("answer %+v", a)
	}
	told := strings.Join(l.Notes, "\n")
	for _, want := range []string{"Q99z was answered (gone by hand)", `Q1a was answered "gone"`, "does not know: later"} {
		if !strings.Contains(told, want) {
			t.Errorf("notes %q, want %q", told, want)
		}
	}
	if after := read(t, s.file.Path()); !strings.HasPrefix(string(after), string(data)) {
		t.Error("what was in the file is not there any more")
	}
}

func FuzzLoad(f *testing.F) {
	s := begin(f, f.TempDir())
	s.answer("Q1a", "since noon", "one-application")
	s.now.Case.Track.Mark(began, "load test")
	s.now.Tried = &Tried{began, "10.0.0.1:443", "it answers"}
	s.observe(1, 0)
	s.close()
	f.Add(read(f, s.file.Path()))
	f.Add([]byte("00000000 1 begin {}\n"))
	b := mustBook(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "x.case")
		// Give each line its checksum: what is behind it is to be read too.
		var out []byte
		for i, text := range strings.Split(string(data), "\n") {
			if kind, rest, ok := strings.Cut(text, " {"); ok && len(kind) > 11 {
				word := kind[strings.LastIndexByte(kind, ' ')+1:]
				out = appendLine(out, uint64(i+1), word, []byte("{"+rest))
			} else {
				out = append(append(out, text...), '\n')
			}
		}
		if err := os.WriteFile(path, out, 0o600); err != nil {
			t.Fatal(err)
		}
		if l, err := Load(path, b); err == nil && l.Case.Facts != nil {
			_ = l.Case.Diagnose()
		}
		Summarize(path)
	})
}
