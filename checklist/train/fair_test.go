package train

import (
	"slices"
	"strings"
	"testing"
	"time"

	"whydrop/content"
)

// sceneOf is the scenario of the content with an id.
func sceneOf(t *testing.T, id string) scene {
	t.Helper()
	all := scenes(t)
	i := slices.IndexFunc(all, func(sc scene) bool { return sc.ID == id })
	if i < 0 {
		t.Fatalf("there is no scenario %s", id)
	}
	return all[i]
}

func sessionOf(t *testing.T, id string) *Session {
	t.Helper()
	sc := sceneOf(t, id)
	s := New(loadBook(t), sc.Scenario, sc.host())
	s.Now = clock()
	return s
}

// mark is the mark of an area.
func mark(t *testing.T, s *Session, a Area) Mark {
	t.Helper()
	f := s.Feedback()
	return f.Marks[slices.IndexFunc(f.Marks, func(m Mark) bool { return m.Area == a })]
}

// says says whether a reason of a mark has some words, and its points.
func says(m Mark, words string) (points float64, found bool) {
	for _, r := range m.Reasons {
		if strings.Contains(r.Says, words) {
			return r.Points, true
		}
	}
	return 0, false
}

// A drop reason that names the hook speaks for the causes that sit at it, before their
// rules are read, and the step says so.
func TestDropReasonRaisesItsCauses(t *testing.T) {
	s := sessionOf(t, "partner-feed-silent")
	measureAll(t, s, "drops")
	e := s.events[len(s.events)-1]
	if e.After["netfilter.drop-rule"] < 4*e.Before["netfilter.drop-rule"] {
		t.Errorf("420 packets with NETFILTER_DROP take the drop rule from %v to %v", e.Before, e.After)
	}
	if told := s.changed(e); !strings.Contains(told, "A host firewall rule drops the packets: ") || !strings.Contains(told, "rejects the packets") {
		t.Errorf("of drop reasons it is told that %s", told)
	}
	if worse, _ := s.wasted(e, map[string]bool{}, map[int]bool{}); worse {
		t.Error("and they count as worth nothing")
	}
}

// That nothing is wrong is found by the words in which people say it, stated, dropped,
// concluded and kept as a cause is.
func TestNothingWrongIsAHypothesis(t *testing.T) {
	s := sessionOf(t, "red-tile")
	for words, is := range map[string]bool{
		"healthy": true, "none": true, "Nothing wrong": true, "nothing is wrong": true, "false alarm": true, "the host is fine": true, "no fault": true, NothingWrong: true,
		"no route": false, "nothing listens on the port": false, "nothing answers": false, "host": false, "alarm bells and lost packets": false, "?!": false,
	} {
		found := s.Hypotheses(words)
		if is != (len(found) == 1 && found[0].ID == NothingWrong) {
			t.Errorf("%q finds %d hypotheses, NothingWrong alone: expected %v", words, len(found), is)
		}
	}
	if all := s.Hypotheses(""); len(all) != len(s.book.Causes)+1 || all[0].ID != NothingWrong {
		t.Errorf("no words find %d hypotheses", len(all))
	}
	ask(t, s, "Q1a", "Q2a", "Q3a", "Q4a")
	measureAll(t, s, s.host.Probes()...)
	mustDo(t, s.Suspect(NothingWrong))
	again, notes := Replay(s.book, s.scenario, s.host, s.Events())
	if len(notes) > 0 || !slices.Equal(again.Suspects(), []string{NothingWrong}) || again.Cause(NothingWrong).Title == "" {
		t.Errorf("made again the hypotheses are %v; %v", again.Suspects(), notes)
	}
	mustDo(t, s.Commit(Conclusion{Causes: []string{NothingWrong}, Steps: []string{"nothing"}}))
	if c := s.Concluded(); !c.Healthy || len(c.Causes) > 0 {
		t.Errorf("concluded is %+v", c)
	}
	if p, found := says(mark(t, s, Reasoning), "Nothing is wrong on this host"); !found || p != 2 {
		t.Errorf("the hypothesis earns %v", p)
	}
	if p, found := says(mark(t, s, Reasoning), "was not dropped"); found {
		t.Errorf("a right hypothesis costs %v", p)
	}

	sick := sessionOf(t, "checkout-three-seconds")
	measureAll(t, sick, "counters", "sockets")
	mustDo(t, sick.Suspect(NothingWrong))
	mustDo(t, sick.Commit(Conclusion{Causes: []string{NothingWrong}}))
	if turns := sick.Feedback().WrongTurns; len(turns) != 1 || turns[0].Why == "" {
		t.Errorf("of a host that is measured to be sick, it is taken as %+v", turns)
	}
}

