package train

import (
	"slices"
	"time"

	"whydrop/checklist/eventlog"
)

// Log is a session on disk.
type Log = eventlog.Log[Event]

// kinds are the kinds of events that can be read.
var kinds = []Kind{Began, Resumed, Waited, Asked, Measured, Suspected, Dropped, Noted, Hinted, Concluded, Committed, Checked, Verified}

// Logs is the form of a session's log.
var Logs = eventlog.Form[Event]{
	Extension: ".train",
	Word:      "training session",
	Known: func(e Event) (int, string, bool) {
		return e.Number, string(e.Kind), slices.Contains(kinds, e.Kind)
	},
}

// Saved is what is in a log, in short.
type Saved struct {
	Path     string
	Scenario string // its id
	Begun    time.Time
	Last     time.Time
	Steps    int
	Over     bool // the conclusion is made
	// Damaged says that the log is empty or has lost its beginning: nobody can go on with it.
	Damaged bool
}

// Sessions returns the sessions of a directory, the newest first. A directory that
// does not exist has none; files that are no logs are passed over.
func Sessions(dir string) (all []Saved, err error) {
	err = Logs.Each(dir, func(path string, events []Event) {
		if len(events) == 0 || events[0].Kind != Began {
			all = append(all, Saved{Path: path, Damaged: true})
			return
		}
		s := Saved{Path: path, Scenario: events[0].ID, Begun: events[0].At, Last: events[len(events)-1].At}
		for _, e := range events {
			if e.Counts() {
				s.Steps++
			}
			s.Over = s.Over || e.Kind == Committed
		}
		all = append(all, s)
	})
	return all, err
}
