package checklist

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"whydrop/content"
	"whydrop/probes/apply"
	"whydrop/probes/fact"
)

func trialBook(t *testing.T) *content.Book {
	t.Helper()
	book, err := content.Load("")
	if err != nil {
		t.Fatal(err)
	}
	return book
}

// twoLinks are the facts of a host with two interfaces.
func twoLinks() *fact.Facts {
	f := fact.New(time.Unix(0, 0), 5)
	f.Text("sysctl.net.ipv4.tcp_congestion_control", "cubic")
	f.Gauge("sysctl.net.ipv4.tcp_mtu_probing", 0)
	for i, name := range []string{"eth0", "eth1"} {
		f.Add("link", fact.Row{
			"name": name, "kind": "device", "up": true, "hardware": true, "tso": i == 0, "txqueuelen": 1000.0, "overrun": float64(10 * i),
			"rx_packets": float64(100 * i), "tx_packets": float64(100 * i), "tx_dropped": float64(1 - i),
		})
	}
	f.Add("link", fact.Row{"name": "lo", "kind": "loopback", "up": true, "tso": true, "rx_packets": 1e9, "tx_packets": 1e9})
	f.Add("qdisc", fact.Row{"name": "eth1 1: tbf", "link": "eth1", "kind": "tbf", "handle": "1:", "class": false, "limit_bytes": 3000.0, "own_drops": 50.0})
	return f
}

func TestNewTrial(t *testing.T) {
	book := trialBook(t)
	for _, c := range []struct {
		trial, of, value string
		want             string // the change, or what stands in the error
	}{
		{"congestion-control", "", "", "sysctl net.ipv4.tcp_congestion_control  bbr"},
		{"congestion-control", "", "reno", "sysctl net.ipv4.tcp_congestion_control  reno"},
		{"congestion-control", "eth0", "", "is for the whole host"},
		{"mtu-probing", "", "", "sysctl net.ipv4.tcp_mtu_probing  1"},
		{"route-mtu", "", "", "route default mtu 1280"},
		{"route-mtu", "10.0.0.0/8", "1400", "route 10.0.0.0/8 mtu 1400"},
		{"route-mtu", "10.0.0.0/8; reboot", "", "route"},
		{"segmentation-offload", "", "", "feature eth1 tso on"}, // the busiest, loopback aside
		{"segmentation-offload", "eth0", "", "feature eth0 tso off"},
		{"segmentation-offload", "eth7", "", "there is no eth7"},
		{"segmentation-offload", "lo", "", "nothing to try it on"},
		{"txqueuelen", "", "", "txqueuelen eth0  2000"}, // the one that drops
		{"txqueuelen", "eth1", "many", "not a number"},
		{"queue-bytes", "", "", "qdisc eth1 1: limit 12000"},
		{"queue-packets", "", "", "nothing here to try it on"},
		{"coalescing", "eth0", "", "which one to try is not known: say it with --value"},
		{"coalescing", "eth0", "on", "coalesce eth0 adaptive-rx on"},
		{"input-backlog", "", "", "which one to try is not known"},
		{"mtu-probing", "", "1\x1b[2J", "control characters"},
	} {
		t.Run(c.trial+" "+c.of+" "+c.value, func(t *testing.T) {
			trial, err := NewTrial(book, book.Trial(c.trial), twoLinks(), c.of, c.value)
			if err != nil {
				if !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v: want %q", err, c.want)
				}
				return
			}
			ch := trial.Change
			if got := strings.Join([]string{ch.Knob, ch.Of, ch.Field, ch.To}, " "); got != c.want {
				t.Errorf("%q: want %q", got, c.want)
			}
		})
	}
}

// Every trial of the content is one that package apply could make.
func TestTrialsHaveKnobs(t *testing.T) {
	for _, trial := range trialBook(t).Trials {
		if !slices.Contains(apply.Knobs(), trial.Knob) {
			t.Errorf("%s: there is no knob %s", trial.ID, trial.Knob)
		}
	}
}

