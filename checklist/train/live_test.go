package train

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"whydrop/probes/fact"
)

// watchedHost is a live host that shows what was recorded of a scenario.
func watchedHost(t *testing.T, id string) (scene, *Watched, *fact.Facts) {
	t.Helper()
	for _, sc := range scenes(t) {
		if sc.ID == id {
			f, _, err := sc.host().Look()
			if err != nil {
				t.Fatal(err)
			}
			w := NewWatched(loadBook(t), sc.Scenario)
			w.Show(f)
			return sc, w, f
		}
	}
	t.Fatalf("there is no scenario %s", id)
	return scene{}, nil, nil
}

// but is an observation with other values.
func but(f *fact.Facts, change func(*fact.Facts)) *fact.Facts {
	g := *f
	g.Values, g.Tables = maps.Clone(f.Values), maps.Clone(f.Tables)
	change(&g)
	return &g
}

// set gives counters another growth.
func set(f *fact.Facts, growth float64, counters ...string) {
	for _, name := range counters {
		v := f.Values[name]
		v.Now = growth
		f.Values[name] = v
	}
}

// unfiltered is what a host shows whose reverse-path filter is off.
func unfiltered(f *fact.Facts) {
	set(f, 0, "TcpExt.IPReversePathFilter")
	for name := range f.Values {
		if strings.HasPrefix(name, "drop") || strings.HasPrefix(name, "ip.rx_vanished") {
			delete(f.Values, name)
		}
	}
	for name := range f.Tables {
		if strings.HasPrefix(name, "drop") {
			delete(f.Tables, name)
		}
	}
}

// suffering are the clients of the sick host: one whom the fault meets, one whom it
// does not, and one whom nobody waits for.
var suffering = []Client{{Name: "kubelet", Wanted: 90}, {Name: "browser", Wanted: 120, Got: 119}, {Name: "scans"}}

// healed are they when the fault is mended.
var healed = []Client{{Name: "kubelet", Wanted: 90, Got: 90}, {Name: "browser", Wanted: 120, Got: 118}, {Name: "scans"}}

// with are the clients with one that fares otherwise.
func with(all []Client, other Client) []Client {
	all = slices.Clone(all)
	all[slices.IndexFunc(all, func(c Client) bool { return c.Name == other.Name })] = other
	return all
}

// TestMending judges what became of a live host, by the kernel's evidence and by the
// clients: it is mended when both say so.
func TestMending(t *testing.T) {
	hardly := func(f *fact.Facts) {
		unfiltered(f)
		f.Seconds /= 200
	}
	for name, c := range map[string]struct {
		change  func(*fact.Facts)
		clients []Client
		want    Mended
		says    string
	}{
		"it goes on":     {func(*fact.Facts) {}, suffering, NotFixed, "still found"},
		"it has stopped": {unfiltered, healed, Fixed, "stopped"},
		"the refusal is where the engine does not look": {unfiltered, suffering, NotFixed, "kubelet gets 0% of what it asks for"},
		"some are refused still":                        {unfiltered, with(healed, Client{Name: "kubelet", Wanted: 90, Got: 60}), NotFixed, "kubelet gets 67%"},
		"who is served does not undo what is counted":   {func(*fact.Facts) {}, healed, NotFixed, "Not fixed: those who complained are served now, but what was wrong goes on."},
		"others are not served any more":                {unfiltered, with(healed, Client{Name: "browser", Wanted: 120, Got: 5}), Worse, "browser gets 4%"},
		"the client has been killed":                    {unfiltered, with(healed, Client{Name: "kubelet", Silent: true}), Worse, "has ended or stands still"},
		"a client that suffered hangs":                  {unfiltered, with(healed, Client{Name: "kubelet"}), NotFixed, "asks for nothing"},
		"the scans have been stopped":                   {unfiltered, with(healed, Client{Name: "scans", Silent: true}), Worse, "scans, which made traffic"},
		"something else is broken": {func(f *fact.Facts) {
			unfiltered(f)
			set(f, 400, "TcpExt.ListenOverflows", "TcpExt.ListenDrops")
		}, with(healed, Client{Name: "browser", Wanted: 120}), Worse, "New: "},
		"something is counted of which nobody feels anything": {func(f *fact.Facts) {
			unfiltered(f)
			set(f, 400, "TcpExt.ListenOverflows", "TcpExt.ListenDrops")
		}, healed, Fixed, ""},
		"the service itself was replaced": {func(f *fact.Facts) {
			unfiltered(f)
			f.Tables["listener"] = nil
		}, healed, Fixed, ""},
		"hardly anything was seen":                 {hardly, nil, Untold, ""},
		"too little was counted, but all are well": {hardly, healed, Fixed, ""},
		"the machine is busier":                    {unfiltered, with(healed, Client{Name: "browser", Wanted: 120, Got: 100}), Fixed, ""},
		"nobody tells of clients any more":         {unfiltered, nil, Untold, ""},
	} {
		t.Run(name, func(t *testing.T) {
			sc, w, f := watchedHost(t, "second-uplink")
			w.suffered = suffering
			s := New(loadBook(t), sc.Scenario, w)
			m, err := s.Verify(&Seen{but(f, c.change), c.clients})
			if err != nil {
				t.Fatal(err)
			}
			told := strings.Join(m.Tell(true), " ")
			if m.Outcome != c.want || !strings.Contains(told, c.says) {
				t.Errorf("%s, want %s with %q: %s", m.Outcome, c.want, c.says, told)
			}
			before := strings.Join(m.Tell(false), " ")
			for _, truth := range sc.Truth {
				if strings.Contains(before, loadBook(t).Cause(truth).Title) {
					t.Errorf("before the commit the cause is named: %s", before)
				}
			}
			if s.Mending() != m || !s.Live() || s.Steps() != 0 {
				t.Error("the look is not noted, or counts as a step")
			}
		})
	}
}

