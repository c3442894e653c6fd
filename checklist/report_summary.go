package checklist

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"whydrop/content"
)

// ReportSummary tells the incident to somebody who knows nothing of networks, a
// sentence or two each.
type ReportSummary struct {
	What     string `json:"what"`     // what happens, and where
	Affected string `json:"affected"` // who or what
	Since    string `json:"since"`
	Sure     string `json:"sure"` // how sure that is
	Done     string `json:"done"` // what was done
	Next     string `json:"next"` // what to do first
}

// Paragraph is the summary as one paragraph.
func (s ReportSummary) Paragraph() string {
	var all []string
	for _, t := range []string{s.What, s.Sure, s.Affected, s.Since, s.Done, s.Next} {
		if t != "" {
			all = append(all, t)
		}
	}
	return strings.Join(all, " ")
}

// plainly says what goes wrong for people where a cause of a hop is at work.
func (c *Case) plainly(hop string) string {
	for _, h := range c.Book.Hops {
		if h.ID == hop {
			return cmp.Or(h.Plainly, "packets are lost at: "+h.Title)
		}
	}
	return "packets are lost"
}

// summary tells the case to anybody.
func (c *Case) summary(d *Diagnosis, r *Report) ReportSummary {
	s := ReportSummary{Affected: c.affected(r), Since: c.since(r)}
	s.What, s.Sure = c.what(r)
	s.Done = whatWasDone(r)
	s.Next = whatNext(r)
	return s
}

// what happens in plain words, and how sure that is.
func (c *Case) what(r *Report) (what, sure string) {
	host := "the server " + r.Observed.Host
	if !hostName(r.Observed.Host) {
		host = "a server without a name"
	}
	switch {
	case r.Unmeasured:
		what = fmt.Sprintf("Nothing was measured on %s, or nothing of it was kept: this report holds only what was said and done. Nothing is known to be wrong, and nothing is known to be well.", host)
	case len(r.Causes) > 0:
		first := r.Causes[0]
		what = fmt.Sprintf("On %s, connections suffer: %s. In engineers' words: %s.", host, c.plainly(first.Hop), first.Title)
		sure = "That this is so is " + sureness(first.Probability) + "."
		switch n := len(r.Causes); {
		case n == 2:
			sure += fmt.Sprintf(" A second cause was found beside it: %s; that is %s.", r.Causes[1].Title, sureness(r.Causes[1].Probability))
		case n > 2:
			sure += fmt.Sprintf(" Beside it %d more causes were found, see below.", n-1)
		}
	case len(r.Gone) > 0:
		last := r.Gone[len(r.Gone)-1]
		what = fmt.Sprintf("On %s, connections suffered: %s. In engineers' words: %s. At the end of the session it was no longer to be seen.", host, c.plainly(c.hopOf(last.ID)), last.Title)
		if m := r.then(); m != nil {
			sure = "That it was so is " + sureness(m.Cause(last.ID).Probability) + "."
		}
		if n := len(r.Gone) - 1; n > 0 {
			sure = strings.TrimSpace(fmt.Sprintf("%s %s seen during the session and over at its end as well, see below.", sure, moreCauses(n)))
		}
	case r.History:
		what = fmt.Sprintf("What there is of %s is a single sample: totals since it started, which do not tell what happens now. Nothing is known to be wrong, and nothing is known to be well.", host)
	case r.Verdict == Healthy:
		what = fmt.Sprintf("Nothing that loses packets was found on %s while it was watched.", host)
		if len(r.Ledger.Moved.Rows) > 0 {
			what += " Some packets ended there all the same; nothing shows that anybody misses them."
		}
		if n, known := c.Facts.Num("Tcp.InSegs"); known && n < hardlyAny {
			what += " Hardly any TCP traffic passed meanwhile, so that this says little of times with more."
		}
	default:
		what = fmt.Sprintf("Something may be wrong with the connections of %s, but what it is has not been found yet.", host)
		if len(r.Suspects) > 0 {
			what += " The best guess so far, and no more than that: " + r.Suspects[0].Title + "."
		}
	}
	return what, sure
}

