package links

import "strings"

// troubleWords are spellings that drivers give to statistics of loss or of
// trouble. Seen in ena, virtio_net, vmxnet3, hv_netvsc, gve, e1000e, igb,
// ixgbe, i40e, ice, mlx4, mlx5, bnxt, bnx2x, tg3, be2net, r8169 and veth.
var troubleWords = []string{
	"abort", "align", "allowance", "bad", "busy", "coll", "congest", "crc",
	"deferred", "denied", "discard", "down", "drop", "ecc", "empty", "err",
	"exceeded", "exhaust", "expired", "fail", "fault", "fcs", "fifo", "fragment",
	"full", "giant", "hang", "illegal", "invalid", "jabber", "late_", "length",
	"lost", "miss", "no_", "nobuf", "nodesc", "oob", "out_of_", "outbound_pause",
	"over", "parity", "pause", "pfc", "reject", "reset", "restart", "runt", "starv",
	"stop", "suspend", "symbol", "throttl", "timeout", "too_", "too many",
	"toolong", "tooshort", "trunc", "undersize", "unsup", "xoff",
}

// plainWords mark statistics that hold a word of trouble but count ordinary
// events: interrupts, a flow director that found no rule, page recycling,
// checksums left to software, and what is left of an allowance.
var plainWords = []string{
	"interrupt", "irq_", "fdir_miss", "atr_miss", "napi", "doorbell", "_cache_", "_pp_",
	"page_reuse", "recycle", "csum_none", "csum_complete", "csum_unnecessary", "csum_good",
	"full_duplex", "no_tls", "smbus", "hwtstamp", "allowance_available", "_no_data", "arm_cqe",
}

// Trouble tells by the name of a driver's statistic, as ethtool -S shows it,
// whether it can mean loss or trouble.
func Trouble(name string) bool {
	name = strings.ToLower(name)
	for _, w := range plainWords {
		if strings.Contains(name, w) {
			return false
		}
	}
	if strings.Contains(name, "csum") || strings.Contains(name, "checksum") {
		return strings.Contains(name, "err") || strings.Contains(name, "bad") ||
			strings.Contains(name, "fail") || strings.Contains(name, "drop")
	}
	for _, w := range troubleWords {
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}
