// Package load sends bounded traffic, like the real one, to a destination that the
// operator named, and measures how it fares: to see a fault, and to see that it is
// gone. With package target it is the only code that sends packets, and it is there
// only when asked for.
//
// Attempts begin at intended times, whatever came of those before, and times are
// counted from then (open loop): answers that are late do not hide how late the
// following ones would have been.
package load

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// Kinds of traffic.
const (
	Connect = "connect" // connections that are opened and closed
	Request = "request" // requests and answers
	Up      = "up"      // bulk data to the target
	Down    = "down"    // bulk data from the target
	Idle    = "idle"    // connections that rest, and are then used
)

// Kinds are all kinds of traffic.
var Kinds = []string{Connect, Request, Up, Down, Idle}

// Seconds is a time as it stands in JSON.
type Seconds float64

func since(t time.Time) Seconds { return Seconds(time.Since(t).Seconds()) }

// Duration is the time as Go has it.
func (s Seconds) Duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

func inSeconds(d time.Duration) Seconds { return Seconds(d.Seconds()) }

// Traffic is what is to be sent. What a kind of traffic does not use is zero.
type Traffic struct {
	Kind     string  `json:"kind"`
	Rate     float64 `json:"rate,omitempty"` // connections or requests a second
	Duration Seconds `json:"seconds"`        // the last attempt begins before; bulk data ends
	Timeout  Seconds `json:"timeout_seconds"`
	Open     int     `json:"open"`          // the most connections at a time; bulk: as many
	Bytes    int64   `json:"bytes"`         // the most, both ways together
	Reset    bool    `json:"reset"`         // close by a reset, which leaves no TIME_WAIT
	Keep     int     `json:"keep"`          // Request: connections used again and again; 0: one each
	Body     int64   `json:"request_bytes"` // Request
	Reply    int64   `json:"answer_bytes"`  // Request
	Think    Seconds `json:"think_seconds"` // Request: the counterpart waits before it answers
	Mbit     float64 `json:"mbit,omitempty"`
	Gaps     []int   `json:"gaps_seconds,omitempty"` // Idle
	Data     bool    `json:"data,omitempty"`         // Idle: requests instead of keepalive probes
	HTTP     string  `json:"http,omitempty"`         // the path of GET requests; "": speak to a counterpart
	Host     string  `json:"host,omitempty"`         // to ask for by TLS and HTTP; "": that of the target
	TLS      bool    `json:"tls,omitempty"`          // a TLS handshake on each connection, and all else within
}

// Default is little traffic of a kind: nothing that a service would feel.
func Default(kind string) Traffic {
	t := Traffic{Kind: kind, Duration: 10, Timeout: 5, Open: 64, Bytes: 64 << 20}
	switch kind {
	case Connect:
		t.Rate = 10
	case Request:
		t.Rate, t.Body, t.Reply = 10, 200, 2000
	case Up, Down:
		t.Open, t.Mbit = 1, 50
	case Idle:
		t.Gaps = []int{1, 2, 5, 10, 20, 30}
		t.Duration = 30
	}
	return t
}

// The hard limits: no flag goes beyond.
const (
	MaxRate     = 5000             // a second
	MaxDuration = 10 * time.Minute // of everything but idle connections
	MaxGap      = 2 * time.Hour    // the kernel's own keepalive time
	MaxOpen     = 1000             // connections
	MaxBytes    = 10 << 30         // altogether
	MaxMessage  = 16 << 20         // bytes of a request or an answer
	MaxMbit     = 10000            // bulk data
	MaxTimeout  = 2 * time.Minute  // for a connection or an answer
	MaxThink    = 30 * time.Second // of a counterpart
	maxGaps     = 16               // one connection each
	portShare   = 4                // at most one in so many ports is left in TIME_WAIT
	timeWait    = 60 * time.Second // TCP_TIMEWAIT_LEN, include/net/tcp.h
	headerSize  = 32               // of a request to a counterpart, bytes
)

