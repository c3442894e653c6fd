package drill

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"whydrop/checklist"
	"whydrop/content"
)

var shared = sync.OnceValues(func() (*content.Book, error) { return content.Load("") })

func allCards(t testing.TB) []*Card {
	t.Helper()
	book, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	cards, err := Cards(book)
	if err != nil {
		t.Fatal(err)
	}
	return cards
}

// lines is how many lines of a screen texts take, with room for a mark before them.
func lines(texts ...string) int {
	n := 0
	for _, text := range texts {
		if text != "" {
			n += len(checklist.Wrap(text, 72))
		}
	}
	return n
}

// TestCards looks at every card: nothing is empty, twice or unfilled, what belongs
// together is there, and it has room on a screen of 80x24.
func TestCards(t *testing.T) {
	seen, asked := map[string]bool{}, map[string]bool{}
	count := map[Kind]int{}
	unfilled := regexp.MustCompile(`(^|[^%])\{[A-Za-z_]+[.}(]|\{\{|%!|<nil>|\.\.$`)
	for _, c := range allCards(t) {
		count[c.Kind]++
		if os.Getenv("WHYDROP_CARDS") != "" {
			fmt.Printf("%s (%s %v)\n  Q %s | %s\n  C %s\n  W %s\n  A %s\n  E %s\n  S %v\n", c.ID, c.Form, c.Hops, c.Ask, c.What, strings.Join(c.Choices, " || "), strings.Join(c.Whys, " || "), c.Answer, strings.Join(c.Explain, " // "), c.Sources)
		}
		texts := slices.Concat([]string{c.ID, c.Ask, c.What, c.Answer}, c.Choices, c.Whys, c.Explain, c.Sources)
		for _, text := range texts {
			if text != strings.TrimSpace(text) || strings.Contains(text, "  ") || unfilled.MatchString(text) {
				t.Errorf("%s: %q", c.ID, text)
			}
		}
		if seen[c.ID] || asked[c.Ask+c.What] {
			t.Errorf("%s stands twice", c.ID)
		}
		seen[c.ID], asked[c.Ask+c.What] = true, true
		if c.Ask == "" || c.Subject == "" || len(c.Sources) == 0 || c.Answer == "" && len(c.Explain) == 0 && c.Form != Order {
			t.Errorf("%s: question %q, subject %q, answer %q, sources %v, explained by %q", c.ID, c.Ask, c.Subject, c.Answer, c.Sources, c.Explain)
		}
		choicesOf(t, c)
		if n := lines(c.Ask, c.What) + lines(c.Choices...); n > 16 {
			t.Errorf("%s takes %d lines to ask: expected at most 16", c.ID, n)
		}
		if n := lines(c.Answer) + lines(c.Explain...) + lines(strings.Join(c.Sources, "; ")); n > 24 {
			t.Errorf("%s takes %d lines to explain: expected at most 24", c.ID, n)
		}
	}
	t.Log(len(seen), "cards:", count)
	for _, k := range Kinds {
		if count[k] < 15 {
			t.Errorf("%d cards of kind %s: expected more", count[k], k)
		}
	}
}

func choicesOf(t *testing.T, c *Card) {
	t.Helper()
	distinct := map[string]bool{}
	for _, choice := range c.Choices {
		distinct[strings.ToLower(choice)] = true
	}
	ok := false
	switch c.Form {
	case Recall:
		ok = len(c.Choices) == 0 && c.Answer != ""
	case Order:
		ok = len(c.Choices) >= 4 && len(c.Choices) <= 6
	case Choice:
		ok = len(c.Choices) == choices || c.twofold()
	}
	if !ok || len(distinct) != len(c.Choices) || distinct[""] {
		t.Errorf("%s (%s) has the choices %q", c.ID, c.Form, c.Choices)
	}
}

// TestLengthTellsNothing guesses whether a statement is true by its length alone, with
// the number of words at which that goes best.
func TestLengthTellsNothing(t *testing.T) {
	var cards []*Card
	longest := 0
	for _, c := range allCards(t) {
		if c.Kind == Belief {
			cards = append(cards, c)
			longest = max(longest, len(strings.Fields(c.What)))
		}
	}
	for limit := range longest + 1 {
		right := 0
		for _, c := range cards {
			if (len(strings.Fields(c.What)) > limit) == (c.Choices[0] == isTrue) {
				right++
			}
		}
		if share := float64(max(right, len(cards)-right)) / float64(len(cards)); share > 0.65 {
			t.Errorf("whether it has more than %d words tells %.0f %% of the statements: expected at most 65 %%", limit, 100*share)
		}
	}
}

