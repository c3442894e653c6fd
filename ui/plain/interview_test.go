package plain

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"whydrop/checklist/interview"
	"whydrop/content"
)

// queueScript is an interview about a host with a full accept queue, written once.
var queueScript = sync.OnceValues(func() (*interview.Interview, error) {
	book, err := content.LoadTraining("")
	if err != nil {
		return nil, err
	}
	rubric, err := book.Rubric("")
	if err != nil {
		return nil, err
	}
	return interview.New(book, rubric, book.Scenario("checkout-three-seconds"))
})

// interviewOn holds an interview on lines, and returns what was written and noted.
func interviewOn(t testing.TB, in string, fails error) (string, *interview.Interview) {
	t.Helper()
	script, err := queueScript()
	if err != nil {
		t.Fatal(err)
	}
	n := script.Anew()
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	n.Now = func() time.Time {
		now = now.Add(time.Second)
		return now
	}
	n.Keep = func(interview.Event) error { return fails }
	var out strings.Builder
	err = Interview(context.Background(), InterviewOptions{
		In: strings.NewReader(in), Out: &out, Interview: n,
		Write: func(*interview.Interview) (string, error) { return "/home/op/card.md", fails },
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), n
}

// TestInterviewLines holds an interview, some of it not understood, and compares all
// that is written.
func TestInterviewLines(t *testing.T) {
	got, n := interviewOn(t, strings.Join([]string{
		"what changed", "1", "Q1a", "q3b", "since when", "1", "Q2a", "zzzzqq", "99", "show Q9a", "r", "untick Q2a", "hint", "hint next",
		"settings", "1.shared", "n asks well", "name A. B.", "c accept", "1", "c healthy", "c listen.accept-queue-full", "page close", "hold", "hold",
		"level plan senior", "level plan wizard", "level", "write", "quit",
	}, "\n"), nil)
	isKept(t, "interview.golden", got)
	if v := n.Verdict(); v == nil || len(v.Causes) != 1 || n.Candidate() != "A. B." || n.Decided("plan") != "senior" || n.Has("question:Q2a") || !n.Has("item:1.shared") {
		t.Errorf("noted: %+v", n.Card())
	}
}

// TestInterviewHearsSpeech takes what begins like a command and is none for something
// that they said.
func TestInterviewHearsSpeech(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"show me ss -ltn", "1. sockets TCP sockets"},
		{"hold on, who is affected?", "1. Q1a"},
		{"page loads are slow for which users", "1. Q2a"},
		{"level of traffic, how many requests per second", "1. Q6a"},
		{"show 99", "Expected show and a number"},
		{"false alarm\n1", "They conclude: nothing is wrong on this host."},
		{"sysctl net.core.somaxconn\n1", "  net.core.somaxconn = 4096\n"},
	} {
		out, n := interviewOn(t, tt.in, nil)
		if !strings.Contains(out, tt.want) || n.Holding() {
			t.Errorf("%q, want %q:\n%s", tt.in, tt.want, out)
		}
	}
}

// TestInterviewUnticks takes back what was ticked, given or named by what was typed, by
// its number, title, kind or section.
func TestInterviewUnticks(t *testing.T) {
	for _, tt := range []struct {
		in   string
		left []interview.Key // what is ticked in the end
	}{
		{"Q1a\nQ1b\nuntick Q1a", []interview.Key{"question:Q1b"}},
		{"since when\n1\nuntick 1", nil},
		{"since when\n1\nuntick since when", nil},
		{"Q1b\nuntick when did it start, and is it constant or does it come and go?", nil},
		{"raise somaxconn\n1\nuntick 1", nil},
		{"raise somaxconn\n1\nuntick raise somaxconn", nil},
		{"raise somaxconn\n1\nuntick plan", nil},
		{"raise somaxconn\n1\nuntick larger backlog", nil},
		{"Q1a\nQ1b\nuntick question\nuntick 2", []interview.Key{"question:Q1a"}},
		{"hint evidence\nuntick evidence", nil},
		{"hint evidence\nuntick hint", nil},
		{"hint evidence\nuntick What it shows", nil},
		{"hint gap\nhint gap\nuntick hint", []interview.Key{"hint:gap"}},
		{"c accept\n1\nuntick 1", nil},
		{"c accept\n1\nuntick accept queue", nil},
		{"c healthy\nuntick nothing wrong", nil},
		{"Q1a\nuntick zzzz", []interview.Key{"question:Q1a"}},
	} {
		out, n := interviewOn(t, tt.in, nil)
		var left []interview.Key
		for _, e := range n.Script("") {
			if e.Tickable() && n.Has(e.Key) && e.Key.Kind() != interview.Item {
				left = append(left, e.Key)
			}
		}
		if !slices.Equal(left, tt.left) || n.Verdict() != nil {
			t.Errorf("%q leaves %v, want %v:\n%s", tt.in, left, tt.left, out)
		}
	}
}

