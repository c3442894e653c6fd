package train

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"whydrop/content"
	"whydrop/probes/fact"
	"whydrop/probes/record"
)

// menus are those of the right conclusions, made once.
var menus = map[string]*Session{}

// menuOf is the menu after some causes were named, those of the truth if there are none.
func menuOf(t *testing.T, sc scene, causes ...string) (*Session, []Choice) {
	t.Helper()
	if s := menus[sc.ID]; s != nil && len(causes) == 0 {
		return s, s.Menu()
	}
	s := New(loadBook(t), sc.Scenario, sc.host())
	c := Conclusion{Causes: causes}
	if len(causes) == 0 {
		c = Conclusion{Causes: sc.Truth, Healthy: sc.Healthy()}
	}
	mustDo(t, s.Conclude(c))
	if len(causes) == 0 {
		menus[sc.ID] = s
	}
	return s, s.Menu()
}

func chosen(menu []Choice, id string) *Choice {
	i := slices.IndexFunc(menu, func(c Choice) bool { return c.ID == id })
	if i < 0 {
		return nil
	}
	return &menu[i]
}

// Whatever the story says is right can be chosen and is right, also if its own cause was
// named; what it leaves open is on no menu.
func TestStoryJudgesSteps(t *testing.T) {
	for _, sc := range scenes(t) {
		_, menu := menuOf(t, sc)
		right := slices.Clone(sc.Fix)
		for _, h := range sc.Helps {
			right = append(right, h.Step)
		}
		for _, id := range right {
			if c := chosen(menu, id); c == nil || !c.Right {
				t.Errorf("%s: %s is right, and on the menu it is %+v", sc.ID, id, c)
			}
		}
		var causes []string
		for _, id := range append(right, sc.Aside...) {
			if cause, _, has := strings.Cut(id, "/"); has && !sc.Right(cause) && !slices.Contains(causes, cause) {
				causes = append(causes, cause)
			}
		}
		for _, cause := range append([]string{""}, causes...) {
			if cause != "" {
				_, menu = menuOf(t, sc, cause)
			}
			for _, c := range menu {
				if slices.Contains(sc.Aside, c.ID) {
					t.Errorf("%s: %s was named, and the menu has %s, which the story leaves open", sc.ID, cause, c.ID)
				}
				if slices.Contains(right, c.ID) && !c.Right {
					t.Errorf("%s: %s was named, and %s is marked wrong", sc.ID, cause, c.ID)
				}
			}
		}
	}
}

var longWord = regexp.MustCompile(`[a-zA-Z_]{4,}`)

// longWords are the words of a text that are longer than its grammar.
func longWords(text string) []string {
	words := longWord.FindAllString(strings.ToLower(text), -1)
	slices.Sort(words)
	return slices.Compact(words)
}

// shared is which part of the words of a text another one has, by their first letters.
func shared(text, other string) float64 {
	words, n := longWords(text), 0
	for _, w := range words {
		if slices.ContainsFunc(longWords(other), func(o string) bool { return o[:min(5, len(o))] == w[:min(5, len(w))] }) {
			n++
		}
	}
	return float64(n) / float64(max(1, len(words)))
}

// Two steps of one menu that say nearly the same are judged the same.
func TestTwinsAreJudgedAlike(t *testing.T) {
	for _, sc := range scenes(t) {
		_, menu := menuOf(t, sc)
		for _, a := range menu {
			for _, b := range menu {
				if a.Right && !b.Right && min(shared(a.Title, b.Title), shared(b.Title, a.Title)) >= 0.5 {
					t.Errorf("%s: %q is right, and %q is wrong", sc.ID, a.Title, b.Title)
				}
			}
		}
	}
}

// A step against the truth that a key point names is on the menu and right, or one of
// nearly the same words; or the story leaves it open.
func TestKeyPointsCanBeChosen(t *testing.T) {
	for _, sc := range scenes(t) {
		_, menu := menuOf(t, sc)
		for _, id := range slices.Concat(sc.Truth, sc.Accept) {
			cause := loadBook(t).Cause(id)
			for _, r := range cause.Remedies {
				named := slices.ContainsFunc(sc.KeyPoints, func(p string) bool {
					return len(longWords(r.Title)) > 1 && shared(r.Title, p) >= 0.75 || len(longWords(r.ID)) > 0 && shared(r.ID, p) == 1
				})
				can := slices.ContainsFunc(menu, func(c Choice) bool {
					return c.Right && c.Remedy != nil && (sameWords(c.Title, r.Title) || sameEffect(c.Remedy, r))
				})
				if named && !can && r.Kind != "investigate" && !slices.Contains(sc.Aside, id+"/"+r.ID) {
					t.Errorf("%s: a key point names %s/%s (%q), which nobody can choose", sc.ID, id, r.ID, r.Title)
				}
			}
		}
	}
}

