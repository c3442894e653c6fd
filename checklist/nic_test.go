package checklist

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"whydrop/probes/fact"
	"whydrop/probes/links"
)

// card is a network card at two looks, five seconds apart: what ethtool -S
// prints, and the kernel's standard counters. A number is what a counter gained.
type card struct {
	driver string
	dump   string            // "NAME NUMBER, NAME NUMBER"
	link   map[string]uint64 // by the name of the row field
	host   map[string]float64
	falls  string // a statistic that begins again at zero
}

// standard are the places of the standard counters in struct rtnl_link_stats64.
var standard = map[string]int{
	"rx_packets": 0, "tx_packets": 1, "rx_errors": 4, "tx_errors": 5, "rx_dropped": 6, "tx_dropped": 7, "collisions": 9,
	"rx_length": 10, "rx_over": 11, "rx_crc": 12, "rx_frame": 13, "rx_fifo": 14, "rx_missed": 15, "tx_aborted": 16, "tx_window": 20,
}

const counted = 1000 // what every counter had counted before

// printed is what ethtool -S prints before or after the window.
func (n card) printed(t *testing.T, after bool) []links.Printed {
	t.Helper()
	var text strings.Builder
	for _, s := range strings.Split(n.dump, ",") {
		name, gained := strings.TrimSpace(s), uint64(0)
		if at := strings.LastIndexByte(name, ' '); at > 0 {
			if _, err := fmt.Sscan(name[at+1:], &gained); err == nil {
				name = name[:at]
			}
		}
		value := uint64(counted)
		switch {
		case after && name == n.falls:
			value = 0
		case after:
			value += gained
		}
		fmt.Fprintf(&text, "     %s: %d\n", name, value)
	}
	printed, err := links.ParseStatistics(strings.NewReader("NIC statistics:\n" + text.String()))
	if err != nil {
		t.Fatal(err)
	}
	return printed
}

// look is the card before or after the window.
func (n card) look(t *testing.T, layout *links.Layout, after bool) fact.Reading {
	t.Helper()
	stats := make([]uint64, 24)
	for i := range stats {
		stats[i] = counted
	}
	if after {
		stats[0], stats[1] = counted+200000, counted+180000
		for name, gained := range n.link {
			at, ok := standard[name]
			if !ok {
				t.Fatalf("no standard counter %q", name)
			}
			stats[at] = counted + gained
		}
	}
	changes := uint32(2)
	link := links.Link{
		Index: 2, Name: "eth0", Bus: "0000:01:00.0", Up: true, Carrier: true, MTU: 1500, TxQLen: 1000, Qdisc: "mq", Addresses: 1, Routed: true, Changes: &changes, Stats: stats,
		Settings: fact.Row{"driver": n.driver, "queues_rx": 4.0, "queues_rx_max": 8.0, "ring_rx": 512.0, "ring_rx_max": 4096.0, "rx_usecs": 8.0, "adaptive_rx": true},
		Counters: layout.Printed(n.printed(t, after)),
	}
	at := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	if after {
		at = at.Add(5 * time.Second)
	}
	return fact.Reading{At: at, Data: &links.Reading{Links: []links.Link{link}}}
}

// diagnosed is the case of a host that works apart from its card.
func (n card) diagnosed(t *testing.T) *Diagnosis {
	t.Helper()
	c := newCase(t, "")
	c.Facts = facts(quiet(n.host))
	c.Facts.Gauge("cpu.softirq_max", 0.2)
	c.Facts.Gauge("host.cpus", 8)
	layout := links.PrintedLayout(c.Book, n.driver, n.printed(t, false))
	links.New(c.Book).Facts([]fact.Reading{n.look(t, layout, false), n.look(t, layout, true)}, c.Facts)
	return c.Diagnose()
}

