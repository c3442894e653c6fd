package train

import (
	"slices"
	"strings"

	"whydrop/checklist"
	"whydrop/content"
)

// NothingWrong is the id of the hypothesis that nothing is wrong on this host. It is
// stated, dropped and found as a cause is.
const NothingWrong = "nothing-wrong"

var nothingWrong = &content.Cause{
	ID: NothingWrong, Title: "Nothing is wrong on this host",
	Happens: "The alarm was wrong, or what people feel has another reason than what happens on this host.",
}

// healthyWords are those by which people say so; by the first ones alone.
var healthyWords = [2][]string{
	strings.Fields("none healthy nothing wrong false alarm fine ok okay"),
	strings.Fields("host server machine here well all everything no fault faults cause problem nothing-wrong"),
}

// Cause returns what a hypothesis is about: a cause, or that nothing is wrong; nil for
// an id that is neither.
func (s *Session) Cause(id string) *content.Cause {
	if id == NothingWrong {
		return nothingWrong
	}
	return s.book.Cause(id)
}

// Hypotheses finds what can be suspected or concluded by words: SearchCauses, and
// NothingWrong, alone, where the words say that. No words: everything, NothingWrong first.
func (s *Session) Hypotheses(words string) []*content.Cause {
	said := strings.Fields(strings.ToLower(strings.Map(func(r rune) rune {
		if strings.ContainsRune(".,;:!?\"'", r) {
			return ' '
		}
		return r
	}, words)))
	plain, others := 0, 0
	for _, w := range said {
		switch {
		case slices.Contains(healthyWords[0], w):
			plain++
		case !slices.Contains(healthyWords[1], w) && !slices.Contains(idle, w):
			others++
		}
	}
	switch {
	case strings.TrimSpace(words) == NothingWrong, others == 0 && (plain > 0 || len(said) > 1 && said[0] == "no"):
		return []*content.Cause{nothingWrong}
	case len(said) == 0:
		return append([]*content.Cause{nothingWrong}, s.SearchCauses("")...)
	}
	return s.SearchCauses(words)
}

// plain is a conclusion in which NothingWrong is said by Healthy.
func (c Conclusion) plain() Conclusion {
	if i := slices.Index(c.Causes, NothingWrong); i >= 0 {
		c.Healthy, c.Causes = true, slices.Delete(slices.Clone(c.Causes), i, i+1)
	}
	return c
}

// Suspect states a hypothesis: a cause by its id, or NothingWrong. To state it again
// changes nothing.
func (s *Session) Suspect(cause string) error {
	if slices.Contains(s.suspects, cause) {
		return nil
	}
	return s.do(Event{Kind: Suspected, ID: cause})
}

// Drop takes a hypothesis back.
func (s *Session) Drop(cause string) error {
	if !slices.Contains(s.suspects, cause) {
		return nil
	}
	return s.do(Event{Kind: Dropped, ID: cause})
}

// standing is how a hypothesis stood when it was stated, by what was known.
type standing struct {
	probability float64
	rank        int  // among all causes, from 1; 0 where it is none
	spoken      bool // an answer speaks for it
	measured    bool // something that was measured does
}

// stood is the standing of a hypothesis in a diagnosis.
func (s *Session) stood(d *checklist.Diagnosis, id string) standing {
	if id == NothingWrong {
		known := s.healthIn(d)
		return standing{probability: known, spoken: len(s.readings) > 0, measured: known >= 0.5}
	}
	for i, f := range d.Findings {
		if f.Cause.ID == id {
			points := func(r checklist.Reason) bool { return r.Weight >= telling }
			return standing{
				probability: f.Probability, rank: i + 1,
				spoken:   slices.ContainsFunc(f.For, points),
				measured: measured(f) >= telling,
			}
		}
	}
	return standing{}
}

// likeliest is from what rank on a hypothesis that only answers speak for is a hunch.
const likeliest = 3

// stands says whether a hypothesis states a truth, "" for a healthy host.
func (s *Session) stands(id, truth string) bool {
	if truth == "" {
		return id == NothingWrong
	}
	return s.covers([]string{id}, truth)
}

// turn notes a hypothesis that was refuted before it was stated.
func (s *Session) turn(e Event) {
	d := s.diagnosis()
	switch {
	case e.ID == NothingWrong && !s.scenario.Healthy():
		if named := d.Named(); len(named) > 0 {
			s.turns = append(s.turns, WrongTurn{nothingWrong, s.Steps(), firstMeasured(named[0].For)})
		}
	case e.ID != NothingWrong && !s.scenario.Right(e.ID):
		if why := refutation(d.Finding(e.ID)); why != "" {
			s.turns = append(s.turns, WrongTurn{s.book.Cause(e.ID), s.Steps(), why})
		}
	}
}
