package apply

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/safchain/ethtool"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// checkDevice finds fault with the name of an interface (dev_valid_name() in
// net/core/dev.c).
func checkDevice(c Change) error {
	if len(c.Of) == 0 || len(c.Of) > 15 || c.Of == "." || c.Of == ".." || strings.ContainsAny(c.Of, "/: \t") {
		return fmt.Errorf("%q is not the name of an interface", c.Of)
	}
	return nil
}

func checkNumber(c Change) error {
	if _, err := strconv.ParseUint(c.To, 10, 32); err != nil {
		return fmt.Errorf("%s: %q is not a number", c.Name(), c.To)
	}
	return checkDevice(c)
}

// txqueuelenKnob is the length of an interface's transmit queue, in packets. Fifos
// take it as their limit when they are made (pfifo_fast follows it).
var txqueuelenKnob = knob{
	title: "txqueuelen",
	check: checkNumber,
	read: func(c Change) (State, error) {
		link, err := netlink.LinkByName(c.Of)
		if err != nil {
			return State{}, noDevice(c.Of, err)
		}
		return State{Text: strconv.Itoa(link.Attrs().TxQLen)}, nil
	},
	write: func(c Change) error { return setTxqueuelen(c.Of, c.To) },
	restore: func(c Change, was State) error {
		return setTxqueuelen(c.Of, was.Text)
	},
}

func noDevice(name string, err error) error {
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return fmt.Errorf("there is no interface %s", name)
	}
	return err
}

func setTxqueuelen(device, length string) error {
	n, err := strconv.Atoi(length)
	if err != nil {
		return err
	}
	link, err := netlink.LinkByName(device)
	if err != nil {
		return noDevice(device, err)
	}
	return needs(netlink.LinkSetTxQLen(link, n))
}

// needs says what a refusal asks for.
func needs(err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w: needs CAP_NET_ADMIN", err)
	case errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("%w: the driver does not let it be set", err)
	}
	return err
}

// tool talks to a driver by the ethtool ioctls.
func tool[T any](ask func(*ethtool.Ethtool) (T, error)) (T, error) {
	e, err := ethtool.NewEthtool()
	if err != nil {
		var none T
		return none, fmt.Errorf("opening an ethtool socket: %w", err)
	}
	defer e.Close()
	v, err := ask(e)
	return v, needs(err)
}

// number is a field of a driver's parameters.
type number[P any] struct {
	of  func(*P) *uint32
	max func(*P) uint32 // nil for none
	yes bool            // on and off rather than a number
	// near tells whether a driver that rounds made the best of a wanted number; nil
	// where they do not.
	near func(is, wanted uint32) bool
}

// roundedUp accepts what a driver rounds up: rings to powers of two or multiples of 8.
func roundedUp(is, wanted uint32) bool { return is >= wanted && uint64(is) < 2*uint64(wanted) }

// nearly accepts delays rounded to the resolution of a device, some microseconds.
func nearly(is, wanted uint32) bool {
	return max(is, wanted)-min(is, wanted) <= max(wanted/8, 2) && is > 0
}

