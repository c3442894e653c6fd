package main

import (
	"fmt"
	"strings"
	"time"

	"whydrop/content"
	"whydrop/probes/load"
)

// showLoad writes how the traffic fared, in plain ASCII.
func showLoad(s *sheet, r *load.Result) {
	t := r.Traffic
	to := content.Show(r.Target)
	if a := r.Address.String(); a != r.Target {
		to += " (" + a + ")"
	}
	s.text("", t.Kind+" to "+to)
	s.text("", fmt.Sprintf("%s UTC, %.1f s%s", r.Start.Format("2006-01-02 15:04:05"), float64(r.Took), endedText(r)))
	for _, try := range r.Tried {
		s.text("  ", fmt.Sprintf("%s: %s after %s", try.Address.Addr(), content.Show(try.Outcome), shortTime(try.Took.Duration())))
	}
	s.text("", attemptsText(r))
	for _, h := range []struct {
		title string
		h     *load.Histogram
	}{{"Time to connect", r.Connect}, {"Time of the TLS handshake", r.Handshake}, {"Time to the first byte of the answer", r.FirstByte}, {"Time to the whole answer", r.Response}} {
		showHistogram(s, h.title, h.h)
	}
	showThroughput(s, r)
	showRests(s, r)
	showFailures(s, r)
	showTimeline(s, r)
	showTLS(s, r.TLS)
	showTCP(s, r)
}

// showNext tells what to do about what failed; nothing where all was well.
func showNext(s *sheet, r *load.Result, diagnosed, compared bool) {
	if !r.Faulty() {
		return
	}
	s.heading("Next")
	if diagnosed {
		s.text("  - ", "'whydrop plan' and 'whydrop apply', while this traffic goes on in another terminal: what to do about a cause that is named.")
	} else {
		s.text("  - ", "The same with --diagnose observes this host meanwhile and names what is at work here.")
	}
	s.text("  - ", "A cause that is not here is on the other host or on the way: run whydrop there, while this traffic goes on.")
	if !compared {
		s.text("  - ", "Keep a result with --json, and compare after a change: --compare FILE.")
	}
}

// showTLS tells what was agreed, and whether the certificate is one to trust: what was
// measured went on either way.
func showTLS(s *sheet, t *load.TLS) {
	if t == nil {
		return
	}
	s.heading("TLS")
	s.text("  ", fmt.Sprintf("%s, %s; %s, each a full one", content.Show(t.Version), content.Show(t.Cipher), plural(t.Handshakes, "handshake")))
	checked := "The certificate was checked against this host's roots and for the name " + content.Show(t.Name)
	if t.Untrusted == 0 {
		s.text("  ", fmt.Sprintf("%s, and is good: %s, until %s.", checked, content.Show(t.Subject), content.Show(t.Until)))
		return
	}
	s.text("  ", fmt.Sprintf("%s, and NOT trusted in %d of %s: %s", checked, t.Untrusted, plural(t.Handshakes, "handshake"), content.Show(t.Why)))
	s.text("  ", "It is of "+content.Show(t.Subject)+". Most clients would refuse it; this traffic went on.")
}

func endedText(r *load.Result) string {
	switch r.Ended {
	case "interrupted":
		return ", interrupted"
	case "bytes":
		return ", ended early: as many bytes as allowed"
	case "foreign":
		return ", ended early: the target is no counterpart. Start 'whydrop reproduce --serve' there, or use --http PATH or --traffic connect"
	}
	return ""
}

// attemptsText counts the attempts; what there was none of is left out.
func attemptsText(r *load.Result) string {
	share := r.FailedShare()
	text := fmt.Sprintf("%s: %d ok, %d failed", plural(r.Attempts, noun(r)), r.OK, r.Failed)
	if r.Traffic.Rate > 0 && share.Of > 0 {
		text += fmt.Sprintf(" (%s; 95 %% interval %s to %s)", percent(share.Value()), percent(share.Low), percent(share.High))
	}
	if r.Unfinished > 0 {
		text += fmt.Sprintf(", %d unfinished", r.Unfinished)
	}
	if r.NotBegun > 0 {
		text += fmt.Sprintf(", %d never begun", r.NotBegun)
	}
	if r.Late > 0 {
		text += fmt.Sprintf("; %d began late, since as many as allowed were under way (their times count from when they should have begun)", r.Late)
	}
	return text
}

