package plain

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/creack/pty"

	"whydrop/checklist"
	"whydrop/probes/fact"
)

// An input that will never end does not fill a disk, and one that breaks off says
// why; the answers of before count, and the diagnosis follows.
func TestInputThatGoesAstray(t *testing.T) {
	broken := errors.New("is a directory")
	tests := []struct {
		name string
		in   io.Reader
		want string
	}{
		{"the same line for ever", io.MultiReader(strings.NewReader("1\n"), endlessly("\n")), "the same line again and again"},
		{"the same mistake for ever", io.MultiReader(strings.NewReader("1\n"), endlessly("y\n")), "the same line again and again"},
		{"nothing but mistakes", strings.NewReader("1\n" + strings.Repeat("x\ny\n", 60)), "100 lines in a row were not understood"},
		{"a line without an end", io.MultiReader(strings.NewReader("1\n"), endlessly("0")), "a line without an end"},
		{"can't be read", io.MultiReader(strings.NewReader("1\n"), iotest.ErrReader(broken)), broken.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, c, err := talk(t, sickHost, tt.in, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the error is %v, want %q", err, tt.want)
			}
			if strings.Count(out, "\nDiagnosis. ") != 1 || !strings.Contains(out, "The input is taken as ended: "+tt.want) || !strings.HasPrefix(answered(c), "Q1a 1") {
				t.Errorf("answers %s, wrote %s", answered(c), out[max(0, len(out)-500):])
			}
		})
	}
	t.Run("twenty times Enter is an answer", func(t *testing.T) {
		if _, _, err := talk(t, sickHost, strings.NewReader(strings.Repeat("\n", 60)), nil); err != nil {
			t.Error(err)
		}
	})
}

// endlessly repeats a text for ever.
func endlessly(text string) io.Reader {
	chunk := strings.Repeat(text, 64<<10/len(text))
	return reader(func(p []byte) (int, error) { return copy(p, chunk[:min(len(p), len(chunk))/len(text)*len(text)]), nil })
}

type reader func([]byte) (int, error)

func (r reader) Read(p []byte) (int, error) { return r(p) }

func TestLettersOfLatin1(t *testing.T) {
	_, c, err := talk(t, sickHost, strings.NewReader("n nur in K\xf6ln\n"), nil)
	if err != nil || answered(c) != "Q1a: nur in K\u00f6ln" {
		t.Errorf("error %v, answers %s", err, answered(c))
	}
}

// While it is paused nothing moves; what came meanwhile is there when it goes on.
func TestPause(t *testing.T) {
	p := sit(t, context.Background(), quietHost, nil)
	p.hears("Q1a answer: ")
	p.types("pause\n")
	p.hears("Q1a answer (paused): ")
	p.becomes(sickHost)
	p.types("v\n")
	p.hears("Verdict: PAUSED. HEALTHY so far. Nothing lost packets in the last 15 s.\nQ1a answer (paused): ")
	p.types("pause\n")
	p.hears("Measuring goes on.\nVerdict, new since 03:00:00 UTC: FAULT. The accept queue of a listening\nsocket overflows (over 99 %).\nQ1a answer: ")
}