// Each trouble of a card leads to its cause, whatever the driver calls it.
func TestCardTroubles(t *testing.T) {
	for _, c := range []struct {
		name string
		card card
		want string
		lost float64 // on this host, each packet once
	}{
		{"ixgbe: no descriptor", card{driver: "ixgbe",
			dump: "rx_packets 200000, rx_missed_errors 0, rx_no_buffer_count 900, rx_no_dma_resources 812, tx_restart_queue 12, fdir_miss 900, alloc_rx_page 4000, rx_csum_offload_errors 0"},
			"nic.rx-ring-overflow", 812},
		{"ixgbe: packet buffer full", card{driver: "ixgbe", dump: "rx_missed_errors 500, rx_no_dma_resources 0", link: map[string]uint64{"rx_missed": 500}},
			"nic.rx-ring-overflow", 500},
		{"i40e of older kernels: no descriptor", card{driver: "i40e", dump: "rx_dropped 600, port.rx_dropped 0, rx_errors 0", link: map[string]uint64{"rx_dropped": 600}},
			"nic.rx-ring-overflow", 600},
		{"ice: no descriptor", card{driver: "ice", dump: "rx_dropped 600, rx_dropped.nic 0", link: map[string]uint64{"rx_dropped": 600}}, "nic.rx-ring-overflow", 600},
		{"mlx5: out of buffer", card{driver: "mlx5_core",
			dump: "rx_packets 200000, rx_out_of_buffer 4312, rx_discards_phy 0, rx_steer_missed_packets 40, rx_pause_ctrl_phy 0, tx_pause_ctrl_phy 0, rx_csum_complete 190000, rx0_csum_complete 190000",
			link: map[string]uint64{"rx_missed": 4312}}, "nic.rx-ring-overflow", 4312},
		{"mlx5: port buffer full", card{driver: "mlx5_core", dump: "rx_out_of_buffer 0, rx_discards_phy 900, rx_prio0_discards 900, rx_crc_errors_phy 0"}, "nic.rx-ring-overflow", 900},
		{"bnxt: ring full", card{driver: "bnxt_en", dump: "[0]: rx_discards 0, [1]: rx_discards 700, rx_total_ring_discards 700, rx_stat_discard 0, rx_fcs_err_frames 0",
			link: map[string]uint64{"rx_missed": 700}}, "nic.rx-ring-overflow", 700},
		{"gve: no buffer posted", card{driver: "gve", dump: "rx_queue_drop_cnt[0] 300, rx_no_buffers_posted[0] 300, rx_dropped 0"}, "nic.rx-ring-overflow", 300},
		{"ena: the ring runs empty", card{driver: "ena", dump: "queue_0_rx_empty_rx_ring 0, queue_0_rx_cnt 200000", link: map[string]uint64{"rx_dropped": 900}}, "nic.rx-ring-overflow", 0},
		{"unknown driver: no descriptor", card{driver: "acme", dump: "rx_packets 200000, rx_ring0_no_desc 500"}, "nic.rx-ring-overflow", 0},
		{"tg3: CRC", card{driver: "tg3", dump: "rx_fcs_errors 37, rx_errors 37, rx_discards 0, rx_align_errors 0", link: map[string]uint64{"rx_crc": 37, "rx_errors": 37}}, "link.errors", 37},
		{"tg3: the ring runs empty", card{driver: "tg3", dump: "rxbds_empty 90, rx_discards 12, rx_errors 0", link: map[string]uint64{"rx_over": 90, "rx_missed": 12}}, "nic.rx-ring-overflow", 12},
		{"mlx4: three names of one counter", card{driver: "mlx4_en", dump: "rx_over_errors 70, rx_fifo_errors 70, rx_missed_errors 70, rx_errors 0", link: map[string]uint64{"rx_over": 70, "rx_fifo": 70, "rx_missed": 70}},
			"nic.rx-ring-overflow", 70},
		{"igb: no descriptor", card{driver: "igb", dump: "rx_queue_0_drops 0, rx_queue_1_drops 80, rx_fifo_errors 85, rx_missed_errors 5, rx_errors 0", link: map[string]uint64{"rx_fifo": 85, "rx_missed": 5}},
			"nic.rx-ring-overflow", 85},
		{"hns3: CRC", card{driver: "hns3", dump: "rxq0_l2_err 20, rxq1_l2_err 5, mac_rx_fcs_err_pkt_num 25", link: map[string]uint64{"rx_crc": 25, "rx_errors": 25}}, "link.errors", 25},
		{"mlx5: pause storm", card{driver: "mlx5_core",
			dump: "rx_pause_ctrl_phy 90000, rx_global_pause 0, rx_prio3_pause 90000, rx_prio3_pause_duration 4100000, rx_out_of_buffer 0, tx_queue_stopped 4000"}, "nic.pause-frames", 0},
		{"ena: packets per second", card{driver: "ena",
			dump: "bw_in_allowance_exceeded 0, bw_out_allowance_exceeded 0, pps_allowance_exceeded 5400, conntrack_allowance_exceeded 0, linklocal_allowance_exceeded 0, queue_0_tx_queue_stop 3"},
			"aws.allowance", 0},
		{"e1000e: transmit timeout", card{driver: "e1000e", dump: "tx_timeout_count 1, tx_restart_queue 4, tx_errors 0, rx_crc_errors 0"}, "nic.driver-fault", 1},
		{"virtio: the driver drops", card{driver: "virtio_net", dump: "rx_queue_0_drops 300, rx_queue_0_xdp_drops 0", link: map[string]uint64{"rx_dropped": 300}}, "nic.driver-fault", 300},
		{"mlx5: no room for DMA", card{driver: "mlx5_core", dump: "tx_queue_dropped 200, tx0_dropped 200, rx_out_of_buffer 0", link: map[string]uint64{"tx_dropped": 200}}, "nic.driver-fault", 200},
		{"mlx5: reset", card{driver: "mlx5_core", dump: "tx_recover 2, tx0_recover 2, rx_out_of_buffer 0"}, "nic.driver-fault", 2},
		{"virtio: XDP drops", card{driver: "virtio_net", dump: "rx_queue_0_drops 4000, rx_queue_0_xdp_drops 4000, rx_queue_1_drops 0, rx_queue_1_xdp_drops 0",
			link: map[string]uint64{"rx_dropped": 4000}}, "bpf.xdp-drop", 4000},
		{"bnxt: no memory", card{driver: "bnxt_en", dump: "[0]: rx_discards 0, rx_total_oom_discards 60, rx_total_ring_discards 0", link: map[string]uint64{"rx_dropped": 60}},
			"host.memory-pressure", 60},
		{"e1000e: late collisions", card{driver: "e1000e", dump: "tx_abort_late_coll 12, tx_window_errors 12, tx_errors 12, collisions 0",
			link: map[string]uint64{"tx_window": 12, "tx_errors": 12}}, "link.duplex-mismatch", 12},
		{"bnxt: longer than the MTU", card{driver: "bnxt_en", dump: "rx_ovrsz_frames 0, rx_mtu_err_frames 40, rx_fcs_err_frames 0"}, "link.mtu-mismatch", 40},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := c.card.diagnosed(t)
			if first := d.Findings[0]; first.Cause.ID != c.want || !first.Named() {
				t.Errorf("want %s first%s", c.want, leading(d))
			}
			if lost := d.Balance.LocatedRx + d.Balance.LocatedTx; lost != c.lost {
				t.Errorf("%.0f lost on this host, want %.0f", lost, c.lost)
				for _, place := range d.Ledger {
					t.Logf("  %s: %.0f, loss %v", place.Counter, place.Drops, place.Loss)
				}
			}
		})
	}
}

