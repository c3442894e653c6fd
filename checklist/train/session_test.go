package train

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"whydrop/checklist/eventlog"
	"whydrop/content"
	"whydrop/probes/fact"
)

func newSession(t testing.TB, name string) *Session {
	t.Helper()
	sc := labScenes(t, name)[0]
	s := New(loadBook(t), sc.Scenario, sc.host())
	s.Now = clock()
	return s
}

// What was not measured is not known, whatever the recording holds; what was is.
func TestOnlyWhatWasMeasuredIsKnown(t *testing.T) {
	s := newSession(t, "accept-queue-full")
	if p := s.belief(s.diagnosis())["listen.accept-queue-full"]; p > 0.01 {
		t.Errorf("before the first step the cause stands at %v", p)
	}
	measureAll(t, s, "links")
	for name := range s.seen.facts.Values {
		if d := s.book.Facts.Fact(name); d.Probe != "links" && d.Probe != "" {
			t.Errorf("after links were measured, %s of %s is known", name, d.Probe)
		}
	}
	for name := range s.seen.facts.Tables {
		if d := s.book.Facts.TableOf(name); d.Probe != "links" {
			t.Errorf("after links were measured, the table %s of %s is known", name, d.Probe)
		}
	}
	measureAll(t, s, "counters", "sockets")
	if _, ok := s.seen.facts.Values["TcpExt.ListenOverflows"]; !ok {
		t.Error("counters were measured, and TcpExt.ListenOverflows is not known")
	}
	if _, ok := s.seen.facts.Tables["link"]; !ok {
		t.Error("links are forgotten when sockets are measured")
	}
	if p := s.belief(s.diagnosis())["listen.accept-queue-full"]; p < 0.9 {
		t.Errorf("with counters and sockets the cause stands at %v", p)
	}
}

func TestStepsAndWhatCannotBe(t *testing.T) {
	s := newSession(t, "accept-queue-full")
	s.scenario.Remarks = []*content.Remark{{After: 2, From: "product owner", Says: "It was fine on Friday."}}
	mustDo(t, s.Begin())
	a, err := s.Ask("Q1a")
	mustDo(t, err)
	if !a.Known || a.Again || len(a.Remarks) > 0 || a.Says != "It is one-application." {
		t.Errorf("the answer is %+v", a)
	}
	a, err = s.Ask("Q8a")
	mustDo(t, err)
	if a.Known || a.Says == "" || len(a.Remarks) != 1 {
		t.Errorf("of what nobody knows the answer is %+v", a)
	}
	if told := s.Told("Q8a"); told.Says != a.Says {
		t.Errorf("asked again it is %q, was %q", told.Says, a.Says)
	}
	if a, err = s.Ask("Q1a"); err != nil || !a.Again {
		t.Errorf("asked again: %+v, %v", a, err)
	}
	for what, err := range map[string]error{
		"an unknown question":     errOf(s.Ask("Q99z")),
		"an unknown probe":        errOf(s.Measure("crystal-ball")),
		"an unknown cause":        s.Suspect("app.gremlins"),
		"no cause":                s.Commit(Conclusion{}),
		"a cause and none":        s.Commit(Conclusion{Healthy: true, Causes: []string{"path.loss"}}),
		"an unknown hop":          s.Commit(Conclusion{Healthy: true, Hop: "limbo"}),
		"an unknown step":         s.Commit(Conclusion{Healthy: true, Steps: []string{"reboot"}}),
		"a check before the end":  s.Check(Check{}),
		"an unknown cause at end": s.Commit(Conclusion{Causes: []string{"app.gremlins"}}),
	} {
		if err == nil {
			t.Errorf("%s is taken", what)
		}
	}
	if s.Steps() != 3 || s.Feedback() != nil || s.Debrief() != nil || s.Scorecard() != "" {
		t.Errorf("after 3 steps and no conclusion: %d steps, feedback %v", s.Steps(), s.Feedback())
	}
	mustDo(t, s.Commit(Conclusion{Causes: []string{"path.loss"}}))
	for what, err := range map[string]error{
		"ask": errOf(s.Ask("Q1b")), "measure": errOf(s.Measure("links")), "suspect": s.Suspect("app.aborts"), "commit": s.Commit(Conclusion{Healthy: true}),
	} {
		if !errors.Is(err, ErrOver) {
			t.Errorf("%s after the conclusion: %v", what, err)
		}
	}
	if err := s.Check(Check{KeyPoints: []int{7}}); err == nil {
		t.Error("a key point that does not exist is taken")
	}
}