// Own words count if they speak of the incident, however short; where nothing is to be
// changed nobody is marked on risk and rollback.
func TestOwnWords(t *testing.T) {
	s := sessionOf(t, "partner-feed-silent")
	for words, counts := range map[string]bool{
		"nft -f saved.nft": true, "rule counter stands still": true, "the partner connects": true,
		"": false, "  ": false, "lorem ipsum dolor sit amet": false, "bla bla bla bla bla bla": false, "1 2 3 4 5 6": false, "xx yy zz": false, "the of and is it": false,
	} {
		if s.Said(words) != counts {
			t.Errorf("%q counts: %v", words, !counts)
		}
	}
	plan := func(id string, c Conclusion) Mark {
		s := sessionOf(t, id)
		measureAll(t, s, s.host.Probes()...)
		c.Healthy, c.Causes, c.Steps = s.scenario.Healthy(), s.scenario.Truth, rightSteps(s)
		mustDo(t, s.Commit(c))
		tickAll(t, s)
		return mark(t, s, Planning)
	}
	const nonsense = "lorem ipsum dolor sit amet"
	if m := plan("partner-feed-silent", Conclusion{Risk: nonsense, Rollback: nonsense, Verify: nonsense, Explanation: nonsense}); m.Points != 3 {
		t.Errorf("with nonsense for words the plan has %v: %+v", m.Points, m.Reasons)
	}
	short := Conclusion{Risk: "the rule may be wanted", Rollback: "nft -f saved.nft", Verify: "rule counter stands still", Explanation: "an old nft rule drops SYNs for port 8443"}
	if m := plan("partner-feed-silent", short); m.Points != 4 {
		t.Errorf("with few words that are right the plan has %v: %+v", m.Points, m.Reasons)
	}
	if m := plan("partner-feed-silent", Conclusion{Explanation: "firewall"}); m.Points != 3 {
		t.Errorf("one word says all key points: the plan has %v: %+v", m.Points, m.Reasons)
	}
	healthy := plan("red-tile", Conclusion{Explanation: strings.Join(sceneOf(t, "red-tile").KeyPoints, " ")})
	if healthy.Points != 4 {
		t.Errorf("where nothing is to be done the plan has %v: %+v", healthy.Points, healthy.Reasons)
	}
	for _, what := range []string{"the risk", "take it back", "verify"} {
		if p, found := says(healthy, what); found {
			t.Errorf("where nothing is to be done there are %v points on %s", p, what)
		}
	}
}

// A place that was not named earns nothing, also where the cause has only one.
func TestPlaceIsNamed(t *testing.T) {
	for hop, points := range map[string]float64{"": 3, "listen": 4, "path": 3} {
		s := sessionOf(t, "checkout-three-seconds")
		measureAll(t, s, "counters", "sockets")
		mustDo(t, s.Commit(Conclusion{Causes: s.scenario.Truth, Hop: hop}))
		if m := mark(t, s, Concluding); m.Points != points {
			t.Errorf("with the hop %q the conclusion has %v: %+v", hop, m.Points, m.Reasons)
		}
	}
}

// What a hypothesis earns depends on how it stood when it was stated.
func TestGuessesAreNotReasoned(t *testing.T) {
	const truth = "listen.accept-queue-full"
	for name, c := range map[string]struct {
		before []string // questions, then probes, before it is stated
		points float64
	}{
		"at once":              {nil, 0.5},
		"after what is silent": {[]string{"Q8a", "Q10b", "links"}, 0.5},
		"after it is measured": {[]string{"Q1a", "counters"}, 2},
	} {
		s := sessionOf(t, "checkout-three-seconds")
		for _, id := range c.before {
			if s.book.Question(id) != nil {
				ask(t, s, id)
			} else {
				measureAll(t, s, id)
			}
		}
		mustDo(t, s.Suspect(truth))
		measureAll(t, s, "counters", "sockets")
		mustDo(t, s.Commit(Conclusion{Causes: []string{truth}}))
		if p, found := says(mark(t, s, Reasoning), "as a hypothesis"); !found || p != c.points {
			t.Errorf("stated %s it earns %v: expected %v", name, p, c.points)
		}
	}
	s := sessionOf(t, "partner-feed-silent")
	ask(t, s, "Q6a", "Q6b", "Q2b", "Q8a", "Q3b")
	mustDo(t, s.Suspect("netfilter.drop-rule"))
	measureAll(t, s, "filters")
	mustDo(t, s.Commit(Conclusion{Causes: s.scenario.Truth}))
	if p, found := says(mark(t, s, Reasoning), "as a hypothesis"); !found || p > 1 {
		t.Errorf("stated while several causes were likelier it earns %v", p)
	}
}

