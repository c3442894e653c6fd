package casefile

import (
	"testing"
	"time"

	"whydrop/checklist"
)

// That a case was left and gone on with, and that its report was written, is there
// again when it is loaded.
func TestWhatBecameOfTheCaseIsKept(t *testing.T) {
	s := begin(t, t.TempDir())
	s.observe(1, 3)
	s.now.Case.Track.Export(began.Add(2*time.Second), false)
	s.keep()
	s.close()
	path := s.file.Path()
	f, l, err := Resume(path, mustBook(t), header())
	if err != nil {
		t.Fatal(err)
	}
	l.Case.Track.GoOn(l.Last, l.Last.Add(time.Hour), l.Ended)
	if err := f.Close(Snapshot{Case: l.Case}); err != nil {
		t.Fatal(err)
	}
	var kinds []checklist.EventKind
	for _, e := range mustLoad(t, path).Case.Track.Events() {
		if e.Kind == checklist.Exported || e.Kind == checklist.Left || e.Kind == checklist.Resumed {
			kinds = append(kinds, e.Kind)
		}
	}
	if len(kinds) != 3 || kinds[0] != checklist.Exported || kinds[1] != checklist.Left || kinds[2] != checklist.Resumed {
		t.Errorf("the events: %v", kinds)
	}
}