func errOf[T any](_ T, err error) error { return err }

// What counts is done even if it cannot be kept, and the error says so.
func TestNotKept(t *testing.T) {
	s := newSession(t, "accept-queue-full")
	full := errors.New("no space left on device")
	s.Keep = func(Event) error { return full }
	r, err := s.Measure("counters")
	if !errors.Is(err, full) || !kept(err) || r == nil || !s.MeasuredProbe("counters") {
		t.Errorf("reading %v, error %v", r, err)
	}
}

// playThrough is a session with every kind of event.
func playThrough(t *testing.T, s *Session) {
	t.Helper()
	mustDo(t, s.Begin())
	ask(t, s, "Q1a", "Q2a", "Q5b")
	mustDo(t, s.Suspect("path.loss"))
	measureAll(t, s, "counters", "sockets")
	mustDo(t, s.Drop("path.loss"))
	mustDo(t, s.Suspect("listen.accept-queue-full"))
	mustDo(t, s.Note("the listener \x1b[31mis slow"))
	_, err := s.Hint()
	mustDo(t, err)
	mustDo(t, s.Commit(Conclusion{
		Causes: []string{"listen.accept-queue-full"}, Hop: "listen", Steps: []string{s.Menu()[0].ID, s.Menu()[1].ID},
		Risk: "<script>alert(1)</script> restart", Rollback: "git revert", Verify: "nstat shows nothing", Explanation: "the line is full, clients wait, kernel drops their attempts",
	}))
	mustDo(t, s.Check(Check{KeyPoints: []int{0, 2}, Risk: true, Verify: true}))
}

