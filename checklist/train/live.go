package train

import (
	"context"
	"errors"
	"sync"
	"time"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

// Watched is a host that is there now: the candidate measures it as it is at that
// moment, and may mend it. Show and the rest may be called from several goroutines.
type Watched struct {
	// Clients tells what the clients have counted for themselves since they began; nil
	// where nobody knows. It is set before Await.
	Clients func() ([]Client, error)

	book     *content.Book
	scenario *content.Scenario

	mu     sync.Mutex
	first  *fact.Facts // the totals of the machine around the host begin with it
	newest *fact.Facts
	probes []string
	// sick is the observation in which the fault shows best so far, how says how well.
	sick *fact.Facts
	how  shows
	// suffered is how the clients fared while the fault was awaited.
	suffered []Client
	shown    chan struct{} // has room for one; filled by each observation
}

// shows says how well an observation shows the truth.
type shows int

const (
	unshown   shows = iota // something else is named, or not all of the truth
	showsMore              // beside the truth something else is named
	showsIt                // the truth is named, and nothing else
)

// soonest is how long an observation has to be, in seconds, to be judged.
const soonest = 5

// NewWatched returns the host of a scenario of which nothing has been seen yet.
func NewWatched(book *content.Book, s *content.Scenario) *Watched {
	return &Watched{book: book, scenario: s, shown: make(chan struct{}, 1)}
}

// Show gives the host the newest observation. The facts must not be changed after it.
func (w *Watched) Show(f *fact.Facts) {
	w.mu.Lock()
	if w.first == nil {
		w.first = f
	}
	f = young(w.book, w.first, f)
	w.mu.Unlock()
	if w.scenario.Host != "" {
		named := *f
		named.Host = w.scenario.Host
		f = &named
	}
	how := unshown
	if f.Seconds >= soonest && w.best() != showsIt {
		how = w.judge(f)
	}
	w.mu.Lock()
	w.newest, w.probes = f, probesOf(w.book, f)
	if w.sick == nil || how > w.how || w.how == unshown && w.sick.Seconds < soonest {
		w.sick, w.how = f, how
	}
	w.mu.Unlock()
	select {
	case w.shown <- struct{}{}:
	default:
	}
}

func (w *Watched) best() shows {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.how
}

// judge says how well an observation shows the truth.
func (w *Watched) judge(f *fact.Facts) shows {
	c := checklist.NewCase(w.book, time.Time{})
	c.Facts = f
	d := c.Diagnose()
	switch {
	case tells(d, w.scenario):
		return showsIt
	case !w.scenario.Healthy() && len(atWork(d, w.scenario)) == len(w.scenario.Truth):
		return showsMore
	}
	return unshown
}

// Await waits until the truth shows, and nothing else, or until patience runs out: then
// the host is taken as it is. How the clients fare meanwhile is how they suffer. The
// error is that of ctx, or that nothing was seen at all.
func (w *Watched) Await(ctx context.Context, patience time.Duration) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	began := w.count()
	defer func() {
		suffered := fared(began, w.count())
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.suffered == nil { // it is awaited again when it may be mended
			w.suffered = suffered
		}
	}()
	for w.best() != showsIt {
		select {
		case <-w.shown:
		case <-ctx.Done():
			return ctx.Err()
		case <-late.C:
			if w.Sick() == nil {
				return errors.New("the host could not be observed: nothing was measured in time")
			}
			return nil
		}
	}
	return nil
}

// Sick returns the observation in which the fault shows best, nil before the first.
func (w *Watched) Sick() *fact.Facts {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sick
}

// sufferers is how the clients fared while the host was sick.
func (w *Watched) sufferers() []Client {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.suffered
}

// Shows says whether the truth has shown by now, and nothing else.
func (w *Watched) Shows() bool { return w.best() == showsIt }

// Scenario returns whose host it is.
func (w *Watched) Scenario() *content.Scenario { return w.scenario }

// Probes implements Host.
func (w *Watched) Probes() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.probes
}

// Look implements Host.
func (w *Watched) Look() (*fact.Facts, int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.newest == nil {
		return nil, Live, errors.New("nothing has been observed yet")
	}
	return w.newest, Live, nil
}

// Again implements Host: a moment of this host does not come again.
func (w *Watched) Again(int) (*fact.Facts, error) { return nil, ErrPassed }
