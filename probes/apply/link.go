package apply

import (
	"net"
	"path"
	"strings"
)

// linkOf is the interface that a setting belongs to, "" for none.
func linkOf(c Change) string {
	switch c.Knob {
	case "file", "route":
		return ""
	case "sysctl":
		name, _ := linkOfSysctl(c.Of)
		return name
	}
	return c.Of
}

// linkOfSysctl takes the interface out of a key such as net.ipv4.conf.eth0.rp_filter,
// and returns what makes the key of another one; all and default are no interfaces.
func linkOfSysctl(key string) (name string, of func(name string) string) {
	file, err := sysctlPath(key)
	if err != nil {
		return "", nil
	}
	parts := strings.Split(strings.TrimPrefix(file, "/proc/sys/"), "/")
	if len(parts) != 5 || parts[0] != "net" || parts[2] != "conf" && parts[2] != "neigh" || parts[3] == "all" || parts[3] == "default" {
		return "", nil
	}
	return parts[3], func(name string) string {
		return path.Join(parts[0], parts[1], parts[2], name, parts[4])
	}
}

// linkIndex is the index of the interface that a setting belongs to, 0 for none.
func linkIndex(c Change) uint32 {
	name := linkOf(c)
	if name == "" {
		return 0
	}
	n, err := index(name)
	if err != nil {
		return 0
	}
	return n
}

// current is the change as it has to be said now: under the name that its interface
// has, which can have changed since in the same boot. there is false if the interface
// is gone, and its settings with it; another one may have got its name.
func (e *Entry) current(sameBoot bool) (c Change, there bool) {
	c = e.Change
	name := linkOf(c)
	if name == "" || !sameBoot || e.Link == 0 {
		return c, true
	}
	link, err := net.InterfaceByIndex(int(e.Link))
	switch {
	case err != nil:
		return c, false
	case link.Name == name:
	case c.Knob == "sysctl":
		_, of := linkOfSysctl(c.Of)
		c.Of = of(link.Name)
	default:
		c.Of = link.Name
	}
	return c, true
}
