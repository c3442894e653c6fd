package resources

import (
	"bytes"
	"fmt"
	"strconv"
)

// From is a reading of copies of /proc/stat, softirqs, schedstat, meminfo and
// vmstat and of /etc/os-release, by their path without the first slash. What is not
// among them is nil. The errors are those of files that hold something else than
// they should.
func From(files map[string][]byte) (r *Reading, errs []error) {
	r = &Reading{}
	for name, b := range files {
		var err error
		switch name {
		case "proc/stat":
			r.CPUs, r.Running, err = parseStat(b)
		case "proc/softirqs":
			r.NetRX, r.NetTX = parseSoftirqs(b)
		case "proc/schedstat":
			r.Waited = parseSchedstat(b)
		case "proc/vmstat":
			r.VM = parseVMStat(b)
		case "proc/meminfo":
			r.Available, r.Total = memory(b, "MemAvailable:"), memory(b, "MemTotal:")
		case "etc/os-release", "usr/lib/os-release":
			if r.Host == nil {
				r.Host = &Host{OS: prettyName(string(b))}
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("/%s: %w", name, err))
		}
	}
	return r, errs
}

// memory is a line of /proc/meminfo, "MemTotal:  1024 kB", in bytes; nil if there
// is none.
func memory(b []byte, key string) *uint64 {
	for row := range bytes.Lines(b) {
		f := bytes.Fields(row)
		if len(f) < 2 || string(f[0]) != key {
			continue
		}
		kib, err := strconv.ParseUint(string(f[1]), 10, 50)
		if err != nil {
			return nil
		}
		bytes := kib << 10
		return &bytes
	}
	return nil
}