// moreCauses counts causes beside another.
func moreCauses(n int) string {
	if n == 1 {
		return "One more cause was"
	}
	return fmt.Sprintf("%d more causes were", n)
}

// hardlyAny is below how many segments received a host had next to nothing to lose.
const hardlyAny = 10

func (c *Case) hopOf(cause string) string {
	if x := c.Book.Cause(cause); x != nil {
		return x.Hop
	}
	return ""
}

// sureness says a probability in words.
func sureness(p float64) string {
	word := "more likely than not"
	switch {
	case p > 0.99:
		word = "almost certain"
	case p > 0.9:
		word = "very likely"
	case p > 0.75:
		word = "likely"
	}
	return word + " (" + Percent(p) + ")"
}

// said is what the operator answered to the question that tells the summary something:
// in words, "" for nothing, or
// that it is not known. A note is none: it may be half a thought.
func (c *Case) said(tells string) string {
	for _, q := range c.Book.Questions() {
		if a := c.Answers[q.ID]; q.Tells == tells && !slices.Equal(a.Options, []string{content.DontKnow}) {
			return strings.TrimRight(answerText(q, a), ".")
		}
	}
	return ""
}

// affected tells what the operator said of the scope, and how many connections
// showed it.
func (c *Case) affected(r *Report) string {
	var says []string
	if text := c.said(content.TellsAffected); text != "" {
		says = append(says, "Affected, as somebody who knows the service answered: "+text+".")
	}
	flows := c.sentAgain("In the last %s in which it was watched")
	if m := r.then(); m != nil {
		flows = m.Affected
	}
	return strings.TrimSpace(strings.Join(append(says, flows), " "))
}

// sentAgain tells how many connections showed it during the observation, which the
// sentence begins with; "" if none did.
func (c *Case) sentAgain(during string) string {
	sending, known := c.Facts.Num("tcp.flows_sending")
	again, seen := c.Facts.Num("tcp.flows_retrans")
	if !known || !seen || again <= 0 || sending < again {
		return ""
	}
	long := inWords(seconds(c.Facts.Seconds))
	return fmt.Sprintf(during+", %s connections sent data and %s had to send something again.", long, content.Show(sending), content.Show(again))
}

// since tells when it began: as the operator said, and as far as it was seen.
func (c *Case) since(r *Report) string {
	seen := c.seenSince(r)
	if text := c.said(content.TellsStart); text != "" {
		return strings.TrimSpace("When it began, as answered: " + text + ". " + seen)
	}
	return seen
}

func (c *Case) seenSince(r *Report) string {
	switch {
	case r.History || r.Unmeasured:
		return ""
	case r.Observed.Seconds == 0:
		return "When it was watched, and for how long, the samples do not tell exactly: it was about " + stamp(r.Observed.Start) + "."
	case r.Verdict == Healthy && len(r.Gone) == 0:
		return "It was watched " + r.watched() + "."
	}
	if spells := r.Gone; len(r.Causes) == 0 && len(spells) > 0 {
		last := spells[len(spells)-1]
		return "It was seen " + last.Seen() + "."
	}
	first := c.firstSeen(r)
	if rows := r.Raised.Rows; len(rows) > 0 && rows[0][2] != "" {
		return fmt.Sprintf("The statistics that this host keeps show %s above the usual since %s; whydrop itself saw it from %s on.", rows[0][0], rows[0][2], stamp(first))
	}
	text := fmt.Sprintf("It was there as soon as whydrop looked, which it did %s: it may have begun at any time before.", r.watched())
	if len(r.Causes) == 0 {
		return "whydrop watched it " + r.watched() + "."
	}
	if first.After(r.begin().Add(walkSettle)) {
		text = fmt.Sprintf("It was first seen at %s, while whydrop watched %s.", stamp(first), r.watched())
	}
	return text
}

// walkSettle is how long into a session a cause may be named and have been there
// from the beginning.
const walkSettle = 20 * time.Second