// A measure is of the interface of the trial, and unknown where nothing was counted
// that it could be a share of.
func TestTrialRead(t *testing.T) {
	book := trialBook(t)
	trial := &Trial{Measures: []*content.Measure{book.Measure("ring-overruns"), book.Measure("retransmitted"), book.Measure("timeouts")}}
	f := twoLinks()
	f.Count("Tcp.RetransSegs", 7, 100)
	f.Count("TcpExt.TCPSynRetrans", 2, 100)
	f.Count("TcpExt.TCPOrigDataSent", 0, 100)
	for _, c := range []struct {
		on       string
		overruns float64
		sent     float64
		share    float64
	}{{"", 2, 50, 0.1}, {"eth1", 2, 100, 0.05}, {"eth0", 0, 0, -1}, {"eth9", -1, 0, -1}} {
		trial.Interface = c.on
		f.Count("TcpExt.TCPOrigDataSent", c.sent, 100)
		got := trial.Read(f).Values
		for id, want := range map[string]float64{"ring-overruns": c.overruns, "retransmitted": c.share, "timeouts": -1} {
			if v, known := got[id]; known != (want >= 0) || known && v != want {
				t.Errorf("%q: %s is %v, %v: want %v", c.on, id, v, known, want)
			}
		}
	}
}

// hostOf is a host on which the change has an effect, and which counts what is done.
type hostOf struct {
	on       bool
	did      string
	observed int
	fail     string // what fails, and on which turn: "on 3"
	stop     context.CancelFunc
	stopAt   int
	effect   float64
	stops    bool // the change stops the traffic
}

func (h *hostOf) turn(word string, on bool) error {
	h.did += word
	if h.fail == fmt.Sprint(word, len(h.did)) {
		return errors.New("it broke")
	}
	if h.on == on {
		return errors.New("it was so already")
	}
	h.on = on
	return nil
}

func (h *hostOf) On() error  { return h.turn("+", true) }
func (h *hostOf) Off() error { return h.turn("-", false) }

func (h *hostOf) Observe(ctx context.Context, d time.Duration) *fact.Facts {
	if h.observed++; h.observed == h.stopAt {
		h.stop()
	}
	f := fact.New(time.Now(), d.Seconds())
	n := 100 + float64(h.observed) // it drifts
	if h.on {
		n *= h.effect
	}
	acked := 1e6 * d.Seconds()
	if h.on && h.stops {
		acked = 1e4 * d.Seconds()
	}
	f.Gauge("tcp.bytes_acked", acked)
	f.Gauge("window.seconds", d.Seconds())
	f.Count("TcpExt.TCPTimeouts", n*d.Seconds(), n)
	time.Sleep(d)
	return f
}

func TestTrialRun(t *testing.T) {
	book := trialBook(t)
	measures := []*content.Measure{book.Measure("timeouts"), book.Measure("sent")}
	for _, c := range []struct {
		name   string
		rounds int
		host   hostOf
		blocks int // at least
		fails  bool
		says   TrialSays
	}{
		{"an effect", 8, hostOf{effect: 0.5}, 17, false, TrialBetter},
		{"harm", 8, hostOf{effect: 2}, 17, false, TrialWorse},
		{"five rounds", 5, hostOf{effect: 0.5}, 11, false, TrialTooFew},
		{"interrupted after seven", 20, hostOf{effect: 0.5, stopAt: 16}, 15, true, TrialBetter},
		{"interrupted in the first", 8, hostOf{effect: 0.5, stopAt: 1}, 0, true, TrialUnknown},
		{"interrupted in the second", 8, hostOf{effect: 0.5, stopAt: 2}, 1, true, TrialUnknown},
		{"it stops the traffic", 8, hostOf{effect: 0.5, stops: true}, 3, true, TrialTooFew},
		{"it cannot be changed", 8, hostOf{effect: 0.5, fail: "+1"}, 0, true, TrialUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				trial := &Trial{Measures: measures, Rounds: c.rounds, Settle: 2 * time.Second, Block: 4 * time.Second}
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				c.host.stop = stop
				start, told := time.Now(), 0
				blocks, err := trial.Run(ctx, &c.host, func(TrialBlock) { told++ })
				if (err != nil) != c.fails || len(blocks) < c.blocks || told != len(blocks) {
					t.Fatalf("%d blocks, told %d, %v: want %d", len(blocks), told, err, c.blocks)
				}
				if c.host.stops && len(blocks) > 4 {
					t.Errorf("it went on for %d blocks", len(blocks))
				}
				if err == nil && (c.host.on || time.Since(start) != trial.Lasts()) {
					t.Errorf("in the end it is on: %v; it took %v, not %v", c.host.on, time.Since(start), trial.Lasts())
				}
				if got := trial.Result(blocks)[0]; got.Says != c.says {
					t.Errorf("%+v says %q: want %q", got, got.Says, c.says)
				}
			})
		})
	}
}

