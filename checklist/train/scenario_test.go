package train

import (
	"slices"
	"strings"
	"testing"
	"time"

	"whydrop/checklist"
	"whydrop/content"
)

// Whoever asks and measures everything is told exactly the truth, whenever they
// measure; the ideal path leads there; the answers alone name nothing.
func TestScenariosAreSolvable(t *testing.T) {
	book := loadBook(t)
	for _, sc := range scenes(t) {
		t.Run(sc.ID, func(t *testing.T) {
			host := sc.host().(*recorded)
			s := New(book, sc.Scenario, host)
			for _, q := range book.Questions() {
				ask(t, s, q.ID)
			}
			if named := s.diagnosis().Named(); len(named) > 0 {
				t.Errorf("the answers alone name %s", named[0].Cause.ID)
			}
			measureAll(t, s, s.host.Probes()...)
			if d := s.diagnosis(); !s.solved(d) {
				t.Errorf("all that can be known does not tell the truth %v: %s", sc.Truth, leading(d))
			}
			path, founded := s.ideal()
			if !founded {
				t.Errorf("the ideal path of %d steps does not lead to the truth", len(path))
			}
			if len(path) > 14 {
				t.Errorf("the ideal path takes %d steps", len(path))
			}
			t.Logf("%d steady observations; ideal path: %d steps", len(host.steady), len(path))
		})
	}
}

func leading(d *checklist.Diagnosis) string {
	text := string(d.Verdict)
	for i, f := range d.Findings {
		if i < 3 || f.Named() {
			text += ", " + f.Cause.ID + " " + checklist.Percent(f.Probability)
		}
	}
	return text
}

// What is wrong but tempting is refuted by what can be measured.
func TestHerringsAreRefuted(t *testing.T) {
	for _, sc := range scenes(t) {
		s := New(loadBook(t), sc.Scenario, sc.host())
		d := s.wholeDiagnosis()
		for _, h := range sc.Herrings {
			if f := d.Finding(h.Cause); f.Named() {
				t.Errorf("%s: the herring %s stands at %s with everything known", sc.ID, h.Cause, checklist.Percent(f.Probability))
			}
		}
	}
}

// What is right to do is what the plan for these facts offers.
func TestFixesAreOffered(t *testing.T) {
	for _, sc := range scenes(t) {
		s := New(loadBook(t), sc.Scenario, sc.host())
		var offered []string
		for _, p := range s.truePlan() {
			offered = append(offered, p.Cause.ID+"/"+p.Remedy.ID)
		}
		for _, fix := range sc.Fix {
			cause, _, _ := strings.Cut(fix, "/")
			if slices.Contains(sc.Truth, cause) && !slices.Contains(offered, fix) {
				t.Errorf("%s: the plan for these facts does not offer %s: expected one of %v", sc.ID, fix, offered)
			}
		}
		for _, truth := range sc.Truth {
			if !slices.ContainsFunc(sc.Fix, func(f string) bool { return strings.HasPrefix(f, truth+"/") }) {
				t.Errorf("%s: no fix for %s", sc.ID, truth)
			}
		}
	}
}

// What leads away from the truth is marked, and what is marked does not lead to it.
func TestMisleadingIsMarked(t *testing.T) {
	book := loadBook(t)
	for _, sc := range scenes(t) {
		misleads := false
		for id, told := range sc.Answers {
			misleads = misleads || told.Misleading
			var others []string
			for _, c := range book.Causes {
				if !sc.Right(c.ID) {
					others = append(others, c.ID)
				}
			}
			_, most := implied(book.Question(id), told.Options, slices.Concat(sc.Truth, sc.Accept))
			if _, away := implied(book.Question(id), told.Options, others); told.Misleading && most > 0 && most > away {
				t.Errorf("%s: %s is marked as misleading, and speaks for the truth (%v decibans) more than for anything else (%v)", sc.ID, id, most, away)
			}
			if !told.Misleading && most <= -3 {
				t.Errorf("%s: %s speaks against the truth (%v decibans), and is not marked as misleading", sc.ID, id, most)
			}
		}
		for _, r := range sc.Remarks {
			misleads = misleads || r.Misleading
		}
		if sc.Level > 1 && !misleads {
			t.Errorf("%s is of level %d, and nothing in it misleads", sc.ID, sc.Level)
		}
	}
}

// implied is the least and the most that an answer implies for one of some causes.
func implied(q *content.Question, options, causes []string) (least, most content.Decibans) {
	for i, cause := range causes {
		sum := 0.0
		for _, id := range options {
			if o := q.Option(id); o != nil {
				sum += o.Implies[cause]
			}
		}
		if i == 0 {
			least, most = sum, sum
		}
		least, most = min(least, sum), max(most, sum)
	}
	return least, most
}

// dull are words of causes' titles that give nothing away.
var dull = strings.Fields("host hosts packet packets dropped drops drop connection connections network kernel server than that with from this their more into other which does local remote fast sends application process peer path answer address addresses between through system load balancer gateway firewall")

