package ui

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

// guardedHost is in no trouble, though packets end at rules that nobody may read.
func guardedHost(v *content.Vocabulary) *fact.Facts {
	f := quietHost(v)
	f.Count("Ip.InReceives", 1000, 5000)
	f.Count("Ip.InDelivers", 901, 4801)
	f.Count("ip.rx_vanished", 99, 199)
	f.Flag("filter.readable", false)
	delete(f.Tables, content.DropTable) // nor may they see the kernel's own reasons
	return f
}

// What ended on a host without a sign of trouble is never called nothing.
func TestWhatEndedIsNotCalledNothing(t *testing.T) {
	lost := func(hop, unit string, n float64) checklist.LedgerEntry {
		return checklist.LedgerEntry{Hop: hop, Unit: unit, Drops: n, Loss: true}
	}
	maybe := func(hop, unit string, n float64) checklist.LedgerEntry {
		return checklist.LedgerEntry{Hop: hop, Unit: unit, Drops: n}
	}
	for _, tt := range []struct {
		name          string
		ledger        []checklist.LedgerEntry
		balance       checklist.Balance
		wide, at40col string
	}{
		{"nothing", nil, checklist.Balance{}, "HEALTHY so far: nothing lost packets in the last 15 s", "HEALTHY so far: no loss in 15 s"},
		{"one place", []checklist.LedgerEntry{lost("netfilter", "packets", 99)}, checklist.Balance{},
			"HEALTHY so far: no sign of trouble; 99 packets ended at netfilter (4)", "HEALTHY so far: 99 ended at netfilter"},
		{"one packet", []checklist.LedgerEntry{lost("ip", "packets", 1)}, checklist.Balance{},
			"HEALTHY so far: no sign of trouble; 1 packet ended at ip (4)", "HEALTHY so far: 1 packet ended at ip"},
		{"two counters of a place", []checklist.LedgerEntry{lost("ip", "packets", 3), lost("ip", "fragments", 4)}, checklist.Balance{},
			"HEALTHY so far: no sign of trouble; 7 packets ended at ip (4)", "HEALTHY so far: 7 packets ended at ip"},
		{"places", []checklist.LedgerEntry{lost("ip", "packets", 3), lost("tcp", "segments", 40), maybe("nic", "packets", 5)}, checklist.Balance{},
			"HEALTHY so far: no sign of trouble; 43 packets ended at 2 places (4)", "HEALTHY so far: 43 ended at 2 places"},
		{"perhaps", []checklist.LedgerEntry{maybe("nic", "packets", 84)}, checklist.Balance{},
			"HEALTHY so far: no sign of trouble; 84 packets may have ended at nic (4)", "HEALTHY so far: 84 may have ended at nic"},
		{"elsewhere", nil, checklist.Balance{Known: true, Retrans: 3, Unlocated: 1},
			"HEALTHY so far: no sign of trouble; 1 segment got lost elsewhere (4)", "HEALTHY so far: 1 segment got lost else…"},
		{"sent again in vain", nil, checklist.Balance{Known: true, Retrans: 3, Spurious: 3},
			"HEALTHY so far: nothing lost packets in the last 15 s", "HEALTHY so far: no loss in 15 s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := sitDown(t, 80, 24)
			o.m.theme = newTheme(false)
			d := &checklist.Diagnosis{Verdict: checklist.Healthy, Ledger: tt.ledger, Balance: tt.balance}
			o.m.diagnosis = &judgement{Diagnosis: d, facts: fact.New(o.m.now(), 15)}
			for w, want := range map[int]string{80: tt.wide, 40: tt.at40col} {
				if got := ansi.Strip(o.m.verdictLine(w)); got != want {
					t.Errorf("%d columns: got %q, want %q", w, got, want)
				}
			}
			says := strings.Contains(o.m.noPlan(), "Nothing lost packets")
			if nothing := strings.Contains(tt.wide, "nothing lost"); says != nothing {
				t.Errorf("the plan does not say the same: %s", o.m.noPlan())
			}
		})
	}
}

// What ended can be looked at where the verdict says.
func TestAHealthyHostThatLosesPackets(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.send(factsMsg{guardedHost(o.m.kase.Book.Facts)})
	o.press("enter")
	o.see("no sign of trouble; 99 packets ended at netfilter (4)")
	o.press("7")
	o.see("99 packets ended at netfilter (4 shows where)")
	o.press("4")
	o.see("* 99 lost")
}

// What nothing newer came for is told as of then, whatever it is.
func TestStaleMeasurementsAreNoNews(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.m.theme = newTheme(false)
	f := fact.New(time.Date(2026, 3, 1, 14, 3, 5, 0, time.UTC), 15)
	o.m.diagnosis = &judgement{Diagnosis: &checklist.Diagnosis{Verdict: checklist.Healthy}, facts: f}
	o.m.update(amissMsg("the newest measurements are 5s old"))
	for w, want := range map[int]string{80: "AS OF 14:03:20: HEALTHY: nothing lost packets in the 15 s until then", 44: "AS OF 14:03:20: HEALTHY: no loss in 15 s"} {
		if got := ansi.Strip(o.m.verdictLine(w)); got != want {
			t.Errorf("%d columns: got %q, want %q", w, got, want)
		}
	}
	o.m.diagnosis.Diagnosis = &checklist.Diagnosis{Verdict: checklist.Inconclusive}
	if got := ansi.Strip(o.m.verdictLine(80)); got != "AS OF 14:03:20: INCONCLUSIVE: no cause can be named yet" {
		t.Errorf("got %q", got)
	}
	o.m.update(amissMsg(""))
	if got := ansi.Strip(o.m.verdictLine(80)); got != "INCONCLUSIVE: no cause can be named yet" {
		t.Errorf("the connection is there again: got %q", got)
	}
}
