package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// serving starts a counterpart on loopback.
func serving(t *testing.T, limits Limits) (address string, served func() *Served) {
	t.Helper()
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan *Served, 1)
	go func() {
		s, err := Serve(ctx, l, limits)
		if err != nil {
			t.Error(err)
		}
		done <- s
	}()
	t.Cleanup(cancel)
	return l.Addr().String(), func() *Served {
		select {
		case s := <-done:
			return s
		case <-time.After(100 * time.Millisecond):
		}
		cancel()
		return <-done
	}
}

// answering is a service whose connections are handled by f.
func answering(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer conn.Close(); f(conn) }()
		}
	}()
	return l.Addr().String()
}

// closed is an address at which nobody listens.
func closed(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func sent(t *testing.T, ctx context.Context, to string, traffic Traffic) *Result {
	t.Helper()
	target, err := Resolve(ctx, to)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(ctx, target, traffic)
	if err != nil {
		t.Fatal(err)
	}
	if r.OK+r.Failed+r.Unfinished != r.Attempts {
		t.Errorf("%d attempts: %d ok, %d failed, %d unfinished", r.Attempts, r.OK, r.Failed, r.Unfinished)
	}
	return r
}

// quick is traffic that is over at once.
func quick(kind string) Traffic {
	t := Default(kind)
	t.Duration, t.Timeout = 0.5, 1
	if t.Rate > 0 {
		t.Rate = 100
	}
	if kind == Idle {
		t.Gaps = []int{1}
	}
	return t
}

func TestKinds(t *testing.T) {
	t.Parallel()
	address, served := serving(t, DefaultLimits())
	kept := quick(Request)
	kept.Keep = 4
	large := quick(Request)
	large.Body, large.Reply, large.Rate = 300_000, 200_000, 20
	data := quick(Idle)
	data.Data, data.Body, data.Reply = true, 100, 100
	for name, traffic := range map[string]Traffic{
		"connect": quick(Connect), "request": quick(Request), "kept": kept, "large": large,
		"up": quick(Up), "down": quick(Down), "idle": quick(Idle), "idle with data": data,
	} {
		fares(t, name, traffic, sent(t, t.Context(), address, traffic))
	}
	if s := served(); s.Requests < 100 || s.Broken > 2 {
		t.Errorf("the counterpart saw %+v", s)
	}
}

// fares says what is wrong with traffic to a healthy counterpart.
func fares(t *testing.T, name string, traffic Traffic, r *Result) {
	t.Helper()
	if want := max(1, traffic.attempts()); r.OK != want || r.Failed > 0 || r.Ended != "time" || r.NotBegun > 0 {
		t.Errorf("%s: %d ok of %d, %v, %d not begun, ended by %s", name, r.OK, want, r.Failures, r.NotBegun, r.Ended)
	}
	connections := r.Attempts
	if traffic.Keep > 0 {
		connections = traffic.Keep
	}
	if r.TCP.Connections != connections || r.Connect.Count() != uint64(connections) {
		t.Errorf("%s: %d connections, %d times to connect, want %d", name, r.TCP.Connections, r.Connect.Count(), connections)
	}
	if traffic.Kind == Request && (r.Response.Count() != uint64(r.OK) || r.FirstByte.Max() > r.Response.Max()) {
		t.Errorf("%s: %d responses, up to %v, the first byte up to %v", name, r.Response.Count(), r.Response.Max(), r.FirstByte.Max())
	}
	if (traffic.Kind == Up || traffic.Kind == Down) && (r.Moved() < 5e5 || r.Moved() > 4e6) {
		t.Errorf("%s: %d bytes in half a second at 50 Mbit/s", name, r.Moved())
	}
}

// An answer that is late makes the next ones late, and that is counted: what stands
// still for half a second is not one slow request among many fast ones.
func TestOpenLoop(t *testing.T) {
	start := time.Now()
	address := answering(t, func(conn net.Conn) {
		b := make([]byte, headerSize)
		for {
			if _, err := io.ReadFull(conn, b); err != nil {
				return
			}
			if passed := time.Since(start); passed > 300*time.Millisecond && passed < 800*time.Millisecond {
				time.Sleep(800*time.Millisecond - passed)
			}
			if _, err := conn.Write(append([]byte(magic), make([]byte, 8)...)); err != nil {
				return
			}
		}
	})
	traffic := quick(Request)
	traffic.Body, traffic.Reply, traffic.Keep, traffic.Duration = 0, 0, 1, 1.5
	r := sent(t, t.Context(), address, traffic)
	// About 50 requests should have begun while it stood still, 40 of them more than
	// 100 ms before it went on.
	if n := r.Response.Above(100 * time.Millisecond); n < 30 || n > 60 || r.Late < 30 {
		t.Errorf("%d responses took over 100 ms, %d began late, of %d", n, r.Late, r.Attempts)
	}
	if n := r.FirstByte.Above(100 * time.Millisecond); n > 10 {
		t.Errorf("%d answers took over 100 ms from their request on: only one should", n)
	}
}

// Where as many connections are under way as allowed, the next one waits, and its
// time counts from when it should have begun; what has not begun in time never does.
func TestSlots(t *testing.T) {
	address := answering(t, func(conn net.Conn) { io.Copy(io.Discard, conn) })
	traffic := quick(Request) // never answered
	traffic.Open, traffic.Timeout = 5, 0.3
	begin := time.Now()
	r := sent(t, t.Context(), address, traffic)
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if r.Failed != r.Attempts || r.Attempts > 15 || r.NotBegun != 50-r.Attempts || r.Late == 0 {
		t.Errorf("%d of %d failed, %d late, %d not begun", r.Failed, r.Attempts, r.Late, r.NotBegun)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	web := func(answer string) func(net.Conn) {
		return func(conn net.Conn) {
			r := bufio.NewReader(conn)
			for {
				for line := "x"; strings.TrimSpace(line) != ""; {
					var err error
					if line, err = r.ReadString('\n'); err != nil {
						return
					}
				}
				io.WriteString(conn, answer)
				if strings.Contains(answer, "Connection: close") {
					return
				}
			}
		}
	}
	reset := func(conn net.Conn) {
		io.ReadFull(conn, make([]byte, 10))
		conn.(*net.TCPConn).SetLinger(0)
	}
	for name, tt := range map[string]struct {
		f    func(net.Conn)
		http string
		want string // step and error, "" for none
	}{
		"length":       {web("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), "/", ""},
		"chunks":       {web("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nA: b\r\n\r\n"), "/", ""},
		"until close":  {web("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"), "/", ""},
		"interim":      {web("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"), "/", ""},
		"unavailable":  {web("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"), "/", "read HTTP 503"},
		"cut short":    {web("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 500\r\n\r\nhello"), "/", "read closed"},
		"no HTTP":      {web("SSH-2.0-OpenSSH\r\n"), "/", "read foreign answer"},
		"no whydrop":   {func(c net.Conn) { io.WriteString(c, "220 mail.example ESMTP ready\r\n"); io.Copy(io.Discard, c) }, "", "read foreign answer"},
		"resets":       {reset, "", "wait ECONNRESET"},
		"just closes":  {func(c net.Conn) { io.ReadFull(c, make([]byte, 232)) }, "", "wait closed"},
		"says nothing": {func(c net.Conn) { io.Copy(io.Discard, c) }, "", "wait timeout"},
	} {
		for _, keep := range []int{0, 2} {
			traffic := quick(Request)
			traffic.HTTP, traffic.Keep, traffic.Duration, traffic.Timeout, traffic.Rate = tt.http, keep, 0.2, 0.3, 50
			r := sent(t, t.Context(), answering(t, tt.f), traffic)
			var got []string
			for _, f := range r.Failures {
				got = append(got, f.Step+" "+f.Error)
			}
			if strings.Join(got, ", ") != tt.want || (tt.want == "") != (r.OK == 10) {
				t.Errorf("%s, keep %d: %d ok, failures %q, want %q", name, keep, r.OK, got, tt.want)
			}
			if strings.HasSuffix(tt.want, "foreign answer") && (r.Ended != "foreign" || r.Attempts > 5) {
				t.Errorf("%s: %d attempts, ended by %s", name, r.Attempts, r.Ended)
			}
		}
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	for _, kind := range Kinds {
		r := sent(t, t.Context(), closed(t), quick(kind))
		if r.OK > 0 || len(r.Failures) != 1 || r.Failures[0].Step != "connect" || r.Failures[0].Error != "ECONNREFUSED" {
			t.Errorf("%s: %d ok, %+v", kind, r.OK, r.Failures)
		}
	}
}

// The bytes allowed are a limit for both ends.
func TestBytes(t *testing.T) {
	t.Parallel()
	address, _ := serving(t, DefaultLimits())
	for _, kind := range []string{Request, Up, Down} {
		traffic := quick(kind)
		traffic.Bytes = 100_000
		traffic.Reply = 5000 * min(traffic.Reply, 1)
		r := sent(t, t.Context(), address, traffic)
		if r.Ended != "bytes" || r.Moved() > 200_000 || r.Failed > 0 {
			t.Errorf("%s: ended by %s after %d bytes, %v", kind, r.Ended, r.Moved(), r.Failures)
		}
	}
	limits := DefaultLimits()
	limits.Bytes = 100_000
	address, served := serving(t, limits)
	r := sent(t, t.Context(), address, quick(Down))
	if s := served(); s.Ended != "bytes" || s.Bytes > 200_000 || r.Failed != 1 {
		t.Errorf("the counterpart: %+v, the client: %v", s, r.Failures)
	}
}

// The operator's Ctrl+C ends everything at once, and what was measured is told.
func TestInterrupted(t *testing.T) {
	silent := answering(t, func(conn net.Conn) { io.Copy(io.Discard, conn) })
	address, _ := serving(t, DefaultLimits())
	for _, kind := range Kinds {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		traffic := Default(kind)
		to := address
		if kind == Request {
			to = silent
		}
		begin := time.Now()
		r := sent(t, ctx, to, traffic)
		cancel()
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%s: it took %v", kind, took)
		}
		if r.Ended != "interrupted" || r.Failed > 0 || r.Attempts == 0 || kind != Connect && r.Unfinished == 0 {
			t.Errorf("%s: ended by %s, %d attempts, %d unfinished, %v", kind, r.Ended, r.Attempts, r.Unfinished, r.Failures)
		}
	}
}

func TestServeLimits(t *testing.T) {
	t.Parallel()
	limits := DefaultLimits()
	limits.Open = 2
	address, served := serving(t, limits)
	for range 5 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	if s := served(); s.Connections != 2 || s.TooMany != 3 || s.Ended != "interrupted" {
		t.Errorf("%+v", s)
	}
	limits = DefaultLimits()
	limits.From = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	address, served = serving(t, limits)
	r := sent(t, t.Context(), address, quick(Request))
	if s := served(); s.Connections > 0 || s.Strangers == 0 || r.OK > 0 {
		t.Errorf("%+v, %d ok", s, r.OK)
	}
	limits = DefaultLimits()
	limits.Duration = time.Second
	_, served = serving(t, limits)
	time.Sleep(1100 * time.Millisecond)
	if s := served(); s.Ended != "time" {
		t.Errorf("%+v", s)
	}
	for _, address := range []string{":9000", "9000", "127.0.0.1"} {
		if l, err := Listen(t.Context(), address); err == nil {
			l.Close()
			t.Errorf("%q is an address to listen at", address)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, kind := range Kinds {
		d := Default(kind)
		if err := d.Check(); err != nil {
			t.Errorf("the default of %s: %v", kind, err)
		}
		if err := d.Spares(); err != nil {
			t.Errorf("the default of %s: %v", kind, err)
		}
	}
	for name, change := range map[string]func(*Traffic){
		"kind": func(t *Traffic) { t.Kind = "flood" }, "rate": func(t *Traffic) { t.Rate = 1e6 },
		"negative": func(t *Traffic) { t.Rate = -1 }, "long": func(t *Traffic) { t.Duration = 7201 },
		"open": func(t *Traffic) { t.Open = 100000 }, "keep": func(t *Traffic) { t.Keep = t.Open + 1 },
		"bytes": func(t *Traffic) { t.Bytes = MaxBytes + 1 }, "body": func(t *Traffic) { t.Body = MaxMessage + 1 },
		"path": func(t *Traffic) { t.HTTP = "/ HTTP/1.1\r\nX: y" }, "no attempt": func(t *Traffic) { t.Rate, t.Duration = 0.01, 1 },
		"timeout": func(t *Traffic) { t.Timeout = 0 }, "no rate": func(t *Traffic) { t.Rate = 0 },
	} {
		traffic := Default(Request)
		change(&traffic)
		if traffic.Check() == nil {
			t.Errorf("%s: %+v is allowed", name, traffic)
		}
	}
	many := Default(Connect)
	many.Rate, many.Duration = 1000, 60
	if many.Check() != nil || many.Spares() == nil {
		t.Error("60,000 connections in TIME_WAIT are fine")
	}
	if many.Reset = true; many.Spares() != nil {
		t.Error("resets leave TIME_WAIT")
	}
}

// What is told before is all that is sent.
func TestSays(t *testing.T) {
	traffic := Default(Connect)
	traffic.Rate, traffic.Duration, traffic.Open = 20, 3, 7
	said := strings.Join(traffic.Says(), "\n")
	for _, want := range []string{"20 connections a second", "for 3 s", "60 altogether", "at most 7 at a time", "no data"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not told in %q", want, said)
		}
	}
}

func TestResolve(t *testing.T) {
	for spec, ok := range map[string]bool{
		"127.0.0.1:80": true, "[::1]:80": true, "localhost:80": true, "[::ffff:10.0.0.1]:80": true,
		"127.0.0.1": false, "127.0.0.1:0": false, "127.0.0.1:http": false, ":80": false, "": false,
		"224.0.0.1:80": false, "[ff02::1]:80": false, "255.255.255.255:80": false, "0.0.0.0:80": false, "[::]:80": false,
		"127.255.255.255:80": false, "[fe80::1]:80": false,
	} {
		if target, err := Resolve(t.Context(), spec); (err == nil) != ok {
			t.Errorf("%q: %v, %v", spec, target, err)
		}
	}
}

func TestInterleave(t *testing.T) {
	a := netip.MustParseAddr
	got := interleave([]netip.Addr{a("2001:db8::1"), a("2001:db8::2"), a("192.0.2.1"), a("::ffff:192.0.2.1"), a("192.0.2.2"), a("2001:db8::3")})
	want := "[2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.2 2001:db8::3]"
	if fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
}

// Of several addresses the first that answers is taken, and the others are told; if
// none does it is the first.
func TestChoose(t *testing.T) {
	address, _ := serving(t, DefaultLimits())
	good, bad := netip.MustParseAddrPort(address), netip.MustParseAddrPort(closed(t))
	target := &Target{Name: "db1:80", Addresses: []netip.AddrPort{bad, good}}
	to, tried := target.choose(t.Context(), time.Second)
	if to != good || len(tried) != 2 || tried[0].Outcome != "ECONNREFUSED" || tried[1].Outcome != "connected" {
		t.Errorf("%v, %+v", to, tried)
	}
	target.Addresses = []netip.AddrPort{bad, netip.MustParseAddrPort(closed(t))}
	if to, tried := target.choose(t.Context(), time.Second); to != bad || len(tried) != 2 {
		t.Errorf("none answers: %v, %+v", to, tried)
	}
	target.Addresses = []netip.AddrPort{good}
	if to, tried := target.choose(t.Context(), time.Second); to != good || tried != nil {
		t.Errorf("the only one: %v, %+v", to, tried)
	}
}

// Connections of this host are seen, those that end and those that stay.
func TestObserve(t *testing.T) {
	l, err := Listen(t.Context(), "127.77.0.9:0") // nobody else is there
	if err != nil {
		t.Fatal(err)
	}
	go Serve(t.Context(), l, DefaultLimits())
	address := l.Addr().String()
	target, err := Resolve(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Observe(t.Context(), target, 300*time.Millisecond); err == nil {
		t.Error("something was seen where nothing is")
	}
	traffic := quick(Request)
	traffic.Rate, traffic.Duration, traffic.Body, traffic.Reply = 50, 2, 1000, 3000
	go Run(t.Context(), target, traffic)
	time.Sleep(300 * time.Millisecond)
	seen, err := Observe(t.Context(), target, 1300*time.Millisecond)
	if err != nil {
		t.Skip("no inet_diag: ", err)
	}
	shape, err := seen.Traffic(Request)
	if err != nil || shape.Rate < 35 || shape.Rate > 65 || shape.Body != 1000 || shape.Reply != 3000+answerSize || shape.Keep > 0 {
		t.Errorf("%v: %+v, %v", seen, shape, err)
	}
}

func TestCompareShares(t *testing.T) {
	for _, tt := range []struct {
		before, after Share
		want          string
	}{
		{NewShare(30, 100), NewShare(0, 100), Better},
		{NewShare(0, 100), NewShare(30, 100), Worse},
		{NewShare(3, 100), NewShare(2, 100), NoDiff},
		{NewShare(3, 100), NewShare(0, 100), NoDiff},
		{NewShare(2, 3), NewShare(0, 3), TooFew},
		{NewShare(0, 0), NewShare(0, 100), TooFew},
	} {
		if l := compareShares("failed", tt.before, tt.after); l.Outcome != tt.want {
			t.Errorf("%+v to %+v: %s, want %s", tt.before, tt.after, l.Outcome, tt.want)
		}
	}
	// Wilson 1927, as Newcombe 1998 tabulates it: 81 of 263, 15 of 148, 0 of 20.
	for _, tt := range []struct{ share, low, high float64 }{{0, 0.2553, 0.3662}, {1, 0.0624, 0.1605}, {2, 0, 0.1611}} {
		s := []Share{NewShare(81, 263), NewShare(15, 148), NewShare(0, 20)}[int(tt.share)]
		if fmt.Sprintf("%.4f %.4f", s.Low, s.High) != fmt.Sprintf("%.4f %.4f", tt.low, tt.high) {
			t.Errorf("%d of %d: %.4f to %.4f, want %.4f to %.4f", s.Part, s.Of, s.Low, s.High, tt.low, tt.high)
		}
	}
	// Newcombe 1998, table II (a), method 10: 56/70 less 48/80 is 0.0524 to 0.3339.
	d := compareShares("x", NewShare(48, 80), NewShare(56, 70)).Change
	if fmt.Sprintf("%.4f %.4f", d.Low, d.High) != "0.0524 0.3339" {
		t.Errorf("%.4f to %.4f", d.Low, d.High)
	}
}

// Too few are told, with how many would do.
func TestNeeded(t *testing.T) {
	for _, q := range []float64{0.5, 0.9, 0.99} {
		var h Histogram
		n := needed(q)
		for i := range n - 1 {
			h.Record(time.Duration(i))
		}
		before := quantile(&h, q)
		h.Record(0)
		if l := compareFigures("x", "ns", q, before, quantile(&h, q)); l.Outcome != TooFew || l.Needs != n {
			t.Errorf("quantile %v of %d: %+v", q, n-1, l)
		}
		if l := compareFigures("x", "ns", q, quantile(&h, q), quantile(&h, q)); l.Outcome != NoDiff {
			t.Errorf("quantile %v of %d: %+v", q, n, l)
		}
	}
}

// A result that is kept reads back the same, and one that does not fit is refused.
func TestRead(t *testing.T) {
	address, _ := serving(t, DefaultLimits())
	r := sent(t, t.Context(), address, quick(Request))
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Read(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range Compare(r, back) {
		if l.Outcome == Better || l.Outcome == Worse || l.Before.Is != l.After.Is {
			t.Errorf("%+v", l)
		}
	}
	for from, to := range map[string]string{
		Schema: "whydrop.diagnosis/1", `"ok":50`: `"ok":-1`, `"attempts":50`: `"attempts":3`, `"kind":"request"`: `"kind":"flood"`,
	} {
		if !bytes.Contains(text, []byte(from)) {
			t.Fatalf("%s is not in %s", from, text)
		}
		if _, err := Read(bytes.Replace(text, []byte(from), []byte(to), 1)); err == nil {
			t.Errorf("with %s it is read", to)
		}
	}
}

func TestMain(m *testing.M) {
	if role := os.Getenv("WHYDROP_LOAD_ROLE"); role != "" {
		playRole(role)
	}
	os.Exit(m.Run())
}

func FuzzRead(f *testing.F) {
	h := Histogram{}
	h.Record(time.Millisecond)
	r := Result{Schema: Schema, Traffic: Default(Up), Took: 10, Attempts: 1, OK: 1, Connect: &h, Timeline: []Second{{Begun: 1, Bytes: 5}}}
	text, _ := json.Marshal(r)
	f.Add(text)
	f.Add([]byte(`{"schema":"whydrop.reproduction/1","seconds":1e300,"traffic":{"kind":"up"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if r, err := Read(text); err == nil {
			Compare(r, r)
			r.Traffic.Says()
		}
	})
}

func FuzzResolve(f *testing.F) {
	for _, spec := range []string{"192.0.2.1:1", "[fe80::1%eth0]:80", "[::]:1", "::1:80", "[192.0.2.1]:5"} {
		f.Add(spec)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // names are not looked up
		if target, err := Resolve(ctx, spec); err == nil && (len(target.Addresses) == 0 || target.Addresses[0].Port() == 0) {
			t.Errorf("%q: %+v", spec, target)
		}
	})
}

// What an HTTP server or another service answers never makes it read for ever.
func FuzzHTTP(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"))
	f.Add([]byte("HTTP/1.0 200\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := bufio.NewReader(bytes.NewReader(text))
		h, err := readHead(r)
		if err != nil {
			return
		}
		var n int64
		if err := h.readBody(r, func(m int64) error { n += m; return nil }); err == nil && n > int64(len(text)) {
			t.Errorf("%d bytes of body in %d", n, len(text))
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add(header{body: 5, reply: endless, wait: time.Second, kib: 7}.bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parseHeader(b)
		if err == nil && !bytes.Equal(h.bytes(), b[:headerSize]) {
			t.Errorf("%+v is %x, not %x", h, h.bytes(), b)
		}
	})
}