// Whoever asks nobody neither measured nor saved well.
func TestAskingNobodyCosts(t *testing.T) {
	s := sessionOf(t, "checkout-three-seconds")
	hastens(t, s)
	f := s.Feedback()
	if f.Well || mark(t, s, Measuring).Points > 2 || mark(t, s, Economizing).Points > 1 {
		t.Errorf("with nobody asked and nonsense for words: well %v, %v of %v, %+v", f.Well, f.Total, f.Of, f.Marks)
	}
	good := sessionOf(t, "checkout-three-seconds")
	wisely(t, good)
	if !good.Feedback().Well {
		t.Error("the ideal way is not done well")
	}
}

// The log of a session does not tell the truth before the candidate names it; one that an
// older whydrop wrote, which did, is read.
func TestLogDoesNotTell(t *testing.T) {
	s := sessionOf(t, "lobby-logins")
	mustDo(t, s.Begin())
	ask(t, s, "Q1a")
	_, err := s.Hint()
	mustDo(t, err)
	measureAll(t, s, "counters", "sockets")
	if kept := asJSON(t, s.Events()); strings.Contains(kept, "app.fd-exhausted") || strings.Contains(kept, "settled") {
		t.Errorf("the log tells it: %s", kept)
	}
	events, notes := Logs.Parse([]byte(`{"n":1,"kind":"begin","id":"lobby-logins"}
{"n":2,"kind":"ask","id":"Q1a","bits":0.1,"before":{"app.fd-exhausted":0.01},"after":{"app.fd-exhausted":0.02},"settled":true}
`))
	again, more := Replay(s.book, s.scenario, s.host, events)
	if len(notes)+len(more) > 0 || again.Steps() != 1 || again.events[1].Settled || again.events[1].After["app.fd-exhausted"] == 0.02 {
		t.Errorf("an old log is read as %+v; %v %v", again.events, notes, more)
	}
}

// A session that is killed loses half a minute at most; what was waited for counts once.
func TestBeat(t *testing.T) {
	s := sessionOf(t, "lobby-logins")
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	s.Now = func() time.Time { return now }
	mustDo(t, s.Beat())
	mustDo(t, s.Begin())
	for range 330 {
		now = now.Add(time.Second)
		mustDo(t, s.Beat())
	}
	if n := len(s.Events()); n != 12 || s.Steps() != 0 {
		t.Errorf("in 330 s there are %d events, %d steps", n, s.Steps())
	}
	killed := s.Elapsed()
	again, notes := Replay(s.book, s.scenario, s.host, s.Events())
	now = now.Add(time.Hour)
	again.Now = s.Now
	mustDo(t, again.Begin())
	if d := killed - again.Elapsed(); len(notes) > 0 || d < 0 || d > beats {
		t.Errorf("a kill after %v leaves %v; %v", killed, again.Elapsed(), notes)
	}
	mustDo(t, again.Commit(Conclusion{Healthy: true}))
	n := len(again.Events())
	now = now.Add(time.Hour)
	if mustDo(t, again.Beat()); len(again.Events()) != n {
		t.Error("time goes on after the commit")
	}
}

// A repeat is kept as one, and the scorecard says so.
func TestRepeat(t *testing.T) {
	s := sessionOf(t, "lobby-logins")
	s.Repeat = true
	mustDo(t, s.Begin())
	mustDo(t, s.Commit(Conclusion{Causes: s.scenario.Truth}))
	again, _ := Replay(s.book, s.scenario, s.host, s.Events())
	if !again.Repeat || !again.Feedback().Repeat || !strings.Contains(again.Scorecard(), "A repeat") {
		t.Error("a repeat is forgotten")
	}
	if first := sessionOf(t, "lobby-logins"); first.Repeat {
		t.Error("the first time is a repeat")
	}
}

func TestPointsAreShownAsTheyAre(t *testing.T) {
	for v, want := range map[float64]string{23.25: "23.25", 4: "4", 0.5: "0.5", 0: "0", 12.75: "12.75"} {
		if got := Points(v); got != want {
			t.Errorf("%v is shown as %s", v, got)
		}
	}
	if Signed(1.75) != "+1.75" || Signed(-0.25) != "-0.25" || Signed(0) != "0" {
		t.Error(Signed(1.75), Signed(-0.25), Signed(0))
	}
}

