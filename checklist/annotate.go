package checklist

import (
	"maps"

	"whydrop/content"
	"whydrop/probes/fact"
)

// annotated adds to the kernel's drops what the content knows about their
// reasons: to each row of the table why, loss, hop, means and guess, and for each
// reason the packets dropped for it, wherever that was (reason.NAME). A reason
// that did not occur is zero only on a kernel known to have it, and if every row
// has its reason, else unknown.
// The facts themselves stay as the probes made them.
func annotated(book *content.Book, f *fact.Facts) *fact.Facts {
	if f == nil {
		return nil
	}
	drops, looked := f.Tables[content.DropTable]
	if !looked {
		return f
	}
	rows := make([]fact.Row, len(drops))
	_, oneFlow := f.Values["drops.flow"] // what others lost was not counted
	packets, all := map[string]float64{}, !oneFlow
	for i, have := range drops {
		r := reasonOf(book, have)
		n, known := have["packets"].(float64)
		packets[r.Name] += n
		all = all && known && have["reason"] != nil
		row := fact.Row{}
		maps.Copy(row, have)
		row["why"], row["loss"], row["hop"], row["means"], row["guess"] = r.Name, string(r.Loss), r.Hop, r.Means, r.Guess
		rows[i] = row
	}
	with := *f
	with.Tables, with.Values = maps.Clone(f.Tables), maps.Clone(f.Values)
	with.Tables[content.DropTable] = rows
	for _, table := range []string{"drop_flow", "drop_end"} {
		if sampled, ok := f.Tables[table]; ok {
			with.Tables[table] = annotatedFlows(book, sampled, drops)
		}
	}
	if _, read := f.Tables["rule"]; read {
		with.Tables["rule"] = ruleDrops(f)
	}
	for _, r := range book.DropReasons {
		n := packets[r.Name]
		if (n > 0 || all && r.KernelHas(f.Kernel)) && !r.IsPattern() {
			with.Gauge(content.ReasonFact(r.Name), n)
		}
	}
	return &with
}

// reasonOf finds what the reason of a row means at its place. Kernels before
// 5.17 tell the place alone.
func reasonOf(book *content.Book, row fact.Row) *content.DropReason {
	reason, _ := row["reason"].(string)
	location, _ := row["location"].(string)
	if reason == "" {
		reason = "NOT_SPECIFIED"
	}
	return book.DropReason(reason, location)
}

// annotatedFlows adds to each flow what its reason means: a sample does not tell
// the place, so that of the reason's places counts at which somebody misses it.
func annotatedFlows(book *content.Book, flows, drops []fact.Row) []fact.Row {
	worst := map[string]*content.DropReason{} // by the key of a flow's row
	for _, row := range drops {
		r := reasonOf(book, row)
		if have := worst[flowKey(row)]; have == nil || r.Loss == content.LossYes {
			worst[flowKey(row)] = r
		}
	}
	rows := make([]fact.Row, len(flows))
	for i, have := range flows {
		row := maps.Clone(have)
		if r := worst[flowKey(have)]; r != nil {
			row["loss"], row["means"] = string(r.Loss), r.Means
		}
		rows[i] = row
	}
	return rows
}

func flowKey(row fact.Row) string {
	reason, _ := row["reason"].(string)
	direction, _ := row["direction"].(string)
	return direction + " " + reason
}