// TestInterviewNotesBelong files a note under what was told last, under nothing where that
// was a list or the name.
func TestInterviewNotesBelong(t *testing.T) {
	for _, tt := range []struct {
		before string
		about  interview.Key
	}{
		{"Q1a", "question:Q1a"},
		{"Q1a\nc accept", "section:conclusion"},
		{"Q1a\nc accept\n1", "section:conclusion"},
		{"Q1a\nc healthy", "section:conclusion"},
		{"Q1a\nhint gap", "hint:gap"},
		{"Q1a\nname A. B.", ""},
		{"Q1a\nwhat changed", ""},
		{"Q1a\npage close", ""},
		{"Q1a\nlevel plan senior", "section:plan"},
	} {
		_, n := interviewOn(t, tt.before+"\nn she was calm", nil)
		if notes := n.Notes(); len(notes) != 1 || notes[0].About != tt.about {
			t.Errorf("after %q: %+v, want it about %q", tt.before, notes, tt.about)
		}
	}
}

// TestInterviewHalfNote keeps a note that was half typed on the screen.
func TestInterviewHalfNote(t *testing.T) {
	script, err := queueScript()
	if err != nil {
		t.Fatal(err)
	}
	n := script.Anew()
	if err := errors.Join(n.Begin(), n.Draft("question:Q1b", "asks w")); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	err = Interview(context.Background(), InterviewOptions{In: strings.NewReader("n another\ndraft\ndraft\n"), Out: &out, Interview: n})
	if err != nil {
		t.Fatal(err)
	}
	if notes := n.Notes(); len(notes) != 2 || notes[1].Text != "asks w" || notes[1].About != "question:Q1b" || !strings.Contains(out.String(), "half typed, about: When did it start") {
		t.Errorf("the notes are %+v:\n%s", notes, out.String())
	}
}

// TestInterviewInputEnds ends the input at any place: what was noted is noted.
func TestInterviewInputEnds(t *testing.T) {
	for _, in := range []string{"", "Q1a", "Q1a\nc accept\n", "what changed\n"} {
		out, n := interviewOn(t, in, nil)
		if !strings.HasSuffix(out, "goes on.\n") || n.Has("question:Q1a") != strings.HasPrefix(in, "Q1a") {
			t.Errorf("%q: written:\n%s", in, out)
		}
	}
}

// TestInterviewUnkept tells that the disk takes nothing, and goes on.
func TestInterviewUnkept(t *testing.T) {
	out, n := interviewOn(t, "Q1a\nwrite\n", errors.New("no space left on device"))
	if !strings.Contains(strings.Join(strings.Fields(out), " "), "not on disk: no space left") || !strings.Contains(out, "was not written") || !n.Has("question:Q1a") {
		t.Errorf("written:\n%s", out)
	}
}

// TestInterviewAstray ends where the same line comes again and again.
func TestInterviewAstray(t *testing.T) {
	script, err := queueScript()
	if err != nil {
		t.Fatal(err)
	}
	err = Interview(context.Background(), InterviewOptions{In: strings.NewReader(strings.Repeat("\x1b[A\x00y\n", 500)), Out: io.Discard, Interview: script.Anew()})
	if err == nil || !strings.Contains(err.Error(), "again and again") {
		t.Errorf("error %v", err)
	}
}

// FuzzInterview types anything: nothing breaks, and all that is written is ASCII.
func FuzzInterview(f *testing.F) {
	f.Add("what changed\n1\nc accept\n1\n1\nc -\nlevel x y\nhint \nshow 1 all\npage measure\n3\n")
	f.Add("n \x1b[31m\x00\nname \xff\n-1\n99999999999999999999\nuntick probe:counters\nstory:truth\nitem:1.who\n\n?\n")
	f.Fuzz(func(t *testing.T, in string) {
		if strings.Contains(in, "write") {
			return
		}
		script, err := queueScript()
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		n := script.Anew()
		_ = Interview(context.Background(), InterviewOptions{In: strings.NewReader(in), Out: &out, Interview: n})
		if strings.ContainsFunc(out.String(), func(r rune) bool { return r < ' ' && r != '\n' || r > '~' }) {
			t.Errorf("written: %q", out.String())
		}
		if card := n.Scorecard(); strings.ContainsFunc(card, func(r rune) bool { return r < ' ' && r != '\n' }) {
			t.Errorf("card: %q", card)
		}
	})
}
