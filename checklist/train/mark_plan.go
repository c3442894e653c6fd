package train

func (r *reviewer) planning() Mark {
	m, s := &marker{mark: Mark{Area: Planning}}, r.session
	r.fixes(m)
	for _, v := range r.feedback.Plan {
		switch {
		case v.Choice.Right:
		case v.Choice.Kind == AFolklore:
			m.add(-1, "\"%s\" is %s", v.Choice.Title, v.Why)
		default:
			m.add(-1, "\"%s\": %s", v.Choice.Title, v.Why)
		}
	}
	r.words(m)
	right, _, borne := r.found()
	switch {
	case right == 0:
		m.most(0.5, "a plan for a wrong conclusion")
	case borne == 0:
		m.most(2, "a plan for a guess")
	}
	if len(s.concluded.Steps) == 0 {
		m.most(1, "a plan without a step")
	}
	r.mended(m)
	return m.done()
}

// fixes marks the right steps: for each truth its best, or another that is right.
func (r *reviewer) fixes(m *marker) {
	s := r.session
	share := 1 / float64(len(s.truths()))
	for _, truth := range s.truths() {
		points, by := 0.0, ""
		for _, v := range r.feedback.Plan {
			worth := s.mends(v.Choice, truth)
			if worth > points {
				points, by = worth, v.Choice.Title
			}
		}
		switch {
		case by == "" && truth == "":
			m.add(0, "there is nothing to mend on this host, and the plan does not say so")
		case by == "":
			m.add(0, "nothing in the plan mends \"%s\"", s.book.Cause(truth).Title)
		case points == 2:
			m.add(3*share, "\"%s\" is the right step", by)
		default:
			m.add((points+1)*share, "\"%s\" is right; there is a better step", by)
		}
	}
}

// mends is how much a choice is worth against a truth, "" for a healthy host: 2 for
// the best of the scenario.
func (s *Session) mends(c Choice, truth string) float64 {
	help := s.scenario.Helped(c.ID, truth)
	switch {
	case !c.Right:
		return 0
	case c.Kind == ANothing, help != nil && help.Best:
		return 2
	case help != nil:
		return 1.5
	case s.helps(c.ID): // against another truth
		return 0
	case c.Kind == AHandOver:
		if s.handedOver(truth) {
			return 1.5
		}
		return 0
	case !s.covers([]string{c.Cause.ID}, truth):
		return 0
	}
	for _, id := range s.scenario.Fix { // the best first
		if cause, _ := s.book.Remedy(id); cause != nil && s.covers([]string{cause.ID}, truth) {
			if id == c.ID {
				return 2
			}
			break
		}
	}
	return 1.5
}