// A full ring has many names, and each lost frame counts once.
func TestFullRings(t *testing.T) {
	for _, c := range []card{
		{driver: "sfc", dump: "port_rx_nodesc_drops 60, rx_nodesc_trunc 0, port_rx_overflow 0", link: map[string]uint64{"rx_dropped": 60}},
		{driver: "qede", dump: "no_buff_discards 60, brb_discards 0, rx_crc_errors 0", link: map[string]uint64{"rx_fifo": 60}},
		{driver: "be2net", dump: "rxq0: rx_drops_no_frags 20, rxq1: rx_drops_no_frags 40, rx_drops_no_pbuf 0", link: map[string]uint64{"rx_dropped": 60}},
		{driver: "vmxnet3", dump: "pkts rx OOB 60, drv dropped rx total 0, pkts rx err 0"},
		{driver: "atlantic", dump: "InDroppedDma 60, InErrors 0", link: map[string]uint64{"rx_dropped": 60}},
		{driver: "cxgb4", dump: "rx_bg0_frames_dropped 60, rx_bg1_frames_dropped 0, rx_fcs_errors 0", link: map[string]uint64{"rx_dropped": 60}},
		{driver: "r8169", dump: "rx_missed 60, rx_errors 0", link: map[string]uint64{"rx_missed": 60}},
		{driver: "iavf", dump: "rx_discards 60, rx_unknown_protocol 0", link: map[string]uint64{"rx_dropped": 60}},
		{driver: "i40e", dump: "port.rx_dropped 60, rx_dropped 0"},
		{driver: "i40e", dump: "rx_missed_errors 60, rx_dropped 0, port.rx_dropped 0", link: map[string]uint64{"rx_missed": 60}},
		{driver: "nfp", dump: "dev_rx_discards 60, dev_rx_errors 0", link: map[string]uint64{"rx_dropped": 60}},
		{driver: "fsl_dpaa2_eth", dump: "[hw] rx nobuffer discards 60, [hw] rx discarded frames 0", link: map[string]uint64{"rx_dropped": 60}},
		{driver: "fsl_enetc", dump: "Rx ring  0 discarded frames 60, MAC rx dropped packets 0"},
		{driver: "st_gmac", dump: "rx_overflow_cntr 60, mmc_rx_fifo_overflow 60, overflow_error 60, rx_gmac_overflow 0", link: map[string]uint64{"rx_over": 60}},
		{driver: "macb", dump: "rx_resource_errors 60, rx_overruns 0", link: map[string]uint64{"rx_over": 60}},
		{driver: "mvpp2", dump: "rxq_0_packets_bm_drops 60, rx_fifo_overrun 0"},
		{driver: "bnx2x", dump: "[0]: rx_discards 60, rx_discards 60, rx_brb_discard 0", link: map[string]uint64{"rx_fifo": 60}},
		{driver: "e1000e", dump: "rx_missed_errors 60, rx_no_buffer_count 900", link: map[string]uint64{"rx_missed": 60}},
		{driver: "igc", dump: "rx_queue_0_drops 60, rx_fifo_errors 60, rx_missed_errors 0", link: map[string]uint64{"rx_fifo": 60}},
		{driver: "mana", dump: "hc_rx_discards_no_wqe 60"},
		{driver: "idpf", dump: "port-rx-discards 60"},
		{driver: "ionic", dump: "hw_rx_missed_errors 60, frames_rx_dropped 0", link: map[string]uint64{"rx_missed": 60}},
	} {
		d := c.diagnosed(t)
		if first := d.Findings[0]; first.Cause.ID != "nic.rx-ring-overflow" || !first.Named() {
			t.Errorf("%s, %s: the full ring is not named%s", c.driver, c.dump, leading(d))
		}
		if lost := d.Balance.LocatedRx; lost != 60 {
			t.Errorf("%s, %s: %.0f lost, want 60", c.driver, c.dump, lost)
			for _, place := range d.Ledger {
				t.Logf("  %s: %.0f, loss %v", place.Counter, place.Drops, place.Loss)
			}
		}
	}
}

