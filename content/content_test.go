package content

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func TestEmbeddedContentIsRight(t *testing.T) {
	if err := Check(); err != nil {
		t.Fatal(err)
	}
}

// Every number of the brief is covered by a cause, a question, a step or a tool,
// and has its fact.
func TestBriefIsCovered(t *testing.T) {
	book := mustLoad(t)
	covered := book.Coverage()
	facts := map[string]bool{}
	for _, item := range book.Brief {
		facts[item.Number] = item.Fact != ""
	}
	want := numbers()
	if len(want) != 6+4+10+5+21+20+7+15+7+6 {
		t.Fatalf("the brief has %d numbers here", len(want))
	}
	for _, n := range want {
		if len(covered[n]) == 0 {
			t.Errorf("nothing covers %s", n)
		}
		if !facts[n] {
			t.Errorf("%s has no fact", n)
		}
	}
}

func TestQuestionsAreInTheOrderOfTheBrief(t *testing.T) {
	var got []string
	for _, q := range mustLoad(t).Questions() {
		got = append(got, q.ID)
	}
	want := "Q1a Q1b Q2a Q2b Q3a Q3b Q4a Q4b Q5a Q5b Q6a Q6b Q7a Q7b Q8a Q8b Q9a Q9b Q10a Q10b"
	if strings.Join(got, " ") != want {
		t.Errorf("questions are %v", got)
	}
}

// A neighbour entry is resolved before the frame can be made, and the socket is
// found before its segments are put in order.
func TestJourneyIsInTheRightOrder(t *testing.T) {
	at := map[string]int{}
	for i, s := range mustLoad(t).Journey {
		at[s.Number] = i
	}
	for _, pair := range [][2]string{{"J11", "J10"}, {"J20", "J19"}, {"J9", "J11"}, {"J19", "J21"}, {"J1", "J2"}} {
		if at[pair[0]] >= at[pair[1]] {
			t.Errorf("%s has to come before %s", pair[0], pair[1])
		}
	}
}

const goodCause = `causes:
  - id: app.own-cause
    title: Ours
    hop: app
    happens: It happens.
    notice: One notices.
    for:
      - {id: moved, when: TcpExt.ListenOverflows > 0, weight: 20, says: "{TcpExt.ListenOverflows} moved"}
    against:
      - {id: still, when: TcpExt.ListenOverflows == 0, weight: 20, says: nothing moved}
    remedies:
      - {id: fix, title: Fix it, kind: application, change: do, why: because}
    sources: [a runbook]
`

// An organisation's directory adds and replaces; what is wrong in it is told
// with file, line and what was expected.
func TestOverlay(t *testing.T) {
	broken := func(old, changed string) string { return strings.Replace(goodCause, old, changed, 1) }
	tests := []struct {
		name, file, want string
	}{
		{"a cause of our own", goodCause, ""},
		{"unknown fact", broken("TcpExt.ListenOverflows > 0", "TcpExt.ListenOverflow > 0"),
			`own.yaml:8: unknown fact ListenOverflow in "TcpExt.ListenOverflow > 0": did you mean TcpExt.ListenOverflows?`},
		{"unknown fact in a sentence", broken("{TcpExt.ListenOverflows} moved", "{Tcp.Nothing} moved"), `own.yaml:8: unknown fact Nothing`},
		{"a number where a condition belongs", broken("TcpExt.ListenOverflows > 0", "TcpExt.ListenOverflows"), "own.yaml:8: expected bool"},
		{"comparing text with a number", broken("TcpExt.ListenOverflows > 0", `host.kernel > 0`), "own.yaml:8: invalid operation"},
		{"unknown table", broken("{id: moved,", "{id: moved, each: listeners,"), "own.yaml:8: each: listeners is not a table: expected one of bpf,"},
		{"no rule against", broken("    against:\n      - {id: still, when: TcpExt.ListenOverflows == 0, weight: 20, says: nothing moved}\n", ""),
			"own.yaml:2: cause app.own-cause has no rule under against"},
		{"no remedy", broken("    remedies:\n      - {id: fix, title: Fix it, kind: application, change: do, why: because}\n", ""), "own.yaml:2: cause app.own-cause has no remedy"},
		{"misspelt key", broken("    notice:", "    notise:"), "own.yaml:6: field notise not found"},
		{"a weight that is no number", broken("weight: 20", "weight: much"), "own.yaml:8: "},
		{"a weight below zero", broken("weight: 20", "weight: -20"), "own.yaml:8: rule moved of app.own-cause has weight -20: expected decibans above 0"},
		{"unknown hop", broken("hop: app", "hop: nowhere"), `own.yaml:2: cause app.own-cause is at the unknown hop "nowhere"`},
		{"id twice", goodCause + strings.TrimPrefix(goodCause, "causes:\n"), "own.yaml:14: cause app.own-cause stands twice"},
		{"explained away by nobody", broken("weight: 20,", "weight: 20, unless: [app.unknown],"), `unless names the unknown cause "app.unknown"`},
		{"explained away by itself", broken("weight: 20,", "weight: 20, unless: [app.own-cause],"), "unless names its own cause"},
		{"explained away by a kind of causes that is not there", broken("weight: 20,", "weight: 20, unless: [nothing.*],"), `unless names causes "nothing.*" that do not exist`},
		{"a term without a meaning", goodCause + "terms: [{id: loss.own, is: 1 + 1}]\n", "term loss.own lacks something: expected is and means"},
		{"a term with a fact's name", goodCause + "terms: [{id: Tcp.InSegs, is: 1 + 1, means: x}]\n", "term Tcp.InSegs has the name of a fact"},
		{"a term of nothing known", goodCause + "terms: [{id: loss.own, is: 1 + Tcp.Nothing, means: x}]\n", "unknown fact Nothing"},
		{"a brace left open", broken("{TcpExt.ListenOverflows} moved", "{TcpExt.ListenOverflows moved"), "own.yaml:8: a { without a }"},
		{"not YAML", "causes: [", "own.yaml:"},
		{"nothing in it", "", "own.yaml: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "own.yaml"), []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
			book, err := Load(dir)
			switch {
			case tt.want == "" && err != nil:
				t.Fatal(err)
			case tt.want == "" && tt.file != "":
				if book.Cause("app.own-cause") == nil {
					t.Error("the cause is not there")
				}
			case tt.want != "" && err == nil:
				t.Fatalf("no error, want %s", tt.want)
			case tt.want != "" && !strings.Contains(err.Error(), tt.want):
				t.Errorf("error is\n%v\nwant\n%s", err, tt.want)
			}
		})
	}
}