// TestPartlyMended says that some are served now, where two things were wrong.
func TestPartlyMended(t *testing.T) {
	before := []Client{{Name: "gateway", Wanted: 90}, {Name: "sync", Wanted: 5e6, Got: 6e5}, {Name: "nearly", Wanted: 100, Got: 91}}
	for name, c := range map[string]struct {
		now  []Client
		says string
	}{
		"one of two": {[]Client{{Name: "gateway", Wanted: 90, Got: 90}, before[1], before[2]}, "some who complained are served now, others are not"},
		"nobody":     {before, "what people complain of goes on"},
		"chance":     {[]Client{before[0], before[1], {Name: "nearly", Wanted: 100, Got: 93}}, "what people complain of goes on"},
	} {
		sc, w, f := watchedHost(t, "second-uplink")
		w.suffered = before
		m, err := New(loadBook(t), sc.Scenario, w).Verify(&Seen{f, c.now})
		if err != nil || m.Outcome != NotFixed || !strings.Contains(m.Tell(false)[0], c.says) {
			t.Errorf("%s: %v, %v; want %q", name, m.Tell(false), err, c.says)
		}
	}
}

// TestMendedByFolklore tells what speaks against a setting with the verdict, and gives
// no points for it.
func TestMendedByFolklore(t *testing.T) {
	value := func(name string, v float64) func(*fact.Facts) {
		return func(f *fact.Facts) { f.Values["sysctl."+name] = fact.Value{Now: v} }
	}
	for name, c := range map[string]struct {
		before, since func(*fact.Facts)
		says          string
	}{
		"nothing was set":    {value("net.ipv4.tcp_timestamps", 1), value("net.ipv4.tcp_timestamps", 1), ""},
		"it was so before":   {value("net.ipv4.tcp_timestamps", 0), value("net.ipv4.tcp_timestamps", 0), ""},
		"it was undone":      {value("net.ipv4.tcp_timestamps", 0), value("net.ipv4.tcp_timestamps", 1), ""},
		"it was not known":   {func(f *fact.Facts) { delete(f.Values, "sysctl.net.ipv4.tcp_timestamps") }, value("net.ipv4.tcp_timestamps", 0), ""},
		"a value never set":  {value("net.ipv4.tcp_timestamps", 1), value("net.ipv4.tcp_timestamps", 0), "But: net.ipv4.tcp_timestamps = 0. Without timestamps"},
		"folklore was made":  {value("net.ipv4.tcp_abort_on_overflow", 0), value("net.ipv4.tcp_abort_on_overflow", 1), "But: net.ipv4.tcp_abort_on_overflow = 1. "},
		"a harmless setting": {value("net.ipv4.tcp_syn_retries", 6), value("net.ipv4.tcp_syn_retries", 4), ""},
	} {
		sc, w, f := watchedHost(t, "second-uplink")
		w.sick, w.suffered = but(f, c.before), suffering
		s := New(loadBook(t), sc.Scenario, w)
		m, err := s.Verify(&Seen{but(f, func(f *fact.Facts) { unfiltered(f); c.since(f) }), healed})
		if err != nil || m.Outcome != Fixed {
			t.Fatalf("%s: %+v, %v", name, m, err)
		}
		told := strings.Join(m.Tell(false), " ")
		if (c.says == "") != (len(m.But) == 0) || !strings.Contains(told, c.says) {
			t.Errorf("%s: %s; want %q", name, told, c.says)
		}
		if err := s.Commit(Conclusion{Causes: sc.Truth}); err != nil {
			t.Fatal(err)
		}
		if praised := strings.Contains(reasons(s, Planning), "found the live host mended: "); praised != (c.says == "") {
			t.Errorf("%s: praised is %v: %s", name, praised, reasons(s, Planning))
		}
	}
}

