package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/probes/sockets/inetdiag"
)

// Observed is the shape of this host's own connections to a target.
type Observed struct {
	Took     time.Duration
	Exactly  bool    // to its port; otherwise to any port of its addresses
	Begun    int     // connections that began
	Ended    int     // connections that ended, with the bytes below
	Kept     int     // connections that were there all the time and moved data
	Uses     int     // looks at which kept connections had moved data, together
	Out, In  int64   // median bytes of a connection that ended; of a use, where they are kept
	OutRate  float64 // bytes a second of all connections together
	InRate   float64
	Most     int           // connections at a time
	RTT      time.Duration // median of their least round-trip times
	Missed   bool          // more ended than could be told: there were more
	outs     []int64
	ins      []int64
	rtts     []int64
	seen     map[uint64]watched
	finished map[uint64]bool // cookies that were told as ended
}

// watched is a connection as it was at the last look.
type watched struct {
	first, last int // looks
	used        int // looks at which it had moved data
	outFirst    uint64
	inFirst     uint64
	out, in     uint64
}

// lookEvery is how often connections are looked at: what moves between two looks
// counts as one request.
const lookEvery = 100 * time.Millisecond

// Observe watches this host's connections to the target: it asks the kernel for all
// of them again and again, and to be told of those that end (inet_diag, any user
// may). It sends nothing. It fails where none were seen.
func Observe(ctx context.Context, t *Target, d time.Duration) (*Observed, error) {
	ended, err := inetdiag.Subscribe()
	if err != nil {
		return nil, err
	}
	defer ended.Close()
	dump, err := inetdiag.Dial()
	if err != nil {
		return nil, err
	}
	defer dump.Close()
	exact, any := newObserved(true), newObserved(false)
	begin := time.Now()
	for look := 0; time.Since(begin) < d; look++ {
		visit := func(s *inetdiag.Socket) {
			for _, to := range t.Addresses {
				if to.Addr().WithZone("") == s.Remote.Addr() {
					any.see(s, look)
					if to.Port() == s.Remote.Port() {
						exact.see(s, look)
					}
				}
			}
		}
		missed, err := ended.Read(ctx, visit)
		exact.Missed, any.Missed = exact.Missed || missed, any.Missed || missed
		if err != nil {
			return nil, err
		}
		if err := lookAt(ctx, dump, t.Addresses, visit); err != nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(lookEvery):
		}
	}
	for _, o := range []*Observed{exact, any} {
		o.Took = time.Since(begin)
		if o.settle() {
			return o, nil
		}
	}
	return nil, fmt.Errorf("this host had no connection to %s that carried anything within %v", t.Name, d)
}

// lookAt visits the sockets of the families that the addresses have.
func lookAt(ctx context.Context, dump *inetdiag.Conn, to []netip.AddrPort, visit func(*inetdiag.Socket)) error {
	// An IPv6 socket can have an IPv4 peer (v4-mapped): both are always asked for.
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		states := inetdiag.Mask(inetdiag.Established, inetdiag.FinWait1, inetdiag.CloseWait)
		if _, err := dump.Dump(ctx, inetdiag.Request{Family: family, States: states, Extensions: inetdiag.WithInfo}, visit); err != nil {
			return err
		}
	}
	return nil
}

func newObserved(exactly bool) *Observed {
	return &Observed{Exactly: exactly, seen: map[uint64]watched{}, finished: map[uint64]bool{}}
}

// mostWatched connections are remembered.
const mostWatched = 100000

// see takes a connection as it is now. It has ended where it is closed.
func (o *Observed) see(s *inetdiag.Socket, look int) {
	if !s.Has(inetdiag.LenBytesReceived) || o.finished[s.Cookie] || len(o.finished) > mostWatched {
		return
	}
	out, in := s.Info.BytesAcked, s.Info.BytesReceived
	w, known := o.seen[s.Cookie]
	if !known {
		if len(o.seen) > mostWatched {
			return
		}
		w = watched{first: look, outFirst: out, inFirst: in, out: out, in: in}
	}
	if out > w.out || in > w.in {
		w.used++
	}
	w.last, w.out, w.in = look, max(w.out, out), max(w.in, in)
	o.seen[s.Cookie] = w
	if s.State != inetdiag.Close {
		return
	}
	o.finished[s.Cookie] = true
	// The SYN and the FIN count as a byte each (RFC 9293, 3.4).
	out, in = out-min(out, 2), in-min(in, 1)
	if out+in == 0 { // it failed, or was not used
		return
	}
	o.outs, o.ins = append(o.outs, int64(out)), append(o.ins, int64(in))
	if s.Has(inetdiag.LenMinRTT) && s.Info.MinRTT != ^uint32(0) {
		o.rtts = append(o.rtts, int64(s.Info.MinRTT))
	}
}

