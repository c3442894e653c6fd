package checklist

import (
	"testing"
	"time"

	"whydrop/probes/fact"
)

func TestRuleDrops(t *testing.T) {
	end := func(port, packets float64) fact.Row {
		return fact.Row{"reason": firewallReason, "side": "to", "port": port, "packets": packets}
	}
	at := func(port float64) fact.Row { return fact.Row{"port": port, "tcp": true} }
	rest := fact.Row{"catch_all": true, "tcp": true}
	for name, c := range map[string]struct {
		ends, rules []fact.Row
		want        []float64 // of each rule; -1: unknown
	}{
		"a rule that names the port":    {[]fact.Row{end(80, 9)}, []fact.Row{at(80), at(443)}, []float64{9, -1}},
		"the default has the rest":      {[]fact.Row{end(80, 9), end(7000, 4)}, []fact.Row{at(80), rest}, []float64{9, 4}},
		"nothing is left for it":        {[]fact.Row{end(80, 9)}, []fact.Row{at(80), rest}, []float64{9, -1}},
		"a rule that may take any":      {[]fact.Row{end(7000, 4)}, []fact.Row{{"tcp": true}, rest}, []float64{-1, -1}},
		"one that takes no TCP":         {[]fact.Row{end(7000, 4)}, []fact.Row{{"tcp": false}, rest}, []float64{-1, 4}},
		"what is out of state beside":   {[]fact.Row{end(7000, 4)}, []fact.Row{{"tcp": true, "ct_invalid": true}, rest}, []float64{-1, 4}},
		"for another reason":            {[]fact.Row{{"reason": "NO_SOCKET", "side": "to", "port": 80.0, "packets": 9.0}}, []fact.Row{at(80), rest}, []float64{-1, -1}},
		"by whom it was sent is no aim": {[]fact.Row{{"reason": firewallReason, "side": "from", "port": 80.0, "packets": 9.0}}, []fact.Row{at(80)}, []float64{-1}},
	} {
		f := fact.New(time.Unix(0, 0), 1)
		f.Tables["drop_end"], f.Tables["rule"] = c.ends, c.rules
		for i, row := range ruleDrops(f) {
			got, known := row["dropped"].(float64)
			if !known {
				got = -1
			}
			if got != c.want[i] {
				t.Errorf("%s: rule %d has %v, want %v", name, i, got, c.want[i])
			}
		}
	}
}
