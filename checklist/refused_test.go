package checklist

import (
	"testing"
)

// TestNotSentIsNotRefused tells attempts that a peer refused, which it does at the first
// SYN, from attempts whose SYNs this host itself could not send again.
func TestNotSentIsNotRefused(t *testing.T) {
	attempts := func(repeated, unsent float64) float64 {
		c := newCase(t, "")
		c.Facts = facts(quiet(map[string]float64{
			"Tcp.ActiveOpens": 260, "Tcp.AttemptFails": 100, "Tcp.OutRsts": 0, "TcpExt.EmbryonicRsts": 0, "TcpExt.TCPAbortOnTimeout": 0,
			"Icmp.InDestUnreachs": 0, "Icmp6.InDestUnreachs": 0, "Icmp.InTimeExcds": 0, "Icmp6.InTimeExcds": 0,
			"TcpExt.TCPSynRetrans": repeated, "TcpExt.TCPRetransFail": unsent,
		}))
		return c.Diagnose().Finding("peer.refused").Probability
	}
	if p := attempts(0, 0); p < 0.9 {
		t.Errorf("refused at once: %.2f", p)
	}
	if lost, unsent := attempts(179, 0), attempts(179, 179); unsent > 0.5 || unsent >= lost {
		t.Errorf("sent again and lost: %.2f; not sent again at all: %.2f", lost, unsent)
	}
}