// The order of each pair is drawn: over many trials each is as frequent.
func TestTrialOrderIsDrawn(t *testing.T) {
	firsts := 0
	synctest.Test(t, func(t *testing.T) {
		trial := &Trial{Rounds: 1000, Settle: time.Second, Block: time.Second}
		blocks, err := trial.Run(t.Context(), &hostOf{}, func(TrialBlock) {})
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(blocks); i += 2 {
			if blocks[i].Pair != blocks[i+1].Pair || blocks[i].With == blocks[i+1].With {
				t.Fatalf("block %d and the next are no pair", i)
			}
			if blocks[i].With {
				firsts++
			}
		}
	})
	if firsts < 400 || firsts > 600 { // one in 10^10 by chance
		t.Errorf("of 1000 pairs %d begin with the change", firsts)
	}
}

// blocksOf makes pairs of blocks of the numbers of some measures.
func blocksOf(without, with map[string][]float64) []TrialBlock {
	var blocks []TrialBlock
	for i := range 15 {
		for _, on := range []bool{false, true} {
			b := TrialBlock{Pair: i, With: on, Values: map[string]float64{}}
			for id, xs := range map[bool]map[string][]float64{false: without, true: with}[on] {
				if i < len(xs) && xs[i] >= 0 {
					b.Values[id] = xs[i]
				}
			}
			blocks = append(blocks, b)
		}
	}
	return append(blocks, TrialBlock{Pair: -1, Values: map[string]float64{"sent": 1e9}})
}

// TestTrialSays: what is said of the measure that the trial is judged by, and of
// others beside it.
func TestTrialSays(t *testing.T) {
	book := trialBook(t)
	high, low := []float64{10, 11, 12, 13, 14, 15, 16, 17}, []float64{1, 2, 3, 4, 5, 6, 7, 8.5}
	same, zero := []float64{10, 12, 9, 14, 12, 16, 13, 18}, make([]float64, 8)
	nearly := []float64{1, 2, 3, 4, 5, 6, 7, 19} // P 1.6 %, and of four of them 6.3 %
	slightly := make([]float64, len(high))
	for i, v := range high {
		slightly[i] = v * 1.001
	}
	missing := []float64{1, -1, 3, -1, 5, 6, -1, 8}
	for _, c := range []struct {
		name                string
		without, with       map[string][]float64
		judged, timeouts    TrialSays
		inNumbers, inReason string
	}{
		{"better and nothing else", map[string][]float64{"sent": low, "timeouts": high}, map[string][]float64{"sent": high, "timeouts": same}, TrialBetter, TrialNoDifference, "without 4.6 B/s, with 13.5 B/s; difference +", "0.78 % of such trials"},
		{"both", map[string][]float64{"sent": low, "timeouts": high}, map[string][]float64{"sent": high, "timeouts": low}, TrialBetter, TrialBetter, "", ""},
		{"at a price", map[string][]float64{"sent": low, "timeouts": low}, map[string][]float64{"sent": high, "timeouts": high}, TrialBetter, TrialWorse, "", ""},
		{"the other alone", map[string][]float64{"sent": same, "timeouts": high}, map[string][]float64{"sent": high, "timeouts": low}, TrialNoDifference, TrialBetter, "", "lies between"},
		{"the other, clear by itself", map[string][]float64{"sent": low, "timeouts": nearly}, map[string][]float64{"sent": high, "timeouts": high}, TrialBetter, TrialWorse, "", ""},
		{"the other, not clear enough among four", map[string][]float64{"sent": low, "timeouts": nearly, "rtt": same, "retransmitted": same, "marked": same},
			map[string][]float64{"sent": high, "timeouts": high, "rtt": high, "retransmitted": high, "marked": high}, TrialBetter, TrialPerhapsWorse, "", ""},
		{"a thousandth", map[string][]float64{"sent": high, "timeouts": high}, map[string][]float64{"sent": slightly, "timeouts": slightly}, TrialTooSmall, TrialTooSmall, "difference +0", "less than 2 % of the number"},
		{"never anything", map[string][]float64{"sent": zero, "timeouts": zero}, map[string][]float64{"sent": zero, "timeouts": zero}, TrialNothing, TrialNothing, "without 0 B/s, with 0 B/s", "zero in every block"},
		{"not known", nil, map[string][]float64{"sent": low, "timeouts": low}, TrialUnknown, TrialUnknown, "", "could not be read"},
		{"six rounds", map[string][]float64{"sent": low[:6], "timeouts": low}, map[string][]float64{"sent": high[:6], "timeouts": high}, TrialPerhapsBetter, TrialWorse, "", "too many to be sure"},
		{"known in five", map[string][]float64{"sent": missing, "timeouts": low}, map[string][]float64{"sent": high, "timeouts": high}, TrialTooFew, TrialWorse, "", "of 5 pairs the clearest outcome there is comes by chance in 6.2 %"},
	} {
		t.Run(c.name, func(t *testing.T) {
			trial := &Trial{Measures: []*content.Measure{book.Measure("sent"), book.Measure("timeouts"), book.Measure("rtt"), book.Measure("retransmitted"), book.Measure("marked")}}
			got := trial.Result(blocksOf(c.without, c.with))
			if got[0].Says != c.judged || got[1].Says != c.timeouts || (got[2].Says == TrialUnknown) != (c.without["rtt"] == nil) {
				t.Errorf("said %q, %q, %q: want %q, %q", got[0].Says, got[1].Says, got[2].Says, c.judged, c.timeouts)
			}
			if s := got[0].Numbers(); !strings.Contains(s, c.inNumbers) {
				t.Errorf("%q: want %q", s, c.inNumbers)
			}
			if s := got[0].Why(); !strings.Contains(s, c.inReason) {
				t.Errorf("%q: want %q", s, c.inReason)
			}
		})
	}
}