// The first view of a link shows its MTU and what moved, not history, and says what it
// leaves out; totals of the machine on which the host was made are not shown.
func TestReadingShowsWhatMatters(t *testing.T) {
	s := sessionOf(t, "big-groups")
	r, err := s.Measure("links")
	mustDo(t, err)
	lines := r.Lines(false)
	at := slices.IndexFunc(lines, func(l TextLine) bool { return strings.HasPrefix(l.Text, "eno1") })
	lo := slices.IndexFunc(lines, func(l TextLine) bool { return strings.HasPrefix(l.Text, "lo ") })
	if at < 0 || lo < at {
		t.Fatalf("eno1 is line %d, lo %d", at, lo)
	}
	for _, want := range []string{"mtu=9000", "tx_dropped=2415", "more)"} {
		if !strings.Contains(lines[at].Text, want) {
			t.Errorf("the first view has no %s: %s", want, lines[at].Text)
		}
	}
	if strings.Contains(lines[at].Text, "_total") {
		t.Errorf("the first view has history: %s", lines[at].Text)
	}
	all := r.Lines(true)
	if strings.Contains(all[at].Text, "more)") || !strings.Contains(all[at].Text, "tx_dropped_total") {
		t.Errorf("all of it is %s", all[at].Text)
	}
	if r, err = s.Measure("counters"); err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, l := range r.Lines(true) {
		text += l.Text + "\n"
	}
	for _, not := range []string{"neigh.table_fulls", "softnet.dropped", "softnet_dropped_total"} { // zero since the recording began
		if strings.Contains(text, not) {
			t.Errorf("%s of the machine is shown", not)
		}
	}
	for _, want := range []string{"softnet.processed +", "Tcp.RetransSegs +"} {
		if !strings.Contains(text, want) {
			t.Errorf("counters do not show %q", want)
		}
	}
}

// No host shows the past of the machine on which it was recorded, in no figure; a setting
// of 0 is shown; a growth is the one that the end of the recording tells; and what nobody
// is healthy without comes first.
func TestReadingIsOfThisHost(t *testing.T) {
	for _, sc := range scenes(t) {
		f, _, err := sc.host().Look()
		mustDo(t, err)
		for name, v := range f.Values {
			if d := loadBook(t).Facts.Fact(name); d != nil && d.Scope == content.HostWide && v.Total != nil && *v.Total > 1e6 {
				t.Errorf("%s: %s has the total %v", sc.ID, name, *v.Total)
			}
		}
		for name, rows := range f.Tables {
			d := loadBook(t).Facts.TableOf(name)
			for _, row := range rows {
				for field, v := range row {
					if n, is := v.(float64); is && d != nil && d.Scope == content.HostWide && isTotal(d, field) && n > 2e6 {
						t.Errorf("%s: %s.%s has the total %v", sc.ID, name, field, n)
					}
				}
			}
		}
	}
	for id, c := range map[string]struct{ probe, line string }{
		"dispatch-desk":  {"settings", "nf_conntrack_tcp_loose 0"},
		"quotes-at-noon": {"resources", "periods=120 "},
		"two-complaints": {"counters", "Tcp.RetransSegs +"},
	} {
		r, err := sessionOf(t, id).Measure(c.probe)
		mustDo(t, err)
		if !slices.ContainsFunc(r.Lines(c.probe == "settings"), func(l TextLine) bool { return strings.Contains(l.Text, c.line) }) {
			t.Errorf("%s: %s do not show %q: %+v", id, c.probe, c.line, r.Lines(true))
		}
	}
}

// The likeliest cause that something measured speaks for is no guess, though the engine
// does not name it yet.
func TestBorneOut(t *testing.T) {
	s := sessionOf(t, "mill-branch")
	ask(t, s, "Q1a", "Q2a", "Q3a", "Q4a", "Q7a")
	measureAll(t, s, "counters", "routes")
	mustDo(t, s.Suspect("ip.blackhole-route"))
	measureAll(t, s, "sockets")
	mustDo(t, s.Commit(Conclusion{Causes: s.scenario.Truth, Hop: "ip", Steps: rightSteps(s)}))
	m := mark(t, s, Concluding)
	if points, _ := says(m, "nothing was likelier"); points != 2.25 || m.Points != 3.25 {
		t.Errorf("the conclusion has %v: %+v", m.Points, m.Reasons)
	}
	if _, capped := says(mark(t, s, Planning), "guess"); capped {
		t.Error("its plan is one for a guess")
	}
	guess := sessionOf(t, "mill-branch")
	ask(t, guess, "Q1a", "Q2a", "Q3a", "Q4a", "Q7a")
	mustDo(t, guess.Commit(Conclusion{Causes: s.scenario.Truth, Hop: "ip", Steps: rightSteps(s)}))
	if points, _ := says(mark(t, guess, Concluding), "A guess counts half"); points != 1.5 {
		t.Errorf("a guess has %v: %+v", points, mark(t, guess, Concluding).Reasons)
	}
}