func noun(r *load.Result) string {
	if r.Traffic.Kind == load.Request {
		return "request"
	}
	return "connection"
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func percent(share float64) string {
	switch p := share * 100; {
	case p == 0 || p >= 9.95:
		return fmt.Sprintf("%.0f %%", p)
	case p < 0.01:
		return "< 0.01 %"
	default:
		return fmt.Sprintf("%.2g %%", p)
	}
}

// shortTime is a time in the unit that fits, three digits.
func shortTime(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.3g s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.3g ms", d.Seconds()*1e3)
	default:
		return fmt.Sprintf("%.3g us", d.Seconds()*1e6)
	}
}

// showHistogram draws the times: stretches that double or more, a bar each, and
// what is between two that are far apart in one line.
func showHistogram(s *sheet, title string, h *load.Histogram) {
	if h.Count() == 0 {
		return
	}
	if h.Count() == 1 {
		s.heading(title + ": " + shortTime(h.Max()))
		return
	}
	s.heading(fmt.Sprintf("%s, %d times", title, h.Count()))
	var quantiles []string
	for _, q := range []struct {
		name string
		q    float64
	}{{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}} {
		d, _ := h.Quantile(q.q)
		quantiles = append(quantiles, q.name+" "+shortTime(d))
	}
	s.text("  ", fmt.Sprintf("least %s, %s, most %s", shortTime(h.Min()), strings.Join(quantiles, ", "), shortTime(h.Max())))
	rows := h.Rows()
	var most uint64
	for _, r := range rows {
		most = max(most, r.Count)
	}
	empty := 0
	for i, r := range rows {
		if r.Count == 0 {
			empty++
			if i+1 < len(rows) && rows[i+1].Count > 0 && empty > 1 {
				s.whole("        ...")
			}
			continue
		}
		if empty == 1 {
			s.whole(histogramRow(rows[i-1], most, s.width))
		}
		empty = 0
		s.whole(histogramRow(r, most, s.width))
	}
}

func histogramRow(r load.Row, most uint64, width int) string {
	head := fmt.Sprintf("  %7s to %7s %7d ", shortTime(r.From), shortTime(r.To), r.Count)
	return strings.TrimRight(head+bar(float64(r.Count), float64(most), max(width-len(head), 1)), " ")
}

// bar is a bar of '#', at least one for what is not nothing.
func bar(n, most float64, width int) string {
	if n <= 0 || most <= 0 {
		return ""
	}
	return strings.Repeat("#", min(width, max(1, int(n/most*float64(width)+0.5))))
}

// mostSeconds are drawn one by one; more are taken together.
const mostSeconds = 20

// showThroughput draws the bytes of each second.
func showThroughput(s *sheet, r *load.Result) {
	all := r.Throughput()
	if r.Traffic.Kind != load.Up && r.Traffic.Kind != load.Down {
		return
	}
	what := map[string]string{load.Up: "acknowledged", load.Down: "received"}[r.Traffic.Kind]
	s.heading(fmt.Sprintf("Throughput, %s %s", load.Size(r.Moved()), what))
	step := (len(all) + mostSeconds - 1) / mostSeconds
	var most float64
	for _, n := range all {
		most = max(most, float64(n))
	}
	for i := 0; i < len(all); i += step {
		var sum float64
		part := all[i:min(i+step, len(all))]
		for _, n := range part {
			sum += float64(n)
		}
		rate := sum / float64(len(part))
		head := fmt.Sprintf("  %5d s %10.2f Mbit/s ", i, rate*8/1e6)
		s.whole(strings.TrimRight(head+bar(rate, most, max(s.width-len(head), 1)), " "))
	}
	if len(r.Stalls) == 0 {
		return
	}
	longest, sum := r.Stalls[0], 0.0
	for _, stall := range r.Stalls {
		sum += float64(stall.For)
		if stall.For > longest.For {
			longest = stall
		}
	}
	s.text("  ", fmt.Sprintf("%s without progress of half a second or more, %.3g s together; the longest %.3g s, from %.1f s on", plural(len(r.Stalls), "time"), sum, float64(longest.For), float64(longest.At)))
}

