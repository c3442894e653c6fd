package checklist

import (
	"cmp"
	"math"
	"slices"
)

// Comparison is what pairs of blocks tell about one number: a block with the change
// and one without it, next to each other in time, their order drawn by lot.
//
// The test is one of randomization (Fisher; Wilcoxon's signed ranks): if the change
// did nothing, each difference might as well have had the other sign, because the
// lot alone decided which of the two blocks was which. That holds for loads that
// drift and come in bursts as well: nothing is assumed of how the number varies,
// nor that blocks are independent. What is assumed is that a block does not feel
// the setting of the block before, which is what settling is for.
type Comparison struct {
	Pairs int
	// Without and With are means over the blocks, in the unit of the number.
	Without, With float64
	// Difference is by how much it is larger with the change: the median of all means
	// of two differences (Hodges and Lehmann), which a single burst does not move far.
	Difference float64
	// Low and High hold the difference with the confidence of at least 95 %: those
	// that the test would not reject. Bounded is false where the pairs are too few.
	Low, High float64
	Bounded   bool
	// More is set if the number is larger with the change, as the test sees it.
	More bool
	// P is the share of the draws by lot that would have shown as clear a difference,
	// in either direction, if the change did nothing.
	P float64
	// Least is the smallest P that these pairs could have shown: of n differences that
	// are not zero, 2 of the 2^n draws. No evidence is stronger than that.
	Least float64
}

// significance is how seldom chance alone may show what is called a difference.
const significance = 0.05

// compare compares the numbers of pairs of blocks, exactly, however few there are.
func compare(without, with []float64) Comparison {
	c := Comparison{Pairs: len(without), P: 1, Least: 1}
	if c.Pairs == 0 {
		return c
	}
	c.Without, c.With = mean(without), mean(with)
	differences := make([]float64, c.Pairs)
	for i := range differences {
		differences[i] = with[i] - without[i]
	}
	ranks, positive := signedRanks(differences)
	c.P = signFlips(ranks, positive)
	c.More = 2*positive > total(ranks)
	c.Least = math.Min(1, math.Pow(2, 1-float64(len(ranks))))
	c.Difference, c.Low, c.High, c.Bounded = shift(differences)
	return c
}

// tie is how far apart numbers must be, in parts of their size, to be different:
// the rest is rounding.
const tie = 1e-9

// signedRanks ranks differences by size and returns twice the ranks of those that are
// not zero, and the sum of the positive ones. Equal sizes share the middle of their
// ranks, hence twice. Zeros take part in the ranking (Pratt), so that a few
// differences among many zeros weigh no more than they should.
func signedRanks(differences []float64) (ranks []int, positive int) {
	sorted := slices.Clone(differences)
	slices.SortFunc(sorted, func(a, b float64) int { return cmp.Compare(math.Abs(a), math.Abs(b)) })
	for i := 0; i < len(sorted); {
		size := math.Abs(sorted[i])
		j := i + 1
		for j < len(sorted) && math.Abs(sorted[j])-size <= tie*math.Abs(sorted[j]) {
			j++
		}
		rank := i + 1 + j // twice the mean of i+1 to j
		for ; i < j; i++ {
			if sorted[i] == 0 {
				continue
			}
			ranks = append(ranks, rank)
			if sorted[i] > 0 {
				positive += rank
			}
		}
	}
	return ranks, positive
}

// signFlips returns the share of all 2^n ways to give the ranks their signs in which
// the sum of the positive ones is as far from the middle as the one seen, or farther.
func signFlips(ranks []int, positive int) float64 {
	all := total(ranks)
	p := 0.0
	for sum, share := range draws(ranks) {
		if abs(2*sum-all) >= abs(2*positive-all) {
			p += share
		}
	}
	return math.Min(1, p)
}

// draws returns the share of all ways to give the ranks their signs, by the sum of
// the positive ones.
func draws(ranks []int) []float64 {
	share := make([]float64, total(ranks)+1)
	share[0] = 1
	for _, r := range ranks {
		for sum := len(share) - 1; sum >= 0; sum-- {
			share[sum] /= 2
			if sum >= r {
				share[sum] += share[sum-r] / 2
			}
		}
	}
	return share
}

func total(ranks []int) int {
	sum := 0
	for _, r := range ranks {
		sum += r
	}
	return sum
}

// shift returns by how much the second of each pair is larger: the median of the
// means of any two differences, and the bounds that the test does not reject.
func shift(differences []float64) (middle, low, high float64, bounded bool) {
	var means []float64
	for i, a := range differences {
		for _, b := range differences[i:] {
			means = append(means, a/2+b/2)
		}
	}
	slices.Sort(means)
	middle = median(means)
	// The bounds are as many means from either end as the sum of the positive ranks
	// comes to by chance in no more than one of twenty draws, at both ends together.
	ranks := make([]int, len(differences))
	for i := range ranks {
		ranks[i] = i + 1
	}
	out, both := -1, 0.0
	for _, share := range draws(ranks)[:len(means)/2] {
		if both += 2 * share; both > significance {
			break
		}
		out++
	}
	if out < 0 {
		return middle, math.Inf(-1), math.Inf(1), false
	}
	return middle, means[out], means[len(means)-1-out], true
}

// holm corrects the probabilities of several numbers looked at together (Holm 1979):
// one in twenty of them differs by chance.
func holm(ps []float64) []float64 {
	order := make([]int, len(ps))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(ps[a], ps[b]) })
	corrected := make([]float64, len(ps))
	least := 0.0
	for rank, i := range order {
		least = max(least, math.Min(1, ps[i]*float64(len(ps)-rank)))
		corrected[i] = least
	}
	return corrected
}

func mean(xs []float64) float64 {
	sum := 0.0
	for _, x := range xs {
		sum += x / float64(len(xs))
	}
	return sum
}

// median of numbers that are sorted.
func median(sorted []float64) float64 {
	n := len(sorted)
	return sorted[(n-1)/2]/2 + sorted[n/2]/2
}

func abs(n int) int { return max(n, -n) }