// TestNamesTellNothing: a counter that has its cause in its name is no question.
func TestNamesTellNothing(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		others     []string
		want       bool
	}{
		{"TcpExt.IPReversePathFilter", "Reverse-path filtering drops packets", []string{"No route to the destination"}, true},
		{"TcpExt.TCPTimeWaitOverflow", "More TIME-WAIT sockets than net.ipv4.tcp_max_tw_buckets", []string{"The accept queue overflows"}, true},
		{"xdp_drop in ethtool -S", "An XDP program drops the packets", []string{"The connection tracking table is full"}, true},
		{"TcpExt.TCPBacklogDrop", "A socket's backlog overflows", []string{"The per-CPU input backlog overflows"}, false},
		{"TcpExt.PruneCalled", "A receive buffer limit is too small", []string{"A socket's backlog overflows"}, false},
	} {
		if got := givesItselfAway(tc.name, tc.text, tc.others); got != tc.want {
			t.Errorf("%s beside %q and %q gives itself away: %v, expected %v", tc.name, tc.text, tc.others, got, tc.want)
		}
	}
	for _, c := range allCards(t) {
		if c.ID == "signal:ip.rp-filter" || c.ID == "cause:bpf.xdp-drop" {
			t.Errorf("%s has its answer in a name", c.ID)
		}
	}
}

// TestProposalsOfNoHost: why a proposal is right or wrong is told without what only a
// host can say.
func TestProposalsOfNoHost(t *testing.T) {
	unsaid := regexp.MustCompile(`\b(LISTENER|PROCESS|FLOW|REMOTE|LINK|RULE|TEXT|PID|VALUE|N)\b`)
	for _, c := range allCards(t) {
		if c.Kind != Folklore {
			continue
		}
		for _, text := range c.Explain {
			if unsaid.MatchString(text) || len(text) < 5 {
				t.Errorf("%s: %q", c.ID, text)
			}
		}
	}
}

// BenchmarkCards makes all cards of the content, which is loaded already.
func BenchmarkCards(b *testing.B) {
	book, err := shared()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Cards(book); err != nil {
			b.Fatal(err)
		}
	}
}

// guess is the share of cards that a rule of the form of the wording alone answers:
// of each value of a feature the answer that is right more often.
func guess(cards []*Card, feature func(*Card) string) float64 {
	count := map[string]map[string]int{}
	for _, c := range cards {
		f := feature(c)
		if count[f] == nil {
			count[f] = map[string]int{}
		}
		count[f][c.Choices[0]]++
	}
	best := 0
	for _, answers := range count {
		best += slices.Max(slices.Collect(maps.Values(answers)))
	}
	return float64(best) / float64(len(cards))
}

// TestWordingTellsNothing answers proposals and statements by how they are said.
func TestWordingTellsNothing(t *testing.T) {
	of := map[Kind][]*Card{}
	for _, c := range allCards(t) {
		if c.twofold() {
			of[c.Kind] = append(of[c.Kind], c)
		}
	}
	has := func(parts string) func(*Card) string {
		r := regexp.MustCompile(parts)
		return func(c *Card) string { return fmt.Sprint(r.MatchString(c.What)) }
	}
	for _, tt := range []struct {
		name                  string
		feature               func(*Card) string
		proposals, statements float64
	}{
		{"nothing", func(*Card) string { return "" }, 0.6, 0.6},
		{"first word", func(c *Card) string { return strings.Fields(c.What)[0] }, 0.7, 1},
		{"verb and a reason", func(c *Card) string {
			return strings.Fields(c.What)[0] + fmt.Sprint(strings.Contains(c.What, "so that"))
		}, 0.75, 1},
		{"sysctl", has(`net\.|tcp_`), 0.7, 0.7},
		{"digit", has(`[0-9]`), 0.7, 0.7},
		{"an equals sign", has(`=`), 0.6, 0.7},
		{"a reason", has(`so that|which|because`), 0.7, 0.7},
		{"two clauses", has(`[;:,]`), 0.7, 0.7},
		{"off, no, none, all", has(`\b(off|no|none|not|neither|all|only|always|alone|any)\b`), 0.75, 0.75},
		{"an absolute", has(`\b(all|always|only|alone|any|whatever|every|most|never|none|no|both|however|for good)\b`), 0.75, 0.55},
		{"the value 0 or 1", has(`\b(to|at) [01]\b`), 0.75, 0.7},
		{"length", func(c *Card) string { return fmt.Sprint(len(strings.Fields(c.What)) / 4) }, 0.75, 0.75},
	} {
		for kind, most := range map[Kind]float64{Folklore: tt.proposals, Belief: tt.statements} {
			share := guess(of[kind], tt.feature)
			t.Logf("%s by %s: %.0f %%", kind, tt.name, 100*share)
			if share > most {
				t.Errorf("%s tells the answer of %.0f %% of the cards of kind %s: expected at most %.0f %%", tt.name, 100*share, kind, 100*most)
			}
		}
	}
}