// A sound step of another cause earns, and costs nothing; what is as good as the best
// earns as much. It earns for its own truth only.
func TestHelpEarns(t *testing.T) {
	for _, sc := range scenes(t) {
		for _, h := range sc.Helps {
			s, menu := menuOf(t, sc)
			c := *chosen(menu, h.Step)
			if why := s.whyChoice(c); why != "right: "+h.Why {
				t.Errorf("%s: %s is judged %q: expected the story's reason", sc.ID, h.Step, why)
			}
			for _, truth := range s.truths() {
				want := 1.5
				switch {
				case h.For != "" && h.For != truth:
					want = 0
				case h.Best:
					want = 2
				}
				if got := s.mends(c, truth); got != want {
					t.Errorf("%s: %s is worth %v against %q: expected %v", sc.ID, h.Step, got, truth, want)
				}
			}
		}
	}
}

// No decoy only looks: to look is never wrong.
func TestLooksAreNotWrong(t *testing.T) {
	for _, sc := range scenes(t) {
		asks := slices.DeleteFunc([]string{"path.loss", "path.filtered", "path.unreachable"}, sc.Right)
		_, menu := menuOf(t, sc, asks...)
		for _, c := range menu {
			if !c.Right && c.Remedy != nil && looks(c.Cause, c.Remedy) {
				t.Errorf("%s: %q is wrong and only looks", sc.ID, c.Title)
			}
		}
	}
}

// No step says where it is done: some would say it of the right ones more often.
func TestMenuHidesPlaces(t *testing.T) {
	for _, sc := range scenes(t) {
		_, menu := menuOf(t, sc)
		for _, c := range menu {
			if strings.HasSuffix(c.Title, ")") {
				t.Errorf("%s: %q", sc.ID, c.Title)
			}
		}
	}
}

// What the interviewer says where a story says nothing fits every story: it names no
// time and nobody, and invites to nothing that cannot be done.
func TestFallbacksFitEveryStory(t *testing.T) {
	bound := regexp.MustCompile(`(?i)\b(lunch|asleep|night|tonight|morning|evening|hour|o'clock|today|yesterday|developers?|weekend)\b`)
	for _, s := range loadBook(t).Interviewer {
		for _, says := range s.Says {
			if w := bound.FindString(says); w != "" {
				t.Errorf("%s: %q is not so in every story: %s", s.ID, w, says)
			}
		}
	}
	look := regexp.MustCompile(`(?i)\b(have|take) a look\b|\byourself\b`)
	for _, sc := range scenes(t) {
		s := New(loadBook(t), sc.Scenario, sc.host())
		a, err := s.Ask("Q10b")
		mustDo(t, err)
		if look.MatchString(a.Says) && !slices.Contains(s.host.Probes(), "log") {
			t.Errorf("%s: there is no kernel log to look at: %s", sc.ID, a.Says)
		}
		_, err = s.Measure("history")
		if err == nil || !slices.Contains(loadBook(t).Saying("no-instrument"), err.Error()) {
			t.Errorf("%s: of what is not there the interviewer says: %v", sc.ID, err)
		}
	}
}

// The host has the name in the story that it has in what was recorded of it.
func TestHostNames(t *testing.T) {
	for _, sc := range scenes(t) {
		data, err := sc.Recording()
		mustDo(t, err)
		r, err := record.Read(bytes.NewReader(data), int64(len(data)))
		mustDo(t, err)
		mustDo(t, r.From(r.Len()-1, func(f *fact.Facts) bool {
			if sc.Lab != "" && sc.Scenario.Host != f.Host {
				t.Errorf("%s: the host is %s in the story and %s in the recording", sc.ID, sc.Scenario.Host, f.Host)
			}
			return true
		}))
	}
}

// Where the figures are of a young copy, the interviewer says so; a story says it better.
func TestAboutFigures(t *testing.T) {
	for _, sc := range scenes(t) {
		s := New(loadBook(t), sc.Scenario, sc.host())
		says := s.AboutFigures()
		if !strings.Contains(says, "figures") && !strings.Contains(says, "copy") {
			t.Errorf("%s: nothing is said of the age of the figures: %q", sc.ID, says)
		}
		if own := sc.Figures; own != "" && says != oneLine(own) {
			t.Errorf("%s: %q is said, and the story has %q", sc.ID, says, own)
		}
	}
	if says := New(loadBook(t), &content.Scenario{ID: "x", Source: "a real dump"}, &recorded{}).AboutFigures(); says != "" {
		t.Errorf("of a real dump is said %q", says)
	}
}

// Every incident names its own steps in vain, so that each was judged for its story: they
// are on the menu, marked wrong, and the only ones where no wrong cause was named.
func TestVainSteps(t *testing.T) {
	for _, sc := range scenes(t) {
		if len(sc.Vain) < 3 {
			t.Errorf("%s: %d steps in vain", sc.ID, len(sc.Vain))
		}
		_, menu := menuOf(t, sc)
		for _, id := range sc.Vain {
			if c := chosen(menu, id); c == nil || c.Right {
				t.Errorf("%s: %s is in vain, and on the menu it is %+v", sc.ID, id, c)
			}
		}
		for _, c := range menu {
			if c.Kind == ARemedy && !c.Right && !slices.Contains(sc.Vain, c.ID) {
				t.Errorf("%s: nobody judged %s for this story", sc.ID, c.ID)
			}
		}
	}
}