// parameters makes a knob of a group of driver parameters, which a driver takes
// and gives together. All of them are kept and set back: a change of one can take
// others along, such as adaptive coalescing the delays.
func parameters[P comparable](title string, fields map[string]number[P], get func(*ethtool.Ethtool, string) (P, error), set func(*ethtool.Ethtool, string, P) (P, error)) knob {
	read := func(c Change) (State, error) {
		p, err := tool(func(e *ethtool.Ethtool) (P, error) { return get(e, c.Of) })
		if err != nil {
			return State{}, err
		}
		f := fields[c.Field]
		raw, err := json.Marshal(p)
		return State{Text: word(*f.of(&p), f.yes), Raw: raw}, err
	}
	change := func(c Change, to func(*P) error) error {
		_, err := tool(func(e *ethtool.Ethtool) (P, error) {
			p, err := get(e, c.Of)
			if err != nil {
				return p, err
			}
			now := p
			if err := to(&p); err != nil || p == now {
				return p, err
			}
			return set(e, c.Of, p)
		})
		return err
	}
	return knob{
		title: title,
		group: true,
		check: func(c Change) error {
			f, ok := fields[c.Field]
			if !ok {
				return fmt.Errorf("%s has no %q: expected one of %s", title, c.Field, strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
			}
			if _, err := value(c.To, f.yes); err != nil {
				return err
			}
			return checkDevice(c)
		},
		read: read,
		write: func(c Change) error {
			return change(c, func(p *P) error {
				f := fields[c.Field]
				v, err := value(c.To, f.yes)
				if err == nil && f.max != nil && v > f.max(p) {
					err = fmt.Errorf("the device takes at most %d", f.max(p))
				}
				*f.of(p) = v
				return err
			})
		},
		restore: func(c Change, was State) error {
			return change(c, func(p *P) error { return json.Unmarshal(was.Raw, p) })
		},
		reached: func(c Change, now State) bool {
			is, err := value(now.Text, fields[c.Field].yes)
			wanted, err2 := value(c.To, fields[c.Field].yes)
			near := fields[c.Field].near
			return err == nil && err2 == nil && (is == wanted || near != nil && near(is, wanted))
		},
	}
}

func word(v uint32, yes bool) string {
	switch {
	case !yes:
		return strconv.FormatUint(uint64(v), 10)
	case v == 0:
		return "off"
	}
	return "on"
}

func value(s string, yes bool) (uint32, error) {
	switch {
	case yes && s == "on":
		return 1, nil
	case yes && s == "off":
		return 0, nil
	case yes:
		return 0, fmt.Errorf("%q: expected on or off", s)
	}
	v, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number", s)
	}
	return uint32(v), nil
}

// ringKnob is the size of a device's rings, in descriptors (ethtool -G).
var ringKnob = parameters("ring", map[string]number[ethtool.Ring]{
	"rx": {of: func(r *ethtool.Ring) *uint32 { return &r.RxPending }, max: func(r *ethtool.Ring) uint32 { return r.RxMaxPending }, near: roundedUp},
	"tx": {of: func(r *ethtool.Ring) *uint32 { return &r.TxPending }, max: func(r *ethtool.Ring) uint32 { return r.TxMaxPending }, near: roundedUp},
}, (*ethtool.Ethtool).GetRing, (*ethtool.Ethtool).SetRing)

// coalesceKnob is how interrupts are put together (ethtool -C): microseconds,
// frames, or on and off.
var coalesceKnob = parameters("coalescing", map[string]number[ethtool.Coalesce]{
	"rx-usecs":    {of: func(c *ethtool.Coalesce) *uint32 { return &c.RxCoalesceUsecs }, near: nearly},
	"rx-frames":   {of: func(c *ethtool.Coalesce) *uint32 { return &c.RxMaxCoalescedFrames }},
	"tx-usecs":    {of: func(c *ethtool.Coalesce) *uint32 { return &c.TxCoalesceUsecs }, near: nearly},
	"tx-frames":   {of: func(c *ethtool.Coalesce) *uint32 { return &c.TxMaxCoalescedFrames }},
	"adaptive-rx": {of: func(c *ethtool.Coalesce) *uint32 { return &c.UseAdaptiveRxCoalesce }, yes: true},
	"adaptive-tx": {of: func(c *ethtool.Coalesce) *uint32 { return &c.UseAdaptiveTxCoalesce }, yes: true},
}, (*ethtool.Ethtool).GetCoalesce, (*ethtool.Ethtool).SetCoalesce)