// TestKnobsOfLookAlikes offers no effect of a setting that is good for what one takes for
// the cause: keepalive probes, too, keep a firewall from forgetting a connection.
func TestKnobsOfLookAlikes(t *testing.T) {
	book, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	good := map[string]*content.Cause{}
	for _, k := range (&maker{book: book}).sysctls() {
		good[k.setting] = k.cause
	}
	for _, c := range allCards(t) {
		if c.Kind != Knob || c.Form != Choice {
			continue
		}
		for i, setting := range c.Whys[1:] {
			if a, b := good[c.Whys[0]], good[setting]; a == nil || b == nil || lookAlike(a, b) {
				t.Errorf("%s: %q is wrong here, and %s is good for a look-alike", c.ID, c.Choices[i+1], setting)
			}
		}
	}
}

// TestPlaceTellsNothing takes the longest, the shortest or one fixed choice of each
// card, and the answer of the card before.
func TestPlaceTellsNothing(t *testing.T) {
	of := map[Kind][]*Card{}
	for _, c := range allCards(t) {
		if c.Form == Choice {
			of[c.Kind] = append(of[c.Kind], c)
		}
	}
	for kind, cards := range of {
		hits := map[string]int{}
		for i, c := range cards {
			if c.twofold() {
				if i > 0 && c.Choices[0] == cards[i-1].Choices[0] {
					hits["the answer of the card before"]++
				}
				continue
			}
			byLength := slices.Clone(c.Choices)
			slices.SortStableFunc(byLength, func(a, b string) int { return len(a) - len(b) })
			for name, choice := range map[string]string{"the shortest": byLength[0], "the longest": byLength[choices-1]} {
				if choice == c.Choices[0] {
					hits[name]++
				}
			}
			hits[fmt.Sprint("choice ", c.Show(0).Right()+1)]++
		}
		for name, n := range hits {
			most := 0.5
			if len(cards[0].Choices) == 2 {
				most = 0.65
			}
			if share := float64(n) / float64(len(cards)); share > most {
				t.Errorf("%s is right on %.0f %% of the cards of kind %s", name, 100*share, kind)
			}
		}
		t.Log(kind, len(cards), hits)
	}
}

// TestRuns: no long row of new cards of one kind has the same answer.
func TestRuns(t *testing.T) {
	last, run := map[Kind]string{}, map[Kind]int{}
	for _, c := range allCards(t) {
		if !c.twofold() {
			continue
		}
		if run[c.Kind]++; c.Choices[0] != last[c.Kind] {
			last[c.Kind], run[c.Kind] = c.Choices[0], 1
		}
		if run[c.Kind] > 8 {
			t.Errorf("%s is the %d. of kind %s in a row with the answer %s", c.ID, run[c.Kind], c.Kind, c.Choices[0])
		}
	}
}