// A destination is tried only when that is asked for, and counts for a minute.
func TestTry(t *testing.T) {
	b, err := book()
	if err != nil {
		t.Fatal(err)
	}
	var tried []string
	at := began
	outcome := func() (*fact.Facts, error) {
		f := fact.New(at, 4)
		f.Gauge("target.refused", 3)
		f.Probes = []fact.Status{{Name: "target", Status: "ok"}}
		return f, nil
	}
	try := func(_ context.Context, destination string) (*fact.Facts, error) {
		tried = append(tried, destination)
		switch destination {
		case "nonsense":
			return nil, errors.New("nonsense: missing port")
		case "skipped:1":
			f := fact.New(at, 4)
			f.Probes = []fact.Status{{Name: "target", Status: "skipped", Why: "target: no such host"}}
			return f, nil
		}
		return outcome()
	}
	out, _, err := talk(t, sickHost, strings.NewReader("1\n2\ntry nonsense\ntry skipped:1\ntry 192.0.2.7:443\n"), func(o *Options) { o.Try = try })
	if err != nil || strings.Join(tried, " ") != "nonsense skipped:1 192.0.2.7:443" {
		t.Errorf("error %v, tried %v", err, tried)
	}
	for _, text := range []string{
		"sends nothing but for the command try.", "Not tried: nonsense: missing port.", "Not tried: target: no such host.", "Tried. It counts for a minute",
	} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), text) {
			t.Errorf("%q is not in %s", text, out)
		}
	}
	s := &session{Options: Options{now: func() time.Time { return at }}}
	found, _ := outcome()
	s.tried = checklist.NewTried(found, at)
	host := sickHost(b.Facts)
	if with := s.tried.Beside(host, at); with.Values["target.refused"].Now != 3.0 {
		t.Errorf("the trial does not count: %v", with.Values["target.refused"])
	}
	if _, spoilt := host.Values["target.refused"]; spoilt {
		t.Error("the facts of before were changed")
	}
	at = at.Add(checklist.TriedCounts + time.Second)
	if with := s.tried.Beside(host, at); with != host {
		t.Error("the trial still counts")
	}
}

// Lines are as wide as the terminal, down to a limit, and never wider than reads
// well.
func TestColumns(t *testing.T) {
	master, slave, err := pty.Open()
	if err != nil {
		t.Skip("no pseudo-terminal: ", err)
	}
	defer master.Close()
	defer slave.Close()
	for have, want := range map[uint16]int{0: width, 1: narrowest, 40: 39, 73: width, 200: width} {
		if err := pty.Setsize(slave, &pty.Winsize{Rows: 24, Cols: have}); err != nil {
			t.Fatal(err)
		}
		if got := columns(slave); got != want {
			t.Errorf("a terminal of %d columns gets lines of %d, want %d", have, got, want)
		}
	}
	if got := columns(io.Discard); got != width {
		t.Errorf("no terminal gets lines of %d", got)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if got := columns(null); got != width {
		t.Errorf("a file gets lines of %d", got)
	}
	for _, w := range []int{narrowest, 39, width} {
		var out bytes.Buffer
		p := newPen(&out, w)
		p.item("  Against, moderate: ", strings.Repeat("some words (over 99 %) ", 20))
		_ = p.flush()
		for _, l := range strings.Split(out.String(), "\n") {
			if len(l) > w {
				t.Errorf("%d columns of %d: %s", len(l), w, l)
			}
		}
	}
}

func TestReportReadOut(t *testing.T) {
	tests := []struct{ row, want string }{
		{"| Host | db1 |", "Host/db1"},
		{"| --- | --- |", ""},
		{"| | |", ""},
		{"| `ip rule` | a \\| b | |", "ip rule/a | b"},
		{"| Listening socket | | 42 | **fault** | |", "Listening socket/-/42/fault"},
	}
	for _, tt := range tests {
		if got := strings.Join(cells(tt.row), "/"); got != tt.want {
			t.Errorf("cells(%q) = %q, want %q", tt.row, got, tt.want)
		}
	}
	if got := unmarked(`a \*b\* **c** \`); got != `a *b* c \` {
		t.Errorf("unmarked gives %q", got)
	}
}

// The whole report is read out without marks and columns.
func TestReportIsReadOut(t *testing.T) {
	out, _, err := talk(t, sickHost, strings.NewReader("n *since* `noon` | a #1\nr show\nquit\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, report, _ := strings.Cut(out, "r show\n")
	for _, text := range []string{"\nWhat was found:\n", "\n  Host: db1.\n", "*since*", "`noon` | a #1", "\nCommand:\nnstat -asz"} {
		if !strings.Contains(report, text) {
			t.Errorf("%q is not in %s", text, report)
		}
	}
	for _, l := range strings.Split(report, "\n") {
		if strings.HasPrefix(l, "|") || strings.HasPrefix(l, "#") || strings.HasPrefix(l, "```") || strings.Contains(l, "**") || strings.HasPrefix(strings.TrimSpace(l), "- ") {
			t.Errorf("a mark of markdown in %q", l)
		}
		if strings.Contains(l, "flowchart") || strings.Contains(l, "-->") {
			t.Errorf("a diagram is read out: %q", l)
		}
	}
}
