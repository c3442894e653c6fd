package checklist

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestCompareKnown compares pairs whose outcome is in tables of Wilcoxon's signed
// ranks, or can be counted on fingers.
func TestCompareKnown(t *testing.T) {
	for _, c := range []struct {
		name          string
		without, with []float64
		p, least      float64
		difference    float64
		bounded       bool
	}{
		{"nothing", nil, nil, 1, 1, 0, false},
		{"a single pair", []float64{1}, []float64{9}, 1, 1, 8, false},
		{"three pairs, all in one direction", []float64{5, 6, 7}, []float64{1, 1, 1}, 0.25, 0.25, -5, false},
		{"five pairs, all in one direction", []float64{9, 9, 9, 9, 9}, []float64{1, 2, 3, 4, 5}, 0.0625, 0.0625, -6, false},
		{"six pairs, all in one direction", []float64{9, 9, 9, 9, 9, 9}, []float64{1, 2, 3, 4, 5, 6}, 0.03125, 0.03125, -5.5, true},
		{"the same in all", []float64{3, 4, 5, 6, 7, 8}, []float64{3, 4, 5, 6, 7, 8}, 1, 1, 0, true},
		// W = 3 of n = 8: P(W <= 3) = 5/256.
		{"rank sum 3 of eight", []float64{0, 0, 0, 0, 0, 0, 0, 0}, []float64{-1, -2, 3, 4, 5, 6, 7, 8}, 10.0 / 256, 2.0 / 256, 4, true},
		// Two differ, six are zero: no more than 2 of 4 draws.
		{"most are zero", []float64{5, 0, 0, 4, 0, 0, 0, 0}, make([]float64, 8), 0.5, 0.5, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := compare(c.without, c.with)
			if math.Abs(got.P-c.p) > 1e-12 || math.Abs(got.Least-c.least) > 1e-12 {
				t.Errorf("P %v, least %v: want %v, %v", got.P, got.Least, c.p, c.least)
			}
			if math.Abs(got.Difference-c.difference) > 1e-12 || got.Bounded != c.bounded {
				t.Errorf("difference %v, bounded %v: want %v, %v", got.Difference, got.Bounded, c.difference, c.bounded)
			}
			if got.Bounded && (got.Low > got.Difference || got.High < got.Difference) {
				t.Errorf("difference %v outside of %v to %v", got.Difference, got.Low, got.High)
			}
		})
	}
}

// TestSignFlipsCountAll compares the exact distribution with a count of all draws.
func TestSignFlipsCountAll(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		n := 1 + r.IntN(9)
		differences := make([]float64, n)
		for i := range differences {
			differences[i] = float64(r.IntN(7) - 3) // many ties and zeros
		}
		ranks, positive := signedRanks(differences)
		all, as := 0, 0
		for signs := range 1 << len(ranks) {
			sum := 0
			for i, rank := range ranks {
				if signs>>i&1 == 1 {
					sum += rank
				}
			}
			all++
			if abs(2*sum-total(ranks)) >= abs(2*positive-total(ranks)) {
				as++
			}
		}
		if p := signFlips(ranks, positive); math.Abs(p-float64(as)/float64(all)) > 1e-9 {
			t.Fatalf("%v: P %v, by counting %d of %d", differences, p, as, all)
		}
	}
}

// load is traffic as it is: a level that drifts, noise that remembers, bursts.
type load struct {
	name   string
	drift  float64 // by how much the level grows over the whole trial, of 1
	memory float64 // of the noise, from block to block
	burst  float64 // how often a block has a burst
	wave   float64 // of a load that swings with the period of four blocks
}

var loads = []load{
	{name: "steady"},
	{name: "drifting", drift: 5},
	{name: "falling", drift: -0.9},
	{name: "autocorrelated", memory: 0.9},
	{name: "a random walk", memory: 1},
	{name: "bursts", burst: 0.2},
	{name: "rare bursts", burst: 0.03},
	{name: "a wave in step with the blocks", wave: 1},
	{name: "drifting bursts that remember", drift: 2, memory: 0.8, burst: 0.2},
}

// series is a number in each of 2 * rounds blocks.
func (l load) series(r *rand.Rand, rounds int) []float64 {
	xs := make([]float64, 2*rounds)
	noise := 0.0
	for i := range xs {
		noise = l.memory*noise + 0.1*r.NormFloat64()
		xs[i] = 1 + l.drift*float64(i)/float64(len(xs)) + noise + l.wave*float64(i%4/2)
		if r.Float64() < l.burst {
			xs[i] += 10 * r.ExpFloat64()
		}
	}
	return xs
}

// drawn draws the order of each pair and adds the effect of the change.
func drawn(r *rand.Rand, xs []float64, effect float64) (without, with []float64) {
	for i := 0; i < len(xs); i += 2 {
		a, b := xs[i], xs[i+1]
		if r.IntN(2) == 0 {
			a, b = b, a
		}
		without, with = append(without, a), append(with, b*effect)
	}
	return without, with
}