// TestOneRightAnswer: no wrong choice is a counter that the cause or the explanation of
// the card names.
func TestOneRightAnswer(t *testing.T) {
	book, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	d, err := book.Drill()
	if err != nil {
		t.Fatal(err)
	}
	counters := map[string][]string{}
	for _, s := range d.Signals {
		for _, fact := range append([]string{s.Fact}, s.Or...) {
			_, name, _ := strings.Cut(fact, ".")
			counters[s.Shows] = append(counters[s.Shows], name)
		}
	}
	for _, c := range allCards(t) {
		if c.Kind != Signals {
			continue
		}
		told := book.Cause(c.Subject).Happens + strings.Join(c.Explain, " ")
		for _, wrong := range c.Choices[1:] {
			for _, name := range counters[wrong] {
				if name != strings.ToLower(name) && strings.Contains(told, name) {
					t.Errorf("%s: %s is wrong, and is told of: %s", c.ID, wrong, told)
				}
			}
		}
	}
	for id, wrong := range map[string]string{
		"signal:host.memory-pressure": "rx_missed_errors of the interface", "signal:neigh.table-full": "neighbours in state FAILED (ip neigh)",
		"cause:listen.syn-queue-full": book.Cause("path.loss").Title,
	} {
		c := card(t, id)
		if slices.Contains(c.Choices, wrong) {
			t.Errorf("%s offers %q, which is as right", id, wrong)
		}
	}
}

// card is the one with an id.
func card(t *testing.T, id string) *Card {
	t.Helper()
	all := allCards(t)
	i := slices.IndexFunc(all, func(c *Card) bool { return c.ID == id })
	if i < 0 {
		t.Fatalf("there is no card %s", id)
	}
	return all[i]
}

// TestNoWordTellsTheKnob: what a sysctl brings about does not have a word of its name
// that the other choices don't have; the same of commands.
func TestNoWordTellsTheKnob(t *testing.T) {
	for _, c := range allCards(t) {
		name := c.What
		switch {
		case c.Form != Choice:
			continue
		case c.Kind == Knob:
			name = strings.TrimPrefix(c.Subject, "knob:")
			name = name[strings.LastIndex(name, ".")+1:]
		case c.Kind != Command:
			continue
		}
		for w := range stems(name) {
			if stems(c.Choices[0])[w] && !slices.ContainsFunc(c.Choices[1:], func(o string) bool { return stems(o)[w] }) {
				t.Errorf("%s: %q has %q of its name, and no other choice has", c.ID, c.Choices[0], w)
			}
		}
	}
}

// TestFacts: sentences that were wrong once.
func TestFacts(t *testing.T) {
	for id, want := range map[string]string{
		"scope:net.ipv4.tcp_wmem":            "existing autotuned sockets",
		"scope:net.ipv4.tcp_max_syn_backlog": "only while tcp_syncookies is 0",
		"knob:net.ipv4.tcp_max_syn_backlog":  "only while cookies are off",
		"cause:softnet.budget":               "together with rx_missed_errors",
		"loses:XDP":                          "drops or aborts",
	} {
		c := card(t, id)
		if text := c.Ask + c.Answer + strings.Join(append(c.Choices, c.Explain...), " "); !strings.Contains(text, want) {
			t.Errorf("%s does not say %q: %s", id, want, text)
		}
	}
}

// compares finds that a text says of which of two causes it speaks: by here and there,
// or by a sentence that is about both.
var compares = regexp.MustCompile(`(?i)\b(there|here|not|both|below|while)\b|: |; |, `)

// TestTellsTell: what tells two causes apart says of both, or of which it speaks.
func TestTellsTell(t *testing.T) {
	for _, c := range allCards(t) {
		if strings.HasPrefix(c.ID, "tell:") && !compares.MatchString(c.Answer) {
			t.Errorf("%s is told by %q", c.ID, c.Answer)
		}
	}
}

// TestOrdersHaveOneOrder: IP counts and checks a packet before PREROUTING and routes it
// after, so that the two steps have no order; the kernel cuts segments before the hooks
// or after the qdisc; a name may be looked up before the socket is made or after.
func TestOrdersHaveOneOrder(t *testing.T) {
	for _, c := range allCards(t) {
		if c.Form != Order {
			continue
		}
		for _, pair := range [][]string{{"tcpdump, tc ingress and PREROUTING", "IP takes the packet"}, {"Segmentation", "The queueing discipline"}, {"The name is looked up", "The socket call"}} {
			if slices.Contains(c.Choices, pair[0]) && slices.Contains(c.Choices, pair[1]) {
				t.Errorf("%s puts %q in order", c.ID, pair)
			}
		}
	}
}
