//go:build linux

package lab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// recordPath holds the values that settings of the machine had before a bench
// changed them, and the lock of that bench. It is empty when all are back. A
// variable for tests.
var recordPath = "/run/whydrop-lab.json"

// lockPatience bounds how long a bench waits for another that changes settings.
const lockPatience = 2 * time.Minute

var errHeld = errors.New("another bench that changes settings of this machine is running")

// hostWide sets a sysctl that the whole machine shares, until the site ends. Only
// what the scenario declares in Settings may be set: the guard has noted its old
// value and puts it back, also when this process is killed.
func (s *site) hostWide(key, value string) error {
	if !slices.Contains(s.scenario.Settings, key) {
		return fmt.Errorf("%s does not declare that it sets %s", s.scenario.Name, key)
	}
	// Many are shown in the machine's own network namespace alone.
	if err := netns.Set(s.outside); err != nil {
		return fmt.Errorf("entering the machine's network namespace: %w", err)
	}
	err := os.WriteFile(sysctlPath(key), []byte(value), 0o644)
	if bad := netns.Set(s.home); bad != nil {
		panic(fmt.Sprintf("lab: leaving the machine's network namespace: %v", bad))
	}
	if err != nil {
		return fmt.Errorf("setting %s of the whole machine: %w", key, err)
	}
	return nil
}

// sysctlPath is the file of a sysctl. A dot becomes a slash, so that no key
// leads out of /proc/sys.
func sysctlPath(key string) string {
	return filepath.Join("/proc/sys", strings.ReplaceAll(key, ".", "/"))
}

// Setting reads a sysctl of the machine, as it is in this network namespace.
func Setting(key string) (string, error) {
	value, err := os.ReadFile(sysctlPath(key))
	if err != nil {
		return "", fmt.Errorf("%w: reading %s: %v (the machine's first network namespace may show it)", ErrNeeds, key, err)
	}
	return strings.TrimSpace(string(value)), nil
}

// keptSettings are old values, on disk until they are restored. Whoever has the
// file open holds its lock.
type keptSettings struct {
	file *os.File
	old  map[string]string
}

// record is the file's content.
type record struct {
	Boot string            // /proc/sys/kernel/random/boot_id: a new boot has restored all
	Old  map[string]string // values by sysctl
}

// keepSettings notes the values of keys, on disk first, for restore. It waits for
// another bench that changes settings, until over.
func keepSettings(keys []string, over <-chan struct{}) (*keptSettings, error) {
	if len(keys) == 0 {
		return &keptSettings{}, nil
	}
	k, err := lockSettings()
	for start := time.Now(); errors.Is(err, errHeld) && time.Since(start) < lockPatience; k, err = lockSettings() {
		select {
		case <-over:
			return nil, err
		case <-time.After(200 * time.Millisecond):
		}
	}
	if err != nil {
		return nil, err
	}
	if err := k.restore(); err != nil { // what a killed guard has left
		return nil, err
	}
	if k, err = lockSettings(); err != nil {
		return nil, err
	}
	for _, key := range keys {
		if k.old[key], err = Setting(key); err != nil {
			k.file.Close()
			return nil, err
		}
	}
	if err := k.write(); err != nil {
		k.file.Close()
		return nil, err
	}
	return k, nil
}

// lockSettings opens the record and takes its lock, or fails with errHeld.
func lockSettings() (*keptSettings, error) {
	file, err := os.OpenFile(recordPath, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: the record of settings to put back: %v", ErrNeeds, err)
	}
	k := &keptSettings{file: file, old: map[string]string{}}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = errHeld
		}
		return nil, fmt.Errorf("locking %s: %w", recordPath, err)
	}
	if err := k.read(); err != nil {
		file.Close()
		return nil, err
	}
	return k, nil
}

func (k *keptSettings) read() error {
	data, err := io.ReadAll(io.LimitReader(k.file, 1<<20))
	if err != nil {
		return fmt.Errorf("reading %s: %w", recordPath, err)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil
	}
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return fmt.Errorf("%s is damaged, compare the sysctls it names with your configuration and remove it: %w", recordPath, err)
	}
	if boot, err := bootID(); err != nil || boot == r.Boot {
		maps.Copy(k.old, r.Old)
	}
	return nil
}

// write makes the record say what is to be put back.
func (k *keptSettings) write() error {
	boot, err := bootID()
	if err != nil {
		return err
	}
	data, err := json.Marshal(record{Boot: boot, Old: k.old})
	if err != nil {
		return err
	}
	if err := k.file.Truncate(0); err != nil {
		return fmt.Errorf("writing %s: %w", recordPath, err)
	}
	if _, err := k.file.WriteAt(append(data, '\n'), 0); err != nil {
		return fmt.Errorf("writing %s: %w", recordPath, err)
	}
	return k.file.Sync()
}

func bootID() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id)), err
}

// restore puts all values back, empties the record and gives up the lock. What
// cannot be put back stays on the record.
func (k *keptSettings) restore() error {
	if k.file == nil {
		return nil
	}
	defer k.file.Close()
	var failed []error
	for _, key := range slices.Sorted(maps.Keys(k.old)) {
		if now, err := Setting(key); err == nil && now == k.old[key] {
			continue
		}
		if err := os.WriteFile(sysctlPath(key), []byte(k.old[key]), 0o644); err != nil {
			failed = append(failed, fmt.Errorf("putting %s back to %q: %w", key, k.old[key], err))
		}
	}
	if len(failed) > 0 {
		return errors.Join(failed...)
	}
	return k.file.Truncate(0)
}

// cleanSettings restores what a killed guard has left and names it. It fails with
// errHeld when a guard is at work.
func cleanSettings() ([]string, error) {
	if info, err := os.Stat(recordPath); err != nil || info.Size() == 0 {
		return nil, nil
	}
	k, err := lockSettings()
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(k.old)), k.restore()
}
