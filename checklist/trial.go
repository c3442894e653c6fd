package checklist

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"whydrop/content"
	"whydrop/probes/apply"
	"whydrop/probes/fact"
)

// Trial is one change of this host, to be made and set back in turns while some
// numbers are measured.
type Trial struct {
	Of     *content.Trial
	Change apply.Change
	// Interface is the one that the change and its measures are of; empty for all.
	Interface string
	// Measures are looked at; by the first the trial is judged. That is settled before
	// anything is measured: who chooses afterwards finds a difference in noise.
	Measures []*content.Measure
	// Rounds is how many pairs of blocks there are: one with the change, one without,
	// in an order drawn by lot for each pair.
	Rounds int
	// Settle is how long after each switch nothing is measured, Block how long is
	// measured then.
	Settle, Block time.Duration
}

// NewTrial works out a trial for a host: of an interface or a route, which may be
// left empty for what the content proposes, and with a value, likewise.
func NewTrial(book *content.Book, t *content.Trial, f *fact.Facts, of, value string) (*Trial, error) {
	if t.On == "" && of != "" {
		return nil, fmt.Errorf("%s is for the whole host, and not for %s", t.ID, content.Show(of))
	}
	trial := &Trial{
		Of: t, Rounds: TrialRounds, Settle: seconds(t.Settle), Block: seconds(t.Block),
		Change: apply.Change{Knob: t.Knob, To: value},
	}
	for _, id := range t.Measures {
		trial.Measures = append(trial.Measures, book.Measure(id))
	}
	env, err := trial.place(newScene(f, nil), of)
	if err != nil {
		return nil, err
	}
	fill := func(to *string, with *content.Text) bool {
		if *to != "" || with == nil {
			return true
		}
		said, known := with.Render(env)
		*to = said
		return known
	}
	if t.On == content.OnRoute {
		trial.Change.Of = cmp.Or(of, "default")
	}
	switch {
	case !fill(&trial.Change.Of, t.Of):
		return nil, fmt.Errorf("%s: what to change is not known", t.ID)
	case !fill(&trial.Change.Field, t.Field):
		return nil, fmt.Errorf("%s: what to change of %s is not known", t.ID, content.Show(trial.Change.Of))
	case !fill(&trial.Change.To, t.To) || trial.Change.To == "":
		return nil, fmt.Errorf("%s: its value here could not be read, so which one to try is not known: say it with --value (%s)", t.ID, t.Takes)
	}
	return trial, trial.Change.Check()
}

// TrialRounds is how many rounds a trial has unless the operator says otherwise: with
// eight pairs chance alone shows the clearest difference in 1 trial of 128.
const TrialRounds = 8

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// place finds the row that tells what is changed.
func (t *Trial) place(s *scene, of string) (*content.Env, error) {
	if t.Of.Each == "" {
		return s.Env, nil
	}
	if _, looked := s.table(t.Of.Each); !looked {
		return nil, fmt.Errorf("%s: the interfaces of this host could not be read", t.Of.ID)
	}
	rows, _ := s.matching(t.Of.Each, t.Of.When, t.Of.Order)
	for _, row := range rows {
		v, known := t.Of.Link.Eval(row)
		if name, ok := v.(string); known && ok && (of == "" || name == of) {
			t.Interface = name
			return row, nil
		}
	}
	if of == "" {
		return nil, fmt.Errorf("%s: there is nothing here to try it on", t.Of.ID)
	}
	return nil, fmt.Errorf("%s: there is no %s of that kind, or it has nothing to try it on", t.Of.ID, content.Show(of))
}

// Judge makes a measure the one by which the trial is judged.
func (t *Trial) Judge(m *content.Measure) {
	others := slices.DeleteFunc(slices.Clone(t.Measures), func(o *content.Measure) bool { return o == m })
	t.Measures = append([]*content.Measure{m}, others...)
}

// JudgeWhatCounts makes the first measure that counted anything before the trial the one
// by which it is judged, and tells whether that is another one than before: what is zero
// can only get worse. Nothing has been changed yet, so the choice favours no outcome.
// What the CPUs of the whole machine do is never chosen: it counts where nothing flows.
func (t *Trial) JudgeWhatCounts(v *content.Vocabulary, before TrialBlock) bool {
	for i, m := range t.Measures {
		if before.Values[m.ID] != 0 && !slices.Contains(m.Probes(v), "resources") {
			t.Judge(m)
			return i > 0
		}
	}
	return false
}

// Lasts is how long the trial takes, as far as that can be told before.
func (t *Trial) Lasts() time.Duration {
	return time.Duration(2*t.Rounds+1) * (t.Settle + t.Block) // and once without it, at the end
}

