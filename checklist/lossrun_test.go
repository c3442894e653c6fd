package checklist

import (
	"math"
	"testing"

	"whydrop/probes/fact"
)

func TestLossRun(t *testing.T) {
	// 6 s at 20 ms and 600 segments/s on two connections: six segments on the way of each.
	host := func(fast, again, recoveries float64) *fact.Facts {
		f := &fact.Facts{Seconds: 6, Values: map[string]fact.Value{}, Tables: map[string][]fact.Row{}}
		for name, n := range map[string]float64{
			"TcpExt.TCPFastRetrans": fast, "TcpExt.TCPLostRetransmit": again,
			"TcpExt.TCPSackRecovery": recoveries, "TcpExt.TCPRenoRecovery": 0,
			"TcpExt.TCPOrigDataSent": 3600, "tcp.flows_retrans": 2, "tcp.rtt_ms": 20,
		} {
			f.Values[name] = fact.Value{Now: n}
		}
		return f
	}
	without := func(f *fact.Facts, name string) *fact.Facts { delete(f.Values, name); return f }
	bulk := host(60, 0, 20)
	bulk.Tables["flow"] = []fact.Row{{"retrans": 60.0, "segs_out": 3500.0, "rtt_ms": 200.0}}
	short := host(90, 0, 45)
	short.Values["Tcp.PassiveOpens"] = fact.Value{Now: 180.0}
	long, older := host(90, 0, 45), host(90, 0, 45)
	long.Values["Tcp.PassiveOpens"] = fact.Value{Now: 60.0}
	older.Values["Tcp.PassiveOpens"], older.Values["tcp.flows_retrans"] = fact.Value{Now: 39.0}, fact.Value{Now: 40.0}
	huge := host(90, 0, 45)
	huge.Values["Tcp.PassiveOpens"] = fact.Value{Now: 4.0}
	for name, c := range map[string]struct {
		facts *fact.Facts
		share float64
		want  float64 // 0: unknown
	}{
		"random":                               {host(38, 0, 36), 0.01, 38.0 / 36 / 1.06},
		"random, many on the way":              {host(360, 4, 230), 0.1, 356.0 / 230 / 1.6},
		"runs of eight":                        {host(80, 0, 10), 0.02, 8 / 1.12},
		"lost again counts once":               {host(30, 10, 10), 0.01, 2 / 1.06},
		"mostly lost again":                    {host(30, 20, 10), 0.3, 0},
		"a connection for each request":        {short, 0.1, 2 / (1 + 0.1*10)},
		"and much for each":                    {long, 0.1, 2 / (1 + 0.1*20)},
		"one had been opened before":           {older, 0.1, 2 / (1 + 0.1*30)},
		"windows under losses stay small":      {huge, 0.1, 2 / (1 + 0.1*30)},
		"few recoveries":                       {host(30, 0, 7), 0.01, 0},
		"one bulk transfer had the losses":     {bulk, 0.02, 3 / (1 + 0.02*3500*0.2/6)},
		"an old kernel counts no lost retries": {without(host(38, 0, 36), "TcpExt.TCPLostRetransmit"), 0.01, 0},
		"no round-trip times":                  {without(host(38, 0, 19), "tcp.rtt_ms"), 0.01, 2},
	} {
		run, known := lossRun(c.facts, c.share)
		if known != (c.want > 0) || known && math.Abs(run-c.want) > 1e-9 {
			t.Errorf("%s: %v, %v; want %v", name, run, known, c.want)
		}
	}
}
