package fact

import "testing"

func TestANeedExplainsBlindSpots(t *testing.T) {
	nft := Need{Spot: "firewall rules of nftables", Capabilities: []string{"CAP_NET_ADMIN"}}
	log := Need{Spot: "the kernel log", Capabilities: []string{"CAP_SYSLOG"}}
	tests := []struct {
		name  string
		need  Need
		blind Blind
		want  bool
	}{
		{"the same", nft, Blind{What: "firewall rules of nftables", Needs: "CAP_NET_ADMIN"}, true},
		{"the whole", nft, Blind{What: "firewall rules", Needs: "CAP_NET_ADMIN"}, true},
		{"another part", nft, Blind{What: "firewall rules of iptables-legacy", Needs: "CAP_NET_ADMIN"}, false},
		{"among other words", log, Blind{What: "the kernel log", Needs: "CAP_SYSLOG, or kernel.dmesg_restrict=0"}, true},
		{"missing for another reason", log, Blind{What: "the kernel log: there is no /dev/kmsg here", Needs: "to run outside the container"}, false},
		{"in need of root", log, Blind{What: "the kernel log", Needs: "root"}, true},
		{"a longer capability", log, Blind{What: "the kernel log", Needs: "CAP_SYSLOG_NG"}, false},
		{"a need that tells nothing", Need{Capabilities: []string{"CAP_SYSLOG"}}, Blind{What: "the kernel log", Needs: "CAP_SYSLOG"}, false},
	}
	for _, tt := range tests {
		if got := tt.need.Explains(tt.blind); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
