package remote

import (
	"bufio"
	"cmp"
	"compress/flate"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"whydrop/probes/fact"
)

// Options say which host is observed, and how it is reached.
type Options struct {
	Destination string   // as ssh takes it: HOST, USER@HOST, ssh://USER@HOST:PORT or a name of ssh_config(5)
	SSHOptions  []string // as ssh -o takes them
	Sudo        bool     // run as root there by sudo -n
	Binary      string   // the program that is brought, "" for this one
	Version     string   // of this program
	// Progress is told in words what is waited for before the first observation, and
	// "" where ssh asks something on the terminal; nil for nobody.
	Progress func(string)

	beat time.Duration // of tests; 0 for beatEvery
}

// Check tells a mistake in the options.
func (o *Options) Check() error {
	switch {
	case o.Destination == "":
		return errors.New("expected a host, such as user@server")
	case strings.HasPrefix(o.Destination, "-"):
		return fmt.Errorf("%q begins with -: expected a host, such as user@server", show(o.Destination))
	case strings.HasPrefix(o.Destination[strings.LastIndexByte(o.Destination, '@')+1:], "-"):
		return fmt.Errorf("%q: the host begins with -: expected a host, such as user@server", show(o.Destination))
	case strings.ContainsFunc(o.Destination, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return fmt.Errorf("%q: expected a host without blanks, such as user@server", show(o.Destination))
	}
	return nil
}

// Lasting is an error that another attempt will not mend.
type Lasting struct{ error }

// Unwrap returns the error itself.
func (l *Lasting) Unwrap() error { return l.error }

const (
	// connecting is how long a host may take to answer where nobody can be asked,
	// stalled how long nothing may move while the program is brought, and arriving how
	// long what is still held by ssh and the kernel (2 MiB and more) may be under way.
	connecting = time.Minute
	stalled    = time.Minute
	arriving   = 5 * time.Minute
	// asking is how long it may take where somebody types a password.
	asking = 10 * time.Minute
)

// session is a far side that waits for a request or is observing.
type session struct {
	*ssh
	hello Hello
	from  time.Time // when the hello came
	lines *bufio.Reader
	quiet context.CancelFunc // ends the beat
}

// open makes a session. ask says that ssh may ask for passwords on the terminal; pid
// is the far whydrop of the session before, or 0.
func (o *Options) open(ctx context.Context, p *program, ask bool, pid int) (_ *session, err error) {
	conn, err := o.start(ask, asked(p, o.Version, o.Sudo, pid))
	if err != nil {
		return nil, err
	}
	patience := connecting
	if ask {
		patience = asking
	}
	progress, stop := conn.watchdog(ctx, patience)
	defer stop()
	wait := &waiting{tell: o.Progress, asks: func() bool { return asks(conn.cmd.Process.Pid, 3) }}
	wait.on("connecting to " + show(o.Destination) + " by ssh")
	unwatch := wait.watch()
	d := dialogue{Options: o, ssh: conn, program: p, progress: progress, wait: wait}
	s, err := d.run()
	unwatch()
	if err == nil {
		return s, nil
	}
	var lasting *Lasting
	if errors.As(err, &lasting) {
		conn.end(false)
	} else {
		err = conn.failed()
	}
	if !ask && strings.Contains(err.Error(), "Permission denied") {
		err = &Lasting{fmt.Errorf("%w (it cannot ask for a password any more: start again, or use a key)", err)}
	}
	if ctx.Err() != nil || conn.interrupted() {
		return nil, errors.New("interrupted while " + wait.what())
	}
	return nil, err
}

// dialogue is what is spoken before a far side waits for its request.
type dialogue struct {
	*Options
	*ssh
	program  *program
	progress func(time.Duration) // something moved, and has to again in that time
	wait     *waiting
}

// moved says that something moved, what is waited for next, and for how long at most.
func (d *dialogue) moved(most time.Duration, format string, args ...any) {
	d.progress(most)
	d.wait.on(fmt.Sprintf(format, args...))
}

func (d *dialogue) run() (*session, error) {
	line, err := d.line()
	if err != nil {
		return nil, err
	}
	words := strings.Fields(line)
	if len(words) != 6 || words[0] != "host" {
		return nil, &Lasting{fmt.Errorf("the host answered %s instead of telling what it is", show(line))}
	}
	if words[5] == "no" {
		return nil, &Lasting{errors.New("sudo is not there or asks for a password (sudo -n): expected a rule with NOPASSWD, or root@ instead of --sudo")}
	}
	there := words[3]
	switch there {
	case "installed", "lingering":
		_, err = io.WriteString(d.in, there+"\n")
	default:
		if err := d.program.fits(words[1], words[2]); err != nil {
			return nil, &Lasting{err}
		}
		err = d.bring(words[4] == "gzip")
	}
	if err != nil {
		return nil, err
	}
	d.moved(arriving, "waiting until whydrop runs on %s", show(d.Destination))
	return d.begin(there != "installed")
}

// bring sends the program.
func (d *dialogue) bring(zip bool) error {
	data := d.program.plain
	if zip {
		var err error
		if data, err = d.program.zipped(); err != nil {
			return &Lasting{err}
		}
	}
	if _, err := fmt.Fprintf(d.in, "send %d\n", len(data)); err != nil {
		return err
	}
	line, err := d.line()
	if err != nil {
		return err
	}
	switch line {
	case "ready":
	case "nowhere full":
		return &Lasting{fmt.Errorf("there is no room for whydrop on the host: it needs %d MiB in /tmp, /var/tmp, $XDG_RUNTIME_DIR, the home directory or /dev/shm for a moment", d.program.bytes>>20+1)}
	case "nowhere":
		return &Lasting{errors.New("no program may be started on the host from /tmp, /var/tmp, $XDG_RUNTIME_DIR, the home directory or /dev/shm (noexec, read-only): install whydrop of the same version there")}
	default:
		return &Lasting{fmt.Errorf("the host answered %s instead of taking the program", show(line))}
	}
	for sent := 0; sent < len(data); {
		d.moved(stalled, "bringing whydrop to %s, %d of %d KiB", show(d.Destination), sent>>10, len(data)>>10)
		n, err := d.in.Write(data[sent:min(len(data), sent+64<<10)])
		sent += n
		if err != nil {
			return err
		}
	}
	return nil
}

// begin waits until whydrop speaks there.
func (d *dialogue) begin(brought bool) (*session, error) {
	switch line, err := d.line(); {
	case err != nil:
		return nil, err
	case line == "differs":
		return nil, &Lasting{errors.New("the program did not arrive there as it was sent (its SHA-256 differs); is the disk full?")}
	case strings.HasPrefix(line, "ended "):
		why := d.told.last()
		if d.program.dynamic {
			why += "; this program needs libraries of the host: one built with CGO_ENABLED=0 does not"
		}
		return nil, &Lasting{fmt.Errorf("whydrop could not be started there (status %s): %s", show(strings.TrimPrefix(line, "ended ")), why)}
	case said+line != begun:
		return nil, &Lasting{fmt.Errorf("the whydrop there says %s, this one understands %s", show(line), strings.TrimPrefix(begun, said))}
	}
	s := &session{ssh: d.ssh, lines: bufio.NewReaderSize(flate.NewReader(d.out), 64<<10)}
	kind, text, err := s.next(maxNoise)
	if err != nil {
		return nil, err
	}
	if kind != 'h' || json.Unmarshal(text, &s.hello) != nil {
		return nil, &Lasting{errors.New("the whydrop there does not say who it is")}
	}
	s.from = time.Now()
	h := &s.hello
	h.Host, h.Kernel, h.Machine = fact.Clean(h.Host, 255), fact.Clean(h.Kernel, 255), fact.Clean(h.Machine, 64)
	sum := ""
	if brought {
		sum = d.program.sum
	}
	if err := h.check(d.Version, sum); err != nil {
		return nil, &Lasting{err}
	}
	s.beats(cmp.Or(d.beat, beatEvery))
	return s, nil
}

// beats lets the far side know that somebody is there, until quiet is called.
func (s *session) beats(every time.Duration) {
	ctx, quiet := context.WithCancel(context.Background())
	s.quiet = quiet
	go func() {
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
			if _, err := io.WriteString(s.in, "\n"); err != nil {
				return
			}
		}
	}()
}
