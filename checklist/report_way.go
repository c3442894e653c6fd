package checklist

import (
	"fmt"
	"strings"

	"whydrop/content"
	"whydrop/probes/fact"
)

// ReportWay is the packet's way through the host and beyond, from the application
// down to the wire: what leaves passes it downwards, what arrives upwards.
type ReportWay struct {
	Stops []ReportStop `json:"stops"`
	// Mermaid is the way as a diagram in Mermaid's language, Text the same drawn in
	// characters. Neighbouring stops where nothing was lost stand together.
	Mermaid string `json:"mermaid"`
	Text    string `json:"text"`
}

// ReportStop is a hop on the way.
type ReportStop struct {
	ID       string `json:"id"`
	Title    string `json:"title"`
	Outside  bool   `json:"outside"`  // no place of this host counts what is lost there
	Sent     string `json:"sent"`     // what was lost there on the way out, in words; empty if nothing passes
	Received string `json:"received"` // the same on the way in
	// State is quiet, sick (something was lost there, or a cause there is named) or
	// unread (nobody could read what was lost).
	State       string  `json:"state"`
	Cause       string  `json:"cause,omitempty"` // the title of the most likely one
	Probability float64 `json:"probability"`
}

// The states of a stop.
const (
	stopQuiet  = "quiet"
	stopSick   = "sick"
	stopUnread = "unread"
)

// way lays out the packet's way.
func (c *Case) way(d *Diagnosis, places []LedgerEntry) ReportWay {
	w := ReportWay{Stops: []ReportStop{}}
	inside := true
	for _, s := range Way(c.Hops(d), places) {
		inside = inside && s.Hop.ID != "path"
		r := ReportStop{
			ID: s.Hop.ID, Title: s.Hop.Title, Outside: !inside, Sent: s.Sent.says(), Received: s.Received.says(),
			State: s.state(), Probability: round(s.Probability, 4),
		}
		if s.Probability >= closed && len(s.Causes) > 0 {
			r.Cause = s.Causes[0].Cause.Title
		}
		if r.Outside && r.State == stopUnread {
			r.State = stopQuiet // nothing of this host counts there anyway
		}
		if !r.Outside && r.State == stopQuiet && c.Facts.Seconds <= 0 { // one sample alone: what grows is not known
			r.State, r.Sent, r.Received = stopUnread, "not known", "not known"
		}
		w.Stops = append(w.Stops, r)
	}
	groups := grouped(w.Stops)
	w.Mermaid, w.Text = mermaid(groups, c.Facts.Host), drawing(groups)
	return w
}

func (s *Stop) state() string {
	places := len(s.Sent.Places) + len(s.Received.Places)
	switch {
	case s.Sent.Lost+s.Received.Lost > 0 || s.Probability > Named:
		return stopSick
	case places > 0 && s.Sent.Unread+s.Received.Unread == places:
		return stopUnread
	}
	return stopQuiet
}

// says tells what was lost in one direction at a place; what nobody could read is
// not zero.
func (l Lane) says() string {
	switch {
	case !l.Passes:
		return ""
	case l.Lost > 0:
		return content.Show(l.Lost) + " lost"
	case l.Maybe > 0:
		return content.Show(l.Maybe) + " that may be a loss"
	case l.Unread == len(l.Places) && l.Unread > 0:
		return "could not be read"
	case len(l.Places) == 0:
		return "nobody counts here"
	case l.Unread > 0:
		return "0, as far as it could be read"
	}
	return "0"
}

// stopGroup is a stop, or several in one state that lie beside each other.
type stopGroup struct {
	titles  []string
	says    []string // what there is to tell
	state   string
	outside bool
}