// showRests tells which connections were alive after their rest.
func showRests(s *sheet, r *load.Result) {
	if len(r.Rests) == 0 {
		return
	}
	s.heading("After a rest")
	for _, rest := range r.Rests {
		text := "alive"
		switch {
		case rest.Outcome == "alive":
		case rest.While:
			text = fmt.Sprintf("ended by itself after %.1f s: %s", float64(rest.Rested), content.Show(rest.Outcome))
		default:
			text = "dead when it was used: " + content.Show(rest.Outcome)
		}
		s.text(fmt.Sprintf("  %6d s  ", rest.Wanted), text)
	}
	if lived, died := r.Outlived(); lived > 0 && died > 0 {
		s.text("  ", fmt.Sprintf("A connection lives through a rest of %d s, and not of %d s.", lived, died))
	}
}

// steps are where an attempt can fail, in words.
var steps = map[string]string{
	"connect": "while connecting", "handshake": "during the TLS handshake", "send": "while sending", "wait": "while waiting for the answer",
	"read": "while reading the answer", "rest": "while resting", "use": "after the rest",
}

// errnos are the usual ones in words.
var errnos = map[string]string{
	"ECONNREFUSED": "refused", "ECONNRESET": "reset", "ETIMEDOUT": "given up by this kernel", "EPIPE": "the connection was gone",
	"ENETUNREACH": "no route to that network", "EHOSTUNREACH": "no way to that host", "EADDRNOTAVAIL": "no local port or address left",
	"EACCES": "forbidden here", "EPERM": "forbidden here", "EMFILE": "no file descriptor left", "ENFILE": "no file descriptor left", "ENOBUFS": "no memory left",
}

func showFailures(s *sheet, r *load.Result) {
	if len(r.Failures) == 0 {
		return
	}
	s.heading("Failures")
	for _, f := range r.Failures {
		name := content.Show(f.Error)
		switch f.Error {
		case "timeout":
			name = fmt.Sprintf("over %v s", r.Traffic.Timeout)
		case "stalled":
			name = "stood still until the end"
		case "closed":
			name = "closed by the other end"
		default:
			if said := errnos[f.Error]; said != "" {
				name = said + " (" + f.Error + ")"
			}
		}
		when := steps[f.Step]
		if when == "" {
			when = content.Show(f.Step)
		}
		span := fmt.Sprintf("%.1f to %.1f s", float64(f.First), float64(f.Last))
		if f.Count == 1 {
			span = fmt.Sprintf("%.1f s", float64(f.First))
		}
		s.text(fmt.Sprintf("  %6d  ", f.Count), fmt.Sprintf("%s %s, at %s", name, when, span))
	}
}

// showTimeline draws a mark for each second, or for several together: what failed,
// what was slow.
func showTimeline(s *sheet, r *load.Result) {
	if r.Traffic.Kind != load.Connect && r.Traffic.Kind != load.Request || len(r.Timeline) < 2 || r.Failed == 0 && r.Response.Max() < load.SYNWait && r.Connect.Max() < load.SYNWait {
		return
	}
	step := (len(r.Timeline) + 59) / 60
	var marks strings.Builder
	for i := 0; i < len(r.Timeline); i += step {
		var begun, failed int
		var slowest time.Duration
		for _, sec := range r.Timeline[i:min(i+step, len(r.Timeline))] {
			begun, failed, slowest = begun+sec.Begun, failed+sec.Failed, max(slowest, sec.Slowest.Duration())
		}
		marks.WriteByte(mark(begun, failed, slowest))
	}
	s.heading(fmt.Sprintf("When they began, %s a mark", plural(step, "second")))
	s.whole("  |" + marks.String() + "|")
	s.text("  ", "X all failed, x some failed, o some took 0.9 s or more, . all well, blank none")
}

