package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"whydrop/probes/load"
)

// beside is traffic that is sent while a change of this host is observed: where
// nothing else flows, there would be nothing to see.
type beside struct {
	target  *load.Target
	traffic load.Traffic
	kept    *load.Result // that the traffic is taken from; nil for none
}

// newBeside is the traffic of a result that 'reproduce --json' kept in a file, to the
// destination that it went to; or little traffic to HOST:PORT. It is to last for about
// so long. It says what will be sent, and asks unless yes.
func newBeside(cmd *cobra.Command, spec string, lasts time.Duration, yes bool) (*beside, error) {
	b := &beside{traffic: load.Default(load.Connect)}
	to := spec
	if _, err := os.Stat(spec); !errors.Is(err, fs.ErrNotExist) {
		kept, err := readResult(spec)
		if err != nil {
			return nil, usageError{err}
		}
		b.kept, b.traffic, to = kept, kept.Traffic, kept.Target
	}
	var err error
	if b.target, err = load.Resolve(cmd.Context(), to); err != nil {
		return nil, usageError{err}
	}
	if b.traffic.Kind == load.Idle {
		return nil, usageError{errors.New("connections that rest show nothing of a change: expected other traffic")}
	}
	if lasts > load.MaxDuration {
		return nil, usageError{fmt.Errorf("traffic is sent for %v at the most, and this may take %v", load.MaxDuration, lasts.Round(time.Second))}
	}
	b.stretch(lasts)
	if err := b.traffic.Check(); err != nil {
		return nil, usageError{err}
	}
	if err := b.traffic.Spares(); err != nil {
		return nil, usageError{err}
	}
	return b, agree(cmd, b.target, b.traffic, yes)
}

// stretch makes the traffic last longer, at the same rate.
func (b *beside) stretch(to time.Duration) {
	t := &b.traffic
	if times := to.Seconds() / float64(t.Duration); times > 1 {
		t.Bytes = int64(math.Min(math.Ceil(float64(t.Bytes)*times), load.MaxBytes))
		t.Duration = load.Seconds(to.Seconds())
	}
}

// start begins to send. The returned function ends it and says how it fared.
func (b *beside) start(ctx context.Context) (end func() (*load.Result, error)) {
	ctx, cancel := context.WithCancel(ctx)
	type outcome struct {
		r   *load.Result
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		r, err := load.Run(ctx, b.target, b.traffic)
		done <- outcome{r, err}
	}()
	return sync.OnceValues(func() (*load.Result, error) {
		cancel()
		o := <-done
		return o.r, o.err
	})
}
