package casefile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"whydrop/checklist"
)

// A session that ends before anything is measured leaves the place and the verdict of
// the one before.
func TestNothingNewIsNoPlaceAndNoVerdict(t *testing.T) {
	s := begin(t, t.TempDir())
	script(s)
	s.close()
	again := header()
	again.Started = began.Add(time.Hour)
	f, l, err := Resume(s.file.Path(), mustBook(t), again)
	if err != nil {
		t.Fatal(err)
	}
	l.Case.Facts = nil
	if err := f.Close(Snapshot{Case: l.Case}); err != nil {
		t.Fatal(err)
	}
	after := mustLoad(t, s.file.Path())
	if after.Place != s.now.Place || after.Verdict.Verdict != s.now.Diagnosis.Verdict || len(after.Verdict.Causes) == 0 {
		t.Errorf("place %+v, verdict %+v", after.Place, after.Verdict)
	}
}

// Another verdict is kept with the observation that it follows from, however little room
// is left for observations.
func TestVerdictsAreKeptWithTheirObservation(t *testing.T) {
	s := begin(t, t.TempDir())
	s.observe(1, 0)
	s.file.seen.spent.Store(allowedFirst + allowedEvents + 1<<20)
	s.observe(2, 0) // no room for it
	s.observe(3, 400)
	for until := time.Now().Add(5 * time.Second); mustLoad(t, s.file.Path()).Observations < 2 && time.Now().Before(until); {
		time.Sleep(5 * time.Millisecond)
	}
	l := mustLoad(t, s.file.Path()) // as after a kill
	if l.Verdict.Verdict != checklist.Fault || l.Case.Diagnose().Verdict != checklist.Fault || l.Observations != 2 {
		t.Errorf("the verdict is %v, that of the last observation %v, of %d", l.Verdict, l.Case.Diagnose().Verdict, l.Observations)
	}
}

// A case that was cut off within its first observation still tells which host it is of,
// and that what was told of it was measured and is not there.
func TestNoObservationIsThere(t *testing.T) {
	s := begin(t, t.TempDir())
	s.observe(1, 400)
	s.answer("Q1a", "noon")
	s.close()
	lines := strings.SplitAfter(string(read(t, s.file.Path())), "\n")
	path := filepath.Join(t.TempDir(), "cut.case")
	without := slices.DeleteFunc(lines, func(l string) bool { return strings.Contains(l, " observed ") })
	if err := os.WriteFile(path, []byte(strings.Join(without, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	l := mustLoad(t, path)
	if told := strings.Join(l.Notes, "\n"); l.Case.Facts != nil || !strings.Contains(told, "the newest measurements are not in it: what was told at 2026-05-01 03:00:01 UTC follows from them") {
		t.Errorf("notes %q", l.Notes)
	}
	var text strings.Builder
	if err := l.Case.WriteReport(&text, l.Case.Diagnose(), l.Last); err != nil {
		t.Fatal(err)
	}
	report := text.String()
	if !strings.HasPrefix(report, "# Report for db1.example: nothing was measured\n") || !strings.Contains(report, "Nothing was measured on the server db1.example") {
		t.Errorf("the report begins %.300s", report)
	}
	for _, no := range []string{"best guess", "no longer to be seen", "no longer at its end", "over at the end", "Something may be wrong"} {
		if strings.Contains(report, no) {
			t.Errorf("the report says %q", no)
		}
	}
}

// Where the clock of the host was set, that is told, and what nobody watched is not
// taken for watched.
func TestClock(t *testing.T) {
	for _, tt := range []struct {
		name    string
		seconds []int // ends of observations
		want    string
	}{
		{"even", []int{1, 2, 3}, ""},
		{"back", []int{1, 2, -3600}, "the clock went back by 1h0m2s at 2026-05-01 03:00:02 UTC"},
		{"forward", []int{1, 2, 7200}, "between 2026-05-01 03:00:02 UTC and 2026-05-01 05:00:00 UTC no observation was kept"},
		{"forward at once", []int{7200}, "between 2026-05-01 03:00:00 UTC and 2026-05-01 05:00:00 UTC no observation was kept"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := begin(t, t.TempDir())
			for _, second := range tt.seconds {
				s.observe(second, 40)
				time.Sleep(5 * time.Millisecond) // each is written
			}
			s.answer("Q1a", "noon")
			s.close()
			l := mustLoad(t, s.file.Path())
			if told := strings.Join(l.Notes, "\n"); (told == "") != (tt.want == "") || !strings.Contains(told, tt.want) {
				t.Errorf("notes %q, want %q", l.Notes, tt.want)
			}
			if tt.name != "forward at once" {
				return
			}
			r := l.Case.Report(l.Case.Diagnose(), l.Last)
			if text := r.Watched(); !strings.Contains(text, "for 15 seconds") {
				t.Errorf("watched %s", text)
			}
		})
	}
}