// So have damaged frames.
func TestDamagedFrames(t *testing.T) {
	both := map[string]uint64{"rx_crc": 60, "rx_errors": 60}
	for _, c := range []card{
		{driver: "ixgbe", dump: "rx_crc_errors 60, rx_errors 60, rx_length_errors 0", link: both},
		{driver: "igb", dump: "rx_crc_errors 60, rx_errors 60, rx_align_errors 0", link: both},
		{driver: "i40e", dump: "port.rx_crc_errors 60, rx_crc_errors 60, rx_errors 60, port.illegal_bytes 0", link: both},
		{driver: "ice", dump: "rx_crc_errors.nic 60, illegal_bytes.nic 0, rx_csum_bad.nic 0", link: both},
		{driver: "ice", dump: "port-rx-crc_errors 60, port-rx-csum_errors 0", link: both},
		{driver: "mlx5_core", dump: "rx_crc_errors_phy 60, rx_symbol_err_phy 70, rx_pcs_symbol_err_phy 70", link: both},
		{driver: "mlx4_en", dump: "rx_crc_errors 60, rx_errors 60, rx_jabbers 0", link: both},
		{driver: "bnxt_en", dump: "rx_fcs_err_frames 60, rx_stat_err 60, [0]: rx_errors 0", link: both},
		{driver: "bnx2x", dump: "rx_crc_errors 60, rx_align_errors 0", link: both},
		{driver: "be2net", dump: "rx_crc_errors 60, rx_alignment_symbol_errors 0", link: both},
		{driver: "qede", dump: "rx_crc_errors 60, rx_align_errors 0", link: both},
		{driver: "cxgb4", dump: "rx_fcs_errors 60, rx_symbol_errors 0", link: both},
		{driver: "sfc", dump: "port_rx_bad 60, rx_eth_crc_err 60, port_rx_align_error 0"},
		{driver: "nfp", dump: "mac.rx_frame_check_sequence_errors 60, mac.rx_errors 60"},
		{driver: "enic", dump: "rx_errors 60, rx_crc_errors 60, rq[0]_bad_fcs 60", link: both},
		{driver: "st_gmac", dump: "rx_crc_errors 60, mmc_rx_crc_error 60, mmc_rx_error 60", link: both},
		{driver: "mvneta", dump: "bad_crc_event 60, mac_receive_error 60, bad_frames_received 60"},
		{driver: "macb", dump: "rx_frame_check_sequence_errors 60, rx_alignment_errors 0", link: both},
		{driver: "ionic", dump: "frames_rx_bad_fcs 60, frames_rx_bad_all 60"},
		{driver: "fsl_enetc", dump: "MAC rx fcs errors 60, MAC rx frame errors 60"},
		{driver: "bcmgenet", dump: "rx_fcs 60, rx_crc_errors 60, rx_errors 60", link: both},
		{driver: "fec", dump: "rx_crc_errors 60, IEEE_rx_crc 60"},
		{driver: "fm10k", dump: "rx_crc_errors 60, rx_errors 60", link: both},
	} {
		d := c.diagnosed(t)
		if first := d.Findings[0]; first.Cause.ID != "link.errors" || !first.Named() {
			t.Errorf("%s, %s: the damage is not named%s", c.driver, c.dump, leading(d))
		}
		if lost := d.Balance.LocatedRx; lost != 60 {
			t.Errorf("%s, %s: %.0f lost, want 60", c.driver, c.dump, lost)
			for _, place := range d.Ledger {
				t.Logf("  %s: %.0f, loss %v", place.Counter, place.Drops, place.Loss)
			}
		}
	}
}

