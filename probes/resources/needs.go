package resources

import "whydrop/probes/fact"

// Needs implements fact.Needy. CPU, memory, pressure and quotas are shown to
// everybody.
func (*Source) Needs() []fact.Need {
	return []fact.Need{{
		For:          "which throttled control groups own TCP sockets",
		Capabilities: []string{"CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE"},
		Why:          "/proc/PID/fd is open to the process's owner only (mode 0500), and its links to who may trace the process (proc_pid_fd(5))",
		Spot:         "which throttled control groups own TCP sockets",
	}}
}
