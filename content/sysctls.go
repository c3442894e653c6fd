package content

import (
	"cmp"
	_ "embed" // the defaults of sysctls
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

//go:embed sysctls/linux.yaml
var sysctlDefaults []byte

// Sysctl is a setting whose default is known.
type Sysctl struct {
	Name   string          `yaml:"name"`   // "net.ipv4.tcp_sack"
	Is     string          `yaml:"is"`     // the default of every kernel, or
	Values []SysctlDefault `yaml:"values"` // by version, oldest first
	Source string          `yaml:"source"`
}

// SysctlDefault is a default that came with a version. An empty one is not known.
type SysctlDefault struct {
	Since string `yaml:"since"` // "5.4"
	Is    string `yaml:"is"`
}

// SysctlDefaults returns what a kernel of the given release ("6.1.0-18-amd64")
// gives to sysctls by itself, by name: those of which it is known. It fails if
// the release has no version in it.
func SysctlDefaults(release string) (map[string]string, error) {
	version, ok := kernelVersion(release)
	if !ok {
		return nil, fmt.Errorf("kernel release %q: expected a version such as 6.1", release)
	}
	all, err := parseSysctls(sysctlDefaults)
	if err != nil {
		return nil, err
	}
	defaults := map[string]string{}
	for _, s := range all {
		if value := s.of(version); value != "" {
			defaults[s.Name] = value
		}
	}
	return defaults, nil
}

// of returns the default of a version, "" if it is not known.
func (s *Sysctl) of(version [2]int) string {
	value := s.Is
	for _, v := range s.Values {
		if since, _ := kernelVersion(v.Since); !older(version, since) {
			value = v.Is
		}
	}
	return value
}

func parseSysctls(data []byte) ([]*Sysctl, error) {
	var f struct {
		Sysctls []*Sysctl `yaml:"sysctls"`
	}
	if err := yaml.Load(data, &f, yaml.WithKnownFields()); err != nil {
		return nil, fmt.Errorf("defaults of sysctls: %w", err)
	}
	var problems []error
	seen := map[string]bool{}
	for _, s := range f.Sysctls {
		if err := s.check(); err != nil {
			problems = append(problems, fmt.Errorf("default of sysctl %q: %w", s.Name, err))
		}
		if seen[s.Name] {
			problems = append(problems, fmt.Errorf("default of sysctl %q: stands twice", s.Name))
		}
		seen[s.Name] = true
	}
	return f.Sysctls, errors.Join(problems...)
}

func (s *Sysctl) check() error {
	switch {
	case !strings.Contains(s.Name, ".") || s.Source == "":
		return errors.New("expected a name with a point in it, and a source")
	case (s.Is == "") == (len(s.Values) == 0):
		return errors.New("expected either a value or values by version")
	}
	last := [2]int{-1, 0}
	for _, v := range s.Values {
		since, ok := kernelVersion(v.Since)
		if !ok || !older(last, since) {
			return fmt.Errorf("since %q: expected versions from the oldest to the newest", v.Since)
		}
		last = since
	}
	return nil
}

func older(a, b [2]int) bool {
	return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) < 0
}

// kernelVersion returns the first two numbers of a release.
func kernelVersion(release string) (v [2]int, ok bool) {
	for i := range v {
		digits := len(release) - len(strings.TrimLeft(release, "0123456789"))
		n, err := strconv.Atoi(release[:digits])
		if err != nil || n > 999 {
			return v, false
		}
		v[i] = n
		release = release[digits:]
		if i == 0 {
			if release, ok = strings.CutPrefix(release, "."); !ok {
				return v, false
			}
		}
	}
	return v, true
}