// Check says what is wrong with the traffic: values that are out of bounds or do
// not fit together.
func (t *Traffic) Check() error {
	if !contains(Kinds, t.Kind) {
		return fmt.Errorf("traffic %q: expected one of %s", t.Kind, strings.Join(Kinds, ", "))
	}
	for _, b := range []struct {
		what     string
		is       float64
		min, max float64
	}{
		{"rate", t.Rate, 0, MaxRate},
		{"duration in seconds", float64(t.Duration), 0.1, t.longest().Seconds()},
		{"timeout in seconds", float64(t.Timeout), 0.1, MaxTimeout.Seconds()},
		{"connections at a time", float64(t.Open), 1, MaxOpen},
		{"bytes altogether", float64(t.Bytes), 1, MaxBytes},
		{"connections kept", float64(t.Keep), 0, float64(t.Open)},
		{"bytes of a request", float64(t.Body), 0, MaxMessage},
		{"bytes of an answer", float64(t.Reply), 0, MaxMessage},
		{"think time in seconds", float64(t.Think), 0, MaxThink.Seconds()},
		{"Mbit a second", t.Mbit, 0, MaxMbit},
		{"number of gaps", float64(len(t.Gaps)), 0, maxGaps},
	} {
		if !(b.is >= b.min && b.is <= b.max) {
			return fmt.Errorf("%s: %v, expected %v to %v", b.what, b.is, b.min, b.max)
		}
	}
	if err := t.checkKind(); err != nil {
		return err
	}
	if t.TLS && t.HTTP == "" && (t.Kind == Up || t.Kind == Down || t.Kind == Request || t.Data) {
		return errors.New("a counterpart does not speak TLS: expected connections alone, or HTTP")
	}
	if t.Host != "" && !t.TLS && t.HTTP == "" {
		return errors.New("a name to ask for, and nothing to ask it by: expected TLS or HTTP")
	}
	return errors.Join(checkPath(t.HTTP), checkHost(t.Host))
}

func (t *Traffic) longest() time.Duration {
	if t.Kind == Idle {
		return MaxGap
	}
	return MaxDuration
}

// checkKind looks for what the kind of traffic needs.
func (t *Traffic) checkKind() error {
	switch t.Kind {
	case Connect, Request:
		if t.Rate < 0.01 {
			return fmt.Errorf("rate: %v a second, expected at least 0.01", t.Rate)
		}
		if t.attempts() < 1 {
			return fmt.Errorf("%v a second for %v s is not one attempt", t.Rate, t.Duration)
		}
	case Up, Down:
		if t.Mbit < 0.01 {
			return fmt.Errorf("bulk data at %v Mbit a second: expected at least 0.01", t.Mbit)
		}
	case Idle:
		if len(t.Gaps) == 0 {
			return errors.New("idle: expected at least one gap")
		}
		for _, g := range t.Gaps {
			if g < 1 || g > int(MaxGap.Seconds()) {
				return fmt.Errorf("gap of %d s: expected 1 s to %v", g, MaxGap)
			}
		}
	}
	return nil
}

// Spares fails where connections that wait in TIME_WAIT would take too many of the
// ports that the host's own connections to the same address need.
func (t *Traffic) Spares() error {
	if t.Reset || t.Kind != Connect && (t.Kind != Request || t.Keep > 0) {
		return nil
	}
	left := int(min(float64(t.attempts()), t.Rate*timeWait.Seconds()))
	if ports := portRange(); left > ports/portShare {
		return fmt.Errorf("this leaves %d connections in TIME_WAIT, of %d ports to the target (net.ipv4.ip_local_port_range): at most a quarter may be taken. Lower the rate or the duration, keep connections, or close them by a reset", left, ports)
	}
	return nil
}

// attempts is how many connections or requests are made.
func (t *Traffic) attempts() int {
	if t.Kind == Connect || t.Kind == Request {
		return int(math.Floor(t.Rate*float64(t.Duration) + 1e-9))
	}
	return 0
}

func contains(all []string, s string) bool {
	for _, a := range all {
		if a == s {
			return true
		}
	}
	return false
}

