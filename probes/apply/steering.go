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
		for file := range masks {
			err = errors.Join(err, needs(os.WriteFile(maskFile(c, file), []byte(wantedMask(c.To)), 0)))
		}
		return err
	},
	restore: func(c Change, was State) error {
		var before map[string]string
		if err := json.Unmarshal(was.Raw, &before); err != nil {
			return err
		}
		now, err := readMasks(c)
		for queue, mask := range before {
			if have, ok := now[queue]; ok && have != mask {
				err = errors.Join(err, needs(os.WriteFile(maskFile(c, queue), []byte(mask), 0)))
			}
		}
		return err
	},
	reached: func(c Change, now State) bool { return now.Text == canonicalMask(wantedMask(c.To)) },
}

var steeringOf = map[string]struct{ queues, file string }{
	"rps": {"rx", "rps_cpus"},
	"xps": {"tx", "xps_cpus"},
}

func maskFile(c Change, queue string) string {
	return filepath.Join("/sys/class/net", c.Of, "queues", queue, steeringOf[c.Knob].file)
}

// readMasks returns the mask of each queue that the change is about.
func readMasks(c Change) (map[string]string, error) {
	queue := c.Field
	if queue == "" {
		queue = steeringOf[c.Knob].queues + "-*"
	}
	if err := ownSys(c.Of); err != nil {
		return nil, err
	}
	files, _ := filepath.Glob(maskFile(c, queue))
	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no %s here", c.Of, steeringOf[c.Knob].file)
	}
	masks := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		masks[filepath.Base(filepath.Dir(f))] = canonicalMask(string(b))
	}
	return masks, nil
}

// ownSys makes sure that /sys shows the interfaces of this network namespace: it
// shows those of the namespace in which it was mounted (after nsenter -n, say, those
// of another one, which has an eth0, too).
func ownSys(device string) error {
	link, err := net.InterfaceByName(device)
	if err != nil {
		return fmt.Errorf("there is no interface %s", device)
	}
	number, err := os.ReadFile(filepath.Join("/sys/class/net", device, "ifindex"))
	address, err2 := os.ReadFile(filepath.Join("/sys/class/net", device, "address"))
	if err := errors.Join(err, err2); err != nil || strings.TrimSpace(string(number)) != strconv.Itoa(link.Index) ||
		!strings.HasPrefix(strings.TrimSpace(string(address)), link.HardwareAddr.String()) {
		return fmt.Errorf("/sys does not show the interfaces of this network namespace: mount sysfs in it (ip netns exec does)")
	}
	return nil
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
