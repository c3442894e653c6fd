package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// sadfSample is one element of "statistics" in what sadf -j writes (sysstat 11
// and 12; rndr_stats and json_stats there). A value that is not there is nil.
type sadfSample struct {
	Timestamp struct {
		Date     string      `json:"date"`
		Time     string      `json:"time"`
		UTC      *int        `json:"utc"` // until 12.7.1
		TZ       *string     `json:"tz"`  // since then
		Interval json.Number `json:"interval"`
	} `json:"timestamp"`
	CPU []struct {
		CPU                       string `json:"cpu"`
		Idle, IOWait, Soft, Steal *float64
	} `json:"cpu-load"`
	Network struct {
		EDEV []struct {
			Iface                                string
			RxErr, TxErr, RxDrop, TxDrop, RxFIFO *float64
		} `json:"net-edev"`
		TCP struct {
			Passive, OSeg *float64
		} `json:"net-tcp"`
		ETCP struct {
			AtmptF, EstRes, Retrans, ISegErr, ORsts *float64
		} `json:"net-etcp"`
		Softnet []struct {
			CPU            string
			Dropd, Squeezd *float64
		} `json:"softnet"`
	} `json:"network"`
}

// parseSadf reads what sadf -j writes. The samples before an error count.
func parseSadf(r io.Reader, rec *record) error {
	dec := json.NewDecoder(r)
	samples := 0
	for {
		t, err := dec.Token()
		if errors.Is(err, io.EOF) {
			if samples == 0 {
				return errors.New("there are no statistics in it")
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("JSON: %w", err)
		}
		if t != "statistics" {
			continue
		}
		if t, err = dec.Token(); err != nil || t != json.Delim('[') {
			return errors.New("\"statistics\" is not a list")
		}
		for dec.More() {
			var s sadfSample
			if err := dec.Decode(&s); err != nil {
				return fmt.Errorf("JSON: %w", err)
			}
			samples++
			s.record(rec)
		}
	}
}

func (s *sadfSample) record(rec *record) {
	at, ok := s.at()
	seconds, err := strconv.ParseInt(string(s.Timestamp.Interval), 10, 32)
	if !ok || err != nil {
		return
	}
	add := func(sig Signal, device string, v *float64, scale float64) {
		if v != nil {
			rec.add(sig, device, at, time.Duration(seconds)*time.Second, *v*scale)
		}
	}
	n := &s.Network
	add(retrans, "", n.ETCP.Retrans, 1)
	add(attempts, "", n.ETCP.AtmptF, 1)
	add(resets, "", n.ETCP.EstRes, 1)
	add(outRsts, "", n.ETCP.ORsts, 1)
	add(inErrors, "", n.ETCP.ISegErr, 1)
	add(segments, "", n.TCP.OSeg, 1)
	add(accepted, "", n.TCP.Passive, 1)
	for _, d := range n.EDEV {
		add(rxDropped, d.Iface, d.RxDrop, 1)
		add(txDropped, d.Iface, d.TxDrop, 1)
		add(rxFIFO, d.Iface, d.RxFIFO, 1)
		add(rxErrors, d.Iface, d.RxErr, 1)
		add(txErrors, d.Iface, d.TxErr, 1)
	}
	for _, c := range n.Softnet {
		if c.CPU == "all" {
			add(backlog, "", c.Dropd, 1)
			add(squeezed, "", c.Squeezd, 1)
		}
	}
	for _, c := range s.CPU {
		if c.CPU != "all" {
			continue
		}
		add(softirq, "", c.Soft, 0.01)
		add(steal, "", c.Steal, 0.01)
		if c.Idle != nil && c.IOWait != nil {
			used := max(0, 100-*c.Idle-*c.IOWait)
			add(busy, "", &used, 0.01)
		}
	}
}

// at is the time of a sample: sadf gives UTC unless told otherwise.
func (s *sadfSample) at() (time.Time, bool) {
	t := &s.Timestamp
	loc := time.UTC
	if t.UTC != nil && *t.UTC == 0 || t.TZ != nil && *t.TZ != "UTC" {
		loc = time.Local
	}
	at, err := time.ParseInLocation(time.DateTime, t.Date+" "+t.Time, loc)
	return at, err == nil
}

// maxLine bounds a line of atop's, in bytes.
const maxLine = 64 << 10

// parseAtop reads what atop -P CPU,NET writes (atop(1), PARSEABLE OUTPUT). The
// sample after RESET counts since the boot and is passed over.
func parseAtop(r io.Reader, rec *record) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 4096), maxLine)
	sinceBoot, samples := false, 0
	for lines.Scan() {
		w := strings.Fields(lines.Text())
		switch {
		case len(w) == 0:
		case w[0] == "RESET":
			sinceBoot = true
		case w[0] == "SEP":
			sinceBoot = false
			samples++
		case !sinceBoot && len(w) > 6:
			atopLine(w, rec)
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if samples == 0 {
		return errors.New("there are no samples in it")
	}
	return nil
}

// atopLine reads LABEL HOST EPOCH DATE TIME INTERVAL and the label's own fields.
func atopLine(w []string, rec *record) {
	epoch, err1 := strconv.ParseInt(w[2], 10, 40)
	seconds, err2 := strconv.ParseInt(w[5], 10, 32)
	if err1 != nil || err2 != nil || seconds <= 0 {
		return
	}
	at, interval := time.Unix(epoch, 0), time.Duration(seconds)*time.Second
	own := w[6:]
	switch {
	case w[0] == "NET" && own[0] == "upper" && len(own) >= 17:
		for i, s := range map[int]Signal{2: segments, 12: accepted, 14: retrans, 15: inErrors, 16: outRsts} {
			if n, err := strconv.ParseUint(own[i], 10, 53); err == nil {
				rec.add(s, "", at, interval, float64(n)/float64(seconds))
			}
		}
	case w[0] == "CPU" && len(own) >= 10:
		atopCPU(own[2:10], rec, at, interval)
	}
}

// atopCPU reads the ticks in system, user, nice, idle, wait, irq, softirq and
// steal mode.
func atopCPU(own []string, rec *record, at time.Time, interval time.Duration) {
	var ticks [8]float64
	all := 0.0
	for i := range ticks {
		n, err := strconv.ParseUint(own[i], 10, 53)
		if err != nil {
			return
		}
		ticks[i] = float64(n)
		all += ticks[i]
	}
	if all == 0 {
		return
	}
	rec.add(busy, "", at, interval, (all-ticks[3]-ticks[4])/all)
	rec.add(softirq, "", at, interval, ticks[6]/all)
	rec.add(steal, "", at, interval, ticks[7]/all)
}
