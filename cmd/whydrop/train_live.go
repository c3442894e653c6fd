package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"whydrop/checklist/train"
	"whydrop/content"
	"whydrop/probes"
	"whydrop/probes/fact"
	"whydrop/probes/lab"
	"whydrop/ui"
	"whydrop/ui/tty"
)

const (
	// insideFlag says that this process sits on the sick host already.
	insideFlag = "inside"
	// showTime is how long the fault of a new host may take to show alone.
	showTime = 25 * time.Second
	// lookTime is how long a host is looked at to see whether it is mended.
	lookTime = walkWindow
	// settleTime is how much of it passes before its clients are heard: those that were
	// under way when it was mended may still fail.
	settleTime = lookTime / 3
)

// liveOptions are the flags of training on a host that is made on the spot.
type liveOptions struct {
	live, shell, inside bool
}

func (o *liveOptions) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.live, "live", false, "train on a real sick host, made on the spot in network namespaces of its own")
	cmd.Flags().BoolVar(&o.shell, "shell", false, "open one more shell on the host of a training with --live that runs")
	cmd.Flags().BoolVar(&o.inside, insideFlag, false, "this process sits on the sick host already")
	_ = cmd.Flags().MarkHidden(insideFlag)
}

// check says what the flags ask for and cannot be.
func (o liveOptions) check(resume bool) error {
	switch {
	case o.inside && !o.live:
		return usageError{fmt.Errorf("--%s is not for people", insideFlag)}
	case o.live && resume:
		return usageError{errors.New("--live and --resume: the host of an interview that was left is gone; --resume alone goes on with what was recorded of it")}
	}
	return nil
}

// live trains on a host that is made here: another process of this program sits on
// it, and all of it goes when that one ends, however it ends.
func (t *trainer) live(id string) error {
	sc, err := t.liveable(id)
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		again := lab.AsRoot() // of a user namespace, in which hosts can be entered
		if id == "" {
			again.Args = append(again.Args, sc.ID)
		}
		return t.seatEnded(inForeground(again, nil))
	}
	did, err := lab.Clean()
	for _, line := range did {
		fmt.Fprintln(t.cmd.ErrOrStderr(), line)
	}
	if err != nil {
		return err
	}
	defer lab.HideNetns()()
	fmt.Fprintln(t.cmd.ErrOrStderr(), "making the sick host, in network namespaces of its own; all of it goes when the training ends")
	b, err := liveBench(t.cmd.Context(), sc)
	if err != nil {
		return err
	}
	ended := t.seatEnded(inForeground(liveSeat(b, sc), b.Done()))
	if err := b.Close(); err != nil {
		fmt.Fprintln(t.cmd.ErrOrStderr(), "whydrop:", unnamed(err, sc))
	}
	return ended
}

// seatEnded is how a seat has ended. One that was killed has left the terminal as it
// was.
func (t *trainer) seatEnded(err error) error {
	var status exitStatus
	if err == nil || errors.As(err, &status) && status < 128 {
		return err
	}
	if plain, _ := t.cmd.Flags().GetBool("plain"); !plain && tty.Capable(os.Stdin, os.Stdout, os.Environ()) == "" {
		tty.Rescue(os.Stdout)
	}
	if status > 0 {
		err = errors.New("the training was killed")
	}
	return fmt.Errorf("%w; the interview is kept: whydrop train --resume goes on with what was recorded of the host", err)
}

// liveable is the scenario to train live: the one that was asked for, or the first of
// those suggested, not done yet, or any.
func (t *trainer) liveable(id string) (*content.Scenario, error) {
	if err := lab.Supported(); err != nil {
		return nil, err
	}
	if id != "" {
		sc := t.book.Scenario(id)
		return sc, unmakeable(sc)
	}
	all := slices.DeleteFunc(t.incidents(), func(i ui.TrainIncident) bool { return unmakeable(t.book.Scenario(i.ID)) != nil })
	if len(all) == 0 {
		return nil, errors.New("no incident can be made on this machine; 'whydrop train' has them recorded")
	}
	for _, wanted := range []func(ui.TrainIncident) bool{
		func(i ui.TrainIncident) bool { return i.Why != "" },
		func(i ui.TrainIncident) bool { return i.Times == 0 },
	} {
		if n := slices.IndexFunc(all, wanted); n >= 0 {
			return t.book.Scenario(all[n].ID), nil
		}
	}
	return t.book.Scenario(all[0].ID), nil
}

// unmakeable says why the host of a scenario cannot be made here. The words don't tell
// the cause.
func unmakeable(sc *content.Scenario) error {
	fault, found := lab.Find(sc.Lab)
	root := os.Geteuid() == 0
	switch {
	case sc.Lab == "" || !found:
		return fmt.Errorf("%s cannot be made: it was recorded on another machine; 'whydrop train %s' shows it", sc.ID, sc.ID)
	case fault.Disturbs():
		return fmt.Errorf("%s cannot be made without touching the rest of this machine; 'whydrop train %s' has it recorded", sc.ID, sc.ID)
	case fault.Makeable() != nil, !fault.Told(root):
		return fmt.Errorf("%s needs more rights than you have to be made and measured; 'whydrop train %s' has it recorded", sc.ID, sc.ID)
	}
	return nil
}

