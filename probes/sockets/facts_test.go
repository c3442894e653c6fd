package sockets

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
	"whydrop/probes/fact/facttest"
	"whydrop/probes/sockets/inetdiag"
)

// script is a kernel that shows the given sockets, look by look.
type script struct {
	looks [][]inetdiag.Socket
	look  int
	fail  map[int]error
}

func (s *script) Close() error { return nil }

func (s *script) Dump(_ context.Context, r inetdiag.Request, visit func(*inetdiag.Socket)) (bool, error) {
	if r.Family != unix.AF_INET {
		return false, nil
	}
	s.look++
	for i := range s.looks[s.look-1] {
		visit(&s.looks[s.look-1][i])
	}
	return false, s.fail[s.look-1]
}

// procWith returns a /proc with the given files.
func procWith(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func scripted(t *testing.T, looks ...[]inetdiag.Socket) (*Source, *script) {
	s, kernel := New(), &script{looks: looks}
	s.sweep.groups.egress.ask = func() (map[netip.Addr]int, map[int]string) {
		return map[netip.Addr]int{netip.MustParseAddr("10.9.0.1"): 2, netip.MustParseAddr("10.9.0.7"): 3}, map[int]string{2: "eth0", 3: "eth1"}
	}
	s.dial = func() (dumper, error) { return kernel, nil }
	s.follow = func() (follower, error) { return &ends{}, nil }
	s.procRoot = procWith(t, map[string]string{
		"sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
		"sys/net/core/somaxconn":           "4096\n",
		"sys/net/ipv4/tcp_rmem":            "4096\t131072\t6291456\n",
	})
	return s, kernel
}

// looksAt makes n looks and returns the facts of those from the given one on.
func looksAt(t *testing.T, s *Source, n, from int) *fact.Facts {
	t.Helper()
	var readings []fact.Reading
	for i := range n {
		data, err := s.Look(context.Background())
		if err == nil {
			readings = append(readings, fact.Reading{At: time.Unix(int64(i), 0), Data: data})
		}
	}
	f := fact.New(time.Unix(0, 0), float64(n))
	s.Facts(readings[from:], f)
	facttest.InVocabulary(t, "../../content/facts/sockets.yaml", f)
	return f
}

// connection is a healthy established connection of a new kernel.
func connection(cookie uint64, remote string) inetdiag.Socket {
	return inetdiag.Socket{
		State: inetdiag.Established, Cookie: cookie, InfoLen: 248, HasMem: true,
		Local:  netip.AddrPortFrom(netip.MustParseAddr("10.9.0.1"), uint16(40000+cookie)),
		Remote: netip.MustParseAddrPort(remote),
		Mem:    inetdiag.Memory{RcvBuf: 131072},
		Info:   inetdiag.Info{SndMSS: 1448, RTT: 20_000, MinRTT: 10_000, SndWnd: 65535, Delivered: 1, RTO: 220_000},
	}
}

func with(k inetdiag.Socket, change func(*inetdiag.Socket)) inetdiag.Socket {
	change(&k)
	return k
}

func numbers(t *testing.T, f *fact.Facts, want map[string]float64) {
	t.Helper()
	for name, n := range want {
		if got, known := f.Num(name); !known || got != n {
			t.Errorf("%s is %v (known: %v), want %v", name, got, known, n)
		}
	}
}

func TestGrowthIsOfTheWindow(t *testing.T) {
	at := func(cookie uint64, retrans uint32, segs uint32, acked uint64) inetdiag.Socket {
		return with(connection(cookie, "192.0.2.1:443"), func(k *inetdiag.Socket) {
			k.Info.TotalRetrans, k.Info.DataSegsOut, k.Info.BytesAcked = retrans, segs, acked
		})
	}
	s, _ := scripted(t,
		[]inetdiag.Socket{at(1, 1000, 5000, 1<<40)},                                       // history
		[]inetdiag.Socket{at(1, 1001, 5010, 1<<40+100), at(2, 2, 4, 10)},                  // 2 is born in the window
		[]inetdiag.Socket{at(1, 1001, 5010, 1<<40+100), at(2, 2, 6, 20), at(2, 2, 6, 20)}, // 2 is shown twice
		[]inetdiag.Socket{at(1, 1004, 5020, 1<<40+200)},                                   // 2 is gone
	)
	f := looksAt(t, s, 4, 0)
	numbers(t, f, map[string]float64{
		"tcp.segs_retrans": 6, "tcp.segs_out_data": 26, "tcp.bytes_acked": 220, "tcp.flows_sending": 2,
		"tcp.flows_retrans": 2, "tcp.top_peer_retrans_share": 1, "tcp.rtt_inflation": 2, "tcp.queueing_ms": 10,
		"tcp.established": 1,
	})
	row := rowOf(t, f, "flow", "local_port", 40001.0)
	if row["retrans"] != 4.0 || row["segs_out"] != 20.0 || row["acked"] != 200.0 || row["retrans_share"] != 0.2 {
		t.Errorf("flow 1: %v", row)
	}
}

// TestSlidingWindow: what lies before the first reading of the window is not counted.
func TestSlidingWindow(t *testing.T) {
	var looks [][]inetdiag.Socket
	for i := range uint32(6) {
		looks = append(looks, []inetdiag.Socket{with(connection(1, "192.0.2.1:443"), func(k *inetdiag.Socket) {
			k.Info.TotalRetrans, k.Info.DataSegsOut = 10*i, 100*i
		})})
	}
	s, _ := scripted(t, looks...)
	f := looksAt(t, s, 6, 3)
	numbers(t, f, map[string]float64{"tcp.segs_retrans": 20, "tcp.segs_out_data": 200, "tcp.flows_retrans": 1})
	if row := f.Tables["flow"][0]; row["retrans"] != 20.0 || row["age_looks"] != 3.0 {
		t.Errorf("flow: %v", row)
	}
}

func TestOneReadingHasNoGrowth(t *testing.T) {
	s, _ := scripted(t, []inetdiag.Socket{connection(1, "192.0.2.1:443")})
	f := looksAt(t, s, 1, 0)
	for _, name := range []string{"tcp.segs_retrans", "tcp.flows_stalled", "tcp.flows_not_read", "tcp.rtt_ms", "tcp.peer_resets"} {
		if v, known := f.Num(name); known {
			t.Errorf("%s is %v after one look", name, v)
		}
	}
	numbers(t, f, map[string]float64{"tcp.established": 1, "tcp.flows_backoff": 0})
}

func TestStall(t *testing.T) {
	stuck := func(backoff uint8, queue, notsent uint32, acked uint64, silence uint32) func(*inetdiag.Socket) {
		return func(k *inetdiag.Socket) {
			k.Timer, k.WQueue = inetdiag.TimerRetransmit, queue
			k.Info.Backoff, k.Info.NotsentBytes, k.Info.Unacked = backoff, notsent, 1
			k.Info.BytesAcked, k.Info.Delivered, k.Info.BytesReceived = acked, 3, 200
			k.Info.RTO, k.Info.LastAckRecv = 200_000<<backoff, silence
		}
	}
	quiet := func(k *inetdiag.Socket) { k.Info.BytesAcked = 100 }
	for name, c := range map[string]struct {
		before, after              func(*inetdiag.Socket)
		stalled, full, small, pmtu float64
		idle                       float64
	}{
		"healthy":                 {quiet, quiet, 0, 0, 0, 0, 0},
		"full segment":            {quiet, stuck(1, 2896, 1448, 100, 500), 1, 1, 0, 1, 0},
		"small segment":           {quiet, stuck(2, 100, 0, 100, 900), 1, 0, 1, 0, 0},
		"large went through":      {stuck(0, 2896, 0, 100_000, 0), stuck(1, 2896, 0, 100_000, 500), 1, 1, 0, 0, 0},
		"made progress":           {quiet, stuck(1, 2896, 0, 5000, 500), 0, 0, 0, 0, 0},
		"progress, but long ago":  {quiet, stuck(3, 2896, 0, 3000, 2000), 1, 1, 0, 0, 0},
		"after ten minutes' idle": {quiet, stuck(2, 100, 0, 100, 600_000), 1, 0, 1, 0, 1},
		"zero window": {quiet, func(k *inetdiag.Socket) {
			stuck(4, 5000, 5000, 100, 500)(k)
			k.Timer, k.Info.SndWnd, k.Info.Unacked = inetdiag.TimerProbe, 0, 0
		}, 0, 0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			k := connection(1, "192.0.2.1:443")
			s, _ := scripted(t, []inetdiag.Socket{with(k, c.before)}, []inetdiag.Socket{with(k, c.after)})
			numbers(t, looksAt(t, s, 2, 0), map[string]float64{
				"tcp.flows_stalled": c.stalled, "tcp.flows_stalled_full_size": c.full, "tcp.flows_stalled_small": c.small,
				"tcp.small_ok_large_stalled": c.pmtu, "tcp.flows_stalled_after_idle": c.idle,
			})
		})
	}
}