// reasons are those of a mark.
func reasons(s *Session, area Area) string {
	var all []string
	for _, m := range s.Feedback().Marks {
		for _, r := range m.Reasons {
			if m.Area == area {
				all = append(all, r.Says)
			}
		}
	}
	return strings.Join(all, "\n")
}

// TestMendingFounds lets a look that finds the host mended before the conclusion found
// the cause, and that cause alone.
func TestMendingFounds(t *testing.T) {
	_, _, sick := watchedHost(t, "second-uplink")
	mended, goesOn := Seen{but(sick, unfiltered), healed}, Seen{sick, suffering}
	for name, c := range map[string]struct {
		looks   []Seen // before the conclusion
		after   []Seen
		cause   string // "" for the truth
		founded bool
	}{
		"mended":         {[]Seen{mended}, nil, "", true},
		"and not again":  {[]Seen{mended, goesOn}, nil, "", true},
		"not mended":     {[]Seen{goesOn}, nil, "", false},
		"nobody looked":  {nil, nil, "", false},
		"mended after":   {nil, []Seen{mended}, "", false},
		"something else": {[]Seen{mended}, nil, "path.loss", false},
	} {
		sc, w, _ := watchedHost(t, "second-uplink")
		w.suffered = suffering
		now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
		s := New(loadBook(t), sc.Scenario, w)
		s.Now = func() time.Time { now = now.Add(time.Minute); return now }
		look := func(all []Seen) {
			for _, seen := range all {
				if _, err := s.Verify(&seen); err != nil {
					t.Fatal(err)
				}
			}
		}
		causes := sc.Truth
		if c.cause != "" {
			causes = []string{c.cause}
		}
		look(c.looks)
		if err := s.Commit(Conclusion{Causes: causes, Steps: sc.Fix[:1]}); err != nil {
			t.Fatal(err)
		}
		look(c.after)
		for _, v := range s.Feedback().Causes {
			if v.Named && (v.Founded != c.founded || c.founded && !strings.Contains(v.Why, "mended")) {
				t.Errorf("%s: founded is %v: %s", name, v.Founded, v.Why)
			}
		}
		if guess := strings.Contains(reasons(s, Planning), "a guess"); guess == c.founded && c.cause == "" {
			t.Errorf("%s: the plan is one for a guess: %v", name, guess)
		}
		if told := strings.Contains(reasons(s, Measuring), "when you had mended the host"); told != c.founded && c.cause == "" {
			t.Errorf("%s: the mend is evidence: %v", name, told)
		}
		when := "your last look, 2m0s before the commit,"
		if c.after != nil {
			when = "your last look, after the commit,"
		}
		if told := reasons(s, Planning); len(c.looks)+len(c.after) > 0 && !strings.Contains(told, when) {
			t.Errorf("%s: it is not told when the look was: %s", name, told)
		}
	}
}

// TestFared counts from one moment to the next, also of a program that began anew.
func TestFared(t *testing.T) {
	began := []Client{{Name: "worker", Wanted: 100, Got: 10}, {Name: "upload", Wanted: 5e6, Got: 4e6}, {Name: "anew", Wanted: 900, Got: 1}}
	now := []Client{{Name: "worker", Wanted: 180, Got: 88}, {Name: "upload", Wanted: 9e6, Got: 8e6, Silent: true}, {Name: "anew", Wanted: 40, Got: 39}, {Name: "new", Wanted: 7, Got: 7}}
	want := []Client{{Name: "worker", Wanted: 80, Got: 78}, {Name: "upload", Wanted: 4e6, Got: 4e6, Silent: true}, {Name: "anew", Wanted: 40, Got: 39}, {Name: "new", Wanted: 7, Got: 7}}
	if got := fared(began, now); !slices.Equal(got, want) {
		t.Errorf("they fared %v, want %v", got, want)
	}
	silent := []Client{{Name: "old", Silent: true}}
	if f := compare(silent, silent); len(f.worse) > 0 || len(f.still) != 1 {
		t.Errorf("who was silent before makes it worse: %+v", f)
	}
}