// liveBench makes the host of a scenario.
func liveBench(ctx context.Context, sc *content.Scenario) (*lab.Bench, error) {
	fault, _ := lab.Find(sc.Lab) // liveable has found it
	making, cancel := context.WithCancel(context.WithoutCancel(ctx))
	interrupted := context.AfterFunc(ctx, cancel)
	b, err := lab.Start(making, fault)
	if !interrupted() { // from here on, signals are for the seat
		if err == nil {
			b.Close()
		}
		return nil, ctx.Err()
	}
	return b, unnamed(err, sc)
}

// unnamed is an error of the lab without the name of the fault.
func unnamed(err error, sc *content.Scenario) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.ReplaceAll(err.Error(), sc.Lab, "the sick host"))
}

// liveSeat is this program again, on the sick host. Nothing in its environment names
// the fault.
func liveSeat(b *lab.Bench, sc *content.Scenario) *exec.Cmd {
	args := append(slices.Clone(os.Args[1:]), "--"+insideFlag)
	if !slices.Contains(args, sc.ID) {
		args = append(args, sc.ID)
	}
	cmd := b.Command(context.Background(), "/proc/self/exe", args...) // Close ends it
	cmd.Env = slices.DeleteFunc(cmd.Env, func(e string) bool { return strings.HasPrefix(e, "WHYDROP_LAB=") })
	cmd.Args[0] = os.Args[0]
	return cmd
}

// liveHost is the sick host as the seat on it sees it.
type liveHost struct {
	*train.Watched
	t *trainer
	// input is what the candidate types, when it is the seat's turn to read it.
	input *turns
}

// host is what is measured in a scenario: its recording, or the host on which this
// process sits, as soon as its fault shows.
func (t *trainer) host(sc *content.Scenario) (train.Host, error) {
	if !t.inside {
		return train.Recorded(t.book, sc)
	}
	if t.sick == nil {
		t.sick = &liveHost{train.NewWatched(t.book, sc), t, &turns{File: os.Stdin}}
		keepShellFiles()
		t.sick.Clients = liveClients
		go probes.Default(knowledge(t.cmd, t.book)).Watch(t.cmd.Context(), walkWindow, t.sick.Show)
	}
	return t.sick.Watched, t.sick.Await(t.cmd.Context(), showTime)
}

// elsewhere says whether a scenario is not for this training: its host cannot be made,
// or this process sits on another.
func (t *trainer) elsewhere(sc *content.Scenario) bool {
	if t.inside {
		return t.sick != nil && t.sick.Scenario() != sc
	}
	return unmakeable(sc) != nil
}

// seated gives a seat what one can do on a live host.
func (h *liveHost) seated(seat *ui.TrainSeat) *ui.TrainSeat {
	seat.Notes = append(seat.Notes,
		"This host is real and is there now: what you measure is of this moment. It is watched, but what you do in a shell on it is not recorded.",
		"What you see in a shell does not count as measured: measure it here, too. Or mend the host there, and look here whether it is mended before you conclude: a host that you have mended founds its cause.",
		"In another terminal or pane, whydrop train --shell opens a shell on it. Only its network is its own: files, programs and all other settings there are those of this machine. There, "+lab.ServiceCtl+" lists the services of the host and starts one again with other settings.",
		"Some settings belong to the whole machine and are refused here, to an ordinary user more of them: a mend that is refused can be named in the plan instead.")
	if !h.Shows() {
		seat.Notes = append(seat.Notes, "The fault does not show alone yet: this machine is busy with something else too, or it shows now and then. Give it time.")
	}
	seat.Live = &ui.TrainLive{
		Shell: func() error { return h.shell(h.t.cmd.Context()) },
		Look:  func() (*train.Seen, error) { return h.look(h.t.cmd.Context()) },
		Takes: lookTime,
	}
	return seat
}

// look looks at the host from now on.
func (h *liveHost) look(ctx context.Context) (*train.Seen, error) {
	seen, err := h.Watch(ctx, settleTime, func(ctx context.Context) *fact.Facts {
		return probes.Default(knowledge(h.t.cmd, h.t.book)).Observe(ctx, lookTime, nil)
	})
	if err != nil {
		return nil, errors.New("the look was interrupted: whether the host is mended is not known")
	}
	return seen, nil
}

// liveClients are those of the host on which this process sits.
func liveClients() ([]train.Client, error) {
	counted, err := lab.Clients()
	var all []train.Client
	for _, c := range counted {
		all = append(all, train.Client(c))
	}
	return all, err
}

// fixed looks whether the host is mended, for plain lines.
func (h *liveHost) fixed(s *train.Session) func(context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) {
		fmt.Fprintf(h.t.cmd.ErrOrStderr(), "looking for %v\n", lookTime)
		seen, err := h.look(ctx)
		if err != nil {
			return nil, err
		}
		m, err := s.Verify(seen)
		if m == nil {
			return nil, err
		}
		return m.Tell(s.Concluded() != nil), err
	}
}

// turns is an input that is read only when nobody else has its turn.
type turns struct {
	*os.File
	turn sync.Mutex
}

// Read waits for input and for its turn. What came meanwhile may be another's.
func (t *turns) Read(p []byte) (int, error) {
	for {
		await(t.File, -1)
		t.turn.Lock()
		if !await(t.File, 0) {
			t.turn.Unlock()
			continue
		}
		n, err := t.File.Read(p)
		t.turn.Unlock()
		return n, err
	}
}

// await waits until there is something to read, or an error to learn: for so many
// milliseconds, for ever if negative.
func await(f *os.File, millis int) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}, millis)
	return n > 0 || err != nil && err != unix.EINTR
}
