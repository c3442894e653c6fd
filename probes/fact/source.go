package fact

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Reading is what a source showed at one moment.
type Reading struct {
	At   time.Time
	Data any // the source's own plain type
}

// Source is one place of the host that can be looked at again and again. Look
// and Facts are never called at the same time for one source.
type Source interface {
	// Name is the probe's name as the operator sees it: "counters", "sockets".
	Name() string
	// Reads says in a few words what is read: files, netlink families.
	Reads() string
	// Look reads the host once. The reading is a plain value that the source
	// does not change afterwards. An error that wraps ErrUnavailable means
	// "skipped"; any other means "failed".
	Look(ctx context.Context) (any, error)
	// Facts adds to f what the readings show, oldest first. There is at least
	// one; with only one, counters have no growth and stay unknown.
	Facts(readings []Reading, f *Facts)
}

// Pace says how often a source wants to be looked at.
type Pace int

const (
	// EveryTick: cheap, at each tick of the observation.
	EveryTick Pace = iota
	// EndsOnly: at the start and at the end of the observation.
	EndsOnly
	// Once: it does not change by itself; at the start only.
	Once
)

// Paced is implemented by sources that are not looked at on every tick.
type Paced interface{ Pace() Pace }

// ErrUnavailable marks a source that this user or this kernel does not offer.
var ErrUnavailable = errors.New("not available")

// Unavailable says why a source can't be read and what would let it.
func Unavailable(what, needs string) error {
	if needs == "" {
		return fmt.Errorf("%s: %w", what, ErrUnavailable)
	}
	return fmt.Errorf("%s: %w: needs %s", what, ErrUnavailable, needs)
}
