package redact

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"
)

//go:embed known.yaml
var knownData []byte

// common is what names nobody in particular.
type common struct {
	programs, words, paths, extensions map[string]bool
	programStarts, chainStarts         []string
	iface, dotted                      *regexp.Regexp
	processes                          []*regexp.Regexp
}

// knownToAll reads the list once, when something is redacted.
var knownToAll = sync.OnceValue(func() *common {
	c, err := parseCommon(knownData)
	if err != nil {
		panic(err) // it is embedded, and a test reads it
	}
	return c
})

func parseCommon(data []byte) (*common, error) {
	var f struct {
		Programs, Words, Paths, Extensions, Dotted string
		ProgramStarts                              string `yaml:"program_starts"`
		ChainStarts                                string `yaml:"chain_starts"`
		Interfaces, Processes                      []string
	}
	if err := yaml.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("what names nobody: %w", err)
	}
	iface, err := regexp.Compile(`^(?:` + strings.Join(f.Interfaces, "|") + `)$`)
	if err != nil {
		return nil, fmt.Errorf("interfaces: %w", err)
	}
	dotted, err := regexp.Compile(`^(?:` + f.Dotted + `)`)
	if err != nil {
		return nil, fmt.Errorf("names with points: %w", err)
	}
	var processes []*regexp.Regexp
	for _, p := range f.Processes {
		told, err := regexp.Compile(p)
		if err != nil {
			return nil, fmt.Errorf("processes: %w", err)
		}
		processes = append(processes, told)
	}
	return &common{
		programs: set(f.Programs), words: set(f.Words), paths: set(f.Paths), extensions: set(f.Extensions),
		programStarts: strings.Fields(f.ProgramStarts), chainStarts: strings.Fields(f.ChainStarts),
		iface: iface, dotted: dotted, processes: processes,
	}, nil
}

func set(words string) map[string]bool {
	s := map[string]bool{}
	for _, w := range strings.Fields(words) {
		s[strings.ToLower(w)] = true
	}
	return s
}

func startsWithOne(s string, starts []string) string {
	for _, start := range starts {
		if strings.HasPrefix(s, start) {
			return start
		}
	}
	return ""
}