// TestTerms has rules that share an expression under a name: it is known when its
// facts are, and its parts are judged like those of a condition.
func TestTerms(t *testing.T) {
	dir := t.TempDir()
	terms := `terms:
  - {id: own.most, is: "share(TcpExt.ListenOverflows, Tcp.PassiveOpens) > 0.5", means: most were refused}
  - {id: own.bad, is: "own.most || TcpExt.ListenDrops > 100", means: it is bad}
`
	file := strings.Replace(goodCause, "when: TcpExt.ListenOverflows > 0, weight: 20,", `when: "own.bad && 'own.bad' != 'x'", weight: 20, unless: ["listen.*", app.aborts],`, 1)
	if file == goodCause {
		t.Fatal("the cause has no such rule")
	}
	if err := os.WriteFile(filepath.Join(dir, "own.yaml"), []byte(file+terms), 0o600); err != nil {
		t.Fatal(err)
	}
	book, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	rule := book.Cause("app.own-cause").For[0]
	if got, want := strings.Join(rule.When.Uses(), " "), "Tcp.PassiveOpens TcpExt.ListenDrops TcpExt.ListenOverflows"; got != want {
		t.Errorf("uses %s, want %s", got, want)
	}
	if got, want := strings.Join(rule.Unless, " "), "listen.accept-queue-full listen.syn-queue-full app.aborts"; got != want {
		t.Errorf("unless %s, want %s", got, want)
	}
	for _, c := range []struct {
		facts        map[string]any
		holds, known bool
	}{
		{map[string]any{"TcpExt.ListenOverflows": 6.0, "Tcp.PassiveOpens": 10.0, "TcpExt.ListenDrops": 0.0}, true, true},
		{map[string]any{"TcpExt.ListenDrops": 200.0}, true, true},
		{map[string]any{"TcpExt.ListenDrops": 1.0}, false, false},
	} {
		if holds, known := rule.When.Holds(NewEnv(c.facts)); holds != c.holds || known != c.known {
			t.Errorf("%v: holds %v, known %v", c.facts, holds, known)
		}
	}
}

func TestOverlayThatIsNoDirectory(t *testing.T) {
	for _, dir := range []string{"/does/not/exist", "content_test.go", t.TempDir()} {
		if _, err := Load(dir); err == nil {
			t.Errorf("%s was taken", dir)
		}
	}
}

func TestShow(t *testing.T) {
	tests := []struct {
		v    any
		want string
	}{
		{12.0, "12"}, {0.0, "0"}, {2.4, "2.4"}, {0.01234, "0.0123"}, {123456.7, "123457"}, {true, "yes"},
		{"nginx", "nginx"}, {"a\x1b[31mb", `a\x1b[31mb`}, {"a\nb", "a b"}, {"\u202eabc", `\u202eabc`}, {"\xff", `\xff`},
		{"\U0001f468\u200d\U0001f4bb", "\U0001f468\u200d\U0001f4bb"}, {"نمی\u200cخواهم", "نمی\u200cخواهم"},
		{"a\u200db", `a\u200db`}, {"\u200dé", `\u200dé`}, {"é\u200d\u200dé", `é\u200d\u200dé`}, {"é\u200d", `é\u200d`},
	}
	for _, tt := range tests {
		if got := Show(tt.v); got != tt.want {
			t.Errorf("Show(%q) = %q, want %q", tt.v, got, tt.want)
		}
	}
}

