package load

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
)

// Schema names the JSON of a Result.
const Schema = "whydrop.reproduction/1"

// Result is how the traffic fared.
type Result struct {
	Schema  string         `json:"schema"`
	Target  string         `json:"target"` // as the operator named it
	Address netip.AddrPort `json:"address"`
	Tried   []Try          `json:"tried,omitempty"` // where the name has several addresses
	Traffic Traffic        `json:"traffic"`
	Start   time.Time      `json:"start"`
	Took    Seconds        `json:"seconds"`
	// Ended is why no more was begun: "time", "bytes" (as many as allowed),
	// "foreign" (the target is no counterpart) or "interrupted".
	Ended string `json:"ended"`

	// An attempt is a connection, a request, a stream of bulk data or a rest. Those
	// unfinished were interrupted by the operator, or had no more bytes.
	Attempts   int `json:"attempts"`
	OK         int `json:"ok"`
	Failed     int `json:"failed"`
	Unfinished int `json:"unfinished"`
	// Late began later than intended, since too many others were under way; their
	// times are counted from when they should have begun. NotBegun never did.
	Late     int `json:"late"`
	NotBegun int `json:"not_begun"`

	Failures []Failure `json:"failures,omitempty"`
	// Connect is the time until the connection is there, Handshake that of the TLS
	// handshake on it, FirstByte that from the request to the first byte of the answer,
	// Response that until its last, with all before it where each request has a
	// connection of its own.
	Connect   *Histogram `json:"connect"`
	Handshake *Histogram `json:"tls_handshake"`
	FirstByte *Histogram `json:"first_byte"`
	Response  *Histogram `json:"response"`
	Timeline  []Second   `json:"timeline"`
	Stalls    []Stall    `json:"stalls,omitempty"`
	Rests     []Rest     `json:"rests,omitempty"`
	TLS       *TLS       `json:"tls,omitempty"`
	TCP       TCP        `json:"tcp"`
}

// Failure is one way in which attempts failed.
type Failure struct {
	Step  string  `json:"step"`  // connect, handshake, send, wait, read, rest or use
	Error string  `json:"error"` // errno, timeout (of Traffic.Timeout), closed, ...
	Count int     `json:"count"`
	First Seconds `json:"first"` // since the start
	Last  Seconds `json:"last"`
}

// Second is what began in one second, except for Bytes, which passed in it.
type Second struct {
	Begun   int     `json:"begun,omitempty"`
	Failed  int     `json:"failed,omitempty"`
	Slowest Seconds `json:"slowest,omitempty"` // of those that did not fail
	Bytes   int64   `json:"bytes,omitempty"`   // acknowledged (up) or received (down)
}

// Stall is a time without progress of a bulk connection that had something to do.
type Stall struct {
	At  Seconds `json:"at"` // since the start
	For Seconds `json:"for"`
}

// Rest is what became of a connection that was left alone.
type Rest struct {
	Wanted  int     `json:"wanted_seconds"`
	Rested  Seconds `json:"rested_seconds"` // until it was used, or found closed
	Outcome string  `json:"outcome"`        // alive, or the error
	While   bool    `json:"while_idle"`     // it ended by itself, before it was used
}

// TCP is the kernel's account of all connections of the traffic (struct tcp_info,
// include/uapi/linux/tcp.h).
type TCP struct {
	Connections int    `json:"connections"`              // attempts to connect
	SYNAgain    int    `json:"syn_retransmitted"`        // of these, the ones that sent the SYN again
	SYNsAgain   uint64 `json:"syns_sent_again"`          // SYNs
	DataOut     uint64 `json:"data_segments_out"`        // with retransmissions; 0 before Linux 4.6
	DataAgain   uint64 `json:"data_segments_again"`      // tcpi_total_retrans less SYNs
	RTO         uint64 `json:"timeouts"`                 // tcpi_total_rto of data, Linux 6.7
	RTT         uint32 `json:"srtt_us_median,omitempty"` // smoothed, at the end of each connection
	MinRTT      uint32 `json:"min_rtt_us,omitempty"`     // the least of all
	CwndMin     uint32 `json:"cwnd_min,omitempty"`       // segments, at the end of each connection
	CwndMax     uint32 `json:"cwnd_max,omitempty"`

	MSSMin      uint32  `json:"mss_min,omitempty"` // bytes, at the end of each connection
	MSSMax      uint32  `json:"mss_max,omitempty"`
	Busy        Seconds `json:"busy_seconds"`                   // with data to send, all connections; Linux 4.10
	RwndLimited Seconds `json:"receive_window_limited_seconds"` // of these, held back by the other end's window
	SndLimited  Seconds `json:"send_buffer_limited_seconds"`    // of these, by the send buffer

	rtts Histogram
}

