package content

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"
	"testing/fstest"
)

func embeddedBook(t testing.TB) *Book {
	t.Helper()
	b, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTranslate(t *testing.T) {
	b := embeddedBook(t)
	for _, c := range []struct {
		driver, stat         string
		name, queue, meaning string
		link                 string
		guess                bool
	}{
		{"ixgbe", "rx_no_dma_resources", "rx_no_dma_resources", "", "ring_overflow", "", false},
		{"ixgbe", "rx_missed_errors", "rx_missed_errors", "", "buffer_overflow", "rx_missed", false},
		{"ixgbe", "tx_pb_3_pxoff", "tx_pb_{n}_pxoff", "3", "pfc_sent", "", false},
		{"ixgbe", "VF 12 Tx Spoofed", "VF {n} Tx Spoofed", "12", "spoof", "", false},
		{"igc", "rx_queue_2_drops", "rx_queue_{n}_drops", "2", "ring_overflow", "rx_fifo", false},
		{"i40e", "port.rx_priority_7_xoff", "port.rx_priority_{n}_xoff", "7", "pfc_received", "", false},
		{"i40e", "port.rx_priority_7_xoff_rx", "port.rx_priority_{n}_xoff_rx", "7", "pfc_received", "", false},
		{"i40evf", "rx_discards", "rx_discards", "", "ring_overflow", "rx_dropped", false},
		{"ice", "rx_dropped.nic", "rx_dropped.nic", "", "buffer_overflow", "rx_missed", false},
		{"mlx5_core", "rx_out_of_buffer", "rx_out_of_buffer", "", "ring_overflow", "rx_missed", false},
		{"mlx5_core", "rx17_xdp_drop", "rx{n}_xdp_drop", "17", "xdp_drop", "", false},
		{"mlx5_core", "rx_err_lane_2_phy", "rx_err_lane_{n}_phy", "2", "corrected", "", false},
		{"bnxt_en", "[11]: rx_discards", "[{n}]: rx_discards", "11", "ring_overflow", "rx_missed", false},
		{"be2net", "rxq0: rx_drops_no_frags", "rxq{n}: rx_drops_no_frags", "0", "ring_overflow", "rx_dropped", false},
		{"ena", "queue_31_rx_empty_rx_ring", "queue_{n}_rx_empty_rx_ring", "31", "ring_empty", "", false},
		{"ena", "pps_allowance_exceeded", "pps_allowance_exceeded", "", "allowance_pps", "", false},
		{"gve", "rx_no_buffers_posted[4]", "rx_no_buffers_posted[{n}]", "4", "ring_overflow", "", false},
		{"virtio_net", "rx_queue_0_drops", "rx_queue_{n}_drops", "0", "rx_driver_drop", "rx_dropped", false},
		{"vmxnet3", "  pkts rx OOB", "pkts rx OOB", "", "ring_overflow", "", false},
		{"cxgb4", "rx_fcs_errors          ", "rx_fcs_errors", "", "crc", "rx_crc", false},
		{"hns3", "rxq5_l3l4_csum_err", "rxq{n}_l3l4_csum_err", "5", "checksum", "", false},
		{"qede", "3_0: stopped_cnt", "{n}_{n}: stopped_cnt", "3.0", "ring_full", "", false},
		{"fsl_dpaa2_eth", "[hw] rx nobuffer discards", "[hw] rx nobuffer discards", "", "ring_overflow", "rx_dropped", false},
		{"i40e", "port.rx_tcp_cso_error", "port.rx_tcp_cso_error", "", "checksum", "", false},
		{"ice", "port-rx-dropped_pkts", "port-rx-dropped_pkts", "", "buffer_overflow", "rx_missed", false}, // the newer spelling
		{"ice", "rx-dropped_pkts", "rx-dropped_pkts", "", "ring_overflow", "rx_dropped", false},
		{"mlx5_core", "rx_discards_phy", "rx_discards_phy", "", "buffer_overflow", "rx_dropped", false},
		{"mlx5_core", "rx_prio3_cong_discard", "rx_prio{n}_cong_discard", "3", "buffer_overflow", "rx_dropped", false},
		{"bnxt_en", "[2]: rx_drops", "[{n}]: rx_drops", "2", "rx_error", "", false}, // now rx_errors
		{"bnxt_en", "[2]: rx_buf_errors", "[{n}]: rx_buf_errors", "2", "rx_driver_drop", "", false},
		{"tg3", "rxbds_empty", "rxbds_empty", "", "ring_empty", "rx_over", false},
		{"virtio_net", "tx1_tx_timeouts", "tx{n}_tx_timeouts", "1", "tx_timeout", "tx_errors", false},
		{"ena", "queue_3_tx_lost_interrupt", "queue_{n}_tx_lost_interrupt", "3", "missed_interrupt", "", false},
		{"mvpp2", "fragments_err_received", "fragments_err_received", "", "fragment", "", false},
		{"fsl_enetc", "Rx ring  3 discarded frames", "Rx ring  {n} discarded frames", "3", "ring_overflow", "", false},
		{"fsl_enetc", "SI VLAN nomatch m-cast discards", "SI VLAN nomatch m-cast discards", "", "filtered", "", false},
		{"r8125", "rdu", "rdu", "", "ring_empty", "", false},
		{"nobody", "Rx dropped no buffer", "Rx dropped no buffer", "", "ring_overflow", "", true},
		{"nobody", "outFCSErr", "outFCSErr", "", "tx_error", "", true},
		{"nobody", "if_in_discards", "if_in_discards", "", "rx_drop", "", true},
		{"nobody", "rx_ring3_no_desc", "rx_ring{n}_no_desc", "3", "ring_overflow", "", true},
		{"nobody", "Rx_CRC_Errors", "Rx_CRC_Errors", "", "crc", "", true},
		{"nobody", "tx_carrier_errors", "tx_carrier_errors", "", "carrier", "", true},
		{"nobody", "bw_out_allowance_exceeded", "bw_out_allowance_exceeded", "", "allowance_bw_out", "", true},
		{"ixgbe", "rx_queue_9_new_drops", "rx_queue_{n}_new_drops", "9", "rx_drop", "", true}, // a newer driver
	} {
		got, ok := b.Translate(c.driver, c.stat)
		if !ok || got.Name != c.name || got.Queue != c.queue || got.Meaning != c.meaning || got.Link != c.link || got.Guess != c.guess {
			t.Errorf("%s %q: %+v, %v, want %+v", c.driver, c.stat, got, ok, c)
		}
		if m := b.meanings[c.meaning]; m != nil && (got.Hop != m.Hop || got.Direction != m.Direction || got.Loss != m.Loss || got.Means != m.Means) {
			t.Errorf("%s %q: %+v has not what its meaning says", c.driver, c.stat, got)
		}
	}
}

// TestMaybe: what counts packets of protocols that nobody handles is no proof
// of loss, unless the driver's own entry says so.
func TestMaybe(t *testing.T) {
	b := embeddedBook(t)
	for _, c := range [][3]string{
		{"igb", "rx_dropped", "maybe"}, {"ixgbe", "rx_dropped", "maybe"}, {"e1000e", "tx_dropped", "yes"}, {"i40e", "rx_dropped", "yes"},
	} {
		if got, _ := b.Translate(c[0], c[1]); got.Loss != c[2] {
			t.Errorf("%s %s: loss %q, want %q", c[0], c[1], got.Loss, c[2])
		}
	}
}

func TestOrdinary(t *testing.T) {
	b := embeddedBook(t)
	for _, c := range [][2]string{
		{"ena", "conntrack_allowance_available"}, {"ena", "queue_0_rx_xdp_redirect"}, {"ixgbe", "fdir_miss"},
		{"mlx5_core", "rx4_cache_full"}, {"mlx5_core", "outbound_pci_stalled_rd"}, {"vmxnet3", "     giant hdr"},
		{"nobody", "rx_packets"}, {"nobody", "rx_csum_none"}, {"nobody", "tx_1024_to_1522"}, {"nobody", ""},
		{"nobody", "rx_queue_3_bytes"}, {"nobody", "missed_interrupts"},
		{"nobody", "rx_fd_miss"}, {"nobody", "rx_pp_recycle_ring_full"}, {"nobody", "ptp_cq0_lost_cqe"}, {"nobody", "rx_lro_aborted"}, {"nobody", "tx_nop"},
		{"ena", "queue_0_tx_pending_timedout_pkts"}, {"ena", "queue_0_rx_pp_ring_full"}, {"ena", "io_suspend"}, {"bnxt_en", "[0]: rx_tpa_aborts"},
		{"mlx5_core", "rx_csum_complete_tail_slow"}, {"mlx5_core", "rx_vport_multicast_packets"}, {"ixgbe", "hw_rsc_flushed"}, {"ice", "rx_gro_dropped"},
	} {
		if got, ok := b.Translate(c[0], c[1]); ok {
			t.Errorf("%s %q is taken for trouble: %+v", c[0], c[1], got)
		}
	}
}

// TestSums: what repeats other statistics has to be told.
func TestSums(t *testing.T) {
	b := embeddedBook(t)
	for _, c := range []struct{ driver, whole, part string }{
		{"ice", "tx_errors.nic", "tx_errors"}, {"bnxt_en", "rx_total_ring_discards", "[{n}]: rx_discards"},
		{"mlx5_core", "rx_wqe_err", "rx{n}_wqe_err"}, {"igb", "rx_fifo_errors", "rx_queue_{n}_drops"}, {"igc", "rx_fifo_errors", "rx_queue_{n}_drops"},
		{"gve", "rx_dropped_pkt[{n}]", "rx_skb_alloc_fail"}, {"mlx4_en", "rx_over_errors", "rx_missed_errors"}, {"tg3", "rx_errors", "rx_fcs_errors"},
		{"hns3", "mac_rx_fcs_err_pkt_num", "rxq{n}_l2_err"}, {"ena", "total_resets", "os_netdev_wd"}, {"mlx5_core", "rx_discards_phy", "rx_prio{n}_discards"},
		{"e1000e", "rx_length_errors", "rx_long_length_errors"}, {"be2net", "rxq{n}: rx_compl_err", "rx_tcp_checksum_errs"},
	} {
		got, ok := b.Translate(c.driver, strings.ReplaceAll(c.whole, placeholder, "0"))
		if !ok || !strings.Contains(strings.Join(got.Sums, ","), c.part) {
			t.Errorf("%s: %s does not tell that it counts %s again: %v", c.driver, c.whole, c.part, got.Sums)
		}
	}
	// Names that sound like a sum and its parts, and count different packets.
	for _, c := range [][2]string{{"ixgbe", "rx_length_errors"}, {"ice", "rx_length_errors.nic"}, {"ixgbe", "rx_no_dma_resources"}, {"mlx5_core", "rx_out_of_buffer"}} {
		if got, _ := b.Translate(c[0], c[1]); len(got.Sums) != 0 {
			t.Errorf("%s: %s does not count %v again", c[0], c[1], got.Sums)
		}
	}
}

// TestGuesses tries the patterns on what is listed: they should find most of it,
// and most often the same meaning.
func TestGuesses(t *testing.T) {
	b := embeddedBook(t)
	all, found, same := 0.0, 0.0, 0.0
	for _, n := range b.NICs {
		for _, names := range b.statistics(n.Driver) {
			for _, e := range names {
				if e.ordinary {
					continue
				}
				all++
				if m := b.guess(numbered(e.Name)); m != nil {
					found++
					if m.ID == e.Meaning {
						same++
					}
				}
			}
		}
	}
	t.Logf("of %.0f listed statistics %.0f %% are found by name, %.0f %% with the listed meaning", all, 100*found/all, 100*same/all)
	if found < 0.85*all || same < 0.65*all {
		t.Error("the patterns guess too little")
	}
}

// suspicious is what a person who reads ethtool -S stops at.
var suspicious = regexp.MustCompile(`(?i)drop|discard|err|fail|miss|overrun|overflow|oob|no_|crc|fcs|align|symbol|jabber|fragment|runt|size$|length|pause|xoff|pfc|timeout|reset|abort|bad|invalid|illegal|exceed|starv|lost|full|empty|stop|busy|collision|defer|carrier|down|fault|parity|ecc|spoof|suspend|trunc|denied|reject|exhaust|hang|stall|corrupt|unsupp`)

// TestRealDumps reads outputs of ethtool -S, one file a driver (DRIVER.txt, or
// DRIVER-anything.txt), from the directory that WHYDROP_NIC_DUMPS names: each
// statistic with a suspicious name must be listed for its driver.
func TestRealDumps(t *testing.T) {
	dir := os.Getenv("WHYDROP_NIC_DUMPS")
	if dir == "" {
		t.Skip("WHYDROP_NIC_DUMPS names no directory with outputs of ethtool -S")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no DRIVER.txt in %s: %v", dir, err)
	}
	b := embeddedBook(t)
	for _, f := range files {
		driver, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(f), ".txt"), "-")
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		known, guessed, ordinary, all, missing := coverage(b, driver, string(data))
		t.Logf("%-14s %4d statistics: %3d with a meaning, %d guessed, %3d suspicious ones listed as ordinary", driver, all, known, guessed, ordinary)
		for _, name := range missing {
			t.Errorf("%s: %q is not listed", driver, name)
		}
	}
}