// What looks like another trouble is not taken for it.
func TestCardsNotConfused(t *testing.T) {
	for _, c := range []struct {
		name string
		card card
		not  string
	}{
		{"tg3: frames cut short", card{driver: "tg3", dump: "rx_undersize_packets 10, rx_frame_too_long_errors 0, rx_errors 10", link: map[string]uint64{"rx_length": 10, "rx_errors": 10}}, "link.mtu-mismatch"},
		{"ice: wrong checksums", card{driver: "ice", dump: "rx_csum_bad.nic 40, rx_crc_errors.nic 0", link: map[string]uint64{"rx_errors": 40}}, "link.errors"},
		{"ixgbe: wrong checksums", card{driver: "ixgbe", dump: "rx_csum_offload_errors 40, rx_errors 40, rx_crc_errors 0", link: map[string]uint64{"rx_errors": 40}}, "link.errors"},
		{"ixgbe: protocols that nobody handles", card{driver: "ixgbe", dump: "rx_dropped 60, rx_missed_errors 0, rx_no_dma_resources 0", link: map[string]uint64{"rx_dropped": 60}}, "nic.rx-ring-overflow"},
		{"virtio: XDP drops", card{driver: "virtio_net", dump: "rx_queue_0_drops 4000, rx_queue_0_xdp_drops 4000", link: map[string]uint64{"rx_dropped": 4000}}, "nic.rx-ring-overflow"},
		{"mlx5: bits that FEC repaired", card{driver: "mlx5_core", dump: "rx_corrected_bits_phy 90000, rx_err_lane_0_phy 90000, rx_crc_errors_phy 0, rx_symbol_err_phy 0"}, "link.errors"},
		{"mlx5: packets for somebody else", card{driver: "mlx5_core", dump: "rx_steer_missed_packets 9000, rx_if_down_packets 10, rx_out_of_buffer 0"}, "nic.rx-ring-overflow"},
		{"mlx5: a few pause frames", card{driver: "mlx5_core", dump: "rx_pause_ctrl_phy 60, rx_global_pause 60, rx_global_pause_duration 900, tx_queue_stopped 20"}, "nic.pause-frames"},
		{"bnxt: not for this host", card{driver: "bnxt_en", dump: "rx_filter_miss 90000, [0]: rx_discards 0"}, "nic.rx-ring-overflow"},
		{"i40e: a busy transmit ring", card{driver: "i40e", dump: "tx_busy 400, tx_stopped 900, tx_restart 900, tx_linearize 90000, tx_errors 0"}, "nic.driver-fault"},
		{"e1000e: full duplex waits", card{driver: "e1000e", dump: "tx_deferred_ok 900, collisions 0, tx_restart_queue 30"}, "link.duplex-mismatch"},
		{"bnxt: one doorbell late", card{driver: "bnxt_en", dump: "[0]: missed_irqs 2, total_missed_irqs 2"}, "nic.driver-fault"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, f := range c.card.diagnosed(t).Findings {
				if f.Cause.ID == c.not && f.Named() {
					t.Errorf("%s is accused%s", c.not, reasonsOf(f))
				}
			}
		})
	}
}

