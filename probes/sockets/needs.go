package sockets

import "whydrop/probes/fact"

// Needs implements fact.Needy. The sockets themselves are shown to everybody.
func (s *Source) Needs() []fact.Need {
	return []fact.Need{{
		For:          "processes of other users behind sockets",
		Capabilities: []string{"CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE"},
		Why:          "/proc/PID/fd is open to the process's owner only (mode 0500), and its links to who may trace the process (proc_pid_fd(5))",
		Spot:         "processes of other users behind sockets",
	}}
}