// coverage counts the statistics of a dump; those of all queues are one.
func coverage(b *Book, driver, dump string) (known, guessed, ordinary, all int, missing []string) {
	seen := map[string]bool{}
	for _, line := range strings.Split(dump, "\n") {
		at := strings.LastIndexByte(line, ':')
		if at < 0 || strings.TrimSpace(line[at+1:]) == "" {
			continue
		}
		name := strings.TrimSpace(line[:at])
		if seen[numbered(name)] {
			continue
		}
		seen[numbered(name)] = true
		all++
		got, ok := b.Translate(driver, name)
		listed := false
		for _, e := range b.statistics(driver)[numbered(name)] {
			_, same := e.match(name)
			listed = listed || same
		}
		switch {
		case ok && got.Guess:
			guessed++
			missing = append(missing, name+" (guess: "+got.Meaning+")")
		case ok:
			known++
		case suspicious.MatchString(name) && listed:
			ordinary++
		case suspicious.MatchString(name):
			missing = append(missing, name)
		}
	}
	sort.Strings(missing)
	return known, guessed, ordinary, all, missing
}

// TestCoverage reads a dump as ethtool -S prints it, of a driver version that
// is newer than this list.
func TestCoverage(t *testing.T) {
	dump := `NIC statistics:
     rx_packets: 100
     rx_missed_errors: 7
     rx_queue_0_drops: 1
     rx_queue_1_drops: 2
     tx_queue_0_restart: 3
     rx_hwtstamp_cleared: 0
     rx_smbus: 4
     rx_queue_0_no_credit_drops: 5
     rx_phase_lost: 6
`
	known, guessed, ordinary, all, missing := coverage(embeddedBook(t), "igb", dump)
	if known != 3 || guessed != 2 || ordinary != 0 || all != 8 || len(missing) != 2 {
		t.Errorf("of %d statistics %d known, %d guessed, %d ordinary, missing %q", all, known, guessed, ordinary, missing)
	}
}

