package namespaces

import "whydrop/probes/fact"

// Needs implements fact.Needy. The namespaces of the user's own processes are
// shown to everybody.
func (*Source) Needs() []fact.Need {
	return []fact.Need{{
		For:          "network namespaces of other users' processes",
		Capabilities: []string{"CAP_SYS_PTRACE"},
		Why:          "/proc/PID/ns/net is a link for who may trace the process (proc_pid_ns(5))",
		Spot:         "network namespaces of other users' processes",
	}}
}
