package foreign

import (
	"bytes"
	"strconv"
	"strings"

	"whydrop/probes/fact"
	"whydrop/probes/links"
)

// deviceSettings adds what ethtool printed about the settings of a device to the
// row of its link.
func deviceSettings(kind, text string, row fact.Row) {
	section := ""
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || len(line) > 200 {
			continue
		}
		value = strings.TrimSpace(value)
		if value == "" {
			section = name
			continue
		}
		if set := ethtoolLines[kind]; set != nil {
			set(row, section, name, value)
		}
	}
}

// ethtoolLines read one line of an output of ethtool, by its kind.
var ethtoolLines = map[string]func(row fact.Row, section, name, value string){
	"ethtool -i": func(row fact.Row, _, name, value string) {
		field := map[string]string{"driver": "driver", "bus-info": "bus"}[name]
		if field != "" && value != "N/A" {
			row[field] = printable(value, 100)
		}
	},
	"ethtool -g": func(row fact.Row, section, name, value string) {
		field := map[string]string{"RX": "ring_rx", "TX": "ring_tx"}[name]
		switch {
		case field == "":
		case strings.HasPrefix(section, "Pre-set"):
			numeric(row, field+"_max", value)
		case strings.HasPrefix(section, "Current"):
			numeric(row, field, value)
		}
	},
	"ethtool -k": func(row fact.Row, _, name, value string) {
		field := map[string]string{
			"generic-receive-offload": "gro", "large-receive-offload": "lro", "tcp-segmentation-offload": "tso", "rx-checksumming": "rx_csum",
		}[name]
		if field != "" {
			row[field] = strings.HasPrefix(value, "on")
		}
	},
	"ethtool -c": func(row fact.Row, _, name, value string) {
		switch name {
		case "rx-usecs":
			numeric(row, "rx_usecs", value)
		case "rx-frames":
			numeric(row, "rx_frames", value)
		case "Adaptive RX":
			row["adaptive_rx"] = strings.HasPrefix(value, "on")
		}
	},
	"ethtool -l": func(row fact.Row, section, name, value string) {
		n, err := strconv.ParseFloat(value, 64)
		if err != nil || name != "RX" && name != "Combined" || n < 0 {
			return
		}
		field := "queues_rx"
		if strings.HasPrefix(section, "Pre-set") {
			field = "queues_rx_max"
		}
		have, _ := row[field].(float64)
		row[field] = have + n
	},
	"ethtool": func(row fact.Row, _, name, value string) {
		switch name {
		case "Speed":
			numeric(row, "speed_mbps", strings.TrimSuffix(value, "Mb/s"))
		case "Duplex":
			if d := strings.ToLower(value); d == "full" || d == "half" {
				row["duplex"] = d
			}
		}
	},
}

// numeric sets a field if the value is a number: ethtool prints n/a for others.
func numeric(row fact.Row, field, value string) {
	if n, err := strconv.ParseUint(value, 10, 53); err == nil {
		row[field] = float64(n)
	}
}

// layouts hold the meaning of the statistics of drivers, so that two outputs of
// the same ones can be compared.
type layouts map[string]*links.Layout

// statistics are the driver's statistics with a meaning of one output of ethtool
// -S.
func (l layouts) statistics(d links.Dictionary, device, driver string, text []byte) (*links.Counters, error) {
	printed, err := links.ParseStatistics(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	var key strings.Builder
	key.WriteString(device + "\x00" + driver)
	for _, p := range printed {
		key.WriteString("\x00" + p.Name)
	}
	layout := l[key.String()]
	if layout == nil {
		layout = links.PrintedLayout(d, driver, printed)
		l[key.String()] = layout
	}
	return layout.Printed(printed), nil
}
