package plain

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

var update = flag.Bool("update", false, "write the transcripts anew")

// book is loaded once; nothing changes it.
var book = sync.OnceValues(func() (*content.Book, error) { return content.Load("") })

// talk has a walkthrough on a host with an input, and returns what it wrote.
func talk(t testing.TB, h host, in io.Reader, change func(*Options)) (string, *checklist.Case, error) {
	t.Helper()
	b, err := book()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	o := Options{
		In: in, Out: &out,
		Open: func() (*checklist.Case, error) { return checklist.NewCase(b, began), nil },
		Watch: func(ctx context.Context, each func(*fact.Facts)) {
			if f := h(b.Facts); f != nil {
				each(f)
			}
			<-ctx.Done()
		},
		Export: func(*checklist.Case, *checklist.Diagnosis) (string, error) { return "/tmp/report.md", nil },
		now:    func() time.Time { return began.Add(15 * time.Second) },
	}
	if change != nil {
		change(&o)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := Run(ctx, o)
	if ctx.Err() != nil {
		t.Fatalf("did not end; wrote\n%s", out.String())
	}
	lines(t, out.String())
	return out.String(), c, err
}

// lines checks what holds of everything that is written.
func lines(t testing.TB, out string) {
	t.Helper()
	before := ""
	for _, l := range strings.Split(out, "\n") {
		whole := strings.HasSuffix(before, ":") && !strings.HasPrefix(l, " ") // a command or path is never broken
		if len(l) > width && !whole {
			t.Errorf("%d columns: %s", len(l), l)
		}
		if strings.TrimRight(l, " ") != l && !strings.HasSuffix(l, ": ") {
			t.Errorf("ends with spaces: %q", l)
		}
		for _, b := range []byte(l) {
			if b < ' ' || b > '~' {
				t.Fatalf("byte %#x in %q", b, l)
			}
		}
		before = l
	}
}

// TestTranscripts compares whole conversations. They hold real questions and
// causes: after a change of the content they are written anew with -update, and
// read.
func TestTranscripts(t *testing.T) {
	for name, h := range map[string]host{
		"fault": sickHost, "everything": sickHost, "healthy": quietHost, "nothing": sickHost, "mistakes": sickHost,
		"hostile": hostileHost, "unmeasured": unmeasured, "all-questions": sickHost, "look": sickHost,
	} {
		t.Run(name, func(t *testing.T) {
			if name == "unmeasured" && testing.Short() {
				t.Skip("waits for measurements that don't come: skipped with -short")
			}
			in, err := os.ReadFile(filepath.Join("testdata", name+".in"))
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := talk(t, h, bytes.NewReader(in), nil)
			if err != nil {
				t.Fatal(err)
			}
			isKept(t, name+".out", got)
		})
	}
}

// isKept compares what was written with what is kept of it in testdata.
func isKept(t *testing.T, file, got string) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("said\n%s\nwant\n%s", got, want)
	}
}

func TestAnswersAreKept(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"numbers", "1 3\n", "Q1a 1 3"},
		{"commas, twice the same, carriage return", "3,1,,3\r\n", "Q1a 3 1"},
		{"an option's id", "one-application", "Q1a 1"},
		{"don't know, and a note that stays", "n since noon\nd\n", "Q1a d: since noon"},
		{"two notes", "n since noon\nNOTE only at night\n", "Q1a: since noon; only at night"},
		{"a note taken away", "n since noon\nn -\n", ""},
		{"an answer taken back", "1\nb\n0\n", ""},
		{"changed later", "1\nq Q1a\n2\n", "Q1a 2"},
		{"left open", "\n\n3\n", "Q2a 3"},
		{"letters beyond ASCII stay", "n nur in Köln\n", "Q1a: nur in Köln"},
		{"cut off in the middle of a line", "1\nn half a no", "Q1a 1, Q1b: half a no"},
		{"a byte order mark", "\ufeff1\n", "Q1a 1"},
		{"wrong ones", "99\n1 x\n-1\n1.5\n", ""},
		{"behind the last question", "g 20\n\n1\nn lost?\nd\n0\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, c, err := talk(t, sickHost, strings.NewReader(tt.in), nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := answered(c); got != tt.want {
				t.Errorf("answers are %q, want %q", got, tt.want)
			}
		})
	}
}

