package train

import (
	"context"
	"fmt"
	"slices"
	"time"

	"whydrop/content"
	"whydrop/probes/fact"
)

// Client is what a program that makes the traffic of a live host has counted for
// itself: what its users feel, wherever the packets are lost.
type Client struct {
	Name string
	// Wanted and Got are requests, or bytes of a transfer: those that were due, and
	// those that were served in time and by whom the client meant. Wanted is 0 where
	// nobody waits for the program, or it is not known how much it wants.
	Wanted, Got float64
	// Silent says that the program has ended or was stopped.
	Silent bool
}

const (
	// served is the share of what it wants from which on a client is served as on a
	// healthy host: on a busy machine a few requests are late.
	served = 0.92
	// spoilt is the share below which a client that was served is not any more: what
	// breaks it takes more than a machine that is busier than before.
	spoilt = 0.75
)

// gets says whether a client gets a share of what it wants. One request is no share.
func (c Client) gets(share float64) bool {
	return !c.Silent && (c.Got >= share*c.Wanted || c.Wanted-c.Got < 2)
}

// suffers says whether a client gets less than on a healthy host.
func (c Client) suffers() bool { return !c.gets(served) }

// String tells how a client fared, without saying why.
func (c Client) String() string {
	name := content.Show(c.Name)
	switch {
	case c.Silent:
		return name + ", which made traffic, has ended or stands still"
	case c.Wanted == 0:
		return name + " asks for nothing any more"
	}
	return fmt.Sprintf("%s gets %.0f%% of what it asks for", name, 100*min(1, c.Got/c.Wanted))
}

// fared is how clients fared between two counts. A program that was started again has
// begun anew.
func fared(before, since []Client) []Client {
	var all []Client
	for _, c := range since {
		if i := slices.IndexFunc(before, func(b Client) bool { return b.Name == c.Name }); i >= 0 && before[i].Wanted <= c.Wanted && before[i].Got <= c.Got {
			c.Wanted -= before[i].Wanted
			c.Got -= before[i].Got
		}
		all = append(all, c)
	}
	return all
}

// count is what the clients have counted by now; nothing where nobody knows.
func (w *Watched) count() []Client {
	if w.Clients == nil {
		return nil
	}
	all, err := w.Clients()
	if err != nil {
		return nil
	}
	return all
}

// Seen is a look at a live host: what it shows from then on, and how its clients fared.
type Seen struct {
	Facts   *fact.Facts
	Clients []Client
}

// Watch looks at the host by observe, and at its clients from then on when what was
// under way before has had the time to settle. The error is that of ctx.
func (w *Watched) Watch(ctx context.Context, settle time.Duration, observe func(context.Context) *fact.Facts) (*Seen, error) {
	began := make(chan []Client, 1)
	settled := time.AfterFunc(settle, func() { began <- w.count() })
	f := observe(ctx)
	if err := ctx.Err(); err != nil {
		settled.Stop()
		return nil, err
	}
	if settled.Stop() {
		return &Seen{Facts: f}, nil // it was too short to tell of clients
	}
	return &Seen{f, fared(<-began, w.count())}, nil
}

// fares is what a look says of the clients, compared with the sick host.
type fares struct {
	suffered bool     // some client suffered from the fault
	unheard  bool     // nobody tells of them any more
	still    []Client // those suffer as before
	worse    []Client // those were served and are not any more, or are silent
	healed   int      // so many suffered, clearly, and are served
}

// hangs says whether a client that fared so before has stopped asking, or getting.
func (c Client) hangs(was Client) bool {
	return was.Wanted > 0 && c.Wanted == 0 || was.Got > 0 && c.Got == 0
}

// compare says how clients fare that fared so before.
func compare(before, since []Client) fares {
	all := fares{unheard: len(before) > 0 && len(since) == 0}
	for _, c := range since {
		i := slices.IndexFunc(before, func(b Client) bool { return b.Name == c.Name })
		if i < 0 {
			continue
		}
		was := before[i]
		dumb := c.hangs(was)
		all.suffered = all.suffered || was.suffers()
		switch {
		case c.Silent && !was.Silent, (!c.gets(spoilt) || dumb) && !was.suffers():
			all.worse = append(all.worse, c)
		case (c.suffers() || dumb) && was.suffers():
			all.still = append(all.still, c)
		case was.Wanted > 0 && !was.gets(spoilt):
			all.healed++
		}
	}
	return all
}
