package checklist

import (
	"testing"
	"time"

	"whydrop/content"
	"whydrop/probes/fact"
)

// stepOf is the step of a remedy, about the first row of its table.
func stepOf(t *testing.T, cause, remedy string, f *fact.Facts) PlanStep {
	t.Helper()
	book := trialBook(t)
	for _, r := range book.Cause(cause).Remedies {
		if r.ID != remedy {
			continue
		}
		s := PlanStep{Cause: book.Cause(cause), Remedy: r}
		if r.Each != "" {
			rows, _ := newScene(f, nil).table(r.Each)
			s.row = rows[0]
		}
		return s
	}
	t.Fatalf("%s has no remedy %s", cause, remedy)
	return PlanStep{}
}

func lasting(n float64, fill func(*fact.Facts)) *fact.Facts {
	f := fact.New(time.Unix(0, 0), n)
	fill(f)
	return f
}

// A counter that stands still has stopped only if enough was to be expected; one
// that falls or grows is told from chance.
func TestEffectOfACounter(t *testing.T) {
	overflows := func(n, in float64) *fact.Facts {
		return lasting(in, func(f *fact.Facts) { f.Count("TcpExt.ListenOverflows", n, 1e6) })
	}
	for _, c := range []struct {
		name          string
		before, since *fact.Facts
		want          Outcome
	}{
		{"none, of many", overflows(400, 5), overflows(0, 10), Stopped},
		{"none, of few", overflows(2, 5), overflows(0, 5), TooFew},
		{"none, of few but for long", overflows(2, 5), overflows(0, 30), Stopped},
		{"none, of one, for long", overflows(1, 5), overflows(0, 30), TooFew},
		{"a tenth", overflows(400, 5), overflows(80, 10), Fewer},
		{"nearly half, by chance", overflows(10, 5), overflows(6, 5), Unchanged},
		{"the same", overflows(400, 5), overflows(790, 10), Unchanged},
		{"more", overflows(400, 5), overflows(2000, 10), More},
		{"none before", overflows(0, 5), overflows(0, 10), TooFew},
		{"many after none", overflows(0, 5), overflows(400, 10), More},
		{"nothing known before", lasting(5, func(*fact.Facts) {}), overflows(0, 10), TooFew},
		{"nothing known since", overflows(400, 5), lasting(10, func(*fact.Facts) {}), TooFew},
		{"no observation", overflows(400, 5), nil, TooFew},
	} {
		with := lasting(5, func(f *fact.Facts) { f.Add("listener", fact.Row{"name": "0.0.0.0:80"}) })
		s := stepOf(t, "listen.accept-queue-full", "somaxconn", with)
		if e := EffectOf(s, c.before, c.since); e.Outcome != c.want {
			t.Errorf("%s: %s, want %s", c.name, e.Says(), c.want)
		}
	}
}

// What a step is to stop at one queue is counted at that queue; where it is gone it
// counts nothing, and where nobody could look nothing is known.
func TestEffectOfARow(t *testing.T) {
	queues := func(drops map[string]float64) *fact.Facts {
		return lasting(5, func(f *fact.Facts) {
			f.Table("qdisc")
			for name, n := range drops {
				f.Add("qdisc", fact.Row{"name": name, "drops": n})
			}
		})
	}
	before := queues(map[string]float64{"eth0 pfifo 1:": 300})
	s := stepOf(t, "qdisc.overflow", "longer-fifo", before)
	for _, c := range []struct {
		name  string
		since *fact.Facts
		want  Outcome
	}{
		{"it stopped, another goes on", queues(map[string]float64{"eth0 pfifo 1:": 0, "eth1 pfifo 1:": 900}), Stopped},
		{"it goes on, another stopped", queues(map[string]float64{"eth0 pfifo 1:": 310, "eth1 pfifo 1:": 0}), Unchanged},
		{"it is gone", queues(nil), Stopped},
		{"nobody looked", lasting(5, func(*fact.Facts) {}), TooFew},
	} {
		if e := EffectOf(s, before, c.since); e.Outcome != c.want {
			t.Errorf("%s: %s, want %s", c.name, e.Says(), c.want)
		}
	}
	at := func(name, place string, drops float64) *fact.Facts {
		return lasting(5, func(f *fact.Facts) { f.Add("qdisc", fact.Row{"name": name, "place": place, "drops": drops}) })
	}
	before = at("eth0 pfifo_fast 0:", "eth0 root", 300)
	s = stepOf(t, "qdisc.overflow", "longer-fifo", before)
	for _, c := range []struct {
		name  string
		since *fact.Facts
		want  Outcome
	}{
		{"another in its place drops as well", at("eth0 fq_codel 8001:", "eth0 root", 310), Unchanged},
		{"another in its place does not", at("eth0 fq_codel 8001:", "eth0 root", 0), Stopped},
	} {
		if e := EffectOf(s, before, c.since); e.Outcome != c.want {
			t.Errorf("%s: %s, want %s", c.name, e.Says(), c.want)
		}
	}
	refused := func(n float64, routes ...string) *fact.Facts {
		return lasting(5, func(f *fact.Facts) {
			f.Count("Ip.OutNoRoutes", n, 1e6)
			f.Table("route")
			for _, r := range routes {
				f.Add("route", fact.Row{"name": r, "type": "blackhole", "refused": 0.0})
			}
		})
	}
	before = refused(50, "blackhole 10.9.0.0/16")
	s = stepOf(t, "ip.blackhole-route", "remove-blackhole", before)
	for _, c := range []struct {
		name  string
		since *fact.Facts
		want  Outcome
	}{
		{"the route is gone, and others are refused as before", refused(50), Unchanged},
		{"the route is gone, and nothing is refused", refused(0), Stopped},
	} {
		if e := EffectOf(s, before, c.since); e.Outcome != c.want {
			t.Errorf("%s: %s, want %s", c.name, e.Says(), c.want)
		}
	}
	if e := EffectOf(PlanStep{Remedy: &content.Remedy{}}, before, before); e.Outcome != TooFew {
		t.Errorf("a step that stops nothing it can name: %s", e.Outcome)
	}
}
