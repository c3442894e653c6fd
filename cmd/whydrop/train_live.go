package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
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
	case fault.Needs == "root" && !root, !fault.Told(root):
		return fmt.Errorf("%s needs root to be made and measured; 'whydrop train %s' has it recorded", sc.ID, sc.ID)
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
		t.sick.Amiss = silenced(lab.Playing())
		go probes.Default(knowledge(t.cmd, t.book)).Watch(t.cmd.Context(), walkWindow, t.sick.Show)
	}
	return t.sick.Watched, t.sick.Await(t.cmd.Context(), showTime)
}

// silenced returns what says that programs which made the traffic do so no more: a
// fault that nobody meets any more is not mended.
func silenced(playing []int) func() []string {
	return func() []string {
		still := lab.Playing()
		if !slices.ContainsFunc(playing, func(pid int) bool { return !slices.Contains(still, pid) }) {
			return nil
		}
		return []string{"A program that made the traffic has ended or stands still: a host without its traffic is not mended."}
	}
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
		"In another terminal or pane, whydrop train --shell opens a shell on it. Only its network is its own: files, programs and all other settings there are those of this machine.")
	if !h.Shows() {
		seat.Notes = append(seat.Notes, "The fault does not show alone yet: this machine is busy with something else too, or it shows now and then. Give it time.")
	}
	seat.Live = &ui.TrainLive{
		Shell: func() error { return h.shell(h.t.cmd.Context()) },
		Look:  func() (*fact.Facts, error) { return h.look(h.t.cmd.Context()) },
		Takes: lookTime,
	}
	return seat
}

// look observes the host from now on.
func (h *liveHost) look(ctx context.Context) (*fact.Facts, error) {
	f := probes.Default(knowledge(h.t.cmd, h.t.book)).Observe(ctx, lookTime, nil)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return f, nil
}

// shell runs a shell on this host until it ends.
func (h *liveHost) shell(context.Context) error {
	if !terminal(os.Stdin) {
		return errors.New("a shell here needs a terminal; 'whydrop train --shell' opens one from another")
	}
	h.input.turn.Lock()
	defer h.input.turn.Unlock()
	fmt.Fprintln(os.Stderr, shellNote+"exit comes back to the interview")
	cmd := hostShell()
	err := inForeground(cmd, h.t.cmd.Context().Done())
	var status exitStatus
	if errors.As(err, &status) { // of the last command: nothing that went wrong
		err = nil
	}
	return err
}

// shellNote says where a shell is.
const shellNote = "this shell is on the sick host, of which only the network is its own: files, programs and all other settings are this machine's; "

// hostShell is the operator's shell, with a prompt that says where it is.
func hostShell() *exec.Cmd {
	shell := os.Getenv("SHELL")
	if _, err := exec.LookPath(shell); err != nil {
		shell = "/bin/sh"
	}
	cmd := exec.Command(shell)
	// PS1 for a plain shell; Debian's bash puts debian_chroot into its own.
	cmd.Env = append(os.Environ(), "PS1=(sick host) $ ", "debian_chroot=sick host")
	return cmd
}

// fixed looks whether the host is mended, for plain lines.
func (h *liveHost) fixed(s *train.Session) func(context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) {
		fmt.Fprintf(h.t.cmd.ErrOrStderr(), "looking for %v\n", lookTime)
		f, err := h.look(ctx)
		if err != nil {
			return nil, err
		}
		m, err := s.Verify(f)
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

// joinLive opens a shell on the host of a training that runs, by nsenter(1): it enters
// the namespaces of the seat, for an ordinary user the user namespace too.
func joinLive(id string) error {
	seat := seatHere(id)
	if seat == 0 {
		return errors.New(strings.TrimSpace("no training with --live of yours runs on this machine " + content.Show(id)))
	}
	nsenter, err := exec.LookPath("nsenter")
	if err != nil {
		return fmt.Errorf("entering the host needs nsenter (util-linux): %w", err)
	}
	at := onHost(seat)
	args := []string{"--net=" + at + "/ns/net", "--mount=" + at + "/ns/mnt", "--wdns=" + workingDirectory()}
	if os.Geteuid() != 0 {
		args = append(args, "--user="+at+"/ns/user", "--preserve-credentials")
	}
	shell := hostShell()
	fmt.Fprintln(os.Stderr, shellNote+"exit leaves it")
	return inForeground(&exec.Cmd{Path: nsenter, Args: append(append([]string{nsenter}, args...), shell.Args...), Env: shell.Env}, nil)
}

// onHost is the directory of a thread of a seat that is on its host, as most are: one
// may be looking at another namespace, and the first stays there.
func onHost(seat int) string {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/[0-9]*", seat)) // the pattern is well formed
	in := map[string][]string{}
	most := fmt.Sprintf("/proc/%d", seat)
	for _, thread := range threads {
		ns, err := os.Readlink(filepath.Join(thread, "ns/net"))
		if err != nil {
			continue
		}
		if in[ns] = append(in[ns], thread); len(in[ns]) > len(threads)/2 {
			most = in[ns][0]
		}
	}
	return most
}

func workingDirectory() string {
	dir, err := os.Getwd()
	if err != nil {
		return "/"
	}
	return dir
}

// seatHere is the process of this user's newest seat on a live host, of an incident if
// it is named; 0 if there is none.
func seatHere(id string) int {
	newest := 0
	dirs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well formed
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || pid == os.Getpid() || pid < newest {
			continue
		}
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		args := strings.Split(string(line), "\x00")
		if !slices.Contains(args, "train") || !slices.Contains(args, "--"+insideFlag) || id != "" && !slices.Contains(args, id) || !own(dir) {
			continue
		}
		newest = pid
	}
	return newest
}