// Fit makes the blocks as long as the time given allows.
func (t *Trial) Fit(all time.Duration) error {
	block := all/time.Duration(2*t.Rounds+1) - t.Settle
	if block < time.Second {
		return fmt.Errorf("%v is too short for %d rounds that settle for %v after each switch: expected %v or more, or fewer rounds",
			all, t.Rounds, t.Settle, (t.Settle+time.Second)*time.Duration(2*t.Rounds+1))
	}
	t.Block = block.Truncate(100 * time.Millisecond)
	return nil
}

// Probes are the names of the probes that the measures need.
func (t *Trial) Probes(v *content.Vocabulary) []string {
	var names []string
	for _, m := range t.Measures {
		names = append(names, m.Probes(v)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// TrialHost is the host that a trial is made on.
type TrialHost interface {
	On() error  // makes the change
	Off() error // sets it back
	Observe(ctx context.Context, d time.Duration) *fact.Facts
}

// TrialBlock is what was measured in one block.
type TrialBlock struct {
	Pair    int       `json:"pair"` // from 0; -1 for what was measured before and after all
	With    bool      `json:"with"` // with the change
	Start   time.Time `json:"start"`
	Seconds float64   `json:"seconds"`
	// Values of the measures, by id. What is not known is not there.
	Values map[string]float64 `json:"values"`
}

// Read returns what an observation tells of the measures.
func (t *Trial) Read(f *fact.Facts) TrialBlock {
	b := TrialBlock{Pair: -1, Start: f.Start, Seconds: f.Seconds, Values: map[string]float64{}}
	s := newScene(f, nil)
	for _, m := range t.Measures {
		if v, known := s.measure(m, t.Interface); known {
			b.Values[m.ID] = v
		}
	}
	return b
}

// measure returns the number of an observation, on one interface or on all.
func (s *scene) measure(m *content.Measure, link string) (float64, bool) {
	number := func(e *content.Expr, env *content.Env) (float64, bool) {
		v, known := e.Eval(env)
		n, ok := v.(float64)
		return n, known && ok
	}
	sum := 0.0
	if m.Each == "" {
		v, known := number(m.Value, s.Env)
		if !known {
			return 0, false
		}
		sum = v
	} else {
		rows, _ := s.matching(m.Each, m.When, nil)
		counted := false
		for _, row := range rows {
			if name, _ := m.Link.Eval(row); link != "" && name != link {
				continue
			}
			v, known := number(m.Value, row)
			if !known {
				return 0, false
			}
			sum, counted = sum+v, true
		}
		if !counted {
			return 0, false
		}
	}
	if m.Per.Empty() {
		return sum, true
	}
	per, known := number(m.Per, s.Env)
	if !known || per <= 0 {
		return 0, false
	}
	return sum / per, true
}

// Run makes the trial: pairs of blocks, and one without the change at the end. It
// leaves the host as it was unless it fails; what it measured until then it returns
// in any case. each is called after every block. It ends early where the change all
// but stops the traffic.
func (t *Trial) Run(ctx context.Context, host TrialHost, each func(TrialBlock)) ([]TrialBlock, error) {
	var blocks []TrialBlock
	is := false
	block := func(pair int, with bool) error {
		if with != is {
			turn := host.Off
			if with {
				turn = host.On
			}
			if err := turn(); err != nil {
				return err
			}
			is = with
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(t.Settle):
		}
		f := host.Observe(ctx, t.Block)
		if ctx.Err() != nil { // a block that was cut short may be of a moment
			return context.Cause(ctx)
		}
		b := t.Read(f)
		b.Pair, b.With = pair, with
		blocks = append(blocks, b)
		each(b)
		return t.harm(blocks)
	}
	for pair := range t.Rounds {
		first := rand.IntN(2) == 0
		for _, with := range []bool{first, !first} {
			if err := block(pair, with); err != nil {
				return blocks, err
			}
		}
	}
	return blocks, block(-1, false)
}

// stops is to which part of itself a throughput must fall, twice in a row, for the
// trial to end: an operator would not wait for the proof.
const stops = 0.2

// harm tells of a change with which a throughput was, in the last two blocks, below
// that part of the least that was measured without it.
func (t *Trial) harm(blocks []TrialBlock) error {
	for _, m := range t.Measures {
		if m.Better != content.MoreIsBetter {
			continue
		}
		var with, without []float64
		for _, b := range blocks {
			v, known := b.Values[m.ID]
			switch {
			case known && b.With:
				with = append(with, v)
			case known:
				without = append(without, v)
			}
		}
		if len(with) < 2 || len(without) < 2 {
			continue
		}
		least, last := slices.Min(without), slices.Max(with[len(with)-2:])
		if last < stops*least {
			return fmt.Errorf("stopped to be safe: with the change, %q was at most %s in two blocks, and never less than %s without it",
				m.Title, m.Show(last), m.Show(least))
		}
	}
	return nil
}
