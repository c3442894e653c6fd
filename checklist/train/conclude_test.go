package train

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"whydrop/content"
)

// Cause and place are final, and on disk, before the plan is chosen.
func TestConcludeComesFirst(t *testing.T) {
	s := newSession(t, "accept-queue-full")
	var kept []Kind
	s.Keep = func(e Event) error { kept = append(kept, e.Kind); return nil }
	wrong := Conclusion{Causes: []string{"path.loss"}, Hop: "path"}
	mustDo(t, s.Conclude(wrong))
	if len(kept) != 1 || kept[0] != Concluded || s.Concluded() != nil || s.Named() == nil {
		t.Fatalf("kept %v, named %v, concluded %v", kept, s.Named(), s.Concluded())
	}
	for what, err := range map[string]error{
		"ask": errOf(s.Ask("Q1a")), "measure": errOf(s.Measure("counters")), "hint": errOf(s.Hint()),
		"suspect": s.Suspect("app.aborts"), "conclude": s.Conclude(wrong),
	} {
		if !errors.Is(err, ErrOver) {
			t.Errorf("%s after cause and place were concluded: %v", what, err)
		}
	}
	again, notes := Replay(s.book, s.scenario, s.host, s.Events())
	if again.Named() == nil || again.Concluded() != nil || len(notes) > 0 {
		t.Errorf("made again it is named %v, concluded %v; %v", again.Named(), again.Concluded(), notes)
	}
	mustDo(t, again.Commit(Conclusion{Causes: s.scenario.Truth, Hop: "listen"})) // having seen the menu
	if got := again.Concluded(); got.Causes[0] != "path.loss" || got.Hop != "path" {
		t.Errorf("the cause was changed after the menu: %+v", got)
	}
}

// Where several causes are at work, none has more lines of the menu than another one: who
// has found one is not told the other by counting them. A single one is final by then.
func TestMenuDoesNotTellTheCause(t *testing.T) {
	for _, sc := range scenes(t) {
		_, menu := menuOf(t, sc)
		of, right, wrong := map[string]int{}, 0, 0
		for _, c := range menu {
			if c.Cause == nil {
				continue
			}
			of[c.Cause.ID]++
			if c.Right {
				right = max(right, of[c.Cause.ID])
			} else {
				wrong = max(wrong, of[c.Cause.ID])
			}
			for _, fix := range sc.Fix {
				if _, r := loadBook(t).Remedy(fix); !c.Right && sameEffect(r, c.Remedy) {
					t.Errorf("%s: %s is marked wrong and does what %s does", sc.ID, c.ID, fix)
				}
			}
		}
		if len(sc.Truth) > 1 && right > wrong {
			t.Errorf("%s: %d right steps of one cause, %d wrong ones", sc.ID, right, wrong)
		}
	}
}

// The same hint again costs nothing and says so.
func TestSameHint(t *testing.T) {
	s := newSession(t, "accept-queue-full")
	first, err := s.Hint()
	mustDo(t, err)
	for range 5 {
		again, err := s.Hint()
		mustDo(t, err)
		if !strings.HasPrefix(again, first) || !strings.Contains(again, "nothing more") {
			t.Errorf("the hint %q is %q the next time", first, again)
		}
	}
	if len(s.Events()) != 1 {
		t.Errorf("%d events of one hint", len(s.Events()))
	}
}

// To hand over is right where a right step asks somebody else to act.
func TestHandOver(t *testing.T) {
	book := loadBook(t)
	for _, sc := range scenes(t) {
		asks := false
		for _, id := range sc.Fix {
			_, r := book.Remedy(id)
			asks = asks || r.Ask != nil
		}
		for _, c := range New(book, sc.Scenario, sc.host()).Menu() {
			if c.Kind == AHandOver && asks && !c.Right {
				t.Errorf("%s: a right step asks somebody else, and to hand over is wrong", sc.ID)
			}
		}
	}
}

// The ideal way asks what somebody can answer, and a place that nobody read is no evidence.
func TestIdealTells(t *testing.T) {
	for _, sc := range scenes(t) {
		path, _ := sc.ideal()
		for _, p := range path {
			s := New(loadBook(t), sc.Scenario, sc.host())
			if p.Kind == Asked && !s.answerable(p.ID) && slices.ContainsFunc(s.group(p.ID).Questions, func(q *content.Question) bool { return s.answerable(q.ID) }) {
				t.Errorf("%s: the ideal way asks %s, which nobody can answer, and not its neighbour", sc.ID, p.ID)
			}
			if strings.Contains(p.Says, "nobody looked") || strings.Contains(p.Says, "nobody could tell") {
				t.Errorf("%s: %s told that %s", sc.ID, p.ID, p.Says)
			}
		}
	}
}

// What shows nothing is not offered; asked for by name it costs nothing.
func TestNothingAtHand(t *testing.T) {
	missing := 0
	for _, sc := range scenes(t) {
		s := New(loadBook(t), sc.Scenario, sc.host())
		for _, i := range s.book.Instruments {
			if slices.Contains(s.host.Probes(), i.Probe) {
				continue
			}
			missing++
			if _, err := s.Measure(i.Probe); err == nil || !strings.Contains(err.Error(), "nothing") && !strings.Contains(err.Error(), "free") || s.Steps() > 0 {
				t.Errorf("%s: measuring %s, which nobody has: %v, %d steps", sc.ID, i.Probe, err, s.Steps())
			}
		}
		for _, i := range s.Instruments() {
			if r, err := s.Measure(i.Probe); err != nil || r.Status == "skipped" && len(r.Moved)+len(r.State)+len(r.History)+r.Still+len(r.Tables) == 0 {
				t.Errorf("%s: %s is offered and shows nothing", sc.ID, i.Probe)
			}
		}
	}
	if missing == 0 {
		t.Error("every recording has everything")
	}
}

// Folklore is argued against with values only where the host has the setting.
func TestFolkloreWithoutItsSetting(t *testing.T) {
	for _, sc := range scenes(t) {
		s := New(loadBook(t), sc.Scenario, sc.host())
		measureAll(t, s, s.host.Probes()...)
		for _, f := range s.book.Folklore {
			why := s.whyNot(f)
			if f.General != "" && f.ID == "tcp-mem-bytes" && why != oneLine(f.General) {
				t.Errorf("%s: of %s, which this host has not, it says %q", sc.ID, f.ID, why)
			}
			if strings.ContainsAny(why, "{}") {
				t.Errorf("%s: %s says %q", sc.ID, f.ID, why)
			}
		}
	}
}

// Every right step has a reason of its own, and none argues with a nothing.
func TestRightStepsHaveReasons(t *testing.T) {
	for _, sc := range scenes(t) {
		s := New(loadBook(t), sc.Scenario, sc.host())
		for _, c := range s.Menu() {
			if why := s.whyChoice(c); c.Right && (strings.TrimSpace(strings.TrimPrefix(why, "right: ")) == "" || hollow.MatchString(why)) {
				t.Errorf("%s: %s is %q", sc.ID, c.ID, why)
			}
		}
	}
}
