package klog

import "whydrop/probes/fact"

// Needs implements fact.Needy.
func (*Source) Needs() []fact.Need {
	return []fact.Need{{
		For:          "the kernel log",
		Capabilities: []string{"CAP_SYSLOG"},
		Or:           "kernel.dmesg_restrict=0",
		Why:          "to open /dev/kmsg while kernel.dmesg_restrict is 1 (check_syslog_permissions in kernel/printk/printk.c)",
		Spot:         "the kernel log",
	}}
}
