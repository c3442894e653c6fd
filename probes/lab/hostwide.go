//go:build linux

package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// hostWide sets a sysctl that the whole machine shares, until the site ends. Only
// what the scenario declares in Settings may be set.
func (s *site) hostWide(key, value string) error {
	if !slices.Contains(s.scenario.Settings, key) {
		return fmt.Errorf("%s does not declare that it sets %s", s.scenario.Name, key)
	}
	path := filepath.Join("/proc/sys", strings.ReplaceAll(key, ".", "/"))
	old, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading %s: %w", key, err)
	}
	s.undo = append(s.undo, func() { _ = os.WriteFile(path, old, 0o644) })
	if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
		return fmt.Errorf("setting %s of the whole machine: %w", key, err)
	}
	return nil
}