// pauseKnob is Ethernet flow control (ethtool -A).
var pauseKnob = parameters("pause", map[string]number[ethtool.Pause]{
	"autoneg": {of: func(p *ethtool.Pause) *uint32 { return &p.Autoneg }, yes: true},
	"rx":      {of: func(p *ethtool.Pause) *uint32 { return &p.RxPause }, yes: true},
	"tx":      {of: func(p *ethtool.Pause) *uint32 { return &p.TxPause }, yes: true},
}, (*ethtool.Ethtool).GetPause, (*ethtool.Ethtool).SetPause)

// shortFeatures are the names that ethtool -K gives to groups of features
// (ethtool.c, off_flag_def; netdev_features_strings in net/ethtool/common.c). A
// name that ends in * stands for all that begin so.
var shortFeatures = map[string][]string{
	"rx":  {"rx-checksum"},
	"tx":  {"tx-checksum-*"},
	"sg":  {"tx-scatter-gather*"},
	"tso": {"tx-tcp-*", "tx-tcp6-segmentation"},
	"gso": {"tx-generic-segmentation"},
	"gro": {"rx-gro"},
	"lro": {"rx-lro"},
}

// featureKnob is an offload (ethtool -k, -K), by its short or its full name. A
// change of one can take others along, so all are set back.
var featureKnob = knob{
	title: "offload",
	group: true,
	check: func(c Change) error {
		if c.Field == "" || strings.Trim(c.Field, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return fmt.Errorf("%q is not the name of an offload, such as tso", c.Field)
		}
		if _, err := value(c.To, true); err != nil {
			return err
		}
		return checkDevice(c)
	},
	read: readFeature,
	write: func(c Change) error {
		_, err := tool(func(e *ethtool.Ethtool) (any, error) {
			all, err := e.FeaturesWithState(c.Of)
			if err != nil {
				return nil, err
			}
			names, err := features(all, c.Field)
			if err != nil {
				return nil, err
			}
			wanted := map[string]bool{}
			for _, n := range names {
				wanted[n] = c.To == "on"
			}
			return nil, e.Change(c.Of, wanted)
		})
		return err
	},
	restore: func(c Change, was State) error {
		var before map[string]bool
		if err := json.Unmarshal(was.Raw, &before); err != nil {
			return err
		}
		_, err := tool(func(e *ethtool.Ethtool) (any, error) {
			now, err := e.FeaturesWithState(c.Of)
			if err != nil {
				return nil, err
			}
			differ := map[string]bool{}
			for name, on := range before {
				if f, ok := now[name]; ok && f.Available && !f.NeverChanged && f.Requested != on {
					differ[name] = on
				}
			}
			if len(differ) == 0 {
				return nil, nil
			}
			return nil, e.Change(c.Of, differ)
		})
		return err
	},
}

// readFeature tells an offload that is made of several ones as on if any is; in
// Raw stands what is asked for of every feature that can be changed.
func readFeature(c Change) (State, error) {
	return tool(func(e *ethtool.Ethtool) (State, error) {
		all, err := e.FeaturesWithState(c.Of)
		if err != nil {
			return State{}, err
		}
		names, err := features(all, c.Field)
		if err != nil {
			return State{}, err
		}
		on := slices.ContainsFunc(names, func(n string) bool { return all[n].Active })
		asked := map[string]bool{}
		for name, f := range all {
			if f.Available && !f.NeverChanged {
				asked[name] = f.Requested
			}
		}
		s := State{Text: "off"}
		if on {
			s.Text = "on"
		}
		s.Raw, err = json.Marshal(asked)
		return s, err
	})
}

// features are the names of the changeable features that a name stands for.
func features(all map[string]ethtool.FeatureState, name string) ([]string, error) {
	patterns, short := shortFeatures[name]
	if !short {
		patterns = []string{name}
	}
	var names []string
	for have, f := range all {
		for _, p := range patterns {
			prefix, any := strings.CutSuffix(p, "*")
			if (have == p || any && strings.HasPrefix(have, prefix)) && f.Available && !f.NeverChanged {
				names = append(names, have)
			}
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("the device has no offload %q that can be switched", name)
	}
	slices.Sort(names)
	return names, nil
}
