package plain

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"whydrop/checklist/train"
	"whydrop/content"
)

var trainingBook = sync.OnceValues(func() (*content.Book, error) { return content.LoadTraining("") })

// trainedOn holds a training session on lines, and returns what was written.
func trainedOn(t testing.TB, incident, in string, o TrainOptions) (string, *train.Session) {
	t.Helper()
	book, err := trainingBook()
	if err != nil {
		t.Fatal(err)
	}
	sc := book.Scenario(incident)
	host, err := train.Recorded(book, sc)
	if err != nil {
		t.Fatal(err)
	}
	s := train.New(book, sc, host)
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	s.Now = func() time.Time {
		now = now.Add(time.Second)
		return now
	}
	var out strings.Builder
	o.In, o.Out, o.Session, o.Book = strings.NewReader(in), &out, s, book
	if err := Train(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	return out.String(), s
}

const queueIncident = "checkout-three-seconds"

// queueFound are lines by which the accept queue is found; queuePlaced go on until cause
// and place are said.
var (
	queueFound  = []string{"Q4a", "m sockets", "h listen.accept-queue-full"}
	queuePlaced = append(slices.Clone(queueFound), "commit", "1", "", "4")
)

func typed(parts ...[]string) string { return strings.Join(slices.Concat(parts...), "\n") + "\n" }

// TestTrainLines holds a whole session, some of it not understood, and compares all that
// is written, without the numbers that follow any change of the content.
func TestTrainLines(t *testing.T) {
	got, _ := trainedOn(t, queueIncident, typed([]string{
		"?", "what changed", "1", "zzzzqq", "99", "m", "m links", "m links all", "hint", "maybe", "n", "hint", "y", "h none", "h -1",
		"n odd queue", "log", "means listener.queue",
	}, queueFound, []string{
		"commit", "back", "commit", "1", "", "", "99", "listen", "yep", "n", "commit", "1", "", "4", "y", "1,99", "back", "5",
		"the accept queue is full", "connections wait in it", "lorem ipsum", "", "2", "the accept queue of orders-api is full", "no", "y",
		"1,99", "1, 2", "1,2", "y",
	}), TrainOptions{})
	got = regexp.MustCompile(`\d+(\.\d+)?( bits| %)`).ReplaceAllString(got, "N$2")
	isKept(t, "train.golden", got)
}

// TestTrainNothingFinalUnasked takes an empty line for no place and no yes.
func TestTrainNothingFinalUnasked(t *testing.T) {
	for _, tt := range []struct {
		name         string
		in           []string
		named, ended bool
	}{
		{"no place", append(slices.Clone(queueFound), "commit", "1", "", "", "", ""), false, false},
		{"no yes", append(slices.Clone(queuePlaced), "", "yep", "1"), false, false},
		{"no", append(slices.Clone(queuePlaced), "n"), false, false},
		{"back", append(slices.Clone(queuePlaced), "back"), false, false},
		{"healthy, no yes", []string{"commit", "none"}, false, false},
		{"healthy", []string{"commit", "none", "y"}, true, false},
		{"no plan yet", append(slices.Clone(queuePlaced), "y"), true, false},
		{"not handed in", append(slices.Clone(queuePlaced), "y", "1", "a", "b", "c", "d", "", "n", "9"), true, false},
		{"left while writing", append(slices.Clone(queuePlaced), "y", "1", "a", "Quit", "c", "d", "e", "y"), true, false},
		{"left at the end", append(slices.Clone(queuePlaced), "y", "1", "a", "b", "c", "d", "quit", "y"), true, false},
		{"handed in", append(slices.Clone(queuePlaced), "y", "1", "a", "b", "c", "d", "y"), true, true},
	} {
		out, s := trainedOn(t, queueIncident, typed(tt.in), TrainOptions{})
		if (s.Named() != nil) != tt.named || (s.Concluded() != nil) != tt.ended {
			t.Errorf("%s: named %v, concluded %v:\n%s", tt.name, s.Named(), s.Concluded(), out)
		}
	}
}

// TestTrainPartAnew gives a part of the plan anew before it is handed in.
func TestTrainPartAnew(t *testing.T) {
	_, s := trainedOn(t, queueIncident, typed(queuePlaced, []string{"y", "1,2", "a", "b", "c", "d", "1", "3", "4", "changed", "y"}), TrainOptions{})
	c := s.Concluded()
	if c == nil || !slices.Equal(c.Steps, []string{s.Menu()[2].ID}) || c.Explanation != "a" || c.Rollback != "changed" {
		t.Errorf("the conclusion is %+v", c)
	}
}

// TestTrainHealthyWords takes the words in which people say that nothing is wrong, as a
// hypothesis and as the conclusion.
func TestTrainHealthyWords(t *testing.T) {
	for _, words := range []string{"healthy", "none", "nothing is wrong", "nothing wrong"} {
		_, s := trainedOn(t, "red-tile", typed([]string{"h " + words, "commit", words, "y"}), TrainOptions{})
		if got := s.Suspects(); !slices.Equal(got, []string{train.NothingWrong}) || s.Named() == nil || !s.Named().Healthy {
			t.Errorf("%q: suspected %v, concluded %+v", words, got, s.Named())
		}
	}
	_, s := trainedOn(t, queueIncident, typed([]string{"commit", "listen.accept-queue-full", "none", "", "4", "y"}), TrainOptions{})
	if c := s.Named(); c == nil || c.Healthy || len(c.Causes) != 1 {
		t.Errorf("a cause and none: %+v", c)
	}
}

// TestTrainReviews tells the best step of each moment, and no heading with nothing under
// it; what is marked as the candidate's judgement was asked.
func TestTrainReviews(t *testing.T) {
	healthy := []string{"commit", "none", "y", "", "", "", "", "", "y"}
	for _, tt := range []struct {
		name, incident string
		in             []string
		steps          int
	}{
		{"fault", queueIncident, append(slices.Clone(queuePlaced), "y", "1", "", "", "", "", "y"), 2},
		{"healthy", "red-tile", append([]string{"Q1a", "m counters", "m sockets"}, healthy...), 3},
		{"nothing looked at", "red-tile", healthy, 0},
	} {
		out, _ := trainedOn(t, tt.incident, typed(tt.in), TrainOptions{})
		if n := strings.Count(strings.Join(strings.Fields(out), " "), "Best then: "); n != tt.steps {
			t.Errorf("%s: the best step is told %d times, %d steps were taken", tt.name, n, tt.steps)
		}
		if strings.Contains(out, "your own judgement") {
			t.Errorf("%s: nothing was said, and it is marked as judged:\n%s", tt.name, out)
		}
		if empty := regexp.MustCompile(`(?m)^[^\n]*:\n(\n|\z)`).FindString(out); empty != "" {
			t.Errorf("%s: nothing stands under %q", tt.name, empty)
		}
	}
}

// TestTrainLeft says truly whether there is something to go on with.
func TestTrainLeft(t *testing.T) {
	for kept, says := range map[bool]string{true: "The session is kept; whydrop train --resume", false: "There is nothing of it to go on with"} {
		out, _ := trainedOn(t, queueIncident, "Q1a\nquit\n", TrainOptions{Kept: func() bool { return kept }})
		if !strings.Contains(out, says) {
			t.Errorf("kept is %v:\n%s", kept, out)
		}
	}
}

// TestTrainAstray ends where the same line comes again and again, at any prompt.
func TestTrainAstray(t *testing.T) {
	for _, in := range [][]string{nil, {"hint"}, {"commit"}, queuePlaced, append(slices.Clone(queuePlaced), "y"), append(slices.Clone(queuePlaced), "y", "1", "a", "b", "c", "d")} {
		out, s := trainedOn(t, queueIncident, typed(in)+strings.Repeat("xyzzy\n", 1000), TrainOptions{})
		if s.Concluded() != nil || !strings.Contains(out, "taken as ended") || strings.Count(out, "xyzzy") > 250 {
			t.Errorf("after %v: %d lines were read", in, strings.Count(out, "xyzzy"))
		}
	}
}

// TestTrainCutLine tells what it leaves out of a line that is too long.
func TestTrainCutLine(t *testing.T) {
	out, s := trainedOn(t, queueIncident, "n "+strings.Repeat("x", longestLine+8)+"\nquit\n", TrainOptions{})
	if len(s.Notes()) != 1 || !strings.Contains(strings.Join(strings.Fields(out), " "), "Only the first 65536 bytes of this line are taken, 10 are not.") {
		t.Errorf("%d notes:\n%.300s", len(s.Notes()), out[max(0, len(out)-300):])
	}
}

// TestTrainNames takes a cause, a place and a measurement by its name or id, whatever else
// has these words.
func TestTrainNames(t *testing.T) {
	_, s := trainedOn(t, queueIncident, "m TCP Sockets and their processes\nm COUNTERS\ncommit\nPath.loss\n\ntcp\nNO\nCommit\nPath.loss\n\nTCP\nYes\n", TrainOptions{})
	if c := s.Named(); s.Steps() != 2 || !s.MeasuredProbe("sockets") || c == nil || c.Causes[0] != "path.loss" || c.Hop != "tcp" {
		t.Errorf("%d steps, named %+v", s.Steps(), s.Named())
	}
	book, err := trainingBook()
	if err != nil {
		t.Fatal(err)
	}
	on := &seat{o: TrainOptions{Book: book}, Session: s}
	for _, c := range book.Causes {
		for _, words := range []string{c.Title, strings.ToLower(c.Title), c.ID} {
			if got := on.meant(words); len(got) != 1 || got[0] != c {
				t.Errorf("%q means %d causes", words, len(got))
			}
		}
	}
	for _, h := range book.Hops {
		if on.place(h.Title) != h.ID || on.place(h.ID) != h.ID {
			t.Errorf("%q is no place", h.Title)
		}
	}
}

// TestTrainSuspectsOnce notes a hypothesis once, in whatever words.
func TestTrainSuspectsOnce(t *testing.T) {
	out, s := trainedOn(t, queueIncident, typed([]string{"h healthy", "h nothing is wrong", "h none"}), TrainOptions{})
	if n := strings.Count(out, "Noted as a hypothesis"); n != 1 || strings.Count(out, "You suspect it already") != 2 || len(s.Suspects()) != 1 {
		t.Errorf("noted %d times:\n%s", n, out)
	}
}
