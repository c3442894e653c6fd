package drops

import "whydrop/probes/fact"

// Needs implements fact.Needy. Without these capabilities it shows nothing.
func (s *Source) Needs() []fact.Need {
	return []fact.Need{{
		For:          "why the kernel dropped packets (drop reasons)",
		Capabilities: []string{"CAP_PERFMON", "CAP_BPF"},
		Why:          "to load a tracing program (bpf_prog_load in kernel/bpf/syscall.c, Linux 5.8; CAP_SYS_ADMIN before)",
		Spot:         "drop reasons",
	}}
}
