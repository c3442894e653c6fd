package plain

import (
	"testing"
	"time"

	"whydrop/checklist"
	"whydrop/probes/fact"
)

// TestStaleMeasurementsAreNoNews: what nothing newer came for is told as of then.
func TestStaleMeasurementsAreNoNews(t *testing.T) {
	s := &session{kase: &checklist.Case{Facts: fact.New(time.Date(2026, 3, 1, 14, 3, 5, 0, time.UTC), 15)}}
	s.diagnosis = &checklist.Diagnosis{Verdict: checklist.Healthy}
	s.news.stale = true
	if got, want := s.verdict(), "As of 14:03:20 UTC, and nothing newer comes: HEALTHY. Nothing lost packets in the 15 s until then."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	s.news.stale = false
	if got, want := s.verdict(), "HEALTHY so far. Nothing lost packets in the last 15 s."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
