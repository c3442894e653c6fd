package ui

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"whydrop/checklist"
	"whydrop/probes/fact"
)

// TestTheReportIsShownAsItIsWritten: where it is redacted, its preview and its
// copy are, and it says so; the other screens keep the names.
func TestTheReportIsShownAsItIsWritten(t *testing.T) {
	o := sitDown(t, 80, 24)
	host := o.m.kase.Facts.Host
	o.press("enter", "8")
	o.see("Incident report for " + host)
	if strings.Contains(o.screen(), "pseudonyms") {
		t.Error("a report with names is said to be redacted")
	}

	o = sitDown(t, 80, 24)
	o.m.options.Redact = func(c *checklist.Case) (*checklist.Case, *checklist.Diagnosis) {
		facts := fact.Facts{Host: "host-x1y2", Values: maps.Clone(c.Facts.Values), Tables: c.Facts.Tables}
		k := c.Rewritten(func(*fact.Facts) *fact.Facts { return &facts }, strings.ToUpper)
		return k, k.Diagnose()
	}
	o.press("enter", "8")
	o.see("names in it are pseudonyms", "Incident report for host-x1y2")
	if copied := o.m.screen().copies(o.m); len(copied) != 1 || !strings.Contains(copied[0].text, "host-x1y2") || strings.Contains(copied[0].text, "for "+host+":") {
		t.Error("the copy of the report is not redacted")
	}
	if o.m.kase.Facts.Host != host {
		t.Error("the case itself was changed")
	}
}

// A report that was written is an event of the case.
func TestAReportThatIsWrittenIsTold(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.m.Update(exportMsg{path: "/tmp/report.md"})
	events := o.m.kase.Track.Events()
	if n := len(events); n == 0 || events[n-1].Kind != checklist.Exported {
		t.Errorf("the events: %v", events)
	}
	o.m.Update(exportMsg{err: errors.New("disk full")})
	if len(o.m.kase.Track.Events()) != len(events) {
		t.Error("one that was not written is told")
	}
}

// A diagram is told of and not spelled out; what stands in characters keeps its place.
func TestADiagramIsNotSpelledOut(t *testing.T) {
	lines := theme{}.markdown("before\n\n```mermaid\nflowchart TB\n| a |\n```\n\n```text\n  X  here\n```\n", 60)
	text := strings.Join(lines, "\n")
	if strings.Contains(text, "flowchart") || strings.Contains(text, "a  ") || !strings.Contains(text, "(a diagram") || !strings.Contains(text, "    X  here") {
		t.Errorf("%q", text)
	}
}