// begin is when the first observation began.
func (r *Report) begin() time.Time {
	if r.Session != nil && r.Session.From.Before(r.Observed.Start) {
		return r.Session.From
	}
	return r.Observed.Start
}

// seen is until when the host was watched.
func (r *Report) seen() time.Time {
	end := after(r.Observed.Start, r.Observed.Seconds)
	if r.Session != nil && r.Session.To.After(end) {
		return r.Session.To
	}
	return end
}

// watched is the time in which the host was watched.
func (r *Report) watched() string {
	whole := r.seen().Sub(r.begin())
	if r.Session == nil || len(r.Session.Gaps) == 0 {
		return fmt.Sprintf("for %s from %s on", inWords(whole), stamp(r.begin()))
	}
	for _, g := range r.Session.Gaps {
		whole -= g.To.Sub(g.From)
	}
	return fmt.Sprintf("for %s, in %d stretches between %s and %s", inWords(whole), len(r.Session.Gaps)+1, stamp(r.begin()), stamp(r.seen()))
}

// inWords is a time in words.
func inWords(d time.Duration) string {
	switch n := math.Round(d.Seconds()); {
	case n == 1:
		return "1 second"
	case n < 100:
		return fmt.Sprintf("%.0f seconds", n)
	case d < 100*time.Minute:
		return fmt.Sprintf("%.0f minutes", d.Minutes())
	default:
		return fmt.Sprintf("%.1f hours", d.Hours())
	}
}

// firstSeen is when the first cause was named first, or when the observation began.
func (c *Case) firstSeen(r *Report) time.Time {
	for _, e := range c.Track.Events() {
		if e.Kind == Rose && len(r.Causes) > 0 && e.Cause == r.Causes[0].ID {
			return e.At
		}
	}
	return r.Observed.Start
}

// hostName says whether a text is the name of a host: what was pasted may lack one, and
// then a sentence stands in its place.
func hostName(s string) bool { return s != "" && !strings.Contains(s, " ") }

// inPlainWords are the outcomes of steps.
var inPlainWords = map[Outcome]string{
	Stopped:   "what it is against has stopped since",
	Fewer:     "what it is against has become less since",
	Unchanged: "what it is against goes on as before",
	More:      "what it is against has become more since",
	TooFew:    "too little was counted to tell whether it helps",
}

func whatWasDone(r *Report) string {
	switch {
	case len(r.Applied) == 0 && len(r.Gone) > 0 && len(r.Causes) == 0:
		return "whydrop changed nothing on the server: what ended it, it does not know."
	case len(r.Applied) == 0 && (r.Verdict == Healthy || r.History):
		return ""
	case len(r.Applied) == 0:
		return "Nothing on the server was changed so far."
	}
	last := r.Applied[len(r.Applied)-1]
	text := fmt.Sprintf("Done so far: %s, applied at %s: %s", quoted(last.Title), stamp(last.At), last.Fate)
	if last.Effect != nil {
		text += "; " + inPlainWords[last.Effect.Outcome]
	}
	if last.Needs != "" {
		text += "; it acts only after this: " + last.Needs
	}
	if n := len(r.Applied) - 1; n > 0 {
		text += fmt.Sprintf("; and %d more before", n)
	}
	if Fate(last.Fate).Stands() && slices.ContainsFunc(r.Causes, func(x ReportCause) bool { return x.ID == last.Cause }) {
		text += ". The cause that it is against is named at the end all the same"
	}
	return text + "."
}

func whatNext(r *Report) string {
	for _, s := range r.Plan {
		if s.Done == "" {
			return "What to do next: " + s.Title + ", step " + fmt.Sprint(s.Number) + " of the plan below."
		}
	}
	if len(r.Plan) == 0 && len(r.Open.Next) > 0 && r.Verdict == Inconclusive {
		next, _, _ := strings.Cut(r.Open.Next[0], " (separates ") // by their ids
		return "What would tell most next: " + strings.TrimRight(next, ".") + "."
	}
	return ""
}
