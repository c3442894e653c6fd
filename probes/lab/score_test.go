//go:build linux

package lab

import (
	"strings"
	"testing"
)

func answer(verdict string, claims ...any) Answer {
	a := Answer{Verdict: verdict}
	for i := 0; i < len(claims); i += 2 {
		a.Claims = append(a.Claims, Claim{claims[i].(string), claims[i+1].(float64)})
	}
	return a
}

func TestMisjudged(t *testing.T) {
	one := Scenario{Cause: "path.loss", Also: []string{"path.burst-drops"}}
	two := Scenario{Cause: "path.loss", And: "link.down"}
	untold := Scenario{Cause: "path.loss", Unseen: "no counter"}
	rootOnly := Scenario{Cause: "path.loss", Unseen: "no rights", UnseenBy: "nobody"}
	tests := []struct {
		name string
		s    Scenario
		a    Answer
		user bool // an ordinary user answers
		want string
	}{
		{"right", one, answer("fault", "path.loss", 0.9, "link.down", 0.4), false, ""},
		{"with a companion", one, answer("fault", "path.loss", 0.9, "path.burst-drops", 0.6), false, ""},
		{"the companion first", one, answer("fault", "path.burst-drops", 0.9, "path.loss", 0.6), false, "path.loss is not named first"},
		{"below the line", one, answer("inconclusive", "path.loss", 0.5), false, "path.loss is not named first"},
		{"another beside it", one, answer("fault", "path.loss", 0.9, "link.down", 0.6), false, "link.down is accused wrongly"},
		{"both", two, answer("fault", "link.down", 0.9, "path.loss", 0.6), false, ""},
		{"one of two", two, answer("fault", "path.loss", 0.9), false, "link.down is not named"},
		{"healthy", Scenario{}, answer("healthy", "path.loss", 0.4), false, ""},
		{"healthy, doubted", Scenario{}, answer("inconclusive"), false, "a healthy host is called inconclusive"},
		{"healthy, accused", Scenario{}, answer("fault", "path.loss", 0.6), false, "path.loss is accused wrongly"},
		{"nothing where nothing can be told", untold, answer("healthy"), false, ""},
		{"told all the same", untold, answer("fault", "path.loss", 0.8), false, ""},
		{"guessed where nothing can be told", untold, answer("fault", "link.down", 0.8), false, "link.down is accused wrongly"},
		{"root could tell", rootOnly, answer("inconclusive"), false, "path.loss is not named first"},
		{"an ordinary user could not", rootOnly, answer("inconclusive"), true, ""},
	}
	for _, tt := range tests {
		if got := tt.s.Misjudged(tt.a, !tt.user); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestScores(t *testing.T) {
	root, nobody := &Score{Observer: "root"}, &Score{Observer: "nobody"}
	root.Add(Scenario{Name: "a", Cause: "path.loss"}, answer("fault", "path.loss", 0.95, "link.down", 0.05))
	root.Add(Scenario{Name: "b", Cause: "path.loss"}, answer("fault", "link.down", 1.0, "path.loss", 0.1))
	root.Add(Scenario{Name: "c", Cause: "path.loss", And: "link.down"}, answer("fault", "path.loss", 0.9, "link.down", 0.9))
	root.Add(Scenario{Name: "d"}, answer("healthy", "path.loss", 0.3))
	if root.First() != 2.0/3 || root.Accused() != 0 || nobody.First() != 1 {
		t.Errorf("first %v, accused %v; without answers first %v", root.First(), root.Accused(), nobody.First())
	}
	var b strings.Builder
	if err := WriteScores(&b, root, nobody); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| a fault of the host is named first | 2 of 3 (67 %) | - |",
		"| both of two faults | 1 of 1 (100 %) | - |",
		"| healthy hosts called healthy | 1 of 1 (100 %) | - |",
		// (0.05^2 + 0.05^2 + 1 + 0.9^2 + 0.1^2 + 0.1^2 + 0.3^2) / 7
		"| Brier score, over all claims | 0.2750 of 7 | 0.0000 of 0 |",
		"| 0 to 0.1 | 1 | 0.050 | 0 | 0.000 | 0 |",
		"| 0.1 to 0.2 | 1 | 0.100 | 1 | 1.000 | 0 |",
		"| 0.9 to 0.99 | 3 | 0.917 | 3 | 1.000 | 0 |",
		"| 0.99 to 1 | 1 | 1.000 | 0 | 0.000 | 0 |",
		"| (healthy) | 1 | nothing |",
		"| path.loss | 2 | **link.down** x1, path.loss x1 |",
		"- b: link.down is accused wrongly. Said: link.down 1.00, path.loss 0.10",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the scores lack %q:\n%s", want, &b)
		}
	}
	for line := range strings.Lines(b.String()) {
		if len(line) > 120 {
			t.Errorf("too wide: %s", line)
		}
	}
}