func TestOldKernelLeavesFactsUnknown(t *testing.T) {
	old := with(connection(1, "192.0.2.1:443"), func(k *inetdiag.Socket) { k.InfoLen = 192 }) // 4.10
	s, _ := scripted(t, []inetdiag.Socket{old}, []inetdiag.Socket{old})
	f := looksAt(t, s, 2, 0)
	for _, name := range []string{"tcp.ooo_segments", "tcp.dsack_dups", "tcp.delivered_ce", "tcp.flows_send_fails"} {
		if v, known := f.Num(name); known {
			t.Errorf("%s is %v on a kernel that does not give it", name, v)
		}
	}
	numbers(t, f, map[string]float64{"tcp.segs_retrans": 0, "tcp.bytes_acked": 0})
	if len(f.Blind) != 1 {
		t.Errorf("blind: %v", f.Blind)
	}
}

// TestTroubledKeepTheirPlaces: a crowd of one kind does not hide the one of another.
func TestTroubledKeepTheirPlaces(t *testing.T) {
	var first, second []inetdiag.Socket
	for i := range uint64(500) {
		k := connection(i+1, fmt.Sprintf("198.51.100.%d:443", i%250))
		first = append(first, k)
		second = append(second, with(k, func(k *inetdiag.Socket) { k.Info.TotalRetrans = 900 }))
	}
	reader := with(connection(9000, "192.0.2.1:443"), func(k *inetdiag.Socket) { k.RQueue = 100_000 })
	s, _ := scripted(t, append(first, reader), append(second, reader))
	f := looksAt(t, s, 2, 0)
	if row := rowOf(t, f, "flow", "trouble", "reader"); row["not_read"] != true {
		t.Errorf("reader: %v", row)
	}
	if n := len(f.Tables["flow"]); n > shownFlows || n < 20 {
		t.Errorf("%d flows shown", n)
	}
	numbers(t, f, map[string]float64{"tcp.flows_retrans": 500, "tcp.flows_not_read": 1, "tcp.segs_retrans": 450_000})
	if n := len(f.Tables["peer"]); n != shownGroups {
		t.Errorf("%d peers shown", n)
	}
}