func TestProblemsOfNICs(t *testing.T) {
	base := map[string]string{
		"hops.yaml": "hops: [{id: nic, title: NIC, short: nic, means: m, direction: both}]",
		"facts/f.yaml": `
probe: links
by_hand: x
tables:
  - {name: link, means: m, fields: [{name: name, type: text, means: m}, {name: rx_missed, type: count, means: m}]}
  - {name: nic, means: m, fields: [{name: name, type: text, means: m}, {name: crc, type: count, means: m}]}
`,
		"m.yaml": "meanings: [{id: crc, hop: nic, direction: rx, loss: \"yes\", unit: packets, means: m}]",
	}
	for _, c := range []struct{ file, want string }{
		{"nics: [{driver: a, sources: [s], statistics: {crd: [x]}}]", `n.yaml:1: driver a: "x" has the unknown meaning "crd"`},
		{"nics:\n  - driver: a\n    sources: [s]\n    statistics:\n      crc: [x,\n        x]", `n.yaml:6: driver a: "x" stands twice`},
		{"nics: [{driver: a, statistics: {crc: [x]}}]", "n.yaml:1: driver a has no source"},
		{"nics: [{driver: a, sources: [s], statistics: {crc: [x]}, sums: {x: [y]}}]", `n.yaml:1: driver a: "y" is not listed`},
		{"nics: [{driver: a, sources: [s], statistics: {crc: [x]}, link: {rx_mist: [x]}}]", `n.yaml:1: driver a: the table link has no counter "rx_mist"`},
		{"nics: [{driver: a, sources: [s], statistics: {crc: [x]}, maybe: [y]}]", `n.yaml:1: driver a: "y" is not listed`},
		{"nics: [{driver: a, sources: [s], like: b}]", `n.yaml:1: driver a is like "b"`},
		{"nics: [{driver: a, sources: [s], like: c}, {driver: c, sources: [s], like: a}]", `driver c is like "a": expected another driver`},
		{"nics: [{driver: a, sources: [s], also: [c]}, {driver: c, sources: [s]}]", "driver c stands twice"},
		{"nics: [{driver: a, sources: [s], statistic: {crc: [x]}}]", "n.yaml:1: "},
		{"nics: [{driver: a, sources: [s], statistics: {crc: [[x]]}}]", "n.yaml:1: "},
		{"meanings: [{id: worn, hop: nowhere, direction: up, loss: perhaps}]", `n.yaml:1: meaning worn is at the unknown hop "nowhere"`},
		{"meanings: [{id: worn, hop: nic, direction: rx, loss: \"no\", unit: u, means: m}]", "meaning worn: expected a field of that name"},
		{"patterns: [{match: '(', meaning: crc}]", `n.yaml:1: pattern "(" is not a regular expression`},
		{"patterns: [{match: x, meaning: crd}]", `n.yaml:1: pattern "x" has the unknown meaning "crd"`},
	} {
		files := fstest.MapFS{"n.yaml": {Data: []byte(c.file)}}
		for name, text := range base {
			files[name] = &fstest.MapFile{Data: []byte(text)}
		}
		_, err := load([]layer{{files: files, prefix: ""}}, true)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\n  problems %v\n  want %s", c.file, err, c.want)
		}
	}
}