func mark(begun, failed int, slowest time.Duration) byte {
	switch {
	case begun == 0:
		return ' '
	case failed == begun:
		return 'X'
	case failed > 0:
		return 'x'
	case slowest >= load.SYNWait:
		return 'o'
	}
	return '.'
}

// showTCP tells what the kernel counted.
func showTCP(s *sheet, r *load.Result) {
	t := r.TCP
	if t.Connections == 0 {
		return
	}
	s.heading("What the kernel counted (TCP_INFO)")
	s.text("  ", fmt.Sprintf("%d of %s sent the SYN again, %s in all", t.SYNAgain, plural(t.Connections, "connection"), plural(int(t.SYNsAgain), "SYN")))
	switch {
	case t.DataOut > 0:
		s.text("  ", fmt.Sprintf("%d of %d data segments were sent again (%s), %s", t.DataAgain, t.DataOut, percent(float64(t.DataAgain)/float64(t.DataOut)), plural(int(t.RTO), "timeout")))
	case t.DataAgain > 0:
		s.text("  ", fmt.Sprintf("%d segments were sent again", t.DataAgain))
	}
	if t.RTT > 0 {
		us := func(n uint32) string { return shortTime(time.Duration(n) * time.Microsecond) }
		s.text("  ", fmt.Sprintf("round-trip time: median %s, least %s; congestion window %s segments of at most %s bytes", us(t.RTT), us(t.MinRTT), leastMost(t.CwndMin, t.CwndMax), leastMost(t.MSSMin, t.MSSMax)))
	}
	if r.Traffic.Kind == load.Up && t.Busy > 0 {
		s.text("  ", fmt.Sprintf("of the time with data to send, the other end's window held it back for %s, the send buffer for %s", percent(float64(t.RwndLimited/t.Busy)), percent(float64(t.SndLimited/t.Busy))))
	}
	if r.Traffic.Kind == load.Down {
		s.text("  ", "What the other end had to send again, only that end knows.")
	}
}

func leastMost(least, most uint32) string {
	if least == most {
		return fmt.Sprint(least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

// showComparison sets two results side by side.
func showComparison(s *sheet, before, after *load.Result, lines []load.Line) {
	s.heading(fmt.Sprintf("Before (%s UTC) and now, with 95 %% intervals", before.Start.Format("2006-01-02 15:04")))
	if different(before.Traffic, after.Traffic) {
		s.text("  ", "Mind: the two sent different traffic.")
	}
	if before.Target != after.Target || before.Address != after.Address {
		s.text("  ", fmt.Sprintf("Mind: the two went to different addresses, %s and %s.", before.Address, after.Address))
	}
	for _, l := range lines {
		outcome := strings.ToUpper(l.Outcome)
		if l.Needs > 0 {
			outcome += fmt.Sprintf(" (%d are needed)", l.Needs)
		}
		s.text("  ", content.Show(l.What)+": "+outcome)
		s.text("      ", figureText(l.Unit, l.Before)+" -> "+figureText(l.Unit, l.After))
	}
}

// different says whether two traffics differ in more than their length.
func different(a, b load.Traffic) bool {
	a.Duration, b.Duration, a.Bytes, b.Bytes = 0, 0, 0, 0
	return fmt.Sprint(a) != fmt.Sprint(b)
}

func figureText(unit string, f load.Figure) string {
	show := func(v float64) string { return shortTime(time.Duration(v)) }
	switch unit {
	case "share":
		show = percent
	case "bytes/s":
		show = func(v float64) string { return fmt.Sprintf("%.3g Mbit/s", v*8/1e6) }
	}
	switch {
	case f.N == 0:
		return "none"
	case !f.Bound:
		return fmt.Sprintf("%s (of %d)", show(f.Is), f.N)
	}
	return fmt.Sprintf("%s (%s to %s, of %d)", show(f.Is), show(f.Low), show(f.High), f.N)
}