// A rule over a fact that nobody could read is unknown, whatever else holds.
func TestUnknownFacts(t *testing.T) {
	v := mustLoad(t).Facts
	env := NewEnv(map[string]any{"TcpExt.ListenOverflows": 3.0, "window.seconds": 2.0}).
		Row("listener", map[string]any{"name": "0.0.0.0:80", "queue": 5.0})
	tests := []struct {
		source       string
		holds, known bool
	}{
		{"TcpExt.ListenOverflows > 2", true, true},
		{"TcpExt.ListenDrops > 0", false, false},
		{"TcpExt.ListenOverflows > 2 || TcpExt.ListenDrops > 0", true, true},
		{"TcpExt.ListenDrops > 0 || TcpExt.ListenOverflows > 2", true, true},
		{"TcpExt.ListenDrops > 0 || TcpExt.ListenOverflows > 9", false, false},
		{"TcpExt.ListenDrops > 0 && TcpExt.ListenOverflows > 9", false, true},
		{"TcpExt.ListenOverflows > 2 && TcpExt.ListenDrops > 0", false, false},
		{"!(TcpExt.ListenDrops > 0)", false, false},
		{"!(TcpExt.ListenDrops > 0 && TcpExt.ListenOverflows > 9)", true, true},
		{"TcpExt.ListenDrops == 0", false, false},
		{"rate(TcpExt.ListenOverflows) == 1.5", true, true},
		{"listener.queue > 4", true, true},
		{"listener.queue > listener.limit", false, false},
		{"share(listener.queue, 0) == 0", true, true},
		{`listener.name contains ":80"`, true, true},
	}
	for _, tt := range tests {
		e := &Expr{Source: tt.source, scope: scope{vocabulary: v, table: "listener", want: reflect.Bool}}
		if err := e.Check(); err != nil {
			t.Fatal(err)
		}
		if holds, known := e.Holds(env); holds != tt.holds || known != tt.known {
			t.Errorf("%s: holds %v, known %v", tt.source, holds, known)
		}
	}
}

// Whatever can explain a cause's evidence away is judged before it, but for the
// members of its own circle.
func TestJudgementOrder(t *testing.T) {
	book := mustLoad(t)
	judged, all := map[string]bool{}, 0
	for _, circle := range book.JudgementOrder() {
		for _, c := range circle {
			judged[c.ID] = true
			all++
		}
		for _, c := range circle {
			for _, id := range c.Explainers() {
				if !judged[id] {
					t.Errorf("%s is judged before %s, which can explain it away", c.ID, id)
				}
			}
		}
	}
	if all != len(book.Causes) {
		t.Errorf("%d of %d causes are judged", all, len(book.Causes))
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := Load(""); err != nil {
			b.Fatal(err)
		}
	}
}

// All is compiled, as with a directory of --content.
func BenchmarkCheck(b *testing.B) {
	for b.Loop() {
		if err := Check(); err != nil {
			b.Fatal(err)
		}
	}
}

func mustLoad(t *testing.T) *Book {
	t.Helper()
	book, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	return book
}

// What keeps a change is a command, as it can be pasted; it adds to the files
// that several remedies write to.
func TestPersistIsACommand(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	overwrites := regexp.MustCompile(`[^>]> */etc/(sysctl\.d|udev/rules\.d)/`)
	book := mustLoad(t)
	for _, c := range book.Causes {
		for _, r := range c.Remedies {
			text := r.Persist.Outline(book.Facts, r.Each)
			if text == "" {
				continue
			}
			first, _, _ := strings.Cut(text, " ")
			if _, err := exec.LookPath(first); err != nil {
				t.Errorf("%s, remedy %s: %q is no command: say under keep how it is kept", c.ID, r.ID, text)
			}
			if out, err := exec.Command(shell, "-n", "-c", text).CombinedOutput(); err != nil {
				t.Errorf("%s, remedy %s: %s", c.ID, r.ID, out)
			}
			if overwrites.MatchString(text) {
				t.Errorf("%s, remedy %s: %q throws away what other remedies wrote there", c.ID, r.ID, text)
			}
		}
	}
}

// A proposed number says of what it is, unless the sysctl that it is for says so.
func TestProposedValuesHaveUnits(t *testing.T) {
	for _, c := range mustLoad(t).Causes {
		for _, r := range c.Remedies {
			if !r.Value.Empty() && r.Unit == "" && r.Setting == "" {
				t.Errorf("%s, %s: a value without a unit", c.ID, r.ID)
			}
		}
	}
}

func TestAProcessOutOfSight(t *testing.T) {
	text := &Text{Source: "{listener.process} has {listener.fds} open", scope: scope{vocabulary: mustLoad(t).Facts, table: "listener"}}
	if err := text.Check(); err != nil {
		t.Fatal(err)
	}
	said, complete := text.Render(NewEnv(nil).Row("listener", map[string]any{}))
	if want := "an unseen process has not known open"; said != want || complete {
		t.Errorf("%q, complete %v, want %q", said, complete, want)
	}
}