// What is zero or unknown before a trial does not judge it; where all are, the first does.
func TestTrialJudgesWhatCounts(t *testing.T) {
	book := trialBook(t)
	for _, c := range []struct {
		before map[string]float64
		want   string
		other  bool
	}{
		{map[string]float64{"timeouts": 1, "sent": 5}, "timeouts", false},
		{map[string]float64{"timeouts": 0, "sent": 5}, "sent", true},
		{map[string]float64{"rtt": 5}, "rtt", true},
		{map[string]float64{"timeouts": 0, "sent": 0}, "timeouts", false},
		{nil, "timeouts", false},
		{map[string]float64{"cpu": 0.5}, "timeouts", false},
	} {
		trial := &Trial{Measures: []*content.Measure{book.Measure("timeouts"), book.Measure("sent"), book.Measure("rtt"), book.Measure("cpu")}}
		other := trial.JudgeWhatCounts(book.Facts, TrialBlock{Values: c.before})
		if got := trial.Measures[0].ID; got != c.want || other != c.other || len(trial.Measures) != 4 {
			t.Errorf("%v: judged by %s of %d, another: %v; want %s, %v", c.before, got, len(trial.Measures), other, c.want, c.other)
		}
	}
}

func TestTrialFit(t *testing.T) {
	trial := &Trial{Rounds: 8, Settle: 2 * time.Second}
	if err := trial.Fit(40 * time.Second); err == nil || !strings.Contains(err.Error(), "51s") {
		t.Errorf("17 blocks that settle for 2 s in 40 s: %v", err)
	}
	if err := trial.Fit(85 * time.Second); err != nil || trial.Block != 3*time.Second || trial.Lasts() != 85*time.Second {
		t.Errorf("17 blocks of 5 s in 85 s: %v, %v", trial.Block, err)
	}
}

// TestTrialClaimsSeldom: of trials in which the change does nothing, no more than one
// in fifty is judged to have made a difference, and in no more than one in twenty
// something is claimed of the numbers beside; however many are looked at.
func TestTrialClaimsSeldom(t *testing.T) {
	const trials = 2000
	book, r := trialBook(t), rand.New(rand.NewPCG(5, 8))
	trial := &Trial{}
	for _, id := range []string{"sent", "timeouts", "rtt", "retransmitted", "queue-drops"} {
		trial.Measures = append(trial.Measures, book.Measure(id))
	}
	limit := func(p float64) float64 { return p + 3.8*math.Sqrt(p*(1-p)/trials) }
	for _, rounds := range []int{6, 8, 15} {
		judged, beside := 0, 0
		for range trials {
			without, with := map[string][]float64{}, map[string][]float64{}
			for i, m := range trial.Measures {
				without[m.ID], with[m.ID] = drawn(r, loads[(i*2+1)%len(loads)].series(r, rounds), 1)
			}
			claimed := false
			for i, m := range trial.Result(blocksOf(without, with)) {
				claim := m.Says == TrialBetter || m.Says == TrialWorse
				if i == 0 && claim {
					judged++
				}
				claimed = claimed || i > 0 && claim
			}
			if claimed {
				beside++
			}
		}
		if a, b := float64(judged)/trials, float64(beside)/trials; a > limit(sure) || b > limit(significance) {
			t.Errorf("%d rounds: judged wrongly in %.1f %%, claimed beside in %.1f %%", rounds, 100*a, 100*b)
		}
	}
}
