package plain

import (
	"context"
	"errors"
	"io"
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