// Says tells exactly what is sent, a sentence each.
func (t *Traffic) Says() []string {
	var say []string
	says := func(format string, args ...any) { say = append(say, fmt.Sprintf(format, args...)) }
	closing := map[bool]string{false: "in order", true: "by a reset"}[t.Reset]
	switch t.Kind {
	case Connect:
		says("opens %.4g connections a second for %v s, %d altogether, at most %d at a time, and closes each at once %s; sends no data", t.Rate, t.Duration, t.attempts(), t.Open, closing)
	case Request:
		says("sends %.4g requests a second for %v s, %d altogether: %s", t.Rate, t.Duration, t.attempts(), t.request())
		if t.Keep > 0 {
			says("uses %s again and again: each rests %.3g s between two requests", count(t.Keep), float64(t.Keep)/t.Rate)
		} else {
			says("opens a connection for each, at most %d at a time, and closes it %s", t.Open, closing)
		}
	case Up:
		says("sends data on %s at once for up to %v s, at most %v Mbit/s together; the target must be a service that reads and discards, or a counterpart (--serve)", count(t.Open), t.Duration, t.Mbit)
	case Down:
		if t.HTTP != "" {
			says("sends on %s again and again for up to %v s, as fast as answers come: %s", count(t.Open), t.Duration, t.request())
		} else {
			says("asks a counterpart (--serve) for data on %s at once for up to %v s, at most %v Mbit/s together", count(t.Open), t.Duration, t.Mbit)
		}
	case Idle:
		says("opens %s, one for each time of rest: %s s", count(len(t.Gaps)), strings.ReplaceAll(strings.Trim(fmt.Sprint(t.Gaps), "[]"), " ", ", "))
		if t.HTTP != "" || t.Data {
			says("sends on each before and after the rest: %s", t.request())
		} else {
			says("sends on each, after the rest, a keepalive probe: a segment without data that every host answers by itself")
		}
	}
	if t.TLS {
		says("makes a TLS handshake on each connection; the certificate is checked, and the traffic goes on if it is not trusted")
	}
	if t.Kind != Connect && (t.Kind != Idle || t.Data || t.HTTP != "") {
		says("moves at most %s, both ways together", Size(t.Bytes))
	}
	says("waits up to %v s for each connection or answer, and is over after %v at the most; Ctrl+C ends it at once", t.Timeout, t.end().Round(time.Second))
	return say
}

func count(connections int) string {
	if connections == 1 {
		return "1 connection"
	}
	return fmt.Sprintf("%d connections", connections)
}

// request describes one request.
func (t *Traffic) request() string {
	if t.HTTP != "" {
		return "GET " + t.HTTP + " (HTTP/1.1, " + map[bool]string{false: "without TLS", true: "over TLS"}[t.TLS] + ")"
	}
	text := fmt.Sprintf("%d bytes, for an answer of %d from a counterpart (--serve)", t.Body+headerSize, t.Reply)
	if t.Think > 0 {
		text += fmt.Sprintf(" after %v s", t.Think)
	}
	return text
}

// end is when everything is over at the latest, also if nothing answers.
func (t *Traffic) end() time.Duration {
	d := t.Duration
	if t.Kind == Idle {
		d = 0
		for _, g := range t.Gaps {
			d = max(d, Seconds(g)*timerSlack)
		}
		d += t.Timeout // for the connection
	}
	if t.TLS {
		d += t.Timeout
	}
	return (d + 2*t.Timeout + t.Think).Duration() + time.Second
}

// Size is a number of bytes as people read it.
func Size(n int64) string {
	switch {
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 10<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// Uses says whether a flag of the command, by its name, means something for the kind
// of traffic.
func (t *Traffic) Uses(flag string) bool {
	kinds, special := map[string][]string{
		"rate": {Connect, Request}, "keep": {Request}, "connections": {Connect, Request, Up, Down},
		"request-bytes": {Request, Idle}, "answer-bytes": {Request, Idle}, "think": {Request, Idle},
		"mbit": {Up, Down}, "idle": {Idle}, "data": {Idle}, "http": {Request, Down, Idle}, "host": {Connect, Request, Down, Idle}, "tls": {Connect, Request, Down, Idle}, "for": {Connect, Request, Up, Down},
	}[flag]
	return !special || contains(kinds, t.Kind)
}