// recorder gathers the result while the traffic runs.
type recorder struct {
	mu    sync.Mutex
	r     *Result
	start time.Time
}

func newRecorder(t *Target, traffic Traffic) *recorder {
	start := time.Now()
	return &recorder{start: start, r: &Result{
		Schema: Schema, Target: t.Name, Traffic: traffic, Start: start.UTC().Round(0), Ended: "time",
		Connect: &Histogram{}, Handshake: &Histogram{}, FirstByte: &Histogram{}, Response: &Histogram{}, Timeline: []Second{},
	}}
}

// attempt is one thing that was tried. Times that were not reached are negative.
type attempt struct {
	begin                               time.Time // when it should have begun, if it began late
	late                                bool
	connect, handshake, first, response time.Duration
	step                                string
	err                                 error
}

func (r *recorder) begin(intended, now time.Time, late bool) *attempt {
	a := &attempt{begin: now, late: late, connect: -1, handshake: -1, first: -1, response: -1}
	if late {
		a.begin = intended
	}
	return a
}

// fail notes the step at which the attempt failed.
func (a *attempt) fail(step string, err error) error {
	a.step, a.err = step, err
	return err
}

// add counts an attempt. What was interrupted by the operator has not failed.
func (r *recorder) add(a *attempt, interrupted bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.r.Attempts++
	s := r.second(a.begin)
	s.Begun++
	if a.late {
		r.r.Late++
	}
	var slowest time.Duration
	for _, m := range []struct {
		d time.Duration
		h *Histogram
	}{{a.connect, r.r.Connect}, {a.handshake, r.r.Handshake}, {a.first, r.r.FirstByte}, {a.response, r.r.Response}} {
		if m.d >= 0 {
			m.h.Record(m.d)
			slowest = max(slowest, m.d)
		}
	}
	switch {
	case a.err == nil:
		r.r.OK++
		s.Slowest = max(s.Slowest, inSeconds(slowest))
	case interrupted, errors.Is(a.err, errBytes):
		r.r.Unfinished++
	default:
		r.r.Failed++
		s.Failed++
		r.failure(a.step, nameOf(a.err))
	}
}

// mostFailures are told apart.
const mostFailures = 40

func (r *recorder) failure(step, name string) {
	at := since(r.start)
	i := slices.IndexFunc(r.r.Failures, func(f Failure) bool { return f.Step == step && f.Error == name })
	if i < 0 && len(r.r.Failures) == mostFailures {
		i = mostFailures - 1
	}
	if i < 0 {
		r.r.Failures = append(r.r.Failures, Failure{Step: step, Error: name, First: at})
		i = len(r.r.Failures) - 1
	}
	r.r.Failures[i].Count++
	r.r.Failures[i].Last = at
}

// second is the part of the timeline that t lies in.
func (r *recorder) second(t time.Time) *Second {
	n := min(max(0, int(t.Sub(r.start)/time.Second)), int((MaxGap+MaxTimeout)/time.Second))
	for len(r.r.Timeline) <= n {
		r.r.Timeline = append(r.r.Timeline, Second{})
	}
	return &r.r.Timeline[n]
}

// moved counts bytes of bulk data that passed just now.
func (r *recorder) moved(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.second(time.Now()).Bytes += n
}

// mostStalls are kept: the first ones.
const mostStalls = 1000

func (r *recorder) stalled(from, to time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.r.Stalls) < mostStalls {
		r.r.Stalls = append(r.r.Stalls, Stall{At: inSeconds(from.Sub(r.start)), For: inSeconds(to.Sub(from))})
	}
}

// connected counts an attempt to connect; syns is how many SYNs it sent again.
func (r *recorder) connected(syns uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.r.TCP.Connections++
	if syns > 0 {
		r.r.TCP.SYNAgain++
		r.r.TCP.SYNsAgain += uint64(syns)
	}
}

// closed counts what a connection did; syns is how many SYNs it had sent again.
func (r *recorder) closed(info *unix.TCPInfo, syns uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := &r.r.TCP
	t.DataOut += uint64(info.Data_segs_out)
	t.DataAgain += uint64(info.Total_retrans - min(syns, info.Total_retrans))
	t.RTO += uint64(info.Total_rto) - min(uint64(syns), uint64(info.Total_rto))
	if info.Rtt > 0 {
		t.rtts.Record(time.Duration(info.Rtt) * time.Microsecond)
	}
	if info.Min_rtt > 0 && info.Min_rtt != math.MaxUint32 && (t.MinRTT == 0 || info.Min_rtt < t.MinRTT) {
		t.MinRTT = info.Min_rtt
	}
	span(&t.CwndMin, &t.CwndMax, info.Snd_cwnd)
	span(&t.MSSMin, &t.MSSMax, info.Snd_mss)
	const us = Seconds(1e-6)
	t.Busy += Seconds(info.Busy_time) * us
	t.RwndLimited += Seconds(info.Rwnd_limited) * us
	t.SndLimited += Seconds(info.Sndbuf_limited) * us
}