func grouped(stops []ReportStop) []stopGroup {
	var groups []stopGroup
	for _, s := range stops {
		n := len(groups)
		if n > 0 && s.State != stopSick && groups[n-1].state == s.State && groups[n-1].outside == s.Outside {
			groups[n-1].titles = append(groups[n-1].titles, s.Title)
			continue
		}
		groups = append(groups, stopGroup{titles: []string{s.Title}, state: s.State, outside: s.Outside, says: s.says()})
	}
	return groups
}

// says tells of a stop what its drawing shows.
func (s ReportStop) says() []string {
	switch {
	case s.State == stopUnread:
		return []string{"could not be read"}
	case s.State == stopQuiet && s.Outside:
		return []string{"nothing points there"}
	case s.State == stopQuiet:
		return []string{"nothing lost"}
	}
	var says []string
	for _, lane := range []ReportPair{{"sent", s.Sent}, {"received", s.Received}} {
		if strings.HasSuffix(lane.Value, " lost") {
			says = append(says, lane.Name+": "+lane.Value)
		}
	}
	if s.Cause != "" {
		says = append(says, fmt.Sprintf("%s (%s)", s.Cause, Percent(s.Probability)))
	}
	return says
}

// mermaidText replaces what ends a quoted text of a diagram, or begins markup or a
// directive in it, by signs that look alike: Mermaid 11 shows its own entity codes
// (#gt;) as they are.
var mermaidText = strings.NewReplacer(
	`"`, "'", "`", "'", "<", "‹", "&", "＆", "#", "＃", "%%", "％％", "%{", "％{", "$", "＄", `\`, "＼",
)

// mermaid draws the way as a flowchart from top to bottom.
func mermaid(groups []stopGroup, host string) string {
	label := func(s string) string { return mermaidText.Replace(single(s)) }
	var b strings.Builder
	b.WriteString("flowchart TB\n")
	switch {
	case host == "":
		host = fact.Nameless
	case hostName(host):
		host = "host " + host
	}
	fmt.Fprintf(&b, "  subgraph host[\"%s\"]\n", label(host))
	inside := true
	for i, g := range groups {
		if inside && g.outside {
			b.WriteString("  end\n")
			inside = false
		}
		indent := "  "
		if inside {
			indent = "    "
		}
		lines := []string{label(strings.Join(g.titles, ", "))}
		for _, s := range g.says {
			lines = append(lines, label(s))
		}
		fmt.Fprintf(&b, "%sn%d[\"%s\"]:::%s\n", indent, i, strings.Join(lines, "<br/>"), g.state)
	}
	if inside {
		b.WriteString("  end\n")
	}
	for i := 1; i < len(groups); i++ {
		fmt.Fprintf(&b, "  n%d <--> n%d\n", i-1, i)
	}
	b.WriteString("  classDef sick fill:#fde2e1,stroke:#b3261e,stroke-width:3px,color:#000\n")
	b.WriteString("  classDef quiet fill:#eef5ee,stroke:#5b7f5b,color:#000\n")
	b.WriteString("  classDef unread fill:#f2f2f2,stroke:#777,stroke-dasharray:4 3,color:#000")
	return b.String()
}

// drawing draws the same with characters.
func drawing(groups []stopGroup) string {
	var b strings.Builder
	b.WriteString("  application\n")
	inside := true
	for _, g := range groups {
		if inside && g.outside {
			b.WriteString("  |  ---- the wire: beyond it nothing of this host counts ----\n")
			inside = false
		}
		bullet := "  | "
		if g.state == stopSick {
			bullet = "  X "
		} else if g.state == stopUnread {
			bullet = "  ? "
		}
		for i, l := range Wrap(single(strings.Join(g.titles, ", ")), 64) {
			if i > 0 {
				bullet = "  | "
			}
			fmt.Fprintf(&b, "%s %s\n", bullet, l)
		}
		for _, s := range g.says {
			for _, l := range Wrap(single(s), 60) {
				fmt.Fprintf(&b, "  |      %s\n", l)
			}
		}
	}
	b.WriteString("  the other end")
	return b.String()
}
