package checklist

import (
	"sort"

	"whydrop/content"
	"whydrop/probes/fact"
)

// LedgerEntry is one place that lost packets during the observation.
type LedgerEntry struct {
	Hop       string
	Direction string // "rx" or "tx"
	Counter   string // the counter as the kernel spells it, with the entity it belongs to
	Drops     float64
	Unit      string
	Cause     string // the cause that it is put down to
}

// line is a ledger entry with the causes that claim it.
type line struct {
	LedgerEntry
	claims []string
}

// ledgerOf reads every counter of the ledger that moved. A counter that several
// causes claim is one line, so that it is not counted twice.
func ledgerOf(book *content.Book, facts *fact.Facts) []*line {
	all := newScene(facts, nil)
	byCounter := map[string]*line{}
	var lines []*line
	for _, c := range book.Causes {
		for _, ll := range c.Ledger {
			for _, e := range ledgerRows(all, ll) {
				drops, known := ll.Counter.Eval(e)
				n, _ := drops.(float64)
				if !known || n <= 0 {
					continue
				}
				name := ll.Counter.Source
				if ll.Name != nil {
					name, _ = ll.Name.Render(e)
				}
				key := ll.Direction + " " + ll.Counter.Source + " " + name
				have := byCounter[key]
				if have == nil {
					have = &line{LedgerEntry: LedgerEntry{
						Hop: c.Hop, Direction: ll.Direction, Counter: name, Drops: n, Unit: ll.Unit,
					}}
					byCounter[key] = have
					lines = append(lines, have)
				}
				have.claims = append(have.claims, c.ID)
			}
		}
	}
	return lines
}

func ledgerRows(facts *scene, ll *content.LedgerLine) []*content.Env {
	if ll.Each != "" {
		rows, _ := facts.matching(ll.Each, ll.When, nil)
		return rows
	}
	if holds, known := ll.When.Holds(facts.Env); !holds || !known {
		return nil
	}
	return []*content.Env{facts.Env}
}

// balanced balances the books and returns the facts with the balance in them:
// what TCP had to send again against what was located on this host.
func balanced(facts *fact.Facts, lines []*line) *scene {
	values := map[string]any{}
	var tx, rx float64
	for _, l := range lines {
		if l.Direction == "tx" {
			tx += l.Drops
		} else {
			rx += l.Drops
		}
	}
	retrans, ok1 := facts.Num("Tcp.RetransSegs")
	syns, ok2 := facts.Num("TcpExt.TCPSynRetrans")
	if ok1 && ok2 {
		values["ledger.located_tx"], values["ledger.located_rx"] = tx, rx
		again := max(0, retrans-syns)
		spurious, _ := facts.Num("TcpExt.TCPDSACKRecv")
		spurious = min(spurious, again)
		unlocated := max(0, again-spurious-tx)
		values["ledger.retrans"], values["ledger.spurious"] = again, spurious
		values["ledger.unlocated"] = unlocated
		if sent, ok := facts.Num("TcpExt.TCPOrigDataSent"); ok && sent > 0 {
			values["ledger.unlocated_share"] = min(1, unlocated/sent)
		}
	}
	return newScene(facts, values)
}

// attribute puts each line down to the most probable cause that claims it, and
// orders the ledger along the packet's way.
func attribute(lines []*line, d *Diagnosis) []LedgerEntry {
	rank := map[string]int{}
	for i, f := range d.Findings {
		rank[f.Cause.ID] = i
	}
	entries := make([]LedgerEntry, 0, len(lines))
	for _, l := range lines {
		sort.SliceStable(l.claims, func(i, j int) bool { return rank[l.claims[i]] < rank[l.claims[j]] })
		l.Cause = l.claims[0]
		entries = append(entries, l.LedgerEntry)
	}
	return entries
}
