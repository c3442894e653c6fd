package interview

import (
	"slices"
	"time"

	"whydrop/checklist/eventlog"
	"whydrop/content"
)

// Log is an interview on disk. Its name tells the time and the scenario, never the
// candidate.
type Log = eventlog.Log[Event]

// Logs is the form of an interview's log.
var Logs = eventlog.Form[Event]{
	Extension: ".interview",
	Word:      "interview",
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
	Ticks    int
	Level    string // that was decided for the whole, "" if none was yet
}

// Kept returns the interviews of a directory, the newest first. A directory that does
// not exist has none; files that are no logs are passed over.
func Kept(dir string) (all []Saved, err error) {
	err = Logs.Each(dir, func(path string, events []Event) {
		if len(events) > 0 && events[0].Kind == Began {
			all = append(all, saved(path, events))
		}
	})
	return all, err
}

func saved(path string, events []Event) Saved {
	s := Saved{Path: path, Scenario: string(events[0].Key), Begun: events[0].At, Last: events[len(events)-1].At}
	for _, e := range events {
		switch {
		case e.Kind == Ticked:
			s.Ticks++
		case e.Kind == Unticked:
			s.Ticks--
		case e.Kind == Decided && e.Key == KeyOf(Section, content.Whole):
			s.Level = e.Text
		}
	}
	return s
}