// settle computes the shape. It is false if there is none.
func (o *Observed) settle() bool {
	var lastLook int
	for _, w := range o.seen {
		lastLook = max(lastLook, w.last)
	}
	var useOut, useIn []int64
	for cookie, w := range o.seen {
		if w.first > 0 {
			o.Begun++
		}
		if w.first == 0 && w.last == lastLook && w.used > 0 && !o.finished[cookie] {
			o.Kept++
			o.Uses += w.used
			useOut = append(useOut, int64(w.out-w.outFirst)/int64(w.used))
			useIn = append(useIn, int64(w.in-w.inFirst)/int64(w.used))
		}
	}
	o.shares(lastLook)
	o.Ended = len(o.outs)
	if o.Ended == 0 {
		o.outs, o.ins = useOut, useIn
	}
	if len(o.outs) == 0 {
		return false
	}
	o.Out, o.In = middle(o.outs), middle(o.ins)
	if len(o.rtts) > 0 {
		o.RTT = time.Duration(middle(o.rtts)) * time.Microsecond
	}
	return true
}

// shares computes what all connections moved together, and how many there were at a
// time.
func (o *Observed) shares(lastLook int) {
	at := make([]int, lastLook+2)
	for _, w := range o.seen {
		out, in := w.out-w.outFirst, w.in-w.inFirst
		if w.first > 0 { // it began while observed: all is new
			out, in = w.out, w.in
		}
		o.OutRate += float64(out) / max(o.Took.Seconds(), 1)
		o.InRate += float64(in) / max(o.Took.Seconds(), 1)
		at[w.first]++
		at[w.last+1]--
	}
	n := 0
	for _, change := range at {
		n += change
		o.Most = max(o.Most, n)
	}
}

func middle(all []int64) int64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// Traffic is traffic of a kind and of that shape, within the limits of a Traffic.
// Connections have the rate at which they began; requests that at which connections
// ended, or were used where they stay; bulk data that of all bytes. It fails where
// nothing of the kind was seen.
func (o *Observed) Traffic(kind string) (Traffic, error) {
	t := Default(kind)
	took := max(o.Took.Seconds(), 1)
	switch kind {
	case Connect:
		if o.Begun == 0 {
			return t, errors.New("no connection began while observing: expected --traffic request, up or down")
		}
		t.Rate = rounded(float64(o.Begun) / took)
	case Request:
		n := o.Ended
		if n == 0 {
			t.Keep, n = min(o.Kept, t.Open), o.Uses
		}
		t.Rate = rounded(float64(n) / took)
		t.Body, t.Reply = max(0, min(o.Out, MaxMessage)-headerSize), min(o.In, MaxMessage)
		t.Bytes = min(max(t.Bytes, 2*int64(float64(o.Out+o.In)*t.Rate*float64(t.Duration))), MaxBytes)
	case Up, Down:
		rate := map[string]float64{Up: o.OutRate, Down: o.InRate}[kind]
		t.Open = min(max(1, o.Most), 16)
		t.Mbit = rounded(max(rate*8/1e6, 0.01))
		t.Bytes = min(max(t.Bytes, int64(2*rate*float64(t.Duration))), MaxBytes)
	default:
		return t, fmt.Errorf("%s is not observed", kind)
	}
	return t, nil
}

// rounded keeps a rate within its limits, to hundredths.
func rounded(rate float64) float64 { return min(max(math.Round(rate*100)/100, 0.1), MaxRate) }

// String tells what was seen, in one line.
func (o *Observed) String() string {
	where := ""
	if !o.Exactly {
		where = " to other ports of it"
	}
	text := fmt.Sprintf("seen in %.1f s%s: %d connections ended", o.Took.Seconds(), where, o.Ended)
	if o.Ended == 0 {
		text = fmt.Sprintf("seen in %.1f s%s: %d connections that stay, used about %d times", o.Took.Seconds(), where, o.Kept, o.Uses)
	}
	text += fmt.Sprintf("; median %d bytes out, %d bytes in", o.Out, o.In)
	if o.RTT > 0 {
		text += fmt.Sprintf(", least round-trip time %.3g ms", o.RTT.Seconds()*1000)
	}
	if o.Missed {
		text += "; there were more"
	}
	return text
}