// span widens a range that begins empty.
func span(least, most *uint32, n uint32) {
	if *least == 0 || n < *least {
		*least = n
	}
	*most = max(*most, n)
}

// finish closes the result.
func (r *recorder) finish(planned int, ended string) *Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	res := r.r
	res.Took, res.Ended = since(r.start), ended
	res.NotBegun = max(0, planned-res.Attempts)
	if d, ok := res.TCP.rtts.Quantile(0.5); ok {
		res.TCP.RTT = uint32(d.Microseconds())
	}
	slices.SortFunc(res.Failures, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.First, b.First))
	})
	slices.SortFunc(res.Rests, func(a, b Rest) int { return a.Wanted - b.Wanted })
	return res
}

var (
	errForeign = errors.New("foreign answer")
	errStalled = errors.New("stalled")
	errBytes   = errors.New("as many bytes as allowed")
)

// statusError is an HTTP status that tells of a failure.
type statusError int

func (s statusError) Error() string { return fmt.Sprintf("HTTP %d", int(s)) }

// nameOf is the short name of an error: that of errno where there is one.
func nameOf(err error) string {
	var errno unix.Errno
	var status statusError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &errno):
		return cmp.Or(unix.ErrnoName(errno), errno.Error())
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "closed"
	case errors.Is(err, errForeign):
		return errForeign.Error()
	case errors.As(err, &status):
		return status.Error()
	default:
		return cmp.Or(tlsName(err), fact.Clean(err.Error(), 60))
	}
}

// Throughput is the bytes of each whole second of bulk data; nil for other traffic.
func (r *Result) Throughput() []int64 {
	if r.Traffic.Kind != Up && r.Traffic.Kind != Down {
		return nil
	}
	all := make([]int64, max(0, int(min(r.Took, r.Traffic.Duration))))
	for i := range min(len(all), len(r.Timeline)) {
		all[i] = r.Timeline[i].Bytes
	}
	return all
}

// Moved is the number of bytes of bulk data that passed.
func (r *Result) Moved() int64 {
	var n int64
	for _, s := range r.Timeline {
		n += s.Bytes
	}
	return n
}

// Faulty says whether anything went wrong: an attempt failed, stood still or had to
// send its SYN again, or data got lost.
func (r *Result) Faulty() bool {
	return r.Failed > 0 || len(r.Stalls) > 0 || r.TCP.SYNAgain > 0 || r.TCP.RTO > 0 || r.TCP.DataAgain > 0 && r.TCP.again().Low > lossShare
}

// lossShare of data segments sent again is worth a look: more than the internet's
// usual loss of some in a thousand.
const lossShare = 0.005

// Read reads a result that was written as JSON. It fails for another schema, and for
// numbers that no result has.
func Read(text []byte) (*Result, error) {
	var r Result
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("no result of 'whydrop reproduce --json': %w", err)
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("schema %q: expected %s", fact.Clean(r.Schema, 60), Schema)
	}
	for _, h := range []**Histogram{&r.Connect, &r.Handshake, &r.FirstByte, &r.Response} {
		if *h == nil {
			*h = &Histogram{}
		}
	}
	if err := r.Traffic.Check(); err != nil {
		return nil, fmt.Errorf("its traffic: %w", err)
	}
	if err := errors.Join(r.adds(), r.TLS.adds()); err != nil {
		return nil, err
	}
	return &r, nil
}

// adds fails where the counts do not fit together.
func (r *Result) adds() error {
	for _, n := range []int{r.Attempts, r.OK, r.Failed, r.Unfinished, r.TCP.SYNAgain, r.TCP.Connections} {
		if n < 0 || n > math.MaxInt32 {
			return fmt.Errorf("a count of %d", n)
		}
	}
	if r.OK+r.Failed+r.Unfinished != r.Attempts {
		return fmt.Errorf("%d attempts of which %d ok, %d failed and %d unfinished", r.Attempts, r.OK, r.Failed, r.Unfinished)
	}
	if r.TCP.SYNAgain > r.TCP.Connections || r.TCP.DataOut > math.MaxInt32 || r.TCP.DataOut > 0 && r.TCP.DataAgain > r.TCP.DataOut {
		return errors.New("more was sent again than was sent")
	}
	for _, s := range r.Timeline {
		if s.Begun < 0 || s.Failed < 0 || s.Failed > s.Begun || s.Bytes < 0 || s.Bytes > math.MaxInt64>>20 {
			return errors.New("a second of its timeline has numbers that do not fit")
		}
	}
	return nil
}
