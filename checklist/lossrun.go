package checklist

import "whydrop/probes/fact"

// fewestRecoveries is how many recoveries a mean over them needs.
const fewestRecoveries = 8

// initialWindow is how many segments a new connection sends at once (RFC 6928).
const initialWindow = 10

// slowStartMost is how many segments a connection that began lately has on the way
// when it loses one, as losses keep the window from growing further.
const slowStartMost = 3 * initialWindow

// lossRun is how many segments were lost at a time, beside what chance would add:
// the fast retransmissions of a recovery, divided by what it would have if each
// segment had the same chance. A recovery lasts a round-trip time, so random loss
// adds its share of what is on the way. Retransmissions that were lost again are
// not counted twice; where those are most, the counters tell nothing. It is unknown
// with few recoveries.
func lossRun(facts *fact.Facts, share float64) (run float64, known bool) {
	var fast, again, sack, reno float64
	for name, at := range map[string]*float64{
		"TcpExt.TCPFastRetrans": &fast, "TcpExt.TCPLostRetransmit": &again,
		"TcpExt.TCPSackRecovery": &sack, "TcpExt.TCPRenoRecovery": &reno,
	} {
		n, ok := facts.Num(name)
		if !ok {
			return 0, false
		}
		*at = n
	}
	recoveries := sack + reno
	if recoveries < fewestRecoveries || again > fast/2 || facts.Seconds <= 0 {
		return 0, false
	}
	return max(0, fast-again) / recoveries / (1 + share*onTheWay(facts)), true
}

// onTheWay estimates how many segments were on the way of a connection that lost
// one: of all such connections on average, or of those that lost most, whichever
// is more. Connections that are opened for each request send all they have in a few
// round-trip times and rest, so of them it is what a window has that begins small and
// doubles each time: a third of all they send, an initial window at least.
func onTheWay(facts *fact.Facts) float64 {
	var mean, weighted, losses float64
	sent, _ := facts.Num("TcpExt.TCPOrigDataSent")
	rtt, _ := facts.Num("tcp.rtt_ms")
	flows, _ := facts.Num("tcp.flows_retrans")
	if flows > 0 {
		mean = sent / flows * rtt
	}
	for _, row := range facts.Tables["flow"] {
		retrans, _ := row["retrans"].(float64)
		segments, _ := row["segs_out"].(float64)
		rtt, _ := row["rtt_ms"].(float64)
		weighted += retrans * segments * rtt
		losses += retrans
	}
	if losses > 0 {
		mean = max(mean, weighted/losses)
	}
	active, _ := facts.Num("Tcp.ActiveOpens")
	passive, _ := facts.Num("Tcp.PassiveOpens")
	least := 0.0
	if opened := active + passive; opened > 0 && opened >= flows/2 { // others began before
		each := sent / max(opened, flows)
		least = min(each, max(initialWindow, min(each/3, slowStartMost)))
	}
	return max(least, mean/1000/facts.Seconds)
}
