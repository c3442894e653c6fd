package record

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"whydrop/probes/fact"
)

// minutes is a recording of ten minutes; one second of it is missing for an hour.
func minutes() *Recording {
	var all []*fact.Facts
	for i := range 600 {
		at := start.Add(time.Duration(i) * time.Second)
		if i >= 300 {
			at = at.Add(time.Hour)
		}
		f := fact.New(at, 15)
		f.Gauge("i", float64(i))
		all = append(all, f)
	}
	return Of(Header{Host: "web1"}, nil, all...)
}

// played runs a player in a time of its own and tells what it shows.
func played(t *testing.T, newPlayer func() *Player, do func(p *Player, passed func(time.Duration), shown func() int)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPlayer()
		ctx, stop := context.WithCancel(t.Context())
		last := -1
		done := make(chan error)
		go func() {
			done <- p.Play(ctx, func(f *fact.Facts) { i, _ := f.Num("i"); last = int(i) })
		}()
		synctest.Wait()
		do(p, func(d time.Duration) { time.Sleep(d); synctest.Wait() }, func() int { synctest.Wait(); return last })
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestPlayer(t *testing.T) {
	played(t, func() *Player { return NewPlayer(minutes(), -1) }, func(p *Player, passed func(time.Duration), shown func() int) {
		at := func(what string, want int) {
			t.Helper()
			if got := shown(); got != want || p.Position().Index != want || !p.Now().Equal(p.Position().Time) {
				t.Fatalf("%s: shows %d, says %+v, want %d", what, got, p.Position(), want)
			}
		}
		at("begins", 0)
		passed(10 * time.Second)
		at("a second a second", 10)
		p.Faster()
		passed(10 * time.Second)
		at("twice as fast", 30)
		p.Slower()
		p.Pause(true)
		passed(time.Hour)
		at("held", 30)
		p.Step(1)
		at("a step while held", 31)
		p.Step(-1)
		p.Step(-1)
		passed(time.Minute)
		at("two steps back", 29)
		p.Skip(time.Minute)
		at("on by a minute", 89)
		p.Skip(-time.Minute)
		p.Skip(-time.Minute)
		at("back to the beginning", 0)
		p.Step(-5)
		at("before the beginning", 0)
		p.Pause(false)
		passed(3 * time.Second)
		at("goes on", 3)
		p.Seek(298)
		passed(1500 * time.Millisecond)
		at("moved", 299)
		passed(6 * time.Second)
		at("a break in the recording", 301)
		p.Skip(-time.Minute)
		at("back over the break", 299)
		p.Skip(time.Minute)
		at("on over the break, by less than it", 300)
		p.Seek(1000)
		passed(time.Hour)
		at("the end", 599)
		if !p.Position().Ended {
			t.Errorf("it does not say that it ended: %+v", p.Position())
		}
		p.Seek(5)
		passed(time.Second)
		at("back from the end", 6)
		if p.Position().Ended || p.Position().Speed != 1 || p.Position().Len != 600 {
			t.Errorf("%+v", p.Position())
		}
		p.SetSpeed(-1)
		for range 20 {
			p.Faster()
		}
		passed(time.Second)
		at("fastest", 66)
	})
}

func TestPlayerBeginsAnew(t *testing.T) {
	anew := func() *Player {
		p := NewPlayer(minutes(), 599)
		p.Again = true
		return p
	}
	played(t, anew, func(p *Player, passed func(time.Duration), shown func() int) {
		if shown() != 599 {
			t.Errorf("begins with %d", shown())
		}
		if passed(3 * time.Second); shown() != 2 || p.Position().Ended {
			t.Errorf("shows %d after the end", shown())
		}
	})
}

func TestPlayerOfLittle(t *testing.T) {
	for n := range 2 {
		little := func() *Player {
			p := NewPlayer(Of(Header{}, nil, sequence(1, 2)[:n]...), -1)
			p.Again = true
			return p
		}
		played(t, little, func(p *Player, passed func(time.Duration), shown func() int) {
			passed(time.Minute)
			p.Step(1)
			p.Step(-1)
			p.Skip(time.Minute)
			p.Skip(-time.Minute)
			p.Seek(7)
			passed(time.Minute)
			if pos := p.Position(); pos.Len != n || pos.Index != n-1 {
				t.Errorf("%+v", pos)
			}
			p.Now()
		})
	}
}

func TestPlayerOfAnUnreadableRecording(t *testing.T) {
	r, err := read(recorded(t, sequence(1, 10)))
	if err != nil {
		t.Fatal(err)
	}
	r.file.r = gone{}
	if err := NewPlayer(r, 0).Play(t.Context(), func(*fact.Facts) { t.Error("it was shown") }); !errors.Is(err, errGone) {
		t.Errorf("%v", err)
	}
}

var errGone = errors.New("input/output error")

type gone struct{}

func (gone) ReadAt([]byte, int64) (int, error) { return 0, errGone }
