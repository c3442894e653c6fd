package checklist

import (
	"slices"
	"testing"

	"whydrop/probes/fact"
)

// blindTo is what somebody saw for whom some probes could not look.
func blindTo(t *testing.T, name string, probes ...string) *fact.Facts {
	t.Helper()
	iv := &interview{book: newCase(t, "").Book, recorded: recordings(t)[name], seen: map[string]bool{}}
	for _, p := range iv.Facts.Probes {
		iv.seen[p.Name] = !slices.Contains(probes, p.Name)
	}
	return iv.facts()
}

func TestWhatIsSuggested(t *testing.T) {
	tests := []struct {
		name      string
		facts     *fact.Facts
		first     []string // one of these
		separates string   // is among what the first step separates
	}{
		{"a user without rights, a firewall rule drops", blindTo(t, "drop-rule", "filters", "drops"), []string{"filters", "drops"}, "netfilter.drop-rule"},
		{"nothing was looked at", blindTo(t, "drop-rule", "filters", "drops", "counters", "sockets", "links", "resources", "routes", "settings", "log"), []string{"counters", "sockets"}, ""},
		{"the cause is certain and all was seen", blindTo(t, "accept-queue-full"), nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCase(t, "")
			c.Facts = tt.facts
			d := c.Diagnose()
			switch {
			case len(tt.first) == 0 && len(d.Next) > 0:
				t.Errorf("still suggests %+v%s", d.Next, leading(d))
			case len(tt.first) == 0:
			case len(d.Next) == 0 || !slices.Contains(tt.first, d.Next[0].ID):
				t.Errorf("suggests %+v, want one of %v first%s", d.Next, tt.first, leading(d))
			case tt.separates != "" && !slices.Contains(d.Next[0].Separates, tt.separates):
				t.Errorf("%s separates %v, want %s among them", d.Next[0].ID, d.Next[0].Separates, tt.separates)
			}
		})
	}
}

// TestTwoCertainFaultsAreNotSeparated: between two faults that are both certain
// there is nothing to find out.
func TestTwoCertainFaultsAreNotSeparated(t *testing.T) {
	c := newCase(t, "")
	var findings []*Finding
	for _, cause := range c.Book.Causes {
		f := &Finding{Cause: cause, Evidence: -40}
		if cause.ID == "listen.accept-queue-full" || cause.ID == "link.errors" {
			f.Evidence = 40
		}
		f.Probability = probability(f.Evidence)
		findings = append(findings, f)
	}
	if open, _ := openCauses(&Diagnosis{Findings: findings}); len(open) > 0 {
		t.Errorf("%d causes count as open, the first is %s", len(open), open[0].Cause.ID)
	}
}

// TestALongerLookIsSuggested where something was measured that decides nothing
// yet, and not after a long look.
func TestALongerLookIsSuggested(t *testing.T) {
	c := newCase(t, "")
	cause := c.Book.Cause("path.loss")
	f := &Finding{Cause: cause, Evidence: -3, Probability: probability(-3), For: []Reason{{Rule: "some", Weight: 22}}}
	for seconds, want := range map[float64]bool{6: true, 15: true, 60: false} {
		j := &judge{book: c.Book, facts: newScene(&fact.Facts{Seconds: seconds}, nil)}
		got := slices.ContainsFunc(j.next(&Diagnosis{Verdict: Inconclusive, Findings: []*Finding{f}}), func(s Step) bool { return s.Kind == "observe" })
		if got != want {
			t.Errorf("after %v s: suggested %v, want %v", seconds, got, want)
		}
	}
}

// TestAnswersSaturate: each answer more still counts, and all together stay below
// the cap.
func TestAnswersSaturate(t *testing.T) {
	last := 0.0
	for implied := 1.0; implied <= 60; implied++ {
		got := answersCount(implied)
		if got <= last || got > answerCap || got > implied || answersCount(-implied) != -got {
			t.Errorf("%v dB count %v, after %v", implied, got, last)
		}
		last = got
	}
}
