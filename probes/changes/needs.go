package changes

import "whydrop/probes/fact"

// Needs implements fact.Needy. Nearly all that it reads is readable to
// everybody.
func (*Source) Needs() []fact.Need {
	return []fact.Need{{
		For:          "the saved firewall rules",
		Capabilities: []string{"CAP_DAC_READ_SEARCH"},
		Why:          "some distributions keep /etc/nftables.conf or the files of iptables-save readable to root only",
		Spot:         "the saved firewall rules",
	}, {
		For:          "changed files in directories of the administrator's",
		Capabilities: []string{"CAP_DAC_READ_SEARCH"},
		Why:          "/etc/NetworkManager/system-connections, /etc/wireguard, /etc/nftables and their like are often readable to root only",
		Spot:         "changed files in",
	}, {
		For:          "what the kernel log tells of links, modules and services",
		Capabilities: []string{"CAP_SYSLOG"},
		Or:           "kernel.dmesg_restrict=0",
		Why:          "to open /dev/kmsg while kernel.dmesg_restrict is 1 (check_syslog_permissions in kernel/printk/printk.c)",
	}}
}