func TestVanished(t *testing.T) {
	busy := with(connection(1, "192.0.2.1:443"), func(k *inetdiag.Socket) { k.Info.Unacked = 3 })
	idle := connection(2, "192.0.2.1:443")
	s, _ := scripted(t, []inetdiag.Socket{busy, idle}, []inetdiag.Socket{busy, idle}, nil)
	numbers(t, looksAt(t, s, 3, 0), map[string]float64{"tcp.peer_resets": 1})
}

// TestLookThatFails: growth that was half counted is not used, and inet_diag is
// tried anew at the next look.
func TestLookThatFails(t *testing.T) {
	at := func(retrans uint32) []inetdiag.Socket {
		return []inetdiag.Socket{with(connection(1, "192.0.2.1:443"), func(k *inetdiag.Socket) { k.Info.TotalRetrans = retrans })}
	}
	s, kernel := scripted(t, at(10), at(20), at(30), at(40), at(45))
	kernel.fail = map[int]error{2: unix.ENOBUFS}
	numbers(t, looksAt(t, s, 5, 0), map[string]float64{"tcp.segs_retrans": 5, "tcp.established": 1})
}

func TestFallbackToProc(t *testing.T) {
	s := New()
	s.dial = func() (dumper, error) { return nil, unix.EPERM }
	tcp, err := os.ReadFile("inetdiag/testdata/tcp-4.18")
	if err != nil {
		t.Fatal(err)
	}
	s.procRoot = procWith(t, map[string]string{"thread-self/net/tcp": string(tcp)})
	f := looksAt(t, s, 3, 0)
	numbers(t, f, map[string]float64{"tcp.established": 1, "tcp.syn_sent": 1, "tcp.syn_sent_retrying": 1, "tcp.time_wait": 1})
	row := rowOf(t, f, "listener", "port", 22.0)
	if _, known := row["limit"]; known || row["queue"] != 3.0 || row["standing"] != true {
		t.Errorf("listener: %v", row)
	}
	for _, name := range []string{"tcp.segs_retrans", "tcp.flows_stalled", "tcp.flows_not_read", "tcp.sock_drops", "tcp.flows_backoff"} {
		if v, known := f.Num(name); known {
			t.Errorf("%s is %v without tcp_info", name, v)
		}
	}
	if len(f.Blind) == 0 {
		t.Error("it does not say that it could not see tcp_info")
	}
}

func TestNeitherDiagNorProc(t *testing.T) {
	s := New()
	s.dial = func() (dumper, error) { return nil, unix.EPERM }
	s.procRoot = t.TempDir()
	if _, err := s.Look(context.Background()); err == nil {
		t.Error("no error")
	}
}

// TestReadingSurvivesJSON: a saved observation gives the same facts.
func TestReadingSurvivesJSON(t *testing.T) {
	k := connection(1, "192.0.2.1:443")
	worse := with(k, func(k *inetdiag.Socket) { k.Info.TotalRetrans, k.Info.DataSegsOut = 5, 9 })
	s, _ := scripted(t, []inetdiag.Socket{k}, []inetdiag.Socket{worse})
	var live, saved []fact.Reading
	for range 2 {
		data, err := s.Look(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(data)
		if err != nil {
			t.Fatal(err)
		}
		again := &Reading{}
		if err := json.Unmarshal(b, again); err != nil {
			t.Fatal(err)
		}
		live, saved = append(live, fact.Reading{Data: data}), append(saved, fact.Reading{Data: again})
	}
	one, two := fact.New(time.Unix(0, 0), 1), fact.New(time.Unix(0, 0), 1)
	s.Facts(live, one)
	s.Facts(saved, two)
	if a, b := fmt.Sprint(one.Values, one.Tables), fmt.Sprint(two.Values, two.Tables); a != b {
		t.Errorf("live:\n%s\nsaved:\n%s", a, b)
	}
}
