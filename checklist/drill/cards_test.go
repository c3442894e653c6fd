package drill

import (
	"fmt"
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