// answered tells the answers of a case by their numbers.
func answered(c *checklist.Case) string {
	var all []string
	for _, q := range c.Book.Questions() {
		a, ok := c.Answers[q.ID]
		if !ok {
			continue
		}
		text := q.ID
		for _, id := range a.Options {
			if id == content.DontKnow {
				text += " d"
			}
			for i, o := range q.Options {
				if o.ID == id {
					text += " " + strconv.Itoa(i+1)
				}
			}
		}
		if a.Note != "" {
			text += ": " + a.Note
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

// The input may end anywhere: in every state the end is told and nothing is lost.
func TestEndOfInputAtEveryPrompt(t *testing.T) {
	all := strings.SplitAfter("1\nn a note\nx\nf\nc\nc 1\nt\nj\nw\np\ne queue\nr\n?\ns\n"+strings.Repeat("1\n", 20)+"\nb\n2\n", "\n")
	for n := range all {
		in := strings.Join(all[:n], "")
		out, c, err := talk(t, sickHost, strings.NewReader(in), nil)
		if err != nil {
			t.Fatalf("after %q: %v", in, err)
		}
		if !strings.HasSuffix(out, "\n") || strings.Count(out, "Diagnosis. ") < 1 {
			t.Errorf("after %q it ends with %q", in, out[max(0, len(out)-200):])
		}
		if n > 0 && !c.Answers["Q1a"].Given() {
			t.Errorf("after %q the answers are %v", in, c.Answers)
		}
	}
}

// person types at a walkthrough that goes on meanwhile.
type person struct {
	t      *testing.T
	typing *io.PipeWriter
	hosts  chan host
	mu     sync.Mutex
	out    bytes.Buffer
	done   chan error
	kase   *checklist.Case // once done
}

func (p *person) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *person) seen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// sit begins a walkthrough on a host.
func sit(t *testing.T, ctx context.Context, h host, change func(*Options)) *person {
	t.Helper()
	b, err := book()
	if err != nil {
		t.Fatal(err)
	}
	in, typing := io.Pipe()
	p := &person{t: t, typing: typing, hosts: make(chan host), done: make(chan error, 1)}
	o := Options{
		In: in, Out: p, Typed: true, Shown: true,
		Open: func() (*checklist.Case, error) { return checklist.NewCase(b, began), nil },
		Watch: func(ctx context.Context, each func(*fact.Facts)) {
			for {
				if f := h(b.Facts); f != nil {
					each(f)
				}
				select {
				case <-ctx.Done():
					return
				case h = <-p.hosts:
				}
			}
		},
		now: func() time.Time { return began },
	}
	if change != nil {
		change(&o)
	}
	go func() {
		var err error
		p.kase, err = Run(ctx, o)
		p.done <- err
	}()
	t.Cleanup(func() { typing.Close() })
	return p
}

func (p *person) types(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p.typing, text); err != nil {
		p.t.Error(err)
	}
}

// becomes gives the walkthrough new measurements, and the time to judge them.
func (p *person) becomes(h host) {
	p.hosts <- h
	time.Sleep(100 * time.Millisecond)
}

// hears waits until what was written ends with a text.
func (p *person) hears(text string) {
	p.t.Helper()
	for range 500 {
		if strings.HasSuffix(p.seen(), text) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.t.Fatalf("%q did not come; it wrote %s", text, p.seen())
}

// What changes while a question waits is told with the next prompt and not
// before, and the question stays.
func TestNewsWaitsForThePrompt(t *testing.T) {
	p := sit(t, context.Background(), quietHost, nil)
	p.hears("Q1a answer: ")
	p.types("half an ") // of a line
	p.becomes(sickHost)
	p.hears("Q1a answer: \a") // rings, once
	p.becomes(quietHost)
	p.becomes(sickHost)
	p.hears("Q1a answer: \a")
	p.types("answer\n")
	p.hears("Verdict, new since 03:00:00 UTC: FAULT. The accept queue of a listening\nsocket overflows (over 99 %).\nQ1a answer: ")
	p.becomes(quietHost)
	p.types("1\n")
	p.hears("Gone since 03:00:00 UTC: The accept queue of a listening socket\noverflows.\nVerdict: HEALTHY so far. Nothing lost packets in the last 15 s.\nQ1b answer: ")
	p.becomes(sickHost)
	p.hears("Q1b answer: \a")
	p.becomes(quietHost)
	p.types("n now\n")
	p.hears("Came and went, last at 03:00:00 UTC: The accept queue of a listening\nsocket overflows.\nQ1b answer: ")
	p.types("quit\n")
	if err := <-p.done; err != nil {
		t.Error(err)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func TestLongLinesAndGarbage(t *testing.T) {
	garbage := make([]byte, 4096)
	for i := range garbage {
		garbage[i] = byte(i*7 + i/256)
	}
	in := "n " + strings.Repeat("a", 100_000) + "\n" + strings.Repeat("1", 100_000) + "\n" + string(garbage) + "\n\x00\x00\n\x1b[A\n1\n"
	out, c, err := talk(t, sickHost, strings.NewReader(in), nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(c.Answers["Q1a"].Note); n != longestNote {
		t.Errorf("the note has %d characters", n)
	}
	if !strings.Contains(out, "Only the first 1000 characters are kept, 99000 bytes are not.") {
		t.Errorf("it is not said what is lost: %s", out)
	}
}

// A fault of whydrop, of the terminal or of the content ends the walkthrough with
// the answers.
func TestFaultsKeepTheAnswers(t *testing.T) {
	t.Run("the output goes away", func(t *testing.T) {
		gone := errors.New("broken pipe")
		written := 0
		_, c, err := talk(t, sickHost, strings.NewReader("1\n1\n1\n"), func(o *Options) {
			o.Out = writer(func(p []byte) (int, error) {
				if written++; written > 3 {
					return 0, gone
				}
				return len(p), nil
			})
		})
		if !errors.Is(err, gone) || c == nil || len(c.Answers) == 0 {
			t.Errorf("error %v, case %v", err, c)
		}
	})
	t.Run("measuring breaks off", func(t *testing.T) {
		p := sit(t, context.Background(), sickHost, nil)
		p.hears("Q1a answer: ")
		p.types("1\n")
		p.hears("Q1b answer: ")
		p.becomes(func(*content.Vocabulary) *fact.Facts { panic("oh") })
		if err := <-p.done; err == nil || !strings.Contains(err.Error(), "oh") || answered(p.kase) != "Q1a 1" {
			t.Errorf("error %v, answers %s", err, answered(p.kase))
		}
	})
	t.Run("the report breaks off", func(t *testing.T) {
		_, c, err := talk(t, sickHost, strings.NewReader("1\nr\n"), func(o *Options) {
			o.Export = func(*checklist.Case, *checklist.Diagnosis) (string, error) { panic("oh") }
		})
		if err == nil || !c.Answers["Q1a"].Given() {
			t.Errorf("error %v, case %v", err, c)
		}
	})
	t.Run("the report can't be written", func(t *testing.T) {
		out, _, err := talk(t, sickHost, strings.NewReader("r\n"), func(o *Options) {
			o.Export = func(*checklist.Case, *checklist.Diagnosis) (string, error) {
				return "", errors.New("no space left on device")
			}
		})
		if err != nil || !strings.Contains(out, "The report could not be written: no space left on device.") {
			t.Errorf("error %v, wrote %s", err, out)
		}
	})
	t.Run("no content", func(t *testing.T) {
		_, c, err := talk(t, sickHost, strings.NewReader(""), func(o *Options) {
			o.Open = func() (*checklist.Case, error) { return nil, errors.New("causes.yaml:3: oh") }
		})
		if err == nil || c != nil {
			t.Errorf("error %v, case %v", err, c)
		}
	})
}

// A signal ends it at any prompt, also before anything is measured.
func TestInterrupted(t *testing.T) {
	for _, h := range []host{sickHost, unmeasured} {
		ctx, interrupt := context.WithCancel(context.Background())
		p := sit(t, ctx, h, nil)
		want := ""
		if h(quietBook(t)) != nil {
			p.hears("Q1a answer: ")
			p.types("1\nn half of\nn a no")
			p.hears("Q1b: Note: half of.\nQ1b answer: ")
			want = "Q1a 1, Q1b: half of"
		}
		interrupt()
		if err := <-p.done; err != nil || answered(p.kase) != want || !strings.HasSuffix(p.seen(), "Interrupted.\n") {
			t.Errorf("error %v, answers %q, wrote %s", err, answered(p.kase), p.seen())
		}
	}
}

// An output that nobody reads must not keep it from ending.
func TestInterruptedWhileNobodyReads(t *testing.T) {
	ctx, interrupt := context.WithCancel(context.Background())
	stuck, begun := make(chan bool), make(chan bool)
	defer close(stuck)
	var once sync.Once
	p := sit(t, ctx, sickHost, func(o *Options) {
		out := o.Out
		o.Out = writer(func(b []byte) (int, error) {
			if bytes.Contains(b, []byte("Q1b answer")) {
				once.Do(func() { close(begun) })
				<-stuck
			}
			return out.Write(b)
		})
	})
	p.hears("Q1a answer: ")
	p.types("1\n")
	<-begun
	interrupt()
	if err := <-p.done; err != nil || answered(p.kase) != "Q1a 1" {
		t.Errorf("error %v, answers %q", err, answered(p.kase))
	}
}

func quietBook(t *testing.T) *content.Vocabulary {
	b, err := book()
	if err != nil {
		t.Fatal(err)
	}
	return b.Facts
}

// FuzzWalk types anything at all: it always ends, in lines of ASCII, and with
// answers that the case takes.
func FuzzWalk(f *testing.F) {
	for _, s := range []string{"1\n", "n \xff\n\n\nb\nb\nb\nb\n", "g 20\n1\n1\nr\nc 1\nw 1\np 1\n", "e .\nt\nj all\nq Q3b\n0\nn -\n", "\x1b[2J\r\r\n\x00", "pause\nv\nl\nc all\nc queue\nt tcp\nj ip\nw all\nw 5\ne listener p\n", "r show\ntry x\nm\nnext\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		_, c, err := talk(t, sickHost, bytes.NewReader(in), nil)
		if err != nil {
			t.Fatal(err)
		}
		data, err := c.AnswersYAML()
		if err != nil {
			t.Fatal(err)
		}
		if err := checklist.NewCase(c.Book, began).ReadAnswers("answers", data); err != nil {
			t.Errorf("after %q: %v", in, err)
		}
	})
}