// A session is its events: what is read from the log gives the same session.
func TestReplay(t *testing.T) {
	s := newSession(t, "accept-queue-full")
	dir := t.TempDir()
	log, err := Logs.Create(filepath.Join(dir, "new"), s.scenario.ID, s.Now())
	mustDo(t, err)
	s.Keep = log.Append
	playThrough(t, s)
	mustDo(t, log.Close())

	resumed, events, notes, err := Logs.Resume(log.Path)
	mustDo(t, err)
	if len(notes) > 0 || len(events) != len(s.Events()) {
		t.Fatalf("%d events of %d are read; %v", len(events), len(s.Events()), notes)
	}
	if _, _, _, err := Logs.Resume(log.Path); !errors.Is(err, eventlog.ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	mustDo(t, resumed.Close())
	again, notes := Replay(s.book, s.scenario, labScenes(t, "accept-queue-full")[0].host(), events)
	if len(notes) > 0 {
		t.Errorf("left out: %v", notes)
	}
	if a, b := asJSON(t, s.Events()), asJSON(t, again.Events()); a != b {
		t.Errorf("the events are\n%s\nwere\n%s", b, a)
	}
	if a, b := s.Scorecard(), again.Scorecard(); a != b {
		t.Errorf("the scorecard is\n%s\nwas\n%s", b, a)
	}
	if !reflect.DeepEqual(s.Suspects(), again.Suspects()) || s.Elapsed() != again.Elapsed() {
		t.Errorf("suspects %v, were %v; %v, was %v", again.Suspects(), s.Suspects(), again.Elapsed(), s.Elapsed())
	}
	saved, err := Sessions(filepath.Join(dir, "new"))
	if err != nil || len(saved) != 1 || saved[0].Scenario != "accept-queue-full" || saved[0].Steps != 5 || !saved[0].Over {
		t.Errorf("the sessions are %+v, %v", saved, err)
	}
	if saved, err := Sessions(filepath.Join(dir, "nowhere")); err != nil || len(saved) > 0 {
		t.Errorf("of a directory that does not exist: %v, %v", saved, err)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	mustDo(t, err)
	return string(data)
}

// Damage costs the line that has it, a kill the line that was being written.
func TestDamagedLog(t *testing.T) {
	s := newSession(t, "accept-queue-full")
	log, err := Logs.Create(t.TempDir(), "../..//x", s.Now())
	mustDo(t, err)
	s.Keep = log.Append
	playThrough(t, s)
	mustDo(t, log.Close())
	data, err := os.ReadFile(log.Path)
	mustDo(t, err)
	lines := strings.SplitAfter(string(data), "\n")
	lines[2] = "{\"n\":3,\"kind\":\"as\x00\n"
	lines[3] = "{\"n\":4,\"kind\":\"teleport\"}\n"
	damaged := strings.Join(lines[:6], "") + lines[5] + lines[6][:20]
	mustDo(t, os.WriteFile(log.Path, []byte(damaged), 0o600))
	resumed, events, notes, err := Logs.Resume(log.Path)
	mustDo(t, err)
	if len(events) != 4 || len(notes) != 4 {
		t.Errorf("%d events, notes %q", len(events), notes)
	}
	again, _ := Replay(s.book, s.scenario, labScenes(t, "accept-queue-full")[0].host(), events)
	again.Now, again.Keep = s.Now, resumed.Append
	ask(t, again, "Q3a")
	mustDo(t, resumed.Close())
	events, _, err = Logs.Read(log.Path)
	mustDo(t, err)
	if last := events[len(events)-1]; last.Kind != Asked || last.ID != "Q3a" {
		t.Errorf("what is done after damage is read as %+v", last)
	}
}

// What the content no longer has is told and left out.
func TestReplayOfOtherContent(t *testing.T) {
	s := newSession(t, "accept-queue-full")
	events := []Event{
		{Number: 1, Kind: Began, ID: "x"}, {Number: 2, Kind: Asked, ID: "Q77"}, {Number: 3, Kind: Measured, ID: "counters", Moment: 99},
		{Number: 4, Kind: Committed}, {Number: 5, Kind: Suspected, ID: "\x1b[2Jgone"}, {Number: 6, Kind: Asked, ID: "Q1a"},
	}
	again, notes := Replay(s.book, s.scenario, s.host, events)
	if len(notes) != 4 || again.Steps() != 1 || strings.Contains(strings.Join(notes, ""), "\x1b") {
		t.Errorf("%d steps, notes %q", again.Steps(), notes)
	}
}

// Time counts from the beginning to the commit, without breaks.
func TestElapsed(t *testing.T) {
	s := newSession(t, "accept-queue-full")
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	s.Now = func() time.Time { return now }
	pass := func(d time.Duration) { now = now.Add(d) }
	mustDo(t, s.Begin())
	pass(10 * time.Second)
	ask(t, s, "Q1a")
	again, _ := Replay(s.book, s.scenario, s.host, s.Events())
	again.Now = s.Now
	pass(24 * time.Hour)
	mustDo(t, again.Begin())
	pass(5 * time.Second)
	if d := again.Elapsed(); d != 15*time.Second {
		t.Errorf("before the commit %v have passed", d)
	}
	pass(-time.Minute)
	mustDo(t, again.Commit(Conclusion{Healthy: true}))
	pass(time.Hour)
	if d := again.Elapsed(); d != 10*time.Second {
		t.Errorf("after the commit, on a clock that was set back, %v have passed", d)
	}
}

// live is a host that is watched.
type live struct{ still }

func (l live) Look() (*fact.Facts, int, error)   { return l.facts, Live, nil }
func (l live) Again(int) (*fact.Facts, error)    { return nil, ErrPassed }
func (l live) mended(f *fact.Facts) live         { l.facts = f; return l }
func facts(t *testing.T, s *Session) *fact.Facts { t.Helper(); return s.wholeHost() }

// Of a host that is watched the measurements themselves are in the log, and the menu
// stays what it was when the host is mended.
func TestLiveHost(t *testing.T) {
	sick := newSession(t, "accept-queue-full")
	well := facts(t, newSession(t, "healthy-web"))
	host := live{still{sick.host.Probes(), facts(t, sick)}}
	s := New(sick.book, sick.scenario, host)
	s.Now = clock()
	measureAll(t, s, "counters", "sockets")
	host = host.mended(well)
	s.host = host
	measureAll(t, s, "links")
	if !s.founded(s.diagnosis(), "listen.accept-queue-full") {
		t.Error("what was measured before the fix is forgotten")
	}
	mustDo(t, s.Commit(Conclusion{Causes: []string{"listen.accept-queue-full"}}))
	var events []Event
	mustDo(t, json.Unmarshal([]byte(asJSON(t, s.Events())), &events))
	again, notes := Replay(s.book, s.scenario, host, events)
	if len(notes) > 0 || !again.founded(again.diagnosis(), "listen.accept-queue-full") {
		t.Errorf("made again the cause stands at %v; %v", again.belief(again.diagnosis()), notes)
	}
	if a, b := asJSON(t, s.Feedback().Causes), asJSON(t, again.Feedback().Causes); a != b {
		t.Errorf("made again the causes are\n%s\nwere\n%s", b, a)
	}
}

// A hypothesis that the evidence in hand refutes is a wrong turn; one without evidence
// either way is none.
func TestWrongTurns(t *testing.T) {
	s := newSession(t, "accept-queue-full")
	mustDo(t, s.Suspect("listen.syn-queue-full"))
	measureAll(t, s, "counters", "sockets", "links", "filters", "drops")
	mustDo(t, s.Suspect("netfilter.conntrack-full"))
	mustDo(t, s.Commit(Conclusion{Causes: []string{"listen.accept-queue-full"}}))
	turns := s.Feedback().WrongTurns
	if len(turns) != 1 || turns[0].Cause.ID != "netfilter.conntrack-full" || turns[0].Step != 5 || turns[0].Why == "" {
		t.Errorf("the wrong turns are %+v", turns)
	}
}

// What was not measured and would have shown the truth is told, with the probe.
func TestOverlooked(t *testing.T) {
	s := newSession(t, "accept-queue-full")
	measureAll(t, s, "links")
	mustDo(t, s.Commit(Conclusion{Causes: []string{"listen.accept-queue-full"}}))
	f := s.Feedback()
	if len(f.Overlooked) == 0 || !slices.Contains(f.Overlooked[0].Probes, "counters") && !slices.Contains(f.Overlooked[0].Probes, "sockets") {
		t.Errorf("overlooked: %+v", f.Overlooked)
	}
	if c := f.Causes[0]; !c.Right || c.Founded {
		t.Errorf("a right guess is %+v", c)
	}
}

func TestSearch(t *testing.T) {
	s := newSession(t, "accept-queue-full")
	for words, want := range map[string][]string{
		"did anything change?":        {"Q4a", "changes"},
		"firewall":                    {"filters", "Q7a"},
		"mtu":                         {"links"},
		"retransmits":                 {"counters"},
		"ethtool":                     {"links"},
		"ss":                          {"sockets"},
		"dropwatch":                   {"drops"},
		"who is affected":             {"Q1a"},
		"since when":                  {"Q1b"},
		"what do the logs say":        {"log", "Q10b"},
		"which errors do you see":     {"Q9b"},
		"cpu":                         {"resources"},
		"sysctl":                      {"settings"},
		"is there a load balancer":    {"Q5a"},
		"how far apart are they":      {"Q6b"},
		"which kernel":                {"Q8a"},
		"has anybody taken a capture": {"Q10a"},
		"keepalive":                   {"Q9a"},
		"arp":                         {"routes"},
		"containers":                  {"namespaces"},
	} {
		found := s.Search(words)
		for _, id := range want {
			if at := slices.IndexFunc(found, func(m Match) bool { return m.ID == id }); at < 0 || at > 2 {
				t.Errorf("%q finds %v: expected %s among the first three", words, ids(found), id)
			}
		}
	}
	for _, words := range []string{"", "  ", "the of and", "xyzzy", strings.Repeat("a ", 10000), "\x00\xff"} {
		if found := s.Search(words); len(found) > 0 {
			t.Errorf("%.20q finds %v", words, ids(found))
		}
	}
	ask(t, s, "Q4a")
	for _, m := range s.Search("did anything change?") {
		if m.Done != (m.ID == "Q4a") || m.Title == "" {
			t.Errorf("after Q4a was asked: %+v", m)
		}
	}
	for words, want := range map[string]string{"accept queue": "listen.accept-queue-full", "mtu black hole": "path.pmtu-blackhole", "large packets vanish": "path.pmtu-blackhole", "conntrack full": "netfilter.conntrack-full", "reverse path filter": "ip.rp-filter"} {
		found := s.SearchCauses(words)
		if at := slices.Index(found, s.book.Cause(want)); at < 0 || at > 2 {
			t.Errorf("causes for %q: %s is number %d of %d", words, want, at+1, len(found))
		}
	}
	if len(s.SearchCauses("")) != len(s.book.Causes) {
		t.Error("no words do not find all causes")
	}
}

func ids(found []Match) []string {
	var all []string
	for _, m := range found {
		all = append(all, m.ID)
	}
	return all
}

// Every probe of a host is an instrument with a name, and the other way round.
func TestInstruments(t *testing.T) {
	s := newSession(t, "accept-queue-full")
	for _, p := range s.host.Probes() {
		if s.book.Instrument(p) == nil {
			t.Errorf("the probe %s is no instrument: add it to interviewer.yaml", p)
		}
	}
	if got, want := len(s.Instruments()), len(s.host.Probes()); got != want {
		t.Errorf("%d instruments for %d probes", got, want)
	}
}

// A reading shows figures: what moved, what is history, bounded, with what each means
// on demand. It says nothing about causes.
func TestReading(t *testing.T) {
	s := newSession(t, "accept-queue-full")
	r, err := s.Measure("counters")
	mustDo(t, err)
	find := func(list []Figure, name string) *Figure {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
		return nil
	}
	if f := find(r.Moved, "TcpExt.ListenOverflows"); f == nil || f.Value == "0" || f.Total == "" || f.Means == "" {
		t.Errorf("TcpExt.ListenOverflows is %+v", f)
	}
	short, long := r.Lines(false), r.Lines(true)
	if len(short) > 60 || len(long) < len(short) {
		t.Errorf("%d lines, %d of all", len(short), len(long))
	}
	for _, probe := range s.host.Probes() {
		r, err := s.Measure(probe)
		mustDo(t, err)
		for _, l := range r.Lines(true) {
			if l.Text == "" || strings.ContainsAny(l.Text, "\n\x1b") {
				t.Errorf("%s: line %q", probe, l.Text)
			}
			for _, c := range s.book.Causes {
				if strings.Contains(l.Text, c.ID) {
					t.Errorf("%s: %q names the cause %s", probe, l.Text, c.ID)
				}
			}
		}
	}
}

// What a host is made to show reaches nobody's terminal as it is.
func TestReadingOfHostileFacts(t *testing.T) {
	book := loadBook(t)
	f := fact.New(time.Unix(0, 0), 5)
	f.Text("host.container", "\x1b[2J")
	total := -1.0
	f.Values["TcpExt.ListenOverflows"] = fact.Value{Now: "many", Total: &total}
	f.Values["Tcp.RetransSegs"] = fact.Value{}
	f.Tables["listener"] = []fact.Row{{"name": "\x1b]0;x\a", "process": "a\nb", "queue_peak": "9"}, {}, nil}
	f.Probes = []fact.Status{{Name: "sockets", Status: "failed", Why: "\x1b[31m"}}
	f.CannotSee("sockets", "\x1b[1m", "\r")
	for _, probe := range book.Facts.Probes() {
		for _, l := range newReading(book, f, probe).Lines(true) {
			if strings.ContainsAny(l.Text, "\x1b\n\r\a") {
				t.Errorf("%s: %q", probe, l.Text)
			}
		}
	}
}

// A hint says where to look, and names no cause; it is not free.
func TestHints(t *testing.T) {
	s := newSession(t, "accept-queue-full")
	for range 12 {
		h, err := s.Hint()
		mustDo(t, err)
		for _, c := range s.book.Causes {
			if strings.Contains(h, c.ID) || strings.Contains(h, c.Title) {
				t.Errorf("the hint %q names %s", h, c.ID)
			}
		}
		n := s.wise()
		if n == nil {
			if !strings.Contains(h, "enough") {
				t.Errorf("with all known the hint is %q", h)
			}
			return
		}
		if n.Kind == Asked {
			ask(t, s, n.ID)
		} else {
			measureAll(t, s, n.ID)
		}
	}
	t.Error("the hints do not come to an end")
}

// The scorecard is the same for the same session, and shows texts as they are.
func TestScorecard(t *testing.T) {
	s := newSession(t, "accept-queue-full")
	s.scenario.Title = "# *Slow* <b>shop</b>"
	playThrough(t, s)
	card := s.Scorecard()
	if card != s.Scorecard() {
		t.Error("the scorecard differs from one time to the next")
	}
	for _, bad := range []string{"\x1b", "<b>", "<script>", "# *Slow"} {
		if strings.Contains(card, bad) {
			t.Errorf("the scorecard has %q in it:\n%s", bad, card)
		}
	}
	for _, want := range []string{"## Marks", "Clarifying", "## Step by step", "## Coverage of the checklist", "## Conclusion", "## Plan", "## The ideal path", "self-assessed", "the line is full"} {
		if !strings.Contains(card, want) {
			t.Errorf("the scorecard has no %q:\n%s", want, card)
		}
	}
}

// Whatever is in a log, reading and replaying it neither panics nor hangs.
func FuzzLog(f *testing.F) {
	f.Add([]byte("{\"n\":1,\"kind\":\"begin\",\"id\":\"x\"}\n{\"n\":2,\"kind\":\"ask\",\"id\":\"Q1a\"}\n"))
	f.Add([]byte("{\"n\":1,\"kind\":\"measure\",\"id\":\"counters\",\"moment\":-1,\"facts\":{\"values\":{\"Tcp.RetransSegs\":{\"now\":\"x\"}},\"tables\":{\"listener\":[null]}}}\n"))
	f.Add([]byte("{\"n\":1,\"kind\":\"commit\",\"conclusion\":{\"causes\":[\"path.loss\"],\"hop\":\"x\"}}\n{\"n\":2,\"kind\":\"check\"}\n"))
	f.Add([]byte("{\"n\":1,\"kind\":\"commit\",\"conclusion\":{\"healthy\":true}}\n{\"n\":2,\"kind\":\"check\",\"check\":{\"key_points\":[-1]}}\n"))
	sc := labScenes(f, "accept-queue-full")[0]
	f.Fuzz(func(t *testing.T, data []byte) {
		events, _ := Logs.Parse(data)
		if len(events) > 20 {
			return
		}
		s := New(loadBook(t), sc.Scenario, sc.host())
		again, _ := Replay(s.book, s.scenario, s.host, events)
		_ = again.Steps()
		for _, p := range slices.Sorted(maps.Keys(again.readings)) {
			again.readings[p].Lines(true)
		}
		if again.Concluded() != nil {
			again.Scorecard()
		}
	})
}
