package checklist

import (
	"time"

	"whydrop/probes/fact"
)

// TriedCounts is for how long what a destination showed that was tried is evidence:
// what was true a while ago may not be true now.
const TriedCounts = time.Minute

// Tried is what the destination showed that was tried last. Its zero value is none.
type Tried struct {
	found *fact.Facts
	until time.Time
}

// NewTried is what a destination showed that was tried until now.
func NewTried(found *fact.Facts, now time.Time) Tried { return Tried{found, now.Add(TriedCounts)} }

// Beside adds what was found to newer facts, as long as it counts.
func (t Tried) Beside(f *fact.Facts, now time.Time) *fact.Facts {
	if t.found == nil || now.After(t.until) {
		return f
	}
	return f.With(t.found)
}
