package apply

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"time"
)

// timer is a second net below the guard: a timer of systemd that takes a record back.
// It lives on where everything of the session is ended with it (KillUserProcesses= in
// logind.conf(5)), the guard too.
type timer struct{ unit string }

// timerMargin is how much later than the guard others act in its place.
var timerMargin = 10 * time.Second

// TimerCommand is the hidden argument of what the timer starts; the path of the
// record comes behind it.
const TimerCommand = "take-back-changes"

// systemdRuns tells whether the init system is systemd (sd_booted(3)).
var systemdRuns = "/run/systemd/system"

// startTimer arms the timer for a change of the host itself; nil where there is no
// systemd, or where this user may not ask it.
func startTimer(r *Record, within time.Duration) *timer {
	if _, err := os.Stat(systemdRuns); err != nil || !r.First || os.Geteuid() != 0 {
		return nil
	}
	program, err := os.Executable()
	if err != nil || strings.HasSuffix(program, " (deleted)") {
		return nil
	}
	t := &timer{unit: "whydrop-" + r.Name()}
	seconds := int(math.Ceil((within + timerMargin).Seconds()))
	if systemd("systemd-run", "--quiet", "--collect", "--unit="+t.unit,
		"--description=Takes back what whydrop changed unless it is kept",
		fmt.Sprintf("--on-active=%ds", seconds), "--timer-property=AccuracySec=1s",
		program, TimerCommand, r.Path) != nil {
		return nil
	}
	return t
}

// stop disarms the timer.
func (t *timer) stop() {
	if t != nil {
		_ = systemd("systemctl", "--quiet", "stop", t.unit+".timer") // it would find nothing to do
	}
}

// systemd runs one of its tools, without a shell.
func systemd(tool string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return exec.CommandContext(ctx, tool, args...).Run()
}

// TakeBack is what the timer starts: it undoes a record that was neither kept nor
// undone, whoever still holds it.
func TakeBack(path string) error {
	r, err := Open(path)
	if os.IsNotExist(err) {
		return nil // put aside: nothing stands of it
	}
	if err != nil {
		return err
	}
	defer r.Close()
	return takeBack(r, func(f func() error) error { return f() })
}