// Counters that begin again at zero tell of a reset, and of no loss.
func TestCardReset(t *testing.T) {
	d := card{driver: "ena", dump: "pps_allowance_exceeded, bw_in_allowance_exceeded, queue_0_rx_empty_rx_ring", falls: "pps_allowance_exceeded"}.diagnosed(t)
	first := d.Findings[0]
	if first.Cause.ID != "nic.driver-fault" || len(first.For) != 1 || first.For[0].Rule != "counters-restarted" || first.Named() {
		t.Errorf("want nic.driver-fault first, and not yet named%s", leading(d))
	}
	for _, f := range d.Findings {
		if f.Cause.ID == "aws.allowance" && len(f.For) > 0 {
			t.Errorf("a counter that fell is taken for growth: %s", reasonsOf(f))
		}
	}
}

// A busy card that works counts a lot, and nothing of it is an accusation or a loss.
func TestHealthyCards(t *testing.T) {
	for _, c := range []card{
		{driver: "ixgbe", dump: "rx_packets 200000, tx_packets 180000, rx_bytes 90000000, tx_restart_queue 900, tx_busy 3, fdir_match 100000, fdir_miss 80000, fdir_overflow 2, alloc_rx_page 9000," +
			"rx_flow_control_xoff 2, rx_flow_control_xon 2, tx_flow_control_xoff 4, hw_rsc_aggregated 4000, non_eop_descs 9000, lsc_int 0, rx_no_buffer_count 3, rx_missed_errors 0, rx_no_dma_resources 0, rx_dropped 2, rx_queue_0_packets 50000",
			link: map[string]uint64{"rx_dropped": 2}},
		{driver: "mlx5_core", dump: "rx_packets 200000, tx_packets 180000, rx_csum_complete 150000, rx_csum_none 300, rx_csum_unnecessary 50000, rx_lro_packets 9000, tx_queue_stopped 40, tx_queue_wake 40, tx_xmit_more 9000," +
			"tx_nop 900, rx_steer_missed_packets 60, rx_vport_multicast_packets 80, rx_pause_ctrl_phy 3, rx_global_pause 3, rx_global_pause_duration 20, rx_global_pause_transition 3, rx_corrected_bits_phy 900, rx_err_lane_0_phy 400," +
			"rx_cache_full 500, rx_cache_busy 300, rx_pp_alloc_slow 30, rx_pp_recycle_ring_full 10, ch_eq_rearm 0, ch_poll 90000, rx_congst_umr 5, outbound_pci_stalled_rd 2, outbound_pci_stalled_wr 1, outbound_pci_stalled_wr_events 1," +
			"rx_arfs_expired 20, rx_buffer_passed_thres_phy 4, rx_unsupported_op_phy 1, ptp_cq0_late_cqe 1, rx_out_of_buffer 0, rx_discards_phy 0, rx_crc_errors_phy 0"},
		{driver: "i40e", dump: "rx_packets 200000, rx_unknown_protocol 3, tx_linearize 400, tx_force_wb 900, tx_busy 5, tx_stopped 20, rx_cache_busy 40, veb.rx_unknown_protocol 3, port.link_xoff_rx 2, port.link_xon_rx 2," +
			"port.fdir_atr_match 90000, port.fdir_flush_cnt 1, port.rx_size_big 900, port.rx_dropped 0, rx_dropped 0", link: map[string]uint64{"rx_dropped": 3}},
		{driver: "ice", dump: "rx_unknown_protocol 3, tx_linearize 40, tx_busy 5, tx_restart 90, rx_gro_dropped 4, rx_csum_bad.nic 2, fdir_sb_match.nic 900, link_xoff_rx.nic 1, rx_dropped 0, rx_dropped.nic 0, tx_hwtstamp_skipped 1",
			link: map[string]uint64{"rx_errors": 2, "rx_dropped": 3}},
		{driver: "bnxt_en", dump: "[0]: rx_ucast_packets 200000, [0]: tpa_aborts 90, [0]: rx_tpa_events 900, [0]: missed_irqs 0, rx_filter_miss 8000, rx_pause_frames 4, rx_corrected_bits 90, rx_fec_corrected_blocks 9, rx_buffer_passed_threshold 7," +
			"rx_eee_lpi_events 3, resume_pause_events 1, [0]: rx_discards 0, rx_total_ring_discards 0, rx_fcs_err_frames 0"},
		{driver: "tg3", dump: "rx_octets 9000000, rx_xoff_pause_rcvd 1, rx_threshold_hit 200, dma_readq_full 4000, dma_read_prioq_full 300, ring_set_send_prod_index 9000, nic_avoided_irqs 200, mbuf_lwm_thresh_hit 1, rx_discards 0, rx_errors 0, rx_fcs_errors 0"},
		{driver: "igb", dump: "rx_packets 200000, tx_queue_0_restart 300, rx_queue_0_drops 0, rx_queue_0_csum_err 0, rx_no_buffer_count 2, rx_smbus 400, rx_long_byte_count 90000, os2bmc_rx_by_host 3, dropped_smbus 5, rx_hwtstamp_cleared 1, rx_dropped 2, rx_missed_errors 0, rx_fifo_errors 0",
			link: map[string]uint64{"rx_dropped": 2}},
		{driver: "ena", dump: "queue_0_tx_queue_stop 40, queue_0_tx_queue_wakeup 40, queue_0_tx_linearize 30, queue_0_tx_llq_buffer_copy 90, queue_0_rx_csum_unchecked 900, queue_0_rx_csum_good 190000, queue_0_rx_rx_copybreak_pkt 9000, queue_0_rx_lpc_full 50," +
			"queue_0_tx_missed_tx 1, queue_0_rx_empty_rx_ring 0, ena_admin_q_completed_cmd 12, conntrack_allowance_available 40, bw_in_allowance_exceeded 0, bw_out_allowance_exceeded 0, pps_allowance_exceeded 0, conntrack_allowance_exceeded 0, linklocal_allowance_exceeded 0"},
		{driver: "virtio_net", dump: "rx_queue_0_packets 200000, rx_queue_0_drops 0, rx_queue_0_xdp_packets 200000, rx_queue_0_xdp_redirects 190000, rx_queue_0_xdp_drops 0, rx_queue_0_kicks 900, tx_queue_0_kicks 900, tx_queue_0_tx_timeouts 0"},
		{driver: "gve", dump: "rx_packets 200000, rx_frag_flip_cnt[0] 90000, rx_frag_copy_cnt[0] 900, tx_stop[0] 30, tx_wake[0] 30, rx_queue_drop_cnt[0] 0, rx_no_buffers_posted[0] 0, adminq_report_stats_cnt 3, stats_report_trigger_cnt 3, reset_cnt 0"},
		{driver: "hv_netvsc", dump: "tx_scattered 9000, tx_busy 3, stop_queue 20, wake_queue 20, tx_send_full 30, vf_rx_packets 190000, rx_no_memory 0, tx_no_space 0"},
		{driver: "acme", dump: "rx_packets 200000, rx_csum_complete 190000, rx_lro_aggregated 9000, tx_restart_queue 300, tx_stopped 20, rx_fdir_miss 900, rx_pp_alloc_slow 9, rx_pp_recycle_ring_full 3, rx_pause_frames 2, rx_no_dma_resources 0, ptp_cq0_late_cqe 3, tx_nop 900"},
	} {
		t.Run(c.driver, func(t *testing.T) {
			d := c.diagnosed(t)
			if d.Findings[0].Named() {
				t.Errorf("a card that works is accused%s", leading(d))
			}
			for _, place := range d.Ledger {
				if place.Loss && place.Drops > 0 {
					t.Errorf("%s is taken for a loss of %.0f", place.Counter, place.Drops)
				}
			}
		})
	}
}