// Words of any incident, and what everybody was told at the beginning, say nothing of
// this one; short commands and other forms of a word do; the same words count once.
func TestOwnWordsOfThisIncident(t *testing.T) {
	for _, sc := range scenes(t) {
		s := New(loadBook(t), sc.Scenario, sc.host())
		for _, words := range []string{"port", "tcp", "packets", "the host", "tcp port host packets connection", sc.Opening} {
			if s.Said(words) {
				t.Errorf("%s: %q counts", sc.ID, words)
			}
		}
	}
	for id, words := range map[string]string{"second-uplink": "spoofing gets in", "evening-reels": "ss -ti", "agents-report-nothing": "no risk"} {
		if !sessionOf(t, id).Said(words) {
			t.Errorf("%s: %q does not count", id, words)
		}
	}
	s := sessionOf(t, "partner-feed-silent")
	measureAll(t, s, s.host.Probes()...)
	const same = "the old nft rule"
	mustDo(t, s.Commit(Conclusion{Causes: s.scenario.Truth, Steps: rightSteps(s), Risk: same, Rollback: same, Verify: same, Explanation: same}))
	tickAll(t, s)
	if m := mark(t, s, Planning); m.Points != 3.25 {
		t.Errorf("the same words four times give %v: %+v", m.Points, m.Reasons)
	}
}

// What a plan sets can always be set back.
func TestWayBack(t *testing.T) {
	s := sessionOf(t, "dispatch-desk")
	if back := modelStep(s.scenario, s.truePlan()).Rollback; !strings.Contains(back, "net.netfilter.nf_conntrack_tcp_loose") {
		t.Errorf("the way back is %q", back)
	}
}

// Why a plan's step is right has no value in it that is not known.
func TestReasonsAreWhole(t *testing.T) {
	for _, sc := range scenes(t) {
		s := New(loadBook(t), sc.Scenario, sc.host())
		for _, c := range s.Menu() {
			if c.Right && strings.Contains(s.whyChoice(c), content.Unknown) {
				t.Errorf("%s: %s: %s", sc.ID, c.ID, s.whyChoice(c))
			}
		}
		for _, p := range s.truePlan() {
			p = s.toldWhole(p)
			if text := p.Change + p.Why + p.Effect + p.Risk + p.Verify + p.Ask; strings.Contains(text, content.Unknown) {
				t.Errorf("%s: %s/%s: %s", sc.ID, p.Cause.ID, p.Remedy.ID, text)
			}
		}
	}
}

// Each step of the ideal way says why it is taken and what it did, and a measurement does
// not deny what an earlier one counted.
func TestIdealWayHasReasons(t *testing.T) {
	for _, sc := range scenes(t) {
		path, founded := sc.ideal()
		suspects := 0
		for i, p := range path {
			if p.Why == "" || p.Did == "" || p.Says == "" || len(p.Parts()) < 2 {
				t.Errorf("%s: step %d (%s) has no reason or effect: %+v", sc.ID, i+1, p.ID, p)
			}
			suspects += len(p.Suspect) - len(p.Drop)
			if strings.Contains(p.Says, "nothing on this host") {
				t.Errorf("%s: step %d (%s) denies what others counted: %s", sc.ID, i+1, p.ID, p.Says)
			}
		}
		if !founded || suspects != max(1, len(sc.Truth)) {
			t.Errorf("%s: the way ends with %d hypotheses, founded %v", sc.ID, suspects, founded)
		}
	}
}

// Whoever follows the debrief's way, concludes what it shows and says its key points has
// every point that there is.
func TestIdealWayIsIdeal(t *testing.T) {
	for _, sc := range scenes(t) {
		s := New(loadBook(t), sc.Scenario, sc.host())
		followsWay(t, s)
		f := s.Feedback()
		for _, m := range f.Marks {
			if m.Points != MostPoints {
				t.Errorf("%s: the ideal way of %s has %v for %s: %+v", sc.ID, counted(len(f.Steps), "step"), m.Points, m.Area, m.Reasons)
			}
		}
	}
}
