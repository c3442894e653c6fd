package apply

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// steeringKnob is which CPUs work on what a queue received (rps_cpus) or send into
// it (xps_cpus), of all queues of an interface or of the one that Field names, such
// as rx-0: a mask in hexadecimal digits (Documentation/networking/scaling.rst).
var steeringKnob = knob{
	title: "CPU mask",
	group: true,
	check: func(c Change) error {
		if c.Field != "" {
			kind, number, _ := strings.Cut(c.Field, "-")
			if _, err := strconv.ParseUint(number, 10, 16); err != nil || kind != steeringOf[c.Knob].queues {
				return fmt.Errorf("%q is not a queue: expected one such as %s-0", c.Field, steeringOf[c.Knob].queues)
			}
		}
		if canonicalMask(wantedMask(c.To)) == "" {
			return fmt.Errorf("%q is not a mask of CPUs: expected hexadecimal digits, or all", c.To)
		}
		return checkDevice(c)
	},
	read: func(c Change) (State, error) {
		masks, err := readMasks(c)
		if err != nil {
			return State{}, err
		}
		var s State
		for _, m := range masks {
			if s.Text == "" {
				s.Text = m
			} else if s.Text != m {
				s.Text = "different masks"
			}
		}
		s.Raw, err = json.Marshal(masks)
		return s, err
	},
	write: func(c Change) error {
		masks, err := readMasks(c)
		for queue := range masks {
			masks[queue] = wantedMask(c.To)
		}
		return errors.Join(err, writeMasks(c, masks))
	},
	restore: func(c Change, was State) error {
		var before map[string]string
		if err := json.Unmarshal(was.Raw, &before); err != nil {
			return err
		}
		now, err := readMasks(c)
		for queue, mask := range before {
			if have, ok := now[queue]; !ok || have == mask || canonicalMask(mask) == "" {
				delete(before, queue)
			}
		}
		return errors.Join(err, writeMasks(c, before))
	},
	reached: func(c Change, now State) bool { return now.Text == canonicalMask(wantedMask(c.To)) },
}

var steeringOf = map[string]struct{ queues, file string }{
	"rps": {"rx", "rps_cpus"},
	"xps": {"tx", "xps_cpus"},
}

func maskFile(root string, c Change, queue string) string {
	return filepath.Join(root, "class/net", c.Of, "queues", queue, steeringOf[c.Knob].file)
}

func writeMasks(c Change, masks map[string]string) error {
	root, close, err := sysfs(c.Of)
	if err != nil {
		return err
	}
	defer close()
	for queue, mask := range masks {
		err = errors.Join(err, needs(os.WriteFile(maskFile(root, c, queue), []byte(mask), 0)))
	}
	return err
}

// readMasks returns the mask of each queue that the change is about.
func readMasks(c Change) (map[string]string, error) {
	queue := c.Field
	if queue == "" {
		queue = steeringOf[c.Knob].queues + "-*"
	}
	root, close, err := sysfs(c.Of)
	if err != nil {
		return nil, err
	}
	defer close()
	files, _ := filepath.Glob(maskFile(root, c, queue))
	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no %s here", c.Of, steeringOf[c.Knob].file)
	}
	masks := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if errors.Is(err, unix.ENOENT) { // xps_cpus of a device with one queue
			return nil, fmt.Errorf("%s has a single queue: it has no %s", c.Of, steeringOf[c.Knob].file)
		}
		if err != nil {
			return nil, err
		}
		masks[filepath.Base(filepath.Dir(f))] = canonicalMask(string(b))
	}
	return masks, nil
}

// sysfs returns where a sysfs shows the interfaces of this network namespace. /sys
// shows those of the namespace in which it was mounted (after nsenter -n, say, those
// of another one, which has an eth0, too): then one is mounted for as long as needed,
// which nobody else sees.
func sysfs(device string) (root string, close func(), err error) {
	link, err := net.InterfaceByName(device)
	if err != nil {
		return "", nil, fmt.Errorf("there is no interface %s", device)
	}
	if shows("/sys", link) {
		return "/sys", func() {}, nil
	}
	elsewhere := fmt.Errorf("/sys does not show the interfaces of this network namespace: mount sysfs in it (ip netns exec does)")
	fs, err := unix.Fsopen("sysfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return "", nil, elsewhere
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return "", nil, elsewhere
	}
	mount, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return "", nil, elsewhere
	}
	close = func() { unix.Close(mount) }
	if root = fmt.Sprintf("/proc/self/fd/%d", mount); !shows(root, link) {
		close()
		return "", nil, elsewhere
	}
	return root, close, nil
}

// shows tells whether a sysfs has this very interface.
func shows(root string, link *net.Interface) bool {
	dir := filepath.Join(root, "class/net", link.Name)
	number, err := os.ReadFile(filepath.Join(dir, "ifindex"))
	address, err2 := os.ReadFile(filepath.Join(dir, "address"))
	return err == nil && err2 == nil && strings.TrimSpace(string(number)) == strconv.Itoa(link.Index) &&
		strings.HasPrefix(strings.TrimSpace(string(address)), link.HardwareAddr.String())
}

// canonicalMask is a mask without commas and leading zeros, "" if it is none.
func canonicalMask(s string) string {
	s = strings.ToLower(strings.ReplaceAll(strings.TrimSpace(s), ",", ""))
	if s == "" || strings.Trim(s, "0123456789abcdef") != "" {
		return ""
	}
	if s = strings.TrimLeft(s, "0"); s == "" {
		return "0"
	}
	// The kernel takes words of eight digits, separated by commas.
	var words []string
	for len(s) > 8 {
		words = append([]string{s[len(s)-8:]}, words...)
		s = s[:len(s)-8]
	}
	return strings.Join(append([]string{s}, words...), ",")
}

// wantedMask is the mask that a word stands for: all is that of all CPUs that are
// online.
func wantedMask(word string) string {
	if word != "all" {
		return word
	}
	var cpus unix.CPUSet
	if unix.SchedGetaffinity(1, &cpus) != nil { // those of init, whatever this process is bound to
		return ""
	}
	mask := new(big.Int)
	for n := range 8 * len(cpus) * 8 {
		if cpus.IsSet(n) {
			mask.SetBit(mask, n, 1)
		}
	}
	return mask.Text(16)
}