// TestOverlayOfNICs: a driver of the overlay replaces the embedded one, another
// is added, and its patterns are tried first.
func TestOverlayOfNICs(t *testing.T) {
	dir := t.TempDir()
	text := `
nics:
  - {driver: r8169, sources: [ours], statistics: {crc: [rx_missed]}}
  - {driver: ours, also: [ours2], sources: [ours], like: tg3, statistics: {crc: ["q{n}_bits", rx_discards]}}
patterns:
  - {match: "^blue", meaning: hardware}
`
	if err := os.WriteFile(filepath.Join(dir, "nics.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][3]string{
		{"r8169", "rx_missed", "crc"}, {"ours", "q3_bits", "crc"}, {"ours", "rx_discards", "crc"}, {"ours2", "rxbds_empty", "ring_empty"},
		{"nobody", "blue_drops", "hardware"}, {"tg3", "rx_discards", "ring_overflow"},
	} {
		if got, _ := b.Translate(c[0], c[1]); got.Meaning != c[2] {
			t.Errorf("%s %s means %q, want %q", c[0], c[1], got.Meaning, c[2])
		}
	}
}

func FuzzTranslate(f *testing.F) {
	b := embeddedBook(f)
	f.Add("mlx5_core", "rx3_wqe_err")
	f.Add("nobody", "[{n}]: 9")
	f.Fuzz(func(t *testing.T, driver, stat string) {
		got, ok := b.Translate(driver, stat)
		if ok && (got.Meaning == "" || got.Name == "") {
			t.Errorf("%q %q: %+v", driver, stat, got)
		}
	})
}

func BenchmarkTranslate(b *testing.B) {
	book := embeddedBook(b)
	names := make([]string, 64)
	for i := range names {
		names[i] = fmt.Sprintf("rx%d_wqe_err", i)
	}
	for b.Loop() {
		for _, n := range names {
			book.Translate("mlx5_core", n)
		}
	}
}
