package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"whydrop/content"
	"whydrop/probes"
	"whydrop/probes/load"
)

type loadOptions struct {
	traffic  load.Traffic
	duration time.Duration
	timeout  time.Duration
	think    time.Duration
	gaps     []time.Duration
	like     bool
	observe  time.Duration
	compare  []string
	diagnose bool
	json     bool
	yes      bool
	serve    string
	from     []string
}

func loadCommand() *cobra.Command {
	var o loadOptions
	cmd := &cobra.Command{
		Use:   "reproduce [flags] HOST:PORT",
		Short: "Send bounded traffic to a destination, to see a fault and to see that it is gone",
		Long: `reproduce sends a little traffic of a known shape to one destination and measures
how it fares: the time to connect, to the first byte and to the whole answer, the
throughput of each second, failures by their errno, and the kernel's own account of
its connections. It says before what exactly it will send, and asks.

--traffic is one of
  connect  opens connections and closes them; any TCP service will do
  request  requests and answers: GET requests with --http PATH, otherwise to a
           counterpart, on a connection each or with --keep on connections that stay
  up       bulk data to a service that reads and discards, or to a counterpart
  down     bulk data from a counterpart, or from a web server with --http PATH
  idle     connections that rest for different times and are then used: by a
           keepalive probe, which any host answers, or with --data or --http by
           requests

A counterpart is this program on the other host: reproduce --serve HOST:PORT. It
answers within limits of its own (--connections, --bytes, --for, --from).

Attempts begin at fixed times, whatever came of those before, and times are counted
from then. --json keeps a result; --compare sets a new one beside it, with the same
traffic unless flags say otherwise, or compares two that were kept.`,
		Example: `  whydrop reproduce db1.example:5432
  whydrop reproduce --rate 50 --for 20s --json --yes 192.0.2.7:443 > before.json
  whydrop reproduce --compare before.json 192.0.2.7:443
  whydrop reproduce --compare before.json,after.json
  whydrop reproduce --traffic request --http /health --keep 4 192.0.2.7:8080
  whydrop reproduce --traffic request --tls --http / www.example:443
  whydrop reproduce --traffic idle --idle 60s,350s,600s [2001:db8::7]:443
  whydrop reproduce --diagnose --rate 30 192.0.2.7:8443   # and why, seen from here
  whydrop reproduce --serve 192.0.2.7:9000 --from 192.0.2.0/24   # the other host`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{fmt.Errorf("%d arguments: expected one destination, HOST:PORT", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return runLoad(cmd, o, args) },
	}
	o.flags(cmd.Flags())
	_ = cmd.RegisterFlagCompletionFunc("traffic", cobra.FixedCompletions(load.Kinds, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (o *loadOptions) flags(f *pflag.FlagSet) {
	t := &o.traffic
	f.StringVar(&t.Kind, "traffic", load.Connect, "`kind`: "+strings.Join(load.Kinds, ", "))
	f.Float64Var(&t.Rate, "rate", 0, "connections or requests a second (default 10)")
	f.DurationVar(&o.duration, "for", 0, "for how long (default 10s; --serve: 10m)")
	f.DurationVar(&o.timeout, "timeout", 0, "how long to wait for a connection or an answer (default 5s)")
	f.IntVar(&t.Open, "connections", 0, "the most connections at a time; up and down: as many (default 64; up and down 1; --serve 256)")
	f.Var((*size)(&t.Bytes), "bytes", "the most bytes altogether, both ways: `N`, NK, NM or NG (default 64M; --serve 1G)")
	f.BoolVar(&t.Reset, "reset", false, "close connections by a reset, which leaves no TIME_WAIT")
	f.IntVar(&t.Keep, "keep", 0, "request: use so many connections again and again")
	f.Var((*size)(&t.Body), "request-bytes", "request: bytes of a request, `N`, NK or NM (default 200)")
	f.Var((*size)(&t.Reply), "answer-bytes", "request: bytes of an answer, `N`, NK or NM (default 2000)")
	f.DurationVar(&o.think, "think", 0, "request: the counterpart waits so long before it answers")
	f.Float64Var(&t.Mbit, "mbit", 0, "up, down: the most Mbit a second (default 50)")
	f.DurationSliceVar(&o.gaps, "idle", nil, "idle: the `times` of rest, as in 60s,350s (default 1s to 30s)")
	f.BoolVar(&t.Data, "data", false, "idle: send requests to a counterpart instead of keepalive probes")
	f.StringVar(&t.HTTP, "http", "", "speak HTTP/1.1 instead of to a counterpart: GET this `path`")
	f.StringVar(&t.Host, "host", "", "the `name` to ask for by TLS and HTTP (default: that of the destination)")
	f.BoolVar(&t.TLS, "tls", false, "make a TLS handshake on each connection, and speak HTTP within; says whether the certificate is trusted")
	f.BoolVar(&o.like, "like-observed", false, "take the rate, and for request, up and down the sizes and how many connections, from this host's own connections to the destination")
	f.DurationVar(&o.observe, "observe", 5*time.Second, "how long to observe for --like-observed")
	f.StringSliceVar(&o.compare, "compare", nil, "compare with the result in this `file`; with two and no destination, these")
	f.BoolVar(&o.diagnose, "diagnose", false, "observe this host meanwhile, and name the causes")
	f.BoolVar(&o.json, "json", false, "write JSON ("+load.Schema+")")
	f.BoolVar(&o.yes, "yes", false, "don't ask before sending")
	f.StringVar(&o.serve, "serve", "", "be the counterpart, at this `HOST:PORT`")
	f.StringSliceVar(&o.from, "from", nil, "--serve: only for these `addresses` or networks")
}

// maxObserve bounds the observation before traffic that is like it.
const maxObserve = 5 * time.Minute

// size is a number of bytes as a flag: 200, 64K, 10M, 1G (powers of 1024).
type size int64

func (s *size) String() string { return strconv.FormatInt(int64(*s), 10) }
func (s *size) Type() string   { return "size" }
func (s *size) Set(text string) error {
	digits := strings.TrimRight(text, "KMG")
	shift, ok := map[string]uint{"": 0, "K": 10, "M": 20, "G": 30}[text[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || n < 0 || n > 1<<62>>shift {
		return errors.New("expected a number of bytes such as 2000, 64K or 10M")
	}
	*s = size(n << shift)
	return nil
}

func runLoad(cmd *cobra.Command, o loadOptions, args []string) error {
	switch {
	case o.serve != "" && (len(args) > 0 || len(o.compare) > 0 || o.like):
		return usageError{errors.New("--serve is the other end: it takes no destination, --compare or --like-observed")}
	case o.serve != "":
		return serveLoad(cmd, o)
	case o.observe < time.Second || o.observe > maxObserve:
		return usageError{fmt.Errorf("--observe %v: expected 1s to %v", o.observe, maxObserve)}
	case len(o.from) > 0:
		return usageError{errors.New("--from: expected --serve")}
	case len(args) == 0 && len(o.compare) == 2:
		return compareKept(cmd, o)
	case len(args) == 0:
		return usageError{errors.New("expected a destination, HOST:PORT, or two files to compare")}
	case len(o.compare) > 1:
		return usageError{errors.New("--compare: expected one file beside a destination")}
	}
	return sendLoad(cmd, o, args[0])
}

// sendLoad sends the traffic, after consent, and tells how it fared.
func sendLoad(cmd *cobra.Command, o loadOptions, spec string) error {
	var before *load.Result
	if len(o.compare) == 1 {
		var err error
		if before, err = readResult(o.compare[0]); err != nil {
			return usageError{err}
		}
	}
	target, err := load.Resolve(cmd.Context(), spec)
	if err != nil {
		return usageError{err}
	}
	traffic, err := o.shape(cmd, before, target)
	if err != nil {
		return err
	}
	if err := traffic.Check(); err != nil {
		return usageError{err}
	}
	if err := traffic.Spares(); err != nil {
		return usageError{err}
	}
	if err := agree(cmd, target, traffic, o.yes); err != nil {
		return err
	}
	diagnosed := func() (diagnosis, error) { return nil, nil }
	if o.diagnose {
		if diagnosed, err = diagnoseMeanwhile(cmd, traffic); err != nil {
			return err
		}
	}
	stop := countSeconds(cmd.ErrOrStderr(), traffic.Duration.Duration())
	r, err := load.Run(cmd.Context(), target, traffic)
	stop()
	if err != nil {
		return err
	}
	host, err := diagnosed()
	if err != nil {
		return err
	}
	return o.tell(cmd, r, before, host)
}

// diagnosis writes what was diagnosed: as the JSON of 'whydrop diagnose', or as its
// page.
type diagnosis func(w io.Writer, asJSON bool) error

// diagnoseMeanwhile begins to observe the host for as long as the traffic is to last,
// and returns what waits for the end of that.
func diagnoseMeanwhile(cmd *cobra.Command, t load.Traffic) (func() (diagnosis, error), error) {
	c, err := openCase(cmd)
	if err != nil {
		return nil, err
	}
	d := min(max(t.Duration.Duration(), minDuration), maxDuration)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Facts = probes.Default(knowledge(cmd, c.Book)).Observe(cmd.Context(), d, nil)
	}()
	return func() (diagnosis, error) {
		<-done
		if err := observed(c); err != nil {
			return nil, err
		}
		judged := c.Diagnose()
		if anonymous := redaction(cmd); anonymous != nil {
			c, judged = anonymous(c)
		}
		return func(w io.Writer, asJSON bool) error {
			return write(w, c, judged, diagnoseOptions{json: asJSON})
		}, nil
	}, nil
}

// shape is the traffic that is to be sent: what the flags say, and where they say
// nothing that of the earlier result, what was observed, or the default.
func (o *loadOptions) shape(cmd *cobra.Command, before *load.Result, target *load.Target) (load.Traffic, error) {
	flags := cmd.Flags()
	t := load.Default(o.traffic.Kind)
	if before != nil && (!flags.Changed("traffic") || o.traffic.Kind == before.Traffic.Kind) {
		t = before.Traffic
	}
	if o.like {
		fmt.Fprintf(cmd.ErrOrStderr(), "observing the connections to %s for %v ...\n", content.Show(target.Name), o.observe)
		seen, err := load.Observe(cmd.Context(), target, o.observe)
		if err != nil {
			return t, err
		}
		fmt.Fprintln(cmd.ErrOrStderr(), seen)
		if t, err = seen.Traffic(o.traffic.Kind); err != nil {
			return t, fmt.Errorf("--like-observed: %w", err)
		}
	}
	set := map[string]func(){
		"rate":          func() { t.Rate = o.traffic.Rate },
		"for":           func() { t.Duration = load.Seconds(o.duration.Seconds()) },
		"timeout":       func() { t.Timeout = load.Seconds(o.timeout.Seconds()) },
		"connections":   func() { t.Open = o.traffic.Open },
		"bytes":         func() { t.Bytes = o.traffic.Bytes },
		"reset":         func() { t.Reset = o.traffic.Reset },
		"keep":          func() { t.Keep = o.traffic.Keep },
		"request-bytes": func() { t.Body = o.traffic.Body },
		"answer-bytes":  func() { t.Reply = o.traffic.Reply },
		"think":         func() { t.Think = load.Seconds(o.think.Seconds()) },
		"mbit":          func() { t.Mbit = o.traffic.Mbit },
		"data":          func() { t.Data = o.traffic.Data },
		"http":          func() { t.HTTP = o.traffic.HTTP },
		"host":          func() { t.Host = o.traffic.Host },
		"tls":           func() { t.TLS = o.traffic.TLS },
		"idle":          func() { t.Gaps = wholeSeconds(o.gaps) },
	}
	var odd error
	flags.Visit(func(f *pflag.Flag) {
		if apply := set[f.Name]; apply != nil {
			apply()
			if !t.Uses(f.Name) {
				odd = usageError{fmt.Errorf("--%s is not for --traffic %s", f.Name, t.Kind)}
			}
		}
	})
	return t, odd
}

func wholeSeconds(all []time.Duration) []int {
	var whole []int
	for _, d := range all {
		whole = append(whole, int(d.Round(time.Second)/time.Second))
	}
	return whole
}

// agree says what will be sent and asks. Without a terminal nobody can agree.
func agree(cmd *cobra.Command, target *load.Target, t load.Traffic, yes bool) error {
	s := newSheet(cmd.ErrOrStderr())
	s.text("", "To "+content.Show(target.Name)+addresses(target)+":")
	for _, line := range t.Says() {
		s.text("  - ", line)
	}
	if err := s.flush(); err != nil || yes {
		return err
	}
	in := cmd.InOrStdin()
	if !terminal(in) {
		return usageError{errors.New("nobody is there to agree: without a terminal, --yes is needed")}
	}
	fmt.Fprint(cmd.ErrOrStderr(), "This is for hosts that you may test. Send it? [y/N] ")
	said := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(in).ReadString('\n')
		said <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case word := <-said:
		if word == "y" || word == "yes" {
			return nil
		}
	case <-cmd.Context().Done():
		fmt.Fprintln(cmd.ErrOrStderr())
	}
	return errors.New("nothing was sent")
}

// addresses names those that a name stands for.
func addresses(t *load.Target) string {
	if len(t.Addresses) == 1 {
		if a := t.Addresses[0].String(); a != t.Name {
			return " (" + a + ")"
		}
		return ""
	}
	var all []string
	for _, a := range t.Addresses {
		all = append(all, a.Addr().String())
	}
	return fmt.Sprintf(" (%s; a connection to each in turn, and the traffic to the first that answers)", strings.Join(all, ", "))
}

// countSeconds tells on a terminal how far it is, until the returned function.
func countSeconds(w io.Writer, total time.Duration) (stop func()) {
	if !terminal(w) {
		return func() {}
	}
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for begin := time.Now(); ; {
			select {
			case <-done:
				clearProgress(w)
				return
			case <-tick.C:
				fmt.Fprintf(w, "\rsending, %d of %d s ", int(time.Since(begin).Seconds()), int(total.Seconds()))
			}
		}
	}()
	return func() { close(done); <-gone }
}

// tell writes the result, for people or as JSON, with what it is compared with and
// what was diagnosed meanwhile, if that was asked for.
func (o *loadOptions) tell(cmd *cobra.Command, r, before *load.Result, host diagnosis) error {
	if redacting(cmd) {
		withoutNames(r)
	}
	var lines []load.Line
	if before != nil {
		lines = load.Compare(before, r)
	}
	var text, meanwhile bytes.Buffer
	if host != nil {
		if err := host(&meanwhile, o.json); err != nil {
			return err
		}
	}
	if o.json {
		if err := json.NewEncoder(&text).Encode(struct {
			*load.Result
			Comparison []load.Line     `json:"comparison,omitempty"`
			Diagnosis  json.RawMessage `json:"diagnosis,omitempty"`
		}{r, lines, meanwhile.Bytes()}); err != nil {
			return err
		}
		return writeNamed(cmd, text.String())
	}
	s := &sheet{w: bufio.NewWriter(&text), width: screenWidth(cmd.OutOrStdout())}
	showLoad(s, r)
	if before != nil {
		showComparison(s, before, r, lines)
	}
	if host != nil {
		s.heading("This host meanwhile")
		s.whole(strings.TrimRight(meanwhile.String(), "\n"))
	}
	showNext(s, r, host != nil, before != nil)
	if err := s.flush(); err != nil {
		return err
	}
	return writeNamed(cmd, text.String())
}

// withoutNames takes the names out of a result that only the operator knows: that of
// the destination, and those of its certificate.
func withoutNames(r *load.Result) {
	r.Target = "target:" + strconv.Itoa(int(r.Address.Port()))
	if r.Traffic.Host != "" {
		r.Traffic.Host = "target"
	}
	if r.TLS != nil {
		r.TLS.Name, r.TLS.Subject = "target", "its owner"
		if r.TLS.Why != "" {
			r.TLS.Why = "why is left out, since it has names"
		}
	}
}

// writeNamed writes to the standard output, with pseudonyms if that is asked for.
func writeNamed(cmd *cobra.Command, text string) error {
	if redacting(cmd) {
		book, err := loadContent(cmd)
		if err != nil {
			return err
		}
		text = newRedactor(book).Text(text)
	}
	if _, err := io.WriteString(cmd.OutOrStdout(), text); err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	return nil
}

func readResult(path string) (*load.Result, error) {
	text, err := readLimited(path)
	if err != nil {
		return nil, err
	}
	r, err := load.Read(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", content.Show(path), err)
	}
	return r, nil
}

// compareKept compares two results that were kept.
func compareKept(cmd *cobra.Command, o loadOptions) error {
	before, err := readResult(o.compare[0])
	if err != nil {
		return usageError{err}
	}
	after, err := readResult(o.compare[1])
	if err != nil {
		return usageError{err}
	}
	lines := load.Compare(before, after)
	var text bytes.Buffer
	if o.json {
		if err := json.NewEncoder(&text).Encode(map[string]any{"schema": "whydrop.comparison/1", "comparison": lines}); err != nil {
			return err
		}
		return writeNamed(cmd, text.String())
	}
	s := &sheet{w: bufio.NewWriter(&text), width: screenWidth(cmd.OutOrStdout())}
	showComparison(s, before, after, lines)
	if err := s.flush(); err != nil {
		return err
	}
	return writeNamed(cmd, text.String())
}
