//go:build linux

package lab

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
)

// iptables gives the host rules by one of the iptables commands: tool is
// "iptables-legacy", "ip6tables-nft" and so on, a rule its arguments, of which
// none has a space. The kernel's interface for the legacy tables has no other
// program, and what iptables-nft makes differs from what nft makes.
func (h *host) iptables(tool string, rules ...string) error {
	path, err := exec.LookPath(tool)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNeeds, err)
	}
	for i, rule := range append([]string{"-S"}, rules...) {
		cmd := exec.Command(path, append([]string{"-w", "5"}, strings.Fields(rule)...)...)
		// A lock of its own: the machine's is root's.
		cmd.Env = []string{"PATH=/usr/sbin:/sbin:/usr/bin:/bin", "XTABLES_LOCKFILE=/dev/null"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		var said bytes.Buffer
		cmd.Stderr = &said
		if err := h.do(cmd.Run); err != nil {
			err = fmt.Errorf("%s: %s %s: %w: %s", h.name, tool, rule, err, bytes.TrimSpace(said.Bytes()))
			if i == 0 || strings.Contains(said.String(), "No such file or directory") || strings.Contains(said.String(), "missing kernel module") {
				return fmt.Errorf("%w: %w", ErrNeeds, err) // no such tables here, or no such extension
			}
			return err
		}
	}
	return nil
}