// TestNoFalseAlarm: where the change does nothing, no more than one trial in twenty
// says that it did, however the load drifts and bursts; and the interval holds zero.
func TestNoFalseAlarm(t *testing.T) {
	const trials = 4000
	// Of so many trials a share that is in truth 5 % comes out above this in one test
	// of ten thousand.
	limit := significance + 3.8*math.Sqrt(significance*(1-significance)/trials)
	r := rand.New(rand.NewPCG(7, 11))
	for _, l := range loads {
		for _, rounds := range []int{3, 5, 6, 8, 12, 20} {
			alarms, outside := 0, 0
			for range trials {
				c := compare(drawn(r, l.series(r, rounds), 1))
				if c.P <= significance {
					alarms++
				}
				if c.Bounded && (c.Low > 0 || c.High < 0) {
					outside++
				}
			}
			if share := float64(alarms) / trials; share > limit {
				t.Errorf("%s, %d rounds: %.1f %% false alarms", l.name, rounds, 100*share)
			}
			if share := float64(outside) / trials; share > limit {
				t.Errorf("%s, %d rounds: the interval leaves out the truth in %.1f %%", l.name, rounds, 100*share)
			}
			if rounds < 6 && alarms > 0 {
				t.Errorf("%s: %d rounds cannot tell, and did %d times", l.name, rounds, alarms)
			}
		}
	}
}

// TestEffectFound: what halves the number is found with eight rounds.
func TestEffectFound(t *testing.T) {
	const trials = 1000
	r := rand.New(rand.NewPCG(3, 5))
	for _, c := range []struct {
		load   load
		rounds int
		least  float64
	}{
		{loads[0], 6, 0.99}, {loads[0], 8, 0.99}, {loads[1], 8, 0.99}, {loads[3], 8, 0.9}, {loads[6], 8, 0.75}, {loads[5], 12, 0.4},
	} {
		found, held := 0, 0
		for range trials {
			got := compare(drawn(r, c.load.series(r, c.rounds), 0.5))
			if got.P <= significance && !got.More {
				found++
			}
			if got.Low <= -0.5 && got.High >= -0.5 {
				held++
			}
		}
		if share := float64(found) / trials; share < c.least {
			t.Errorf("%s, %d rounds: found in %.0f %%, want %.0f %%", c.load.name, c.rounds, 100*share, 100*c.least)
		}
	}
}

// TestLoadsAreHard does what not to do: to compare all blocks with the change to all without it
// takes drift for an effect, or blocks that remember for so many independent ones.
// Here stands that the loads above would show it.
func TestLoadsAreHard(t *testing.T) {
	const trials, rounds = 2000, 8
	r := rand.New(rand.NewPCG(9, 9))
	alarms := 0
	for range trials {
		xs := loads[4].series(r, rounds)
		a, b := xs[:rounds], xs[rounds:] // first without, then with
		d := mean(b) - mean(a)
		va, vb := 0.0, 0.0
		for i := range a {
			va += (a[i] - mean(a)) * (a[i] - mean(a)) / (rounds - 1)
			vb += (b[i] - mean(b)) * (b[i] - mean(b)) / (rounds - 1)
		}
		if math.Abs(d)/math.Sqrt((va+vb)/rounds) > 2.15 { // Welch's t, 5 %
			alarms++
		}
	}
	if share := float64(alarms) / trials; share < 0.3 {
		t.Errorf("only %.0f %% false alarms of a test that takes the blocks for independent: the loads are too easy", 100*share)
	}
}

func TestHolm(t *testing.T) {
	got := holm([]float64{0.04, 0.01, 0.5, 0.01})
	for i, want := range []float64{0.08, 0.04, 0.5, 0.04} {
		if math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("%v: the %dth should be %v", got, i, want)
		}
	}
}

// FuzzCompare: whatever the numbers, the outcome is a probability and an interval.
func FuzzCompare(f *testing.F) {
	f.Add(1.0, 2.0, 3.0, 4.0, uint8(3))
	f.Add(0.0, 0.0, math.MaxFloat64, -math.MaxFloat64, uint8(20))
	f.Fuzz(func(t *testing.T, a, b, c, d float64, n uint8) {
		var without, with []float64
		for i := range int(n % 50) {
			for _, x := range []float64{a, b, c, d} {
				if math.IsNaN(x) || math.IsInf(x, 0) {
					t.Skip("facts are finite")
				}
			}
			without, with = append(without, a*float64(i%3)/4+b/4), append(with, c/4-d*float64(i%2)/4)
		}
		got := compare(without, with)
		if !(got.P > 0 && got.P <= 1) || got.P < got.Least-1e-9 || got.Bounded && !(got.Low <= got.High) {
			t.Fatalf("%+v", got)
		}
	})
}