// significant are the words of a cause's title that would give it away.
func significant(c *content.Cause) []string {
	var words []string
	for _, w := range tokens(c.Title) {
		if len(w) > 3 && !slices.Contains(dull, w) && !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	return words
}

// givesAway says which words of a text name a cause: its id, its title, two of the
// title's words in one sentence, or a counter that decides.
func givesAway(text string, c *content.Cause) string {
	low := strings.ToLower(text)
	_, kind, _ := strings.Cut(c.ID, ".")
	for _, name := range []string{c.ID, kind, strings.ReplaceAll(kind, "-", " "), strings.ToLower(c.Title)} {
		if strings.ContainsAny(name, "-. ") && strings.Contains(low, name) {
			return name
		}
	}
	for _, r := range c.For {
		for _, counter := range r.When.Uses() {
			last := counter[strings.LastIndexByte(counter, '.')+1:]
			if r.Weight >= 20 && len(last) > 6 && strings.ToLower(last) != last && strings.Contains(low, strings.ToLower(last)) {
				return counter
			}
		}
	}
	for _, sentence := range strings.FieldsFunc(low, func(r rune) bool { return strings.ContainsRune(".!?;", r) }) {
		var hits []string
		said := tokens(sentence)
		for _, w := range significant(c) {
			if slices.ContainsFunc(said, func(s string) bool { return alike(s, w) >= 0.85 }) {
				hits = append(hits, w)
			}
		}
		if len(hits) > 1 {
			return strings.Join(hits, " and ")
		}
	}
	return ""
}

// Nothing that is told before the conclusion gives the cause away, nor do the name and
// the title of a scenario.
func TestNothingGivesTheCauseAway(t *testing.T) {
	book := loadBook(t)
	for _, sc := range scenes(t) {
		told := map[string]string{"id": strings.ReplaceAll(sc.ID, "-", " "), "title": sc.Title, "opening": sc.Opening, "service": sc.Service, "host": sc.Scenario.Host}
		for id, a := range sc.Answers {
			told["answer to "+id] = a.Says
		}
		for _, r := range sc.Remarks {
			told["remark of "+r.From] = r.Says
		}
		for _, p := range sc.People {
			told["what "+p.Role+" knows"] = p.Knows
		}
		for where, text := range told {
			for _, id := range sc.Truth {
				if words := givesAway(text, book.Cause(id)); words != "" {
					t.Errorf("%s: %s gives %s away by %q: %s", sc.ID, where, id, words, text)
				}
			}
		}
	}
}

// The test above would find what it looks for.
func TestGivesAway(t *testing.T) {
	c := loadBook(t).Cause("listen.accept-queue-full")
	for text, gives := range map[string]bool{
		"Somebody said that the accept queue is full.":   true,
		"TcpExt.ListenOverflows goes up.":                true,
		"It is listen.accept-queue-full, they say.":      true,
		"The switch has its queues, and they are clean.": false,
		"We do not accept orders at night.":              false,
	} {
		if (givesAway(text, c) != "") != gives {
			t.Errorf("%q gives it away: %q", text, givesAway(text, c))
		}
	}
}

// The menu has a dozen lines at most, right and wrong ones, each with a title of its
// own, always in the same order, and the right ones not always first.
func TestMenu(t *testing.T) {
	first := 0
	all := slices.Concat(scenes(t), labScenes(t, someLab...))
	for _, sc := range all {
		menu := New(loadBook(t), sc.Scenario, sc.host()).Menu()
		again := New(loadBook(t), sc.Scenario, sc.host()).Menu()
		if len(menu) < 8 || len(menu) > mostChoices {
			t.Errorf("%s: the menu has %d lines", sc.ID, len(menu))
		}
		right, titles := 0, map[string]bool{}
		for i, c := range menu {
			if c.ID != again[i].ID {
				t.Errorf("%s: the menu differs from one time to the next", sc.ID)
			}
			if c.Title == "" || titles[c.Title] {
				t.Errorf("%s: the menu has %q twice, or a line without a title", sc.ID, c.Title)
			}
			titles[c.Title] = true
			if c.Right {
				right++
			}
		}
		if right == 0 || right > len(menu)-4 {
			t.Errorf("%s: %d of %d lines of the menu are right", sc.ID, right, len(menu))
		}
		if menu[0].Right {
			first++
		}
	}
	if first > len(all)*2/3 {
		t.Errorf("the first line is right in %d of %d menus", first, len(all))
	}
}

// A step is answered before the next key is pressed.
func BenchmarkMeasure(b *testing.B) {
	book := loadBook(b)
	sc := labScenes(b, "accept-queue-full")[0]
	host := sc.host()
	for b.Loop() {
		s := New(book, sc.Scenario, host)
		s.Now = func() time.Time { return time.Unix(0, 0) }
		if _, err := s.Measure("sockets"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAsk is a question with all figures known, BenchmarkFeedback the whole
// judgement after the commit.
func BenchmarkAsk(b *testing.B) {
	book := loadBook(b)
	sc := labScenes(b, "accept-queue-full")[0]
	for b.Loop() {
		b.StopTimer()
		s := New(book, sc.Scenario, sc.host())
		_, _ = s.Measure("counters")
		_, _ = s.Measure("sockets")
		b.StartTimer()
		if _, err := s.Ask("Q1a"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFeedback is the other half of BenchmarkAsk.
func BenchmarkFeedback(b *testing.B) {
	book := loadBook(b)
	sc := labScenes(b, "accept-queue-full")[0]
	for b.Loop() {
		b.StopTimer()
		s := New(book, sc.Scenario, sc.host())
		_, _ = s.Measure("counters")
		if err := s.Commit(Conclusion{Causes: sc.Truth}); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		s.Feedback()
	}
}
