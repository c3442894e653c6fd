package routes

import (
	"whydrop/probes/fact"
	"whydrop/probes/routes/fib"
)

// Needs implements fact.Needy. All else is shown to everybody.
func (s *Source) Needs() []fact.Need {
	return []fact.Need{{
		For:          "connections that a blackhole, unreachable or prohibit route refuses at once",
		Capabilities: []string{"CAP_PERFMON", "CAP_BPF"},
		Why:          "to load a tracing program (bpf_prog_load in kernel/bpf/syscall.c, Linux 5.8; CAP_SYS_ADMIN before)",
		Spot:         fib.What,
	}}
}