// TestWatch hears the clients while the host is looked at, after a time to settle.
func TestWatch(t *testing.T) {
	counted := 0.0
	w := &Watched{Clients: func() ([]Client, error) {
		counted += 50
		return []Client{{Name: "worker", Wanted: counted, Got: counted}}, nil
	}}
	seen, err := w.Watch(t.Context(), 0, func(context.Context) *fact.Facts {
		time.Sleep(50 * time.Millisecond)
		return &fact.Facts{}
	})
	if want := []Client{{Name: "worker", Wanted: 50, Got: 50}}; err != nil || !slices.Equal(seen.Clients, want) {
		t.Errorf("%v, %v; want %v", seen, err, want)
	}
	ended, end := context.WithCancel(t.Context())
	if _, err := w.Watch(ended, 0, func(context.Context) *fact.Facts { end(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("the end is not noticed: %v", err)
	}
}

// TestRecordedIsNotMended says that a recording stays as it is.
func TestRecordedIsNotMended(t *testing.T) {
	sc := scenes(t)[0]
	s := New(loadBook(t), sc.Scenario, sc.host())
	if _, err := s.Verify(&Seen{Facts: &fact.Facts{}}); err == nil || s.Live() {
		t.Errorf("a recorded host is mended: %v", err)
	}
}

// TestHealthyIsNotMended tells nobody before the commit that nothing is wrong.
func TestHealthyIsNotMended(t *testing.T) {
	tried := 0
	for _, sc := range scenes(t) {
		if !sc.Healthy() {
			continue
		}
		tried++
		_, w, f := watchedHost(t, sc.ID)
		m, err := New(loadBook(t), sc.Scenario, w).Verify(&Seen{Facts: f})
		if err != nil || m.Outcome != NotFixed || strings.Contains(strings.Join(m.Tell(false), " "), "Nothing is wrong") {
			t.Errorf("%s: %+v, %v", sc.ID, m, err)
		}
	}
	if tried == 0 {
		t.Error("no scenario is healthy")
	}
}

// TestMendedCounts lets the last look count for the plan, also of a session that is
// made again without its host.
func TestMendedCounts(t *testing.T) {
	marks := map[string]float64{}
	_, _, sick := watchedHost(t, "second-uplink")
	mended := but(sick, unfiltered)
	killed := with(healed, Client{Name: "kubelet", Silent: true})
	for name, looks := range map[string][]Seen{
		"none": nil, "fixed": {{sick, suffering}, {mended, healed}}, "not": {{sick, suffering}}, "worse": {{mended, killed}},
		"broken again": {{mended, healed}, {sick, suffering}},
	} {
		sc, w, _ := watchedHost(t, "second-uplink")
		w.suffered = suffering
		s := New(loadBook(t), sc.Scenario, w)
		var log []Event
		s.Keep = func(e Event) error { log = append(log, e); return nil }
		if _, err := s.Measure("counters"); err != nil {
			t.Fatal(err)
		}
		for _, seen := range looks {
			if _, err := s.Verify(&seen); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Commit(Conclusion{Causes: sc.Truth, Steps: sc.Fix[:1]}); err != nil {
			t.Fatal(err)
		}
		marks[name] = planMark(s)
		again, notes := Replay(loadBook(t), sc.Scenario, sc.host(), log)
		if got := planMark(again); got != marks[name] || len(notes) > 0 {
			t.Errorf("%s: made again the plan has %v points, not %v: %v", name, got, marks[name], notes)
		}
	}
	if !(marks["fixed"] > marks["none"] && marks["none"] > marks["not"] && marks["not"] > marks["worse"] && marks["fixed"] > marks["broken again"]) {
		t.Errorf("points of the plan: %v", marks)
	}
}

func planMark(s *Session) float64 {
	f := s.Feedback()
	return f.Marks[slices.IndexFunc(f.Marks, func(m Mark) bool { return m.Area == Planning })].Points
}

// TestAwait waits for the fault to show, and not for ever.
func TestAwait(t *testing.T) {
	_, w, f := watchedHost(t, "second-uplink")
	if err := w.Await(t.Context(), time.Minute); err != nil {
		t.Error(err)
	}
	w.Show(but(f, unfiltered)) // a mended host: the sick one is remembered
	if now, moment, err := w.Look(); err != nil || moment != Live || now == w.Sick() {
		t.Errorf("the newest observation is not shown: %v", err)
	}
	if n, _ := w.Sick().Num("TcpExt.IPReversePathFilter"); n == 0 {
		t.Error("the sick host is forgotten")
	}
	if _, err := w.Again(0); !errors.Is(err, ErrPassed) {
		t.Errorf("a moment comes again: %v", err)
	}
	blank := NewWatched(w.book, w.scenario)
	if _, _, err := blank.Look(); err == nil {
		t.Error("a host that was not seen shows something")
	}
	if err := blank.Await(t.Context(), time.Millisecond); err == nil {
		t.Error("a host that was not seen is taken as it is")
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := blank.Await(ended, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("the end is not noticed: %v", err)
	}
}
