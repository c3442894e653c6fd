package casefile

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Where the first line is damaged, the case tells what else is there of its beginning;
// lines that are not there are told in the list too. A note alone is no answer.
func TestBeginningDamaged(t *testing.T) {
	s := begin(t, t.TempDir())
	s.answer("Q1a", "", "one-application")
	s.answer("Q1b", "since noon")
	s.observe(1, 40)
	s.close()
	lines := strings.SplitAfter(string(read(t, s.file.Path())), "\n")
	for _, tt := range []struct {
		name             string
		cut              func() []string
		damaged, missing int
		note             string
	}{
		{"damaged", func() []string { return append([]string{"x" + lines[0]}, lines[1:]...) }, 1, 0, "its beginning is damaged: it began before what is told first"},
		{"cut off", func() []string { return lines[1:] }, 0, 1, "its beginning is damaged: it began before what is told first"},
		{"two of the middle", func() []string { return append([]string{lines[0], lines[1]}, lines[4:]...) }, 0, 2, "2 lines missing"},
	} {
		path := filepath.Join(t.TempDir(), "x.case")
		if err := os.WriteFile(path, []byte(strings.Join(tt.cut(), "")), 0o600); err != nil {
			t.Fatal(err)
		}
		got := Summarize(path)
		if got.Damaged != tt.damaged || got.Missing != tt.missing || !got.Started.Equal(began) || got.Answers != 1 {
			t.Errorf("%s: listed as %+v", tt.name, got)
		}
		l := mustLoad(t, path)
		if !l.Case.Started.Equal(began) || !strings.Contains(strings.Join(l.Notes, "; "), tt.note) {
			t.Errorf("%s: began %v, notes %q", tt.name, l.Case.Started, l.Notes)
		}
		if f, _, err := Resume(path, mustBook(t), Header{Host: "laptop", Started: began, Recorded: true}); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		} else {
			f.Abandon()
		}
		if of, err := HeaderOf(path); err != nil || of.Host == "laptop" {
			t.Errorf("%s: looked at on a laptop, it is of the host %q, %v", tt.name, of.Host, err)
		}
		if tt.missing < 2 && (got.Notes != 1 || l.Header.Host != "db1.example") {
			t.Errorf("%s: listed as %+v, of the host %q", tt.name, got, l.Header.Host)
		}
	}
}

// bombs is a case whose few bytes of observations hold a great deal.
func bombs(t *testing.T, groups int, write func(group int, w io.Writer)) string {
	t.Helper()
	data := appendLine(nil, 1, beginKind, line(beginKind, Header{Schema: Schema, Host: "vm", Started: began}).data)
	data = appendLine(data, 2, answerKind, line(answerKind, answerLine{Question: "Q1a", Note: "there", At: began}).data)
	for g := range groups {
		var packed bytes.Buffer
		w, err := flate.NewWriter(&packed, flate.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		write(g, w)
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		seen := seenLine{At: began, Key: true, Data: packed.Bytes()}
		data = appendLine(data, uint64(g)+3, seenKind, line(seenKind, seen).data)
	}
	path := filepath.Join(t.TempDir(), "bomb.case")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A small file that unpacks to a great deal is left before it is held, and the answers in
// it are there.
func TestBombs(t *testing.T) {
	zeros := make([]byte, 1<<20)
	for name, path := range map[string]string{
		"no line at all": bombs(t, 20, func(_ int, w io.Writer) {
			for range 64 {
				_, _ = w.Write(zeros)
			}
		}),
		"numbers without end": bombs(t, 60, func(g int, w io.Writer) {
			fmt.Fprint(w, `{"key":true,"start":"2026-05-01T03:00:00Z","seconds":15,"values":{"a":[1]`)
			for n := range 20_000 {
				fmt.Fprintf(w, `,"n%d.%d":[%d]`, g, n, n)
			}
			fmt.Fprint(w, "}}\n")
		}),
	} {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		l := mustLoad(t, path)
		runtime.GC()
		runtime.ReadMemStats(&after)
		if l.Case.Answers["Q1a"].Note != "there" {
			t.Errorf("%s: answers %v", name, l.Case.Answers)
		}
		if held := int64(after.HeapAlloc) - int64(before.HeapAlloc); held > 64<<20 {
			t.Errorf("%s: %d MiB are held", name, held>>20)
		}
		runtime.KeepAlive(l)
	}
}

// harmed is a file with one to four pieces of it missing, there twice, moved or
// overwritten.
func harmed(random *rand.Rand, whole []byte) []byte {
	data := bytes.Clone(whole)
	for range 1 + random.IntN(4) {
		at := random.IntN(max(1, len(data)))
		end := min(len(data), at+1+random.IntN(200))
		switch random.IntN(6) {
		case 0:
			data = data[:at]
		case 1: // a piece is missing
			data = append(data[:at:at], data[end:]...)
		case 2: // a piece is there twice
			data = append(data[:end:end], data[at:]...)
		case 3: // a block of the disk was never written
			clear(data[at:end])
		case 4: // lines change places
			lines := bytes.SplitAfter(data, []byte("\n"))
			random.Shuffle(len(lines), func(i, k int) { lines[i], lines[k] = lines[k], lines[i] })
			data = bytes.Join(lines, nil)
		default:
			if at < len(data) {
				data[at] ^= 1 << random.IntN(8)
			}
		}
	}
	return data
}

// However a file is damaged, in several places and ways at once, it opens or says why
// not, and nobody's answer is in it that was not given.
func TestDamagedAnyhow(t *testing.T) {
	s := begin(t, t.TempDir())
	script(s)
	s.close()
	whole := read(t, s.file.Path())
	said := map[string]bool{"": true, "since noon\nor later <\x1b[2J>": true, "typed": true}
	random := rand.New(rand.NewPCG(3, 3))
	path := filepath.Join(t.TempDir(), "damaged.case")
	opened := 0
	for round := range 300 {
		data := harmed(random, whole)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		f, l, err := Resume(path, mustBook(t), header())
		if err != nil {
			if !errors.Is(err, ErrNoCase) {
				t.Fatalf("round %d: %v", round, err)
			}
			continue
		}
		opened++
		f.Abandon()
		for q, a := range l.Case.Answers {
			if !said[a.Note] {
				t.Fatalf("round %d: %s was answered %+v, which nobody said", round, q, a)
			}
		}
		if again := mustLoad(t, path); fmt.Sprint(again.Case.Answers) != fmt.Sprint(l.Case.Answers) || Summarize(path).Wrong != "" {
			t.Fatalf("round %d: answers %v, when it was gone on with %v", round, l.Case.Answers, again.Case.Answers)
		}
	}
	if opened < 100 {
		t.Errorf("%d of 300 files opened", opened)
	}
}
